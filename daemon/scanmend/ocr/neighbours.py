"""Group lines that stand beside each other: those of a margin, a stamp, a turned table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanmend.page import Box

# in heights of the higher one of two lines
MAX_GAP_ALONG = 12.0  # in the direction of reading, between lines of one group
MAX_GAP_BETWEEN = 3.0  # across it

_Boxes = NDArray[Any]  # (4, lines) float64: left, top, right, bottom


def groups_of_boxes(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the indices of lines in groups of neighbours. ``boxes``: in the frame along their direction.

    It takes time O(n²), but that in numpy.
    """
    sides = _sides(boxes)
    waiting = np.ones(len(boxes), bool)
    groups: list[list[int]] = []
    for first in range(len(boxes)):
        if not waiting[first]:
            continue
        waiting[first] = False
        group = [first]
        for n in group:  # it grows meanwhile
            found = np.flatnonzero(_are_near(sides, sides[:, n]) & waiting)
            waiting[found] = False
            group += found.tolist()
        groups.append(sorted(group))
    return groups


def beside_group(group: Sequence[Box], boxes: Sequence[Box]) -> list[int]:
    """Return the indices of those boxes that are neighbours of one of the group."""
    sides = _sides(boxes)
    near = np.zeros(len(boxes), bool)
    for member in _sides(group).T:
        near |= _are_near(sides, member)
    found: list[int] = np.flatnonzero(near).tolist()
    return found


def _sides(boxes: Sequence[Box]) -> _Boxes:
    return np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes], float).reshape(-1, 4).T


def _are_near(boxes: _Boxes, box: NDArray[Any]) -> NDArray[Any]:
    """Return for each of the boxes whether it is a neighbour of one box."""
    left, top, right, bottom = boxes
    height = np.maximum(1.0, np.maximum(bottom - top, box[3] - box[1]))
    along = np.maximum(left, box[0]) - np.minimum(right, box[2])
    between = np.maximum(top, box[1]) - np.minimum(bottom, box[3])
    near: NDArray[Any] = (along <= MAX_GAP_ALONG * height) & (between <= MAX_GAP_BETWEEN * height)
    return near
