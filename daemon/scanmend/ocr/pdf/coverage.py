"""Lines that a page shows and no character of its text layer covers: pictures of text, outlines, strips of a scan."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.detection import bounds, sides
from scanmend.page import Box

LETTERS = 3  # shapes as large as letters that a page needs to be looked at
LETTER = 3, 80  # pixels of a letter's longer side at low resolution
RULE = 60  # pixels of a straight line: a letter has none
INK = 40  # grey levels between paper and ink
COVERED = 0.5  # share of a line along which characters of the layer stand
LEAST_HEIGHT = 4.0  # pixels at low resolution: what is lower is a rule or dust
PLACES = 32  # along a line, at which is asked whether it is covered

Array = NDArray[Any]


def lines_in(rest: Array, look: Callable[[Array], list[Array]]) -> list[Box]:
    """Return the lines that a look finds in the page without its text, a picture of grey pixels.

    ``look`` finds lines as quadrangles in BGR pixels.
    """
    if not may_hold_text(rest):
        return []
    quads = look(cv2.cvtColor(rest, cv2.COLOR_GRAY2BGR))
    return [_upright_bounds(quad) for quad in quads if min(sides(quad)) >= LEAST_HEIGHT]


def uncovered(lines: Sequence[Box], boxes: Sequence[Box]) -> list[Box]:
    """Return the lines along which none of the boxes stands."""
    return [line for line in lines if share_covered(line, boxes) < COVERED]


def share_on(lines: Sequence[Box], boxes: Sequence[Box]) -> float:
    """Return the share of the boxes, by their length, that lies on the lines."""
    total = sum(max(box.width, box.height) for box in boxes)
    on = sum(max(box.width, box.height) * share_covered(box, lines) for box in boxes)
    return on / total if total else 0.0


def may_hold_text(rest: Array) -> bool:
    """Return whether the picture holds shapes that may be letters; rules and plain areas don't."""
    edges = cv2.morphologyEx(rest, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    _, ink = cv2.threshold(edges, INK, 255, cv2.THRESH_BINARY)
    across, down = (
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(size, np.uint8))
        for size in ((1, RULE), (RULE, 1))
    )
    ink = cv2.subtract(ink, cv2.dilate(across | down, np.ones((5, 5), np.uint8)))
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    wide, high = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    longer, shorter = np.maximum(wide, high), np.minimum(wide, high)
    letters = (longer >= LETTER[0]) & (longer <= LETTER[1]) & (shorter >= 2)
    # letters that touch in low resolution make one shape: full of edges, unlike a frame
    full = (
        (longer > LETTER[1]) & (shorter >= 5) & (stats[1:, cv2.CC_STAT_AREA] > 0.25 * wide * high)
    )
    return count > 1 and (int(letters.sum()) >= LETTERS or bool(full.any()))


def _upright_bounds(quad: Array) -> Box:
    across, down = sides(quad)
    if across >= down:
        return bounds(quad)
    xs, ys = quad[:, 0], quad[:, 1]
    return Box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))


def share_covered(line: Box, boxes: Sequence[Box]) -> float:
    """Return the share of the middle of a line, along its longer side, that lies in one of the boxes."""
    near = [
        b for b in boxes if b.x0 < line.x1 and b.x1 > line.x0 and b.y0 < line.y1 and b.y1 > line.y0
    ]
    if not near:
        return 0.0
    middle_x, middle_y = (line.x0 + line.x1) / 2, (line.y0 + line.y1) / 2
    hit = 0
    for number in range(PLACES):
        share = (number + 0.5) / PLACES
        if line.width >= line.height:
            x, y = line.x0 + share * line.width, middle_y
        else:
            x, y = middle_x, line.y0 + share * line.height
        hit += any(b.x0 <= x <= b.x1 and b.y0 <= y <= b.y1 for b in near)
    return hit / PLACES
