"""Find lines that a page shows and its text layer does not cover: pictures of text, outlines, strips of a scan."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from scanmend.ocr.detection import bounds, sides
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import Box

MIN_LETTERS = 3  # shapes of a letter's size, from which a page is searched for lines
LETTER_SIDE_PX = 3, 80  # bounds of a letter's longer side, at low resolution
MIN_STROKE_PX = 2  # a letter's shorter side
MIN_TOUCHING_PX = 5  # shorter side of a shape of touching letters
MIN_EDGE_SHARE = 0.25  # of edge pixels in the bounds of touching letters; a frame has fewer
RULE_PX = 60  # length from which a straight line is no part of a letter
MIN_EDGE_CONTRAST = 40  # grey levels between paper and ink
# of a line's length with glyphs of the layer, from which the line is covered
MIN_COVERED_SHARE = 0.5
MIN_LINE_PX = 4.0  # height of a line at low resolution; less is a rule or dust
COVERAGE_POINTS = 32  # along a line, at which coverage is tested


def find_lines(background: Pixels, detect: Callable[[Pixels], list[Pixels]]) -> list[Box]:
    """Return the lines that remain in a page's picture without its text, in pixels of the picture.

    ``background``: grey, (height, width) uint8. ``detect``: finds lines as quadrangles in BGR pixels.
    """
    if not may_hold_text(background):
        return []
    quads = detect(cv2.cvtColor(background, cv2.COLOR_GRAY2BGR))
    return [_bounds_either_way(quad) for quad in quads if min(sides(quad)) >= MIN_LINE_PX]


def uncovered(lines: Sequence[Box], boxes: Sequence[Box]) -> list[Box]:
    """Return the lines that the boxes do not cover."""
    return [line for line in lines if share_covered(line, boxes) < MIN_COVERED_SHARE]


def share_on(lines: Sequence[Box], boxes: Sequence[Box]) -> float:
    """Return the share of the boxes, weighted by their length, that lies on the lines."""
    total = sum(max(box.width, box.height) for box in boxes)
    on = sum(max(box.width, box.height) * share_covered(box, lines) for box in boxes)
    return on / total if total else 0.0


def may_hold_text(background: Pixels) -> bool:
    """Return whether the picture has shapes that may be letters, which rules and plain areas are not."""
    edges = cv2.morphologyEx(background, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    _, ink = cv2.threshold(edges, MIN_EDGE_CONTRAST, 255, cv2.THRESH_BINARY)
    across, down = (
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(size, np.uint8))
        for size in ((1, RULE_PX), (RULE_PX, 1))
    )
    ink = cv2.subtract(ink, cv2.dilate(across | down, np.ones((5, 5), np.uint8)))
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    width, height = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    smallest, largest = LETTER_SIDE_PX
    letters = (longer >= smallest) & (longer <= largest) & (shorter >= MIN_STROKE_PX)
    # letters that touch at low resolution make one shape: full of edges, unlike a frame
    full = stats[1:, cv2.CC_STAT_AREA] > MIN_EDGE_SHARE * width * height
    touching = (longer > largest) & (shorter >= MIN_TOUCHING_PX) & full
    return count > 1 and (int(letters.sum()) >= MIN_LETTERS or bool(touching.any()))


def _bounds_either_way(quad: Pixels) -> Box:
    """Return the bounds of a line that runs across or down."""
    across, down = sides(quad)
    if across >= down:
        return bounds(quad)
    xs, ys = quad[:, 0], quad[:, 1]
    return Box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))


def share_covered(line: Box, boxes: Sequence[Box]) -> float:
    """Return the share of a line's centre line that lies in one of the boxes."""
    overlapping = [
        box
        for box in boxes
        if box.x0 < line.x1 and box.x1 > line.x0 and box.y0 < line.y1 and box.y1 > line.y0
    ]
    if not overlapping:
        return 0.0
    middle_x, middle_y = (line.x0 + line.x1) / 2, (line.y0 + line.y1) / 2
    covered = 0
    for number in range(COVERAGE_POINTS):
        share = (number + 0.5) / COVERAGE_POINTS
        if line.width >= line.height:
            x, y = line.x0 + share * line.width, middle_y
        else:
            x, y = middle_x, line.y0 + share * line.height
        covered += any(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for box in overlapping)
    return covered / COVERAGE_POINTS
