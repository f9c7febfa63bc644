"""Find the lone dashes of a table's cells, which the detector misses or which its crop turns upright into a 1."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.ink.layers import InkLayer
from scanmend.page import Box

# in heights of the line beside a dash: its width, and its height at most
DASH_WIDTHS, MAX_DASH_THICKNESS = (0.1, 0.9), 0.25
MIN_DASH_CONTRAST = 0.6  # of the lines' median contrast; a crease of the paper has less
MAX_CONTRAST_SAMPLES = 40  # lines whose contrast is measured
MIDDLE = 0.28, 0.72  # of the height of the line beside it, between which a dash lies
# in heights of that line, beside and above a dash: paper around it; the next piece of a dashed rule is nearer
CLEAR_BESIDE, CLEAR_ABOVE, NEXT_PIECE = 0.5, 0.2, 2.0
# of the cells above and below: their distance, their width, and how far they stand from the dash by their left edge,
# middle or right edge
MAX_ROW_DISTANCE, MAX_CELL_WIDTH, MAX_OFFSET = 8.0, 6.0, 0.6
MIN_COLUMN_LINES = 2  # lines in other rows that begin, end or lie where the dash is


def lone_dashes(layer: InkLayer, lines: Sequence[Box]) -> list[Box]:
    """Return places of dashes that stand alone in a cell, each as high as the line beside it.

    ``lines``: of the page, in its pixels, as the result.
    """
    strokes, scale = layer.strokes, layer.reduction
    if not len(strokes) or len(lines) <= MIN_COLUMN_LINES:
        return []
    edges = np.array([(b.x0, b.y0, b.x1, b.y1) for b in lines], float)
    found = []
    for left, top, right, bottom in zip(*(side * scale for side in strokes.bounds), strict=True):
        place = _cell(Box(float(left), float(top), float(right), float(bottom)), edges)
        if place is not None and _is_alone(layer, place, (left, top, right, bottom)):
            found.append(place)
    return found


def _cell(dash: Box, lines: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> Box | None:
    """Return the place of a dash beside a line and below or above others; None if there are none."""
    x0, y0, x1, y1 = lines.T
    height = np.maximum(1.0, y1 - y0)
    level = ((dash.y0 + dash.y1) / 2 - y0) / height
    across = x1 - x0 > height / 2
    inside = (x0 - dash.width <= dash.x0) & (dash.x1 <= x1 + dash.width)
    beside = (level >= MIDDLE[0]) & (level <= MIDDLE[1]) & across
    if np.any(beside & inside) or not np.any(beside):
        return None
    near = np.flatnonzero(beside)[np.argmin(np.abs(x0[beside] - dash.x0))]
    size = height[near]
    if not DASH_WIDTHS[0] * size <= dash.width <= DASH_WIDTHS[1] * size:
        return None
    if dash.height > max(2.0, MAX_DASH_THICKNESS * size):
        return None
    middle = (dash.x0 + dash.x1) / 2
    offsets = np.abs(np.array([x0 - dash.x0, (x0 + x1) / 2 - middle, x1 - dash.x1])).min(axis=0)
    distance = np.maximum(y0 - dash.y1, dash.y0 - y1)
    column = (
        (offsets <= MAX_OFFSET * size)
        & (x1 - x0 <= MAX_CELL_WIDTH * size)
        & (distance <= MAX_ROW_DISTANCE * size)
        & ~beside
    )
    if int(column.sum()) < MIN_COLUMN_LINES:
        return None
    return Box(dash.x0, float(y0[near]), dash.x1, float(y1[near]))


def _is_alone(layer: InkLayer, place: Box, bounds: tuple[float, float, float, float]) -> bool:
    """Return whether a dash has paper on all sides, and no other stroke follows it at its height."""
    left, top, right, bottom = (round(edge / layer.reduction) for edge in bounds)
    size = place.height / layer.reduction
    beside, above = max(2, round(CLEAR_BESIDE * size)), max(1, round(CLEAR_ABOVE * size))
    area = layer.dark[max(0, top - above) : bottom + above, max(0, left - beside) : right + beside]
    own = layer.dark[top:bottom, left:right]
    if np.count_nonzero(area) > np.count_nonzero(own):
        return False
    strokes = layer.strokes
    level = (strokes.top < bottom + 1) & (strokes.bottom > top - 1)
    gap = np.maximum(strokes.left - right, left - strokes.right)
    return not bool(np.any(level & (gap > 0) & (gap < NEXT_PIECE * size)))


def dark_enough(grey: NDArray[Any], places: Sequence[Box], lines: Sequence[Box]) -> list[Box]:
    """Return the places of dashes that are about as dark as the page's text. ``grey``: (height, width)."""
    step = max(1, len(lines) // MAX_CONTRAST_SAMPLES)
    of_lines = [_contrast(grey, line) for line in lines[::step]]
    needed = MIN_DASH_CONTRAST * float(np.median(of_lines)) if of_lines else 0.0
    return [place for place in places if _contrast(grey, place) >= needed]


def _contrast(grey: NDArray[Any], box: Box) -> float:
    """Return the difference of paper and ink in a part of the page, in grey levels."""
    part = grey[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1]
    return float(np.percentile(part, 95) - np.percentile(part, 2)) if part.size else 0.0
