"""Search a picture in overlapping tiles, and join the lines that are found in more than one of them."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.rapidocr_internals import Pixels

# Two boxes of different tiles show the same line if the smaller one lies in the other by this share of its area,
MIN_SAME_AREA = 0.5
# or if they share this part of the lower one's height, and in length at least so much of that height.
MIN_SAME_THICKNESS, MIN_SAME_LENGTH = 0.6, 0.5
# lower over higher of two boxes, below which a tile's border cut the lower one lengthwise
MIN_UNCUT_THICKNESS = 0.7

Boxes = NDArray[Any]  # (lines, 4) float32: left, top, right, bottom in pixels


class Tile(NamedTuple):
    """A part of a picture, in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, pixels: Pixels) -> Pixels:
        """Return this part of the picture, contiguous."""
        part: Pixels = np.ascontiguousarray(pixels[self.top : self.bottom, self.left : self.right])
        return part

    def meets(self, other: "Tile") -> bool:
        """Return whether two tiles overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def tiles_over(area: Tile, side: tuple[int, int], overlap: int) -> list[Tile]:
    """Return tiles that cover an area. ``side``: their width and height at most. ``overlap``: at least; in pixels."""
    return [
        Tile(left, top, right, bottom)
        for top, bottom in _spans(area.top, area.bottom, side[1], overlap)
        for left, right in _spans(area.left, area.right, side[0], overlap)
    ]


def _spans(start: int, end: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """Return spans of one length from ``start`` to ``end``, each of which overlaps the next."""
    length = end - start
    if length <= longest:
        return [(start, end)]
    step = max(1, longest - overlap)
    count = 1 + -(-(length - longest) // step)
    starts = np.linspace(start, end - longest, count).round().astype(int).tolist()
    return [(first, first + longest) for first in starts]


def search_tiles(
    pixels: Pixels, tiles: Sequence[Tile], search: Callable[[Pixels, int], list[Pixels]]
) -> list[Pixels]:
    """Return the lines of a picture as quadrangles in its pixels, each line once.

    ``search``: returns the lines of a tile, given its picture and its number.
    """
    found = [
        [quad + np.array([tile.left, tile.top], np.float32) for quad in search(tile.of(pixels), n)]
        for n, tile in enumerate(tiles)
    ]
    return joined(found, tiles)


def joined(found: Sequence[Sequence[Pixels]], tiles: Sequence[Tile]) -> list[Pixels]:
    """Return each line once. ``found``: the quadrangles of each tile, in pixels of the picture.

    Pieces of a line that runs from tile to tile become one line. A piece that a tile's border cut lengthwise is left
    out, since the neighbouring tile has the whole line.
    """
    quads = [quad for group in found for quad in group]
    starts = np.cumsum([0, *map(len, found)])
    boxes = bounding_boxes(quads)
    parent = list(range(len(quads)))
    cut: set[int] = set()
    for a, b in combinations(range(len(tiles)), 2):
        if not (found[a] and found[b] and tiles[a].meets(tiles[b])):
            continue
        for i, j in zip(
            *_same_lines(boxes, slice(*starts[a : a + 2]), slice(*starts[b : b + 2])), strict=True
        ):
            thinner, thicker = sorted((i, j), key=lambda n: _thickness(boxes[n]))
            if _thickness(boxes[thinner]) < MIN_UNCUT_THICKNESS * _thickness(boxes[thicker]):
                cut.add(thinner)
            else:
                parent[_root(parent, i)] = _root(parent, j)
    groups: dict[int, list[Pixels]] = {}
    for number, quad in enumerate(quads):
        if number not in cut:
            groups.setdefault(_root(parent, number), []).append(quad)
    return [_union(group) for group in groups.values()]


def bounding_boxes(quads: Sequence[Pixels]) -> Boxes:
    """Return the upright bounds of quadrangles."""
    if not quads:
        return np.empty((0, 4), np.float32)
    corners = np.array(quads)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _thickness(box: Boxes) -> float:
    return float(min(box[2] - box[0], box[3] - box[1]))


def _same_lines(boxes: Boxes, first: slice, second: slice) -> tuple[list[int], list[int]]:
    """Return pairs of the numbers of boxes that show the same line: one of ``first``, one of ``second`` each."""
    a, b = boxes[first][:, None], boxes[second][None]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(shared, 0)
    sides_a, sides_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    area = np.minimum(sides_a.prod(axis=-1), sides_b.prod(axis=-1))
    thickness = np.minimum(sides_a.min(axis=-1), sides_b.min(axis=-1))
    across = (sides_a[..., 0] >= sides_a[..., 1]) & (sides_b[..., 0] >= sides_b[..., 1])
    down = (sides_a[..., 0] < sides_a[..., 1]) & (sides_b[..., 0] < sides_b[..., 1])
    beside = np.where(across, shared[..., 1], shared[..., 0]) >= MIN_SAME_THICKNESS * thickness
    along = np.where(across, shared[..., 0], shared[..., 1]) >= MIN_SAME_LENGTH * thickness
    one_behind_other = (across | down) & beside & along
    same = one_behind_other | (shared.prod(axis=-1) >= MIN_SAME_AREA * np.maximum(area, 1.0))
    i, j = np.nonzero(same)
    return (i + first.start).tolist(), (j + second.start).tolist()


def _root(parent: list[int], number: int) -> int:
    """Return the representative of a line's group (a disjoint-set forest)."""
    while parent[number] != number:
        parent[number] = number = parent[parent[number]]
    return number


def _union(quads: Sequence[Pixels]) -> Pixels:
    """Return the quadrangle that covers pieces of one line, in the direction of the largest piece."""
    if len(quads) == 1:
        return quads[0]
    longest = max(quads, key=lambda quad: float(np.ptp(quad, axis=0).max()))
    across = longest[1] - longest[0]
    across = across / max(1e-6, float(np.hypot(*across)))
    axes = np.array([across, [-across[1], across[0]]], np.float32)
    along = np.concatenate(quads) @ axes.T
    (x0, y0), (x1, y1) = along.min(axis=0), along.max(axis=0)
    rectangle: Pixels = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32) @ axes
    return rectangle
