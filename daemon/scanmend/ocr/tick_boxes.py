"""Find the tick boxes that are drawn on a page, and whether each is ticked.

A tick box is a small square of four straight lines that end at its corners, with paper around it. So the cells of tables
and of fields for single characters are none, nor are letters, whose corners are round. What stands in a box is a tick, a
cross, a stroke or a scribble; a box with a digit or another letter is no tick box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.page import Box

# of the page's shorter side: length of a tick box's side, 1.5 to 12 mm on A4
MIN_SIDE_SHARE, MAX_SIDE_SHARE = 0.007, 0.06
A4_RATIO = 1.414  # longer side of a page over its shorter side
MIN_SIDE_PX = 10
MIN_ASPECT, MAX_ASPECT = 0.78, 1.28  # width over height
# The rest is in sides of the box.
MAX_END_ERROR = 0.13  # between the ends of the lines that meet at a corner
LARGE_SIDE_PX = 24  # side of a box whose lines are told from a letter's strokes with more tolerance
CORNER_REACH = 0.09
BULGE_FROM, BULGE_TO = 0.03, 0.13  # from a box: only a tick may cross this
MAX_BULGE_INK = 0.3
MIN_CORNER_INK = 0.3  # share of a corner; letters are round there
MAX_LEAN = 0.045  # on each side, of a line of a large box
SIDE_REACH = 0.12  # across a side, in which it may run: it may be drawn by hand, or tilted
MARGIN_FROM, MARGIN_TO = 0.0, 0.3  # left and right of a box: paper
MAX_MARGIN_INK = 0.03  # share of it; specks
SURROUNDINGS = 1.0  # from the box: in a bar code there is much ink on several sides
MAX_BUSY_SIDES = 1
MAX_SURROUNDING_INK = 0.36
INSET = 0.2  # from the box's outside to the part in which a tick counts
MIN_TICK_INK = 0.045  # share of this part
# a solid square is a filled tick box only beside an empty or ticked one of about its size
MIN_SOLID_SHARE_OF_SQUARE = 0.9
MAX_SIZE_DIFFERENCE = 0.2
# A row of so many boxes with so small gaps is a field for single characters.
# Beside so many boxes of one size, worn ones are looked for, and small ones are boxes and not letters.
MIN_ALIKE = 2
LONE_SIDE_PX = 16
MIN_COMB_BOXES = 3
MAX_COMB_GAP = 0.55
LABEL_REACH = 6.0  # to the right, within which the label's letters are compared with the box
MIN_SIDE_OF_LABEL = 0.6  # of the label's height; a smaller square is a bullet
THRESHOLD_BLOCK_SHARE = 0.03  # of the shorter side: neighbourhood whose mean tells ink from paper
MIN_DARKER = 18  # grey levels by which ink is darker than this mean
MIN_REST_OF_LINE = 0.8  # of the shortest side: length of the shortest line that is looked for

Mask = NDArray[np.uint8]  # (height, width), 1 where there is ink


@dataclass(frozen=True, slots=True)
class TickBox:
    """A drawn square, in pixels of the page. ``ticked``: there is a mark in it."""

    box: Box
    ticked: bool


def find_tick_boxes(grey: NDArray[np.uint8]) -> list[TickBox]:
    """Return the tick boxes of a page. ``grey``: (height, width), dark on light.

    A smaller copy of a page would be quicker to search, but letters look like boxes in it: 29 on one typed page.
    """
    # a picture may show the upper part of a page only
    shorter = max(min(grey.shape), round(max(grey.shape) / A4_RATIO))
    smallest = max(MIN_SIDE_PX, round(MIN_SIDE_SHARE * shorter))
    largest = min(round(MAX_SIDE_SHARE * shorter), min(grey.shape) // 2)
    if largest <= smallest:
        return []
    ink = _ink_of(grey)
    squares = _candidates(ink, smallest, largest, _STRICT)
    side = median(s[2] - s[0] for s in squares) if squares else 0.0
    if sum(_is_alike(s, side) for s in squares) >= MIN_ALIKE:
        low, high = (round(side * (1 + sign * MAX_SIZE_DIFFERENCE)) for sign in (-1, 1))
        worn = _candidates(ink, max(low, smallest), high, _WORN)
        squares += [s for s in worn if not any(_overlap(s, other) for other in squares)]
    squares = [
        s
        for s in squares
        if s[2] - s[0] >= LONE_SIDE_PX
        or sum(_is_alike(other, s[2] - s[0]) for other in squares) >= MIN_ALIKE
    ]
    squares = _without_combs(_without_overlaps(squares))
    found = [TickBox(_as_box(s), _tick_ink(ink, s) >= MIN_TICK_INK) for s in squares]
    solid = [TickBox(_as_box(s), ticked=True) for s in _solid_squares(ink, squares)]
    return sorted(found + solid, key=lambda mark: (mark.box.y0, mark.box.x0))


def inside(grey: NDArray[Any], mark: TickBox) -> NDArray[Any]:
    """Return the picture of what stands in a box, without its lines."""
    x0, y0, x1, y1 = _inset(_square_of(mark.box), INSET)
    return grey[y0:y1, x0:x1]


def erased(grey: NDArray[Any], marks: Sequence[TickBox]) -> list[tuple[int, int, int, int]]:
    """Return the places (x0, y0, x1, y1) that boxes and their ticks cover.

    A tick may stick out of its box: what is connected with the box belongs to it, unless it is far larger.
    """
    ink = _ink_of(grey)
    places = []
    for mark in marks:
        x0, y0, x1, y1 = _square_of(mark.box)
        side = max(x1 - x0, y1 - y0)
        left, top = max(0, x0 - side), max(0, y0 - side)
        patch = ink[top : y1 + side, left : x1 + side]
        _, labels, stats, _ = cv2.connectedComponentsWithStats(patch, connectivity=8)
        place = [x0, y0, x1, y1]
        core = labels[y0 - top : y1 - top, x0 - left : x1 - left]
        for label in np.unique(core):
            x, y, width, height, _ = stats[label].tolist()
            touches = (
                x == 0 or y == 0 or x + width >= patch.shape[1] or y + height >= patch.shape[0]
            )
            if label and not touches:
                place = [
                    min(place[0], left + x),
                    min(place[1], top + y),
                    max(place[2], left + x + width),
                    max(place[3], top + y + height),
                ]
        pad = max(1, side // 20)
        places.append((place[0] - pad, place[1] - pad, place[2] + pad, place[3] + pad))
    return places


_Square = tuple[int, int, int, int]  # x0, y0, x1, y1 of the lines' outside


class _Strictness(NamedTuple):
    """``cover``: share of a side that must be drawn. ``gap_px``: in a line, that is closed."""

    cover: float
    gap_px: int


_STRICT = _Strictness(cover=0.88, gap_px=3)
_WORN = _Strictness(cover=0.7, gap_px=7)


def _candidates(ink: Mask, smallest: int, largest: int, strictness: _Strictness) -> list[_Square]:
    return [
        square
        for square in _squares(ink, smallest, largest, strictness)
        if _has_margin(ink, square) and not _is_bullet(ink, square)
    ]


def _is_alike(square: _Square, side: float) -> bool:
    return abs((square[2] - square[0]) - side) <= MAX_SIZE_DIFFERENCE * side


def _ink_of(grey: NDArray[np.uint8]) -> Mask:
    block = max(15, round(THRESHOLD_BLOCK_SHARE * min(grey.shape))) | 1
    mean = cv2.blur(grey, (block, block))
    ink: Mask = (grey.astype(np.int16) < mean.astype(np.int16) - MIN_DARKER).astype(np.uint8)
    return ink


def _squares(ink: Mask, smallest: int, largest: int, strictness: _Strictness) -> list[_Square]:
    """Return the squares of four lines that end at the corners."""
    lines = sorted(
        _level_lines(ink, smallest, largest, strictness.gap_px), key=lambda line: line[1]
    )
    if len(lines) < 2:
        return []
    lefts, tops, rights, bottoms = np.array(lines).T
    # the lines that may be the lower side of a box below each line, before their other ends are compared
    below = np.searchsorted(tops, tops, "right")
    until = np.searchsorted(tops, tops + round(largest / MIN_ASPECT), "right")
    found = []
    for (x0, y0, x1, _), first, last in zip(lines, below, until, strict=True):
        width = x1 - x0
        error = max(2.0, MAX_END_ERROR * width)
        height = bottoms[first:last] - y0
        fits = (
            (abs(lefts[first:last] - x0) <= error)
            & (abs(rights[first:last] - x1) <= error)
            & (height * MIN_ASPECT <= width)
            & (width <= height * MAX_ASPECT)
        )
        for other in first + np.flatnonzero(fits):
            ends = sorted((x0, int(lefts[other]))), sorted((x1, int(rights[other])))
            # a tick may continue one of the lines
            tries = [
                (left, y0, right, int(bottoms[other]))
                for left in ends[0]
                for right in ends[1][::-1]
            ]
            square = next((t for t in tries if _has_sides(ink, t, strictness.cover)), None)
            if square:
                found.append(square)
                break
    return found


def _level_lines(ink: Mask, smallest: int, largest: int, gap_px: int) -> list[_Square]:
    """Return the lines across the page that may be the upper or lower side of a box, from the top down."""
    # a tilted line steps from row to row
    thick = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    thick = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((1, gap_px), np.uint8))
    # OpenCV shifts the result of an opening by an even length
    run = np.ones((1, round(MIN_REST_OF_LINE * smallest) | 1), np.uint8)
    lines = cv2.morphologyEx(thick, cv2.MORPH_OPEN, run) & thick
    count, _, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    return [
        (x, y + 1, x + width, y + height - 1)  # as before the dilation
        for x, y, width, height, _ in stats[1:count].tolist()
        if smallest <= width <= largest
    ]


def _has_sides(ink: Mask, square: _Square, cover: float) -> bool:
    """Return whether all four sides are drawn, and no thicker than lines."""
    x0, y0, x1, y1 = square
    patch = ink[y0:y1, x0:x1]
    side = min(patch.shape)
    reach = max(2, round(SIDE_REACH * side))
    # the upper and lower sides are lines for sure, so most letters fail at the others
    strips = (patch[:, :reach].T, patch[:, -reach:].T, patch[:reach], patch[-reach:])
    if any(strip.any(axis=0).mean() < cover for strip in strips):
        return False
    if not all(_is_straight(strip, side, cover) for strip in strips):
        return False
    end = max(2, round(CORNER_REACH * side))
    corners = (patch[:end, :end], patch[:end, -end:], patch[-end:, :end], patch[-end:, -end:])
    if any(corner.mean() < MIN_CORNER_INK for corner in corners):
        return False
    # a square inside a round letter has its bulges outside
    beside = _around(ink, square, BULGE_FROM, BULGE_TO)
    if any(strip.size and strip.mean() > MAX_BULGE_INK for strip in beside):
        return False
    return bool(patch.mean() < MIN_SOLID_SHARE_OF_SQUARE)


def _is_straight(strip: Mask, side: int, cover: float) -> bool:
    """Return whether a line goes through a strip. In a large box it may lean by a pixel on each side."""
    if side >= LARGE_SIDE_PX:
        lean = 2 * max(1, round(MAX_LEAN * side)) + 1
        strip = cv2.dilate(strip, np.ones((lean, 1), np.uint8)).astype(np.uint8)
    return float(strip.mean(axis=1).max()) >= cover


def _has_margin(ink: Mask, square: _Square) -> bool:
    """Return whether there is paper left and right of a square: letters have neighbours. A tick may stick out."""
    x0, y0, x1, y1 = square
    side = max(x1 - x0, y1 - y0)
    left, top = max(0, x0 - side), max(0, y0 - side)
    others = ink[top : y1 + side, left : x1 + side].copy()
    _, labels, _, _ = cv2.connectedComponentsWithStats(others, connectivity=8)
    own = labels[y0 - top : y1 - top, x0 - left : x1 - left]
    frame = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])
    others[np.isin(labels, np.unique(frame[frame > 0]))] = 0
    moved = (x0 - left, y0 - top, x1 - left, y1 - top)
    beside = _around(others, moved, MARGIN_FROM, MARGIN_TO)[:2]
    if any(strip.size and strip.mean() > MAX_MARGIN_INK for strip in beside):
        return False
    far = [strip.mean() for strip in _around(ink, square, MARGIN_FROM, SURROUNDINGS) if strip.size]
    return sum(float(share) > MAX_SURROUNDING_INK for share in far) <= MAX_BUSY_SIDES


def _around(ink: Mask, square: _Square, start: float, end: float) -> list[Mask]:
    """Return the strips left of, right of, above and below a square, from ``start`` to ``end`` sides away."""
    x0, y0, x1, y1 = square
    side = max(x1 - x0, y1 - y0)
    a, b = max(1, round(start * side)), max(2, round(end * side))
    return [
        ink[y0:y1, max(0, x0 - b) : max(0, x0 - a)],
        ink[y0:y1, x1 + a : x1 + b],
        ink[max(0, y0 - b) : max(0, y0 - a), x0:x1],
        ink[y1 + a : y1 + b, x0:x1],
    ]


def _is_bullet(ink: Mask, square: _Square) -> bool:
    """Return whether a square is far lower than the text on its right."""
    _, y0, x1, y1 = square
    side = y1 - y0
    above, below = max(0, y0 - 2 * side), y1 + 2 * side
    strip = ink[above:below, x1 + 1 : x1 + round(LABEL_REACH * side)]
    if not strip.any():
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(strip, connectivity=8)
    level = (y0 + y1) / 2 - above
    heights = [
        h
        for _, y, _, h, _ in stats[1:].tolist()
        if y <= level <= y + h and y > 0 and y + h < len(strip)
    ]
    return bool(heights) and side < MIN_SIDE_OF_LABEL * float(np.median(heights))


def _without_overlaps(squares: Sequence[_Square]) -> list[_Square]:
    """Return the squares, of those within each other only the outermost."""
    kept: list[_Square] = []
    for square in sorted(squares, key=lambda s: (s[0] - s[2]) * (s[3] - s[1])):
        if all(not _overlap(square, other) for other in kept):
            kept.append(square)
    return kept


def _overlap(one: _Square, other: _Square) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > 0 and down > 0


def _without_combs(squares: Sequence[_Square]) -> list[_Square]:
    """Return the squares without those that stand in a row, close together."""
    in_combs: set[_Square] = set()
    for square in squares:
        row = [square]
        while following := [s for s in squares if _continues(row[-1], s)]:
            row.append(following[0])
        if len(row) >= MIN_COMB_BOXES:
            in_combs.update(row)
    return [square for square in squares if square not in in_combs]


def _continues(square: _Square, other: _Square) -> bool:
    side = square[2] - square[0]
    level = abs(square[1] - other[1]) <= MAX_SIZE_DIFFERENCE * side
    alike = abs((other[2] - other[0]) - side) <= MAX_SIZE_DIFFERENCE * side
    return level and alike and 0 <= other[0] - square[2] <= MAX_COMB_GAP * side


def _solid_squares(ink: Mask, squares: Sequence[_Square]) -> list[_Square]:
    """Return filled squares of the size of the others on the page."""
    if not squares:
        return []
    sides = [s[2] - s[0] for s in squares]
    low, high = (1 - MAX_SIZE_DIFFERENCE) * min(sides), (1 + MAX_SIZE_DIFFERENCE) * max(sides)
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return [
        (x, y, x + width, y + height)
        for x, y, width, height, area in stats[1:count].tolist()
        if low <= width <= high
        and low <= height <= high
        and area >= MIN_SOLID_SHARE_OF_SQUARE * width * height
        and not any(_overlap((x, y, x + width, y + height), other) for other in squares)
    ]


def _tick_ink(ink: Mask, square: _Square) -> float:
    x0, y0, x1, y1 = _inset(square, INSET)
    return float(ink[y0:y1, x0:x1].mean())


def _inset(square: _Square, share: float) -> _Square:
    x0, y0, x1, y1 = square
    dx, dy = round(share * (x1 - x0)), round(share * (y1 - y0))
    return x0 + dx, y0 + dy, x1 - dx, y1 - dy


def _as_box(square: _Square) -> Box:
    return Box(*map(float, square))


def _square_of(box: Box) -> _Square:
    return round(box.x0), round(box.y0), round(box.x1), round(box.y1)
