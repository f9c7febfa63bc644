"""Find columns of running text, in the spirit of the XY-cut (Nagy and Seth 1984).

A gutter is an x that few segments cross. The segments that cross it (headings, captions) divide the page into bands. The
gutter separates columns in a band if both sides look like prose there. A line that stands alone above, below or between
the lines of both columns is no part of a column.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scanmend.ocr.layout.cuts import GUTTER_WIDTH, Cut, Sides, cut_at
from scanmend.ocr.layout.pairing import are_items, cuts_rows
from scanmend.ocr.layout.prose import MIN_FULL_LINES, are_columns, prose_beside
from scanmend.ocr.layout.rows import Region, bottom, middle_y, rows_of, top

MAX_FRINGE_ROWS = 2  # in a running head or foot
MAX_LONE_ROWS = 3  # in a heading between two columns above and two below
# in line heights
GUTTER_STEP = 0.1  # between two gutters that are tried
MIN_COLUMN_WIDTH = 3  # from the region's left edge to a gutter
MIN_FRINGE_GAP = 1.0  # between a running head or foot and its column
MAX_STEP = 0.6  # between the tops, or the bottoms, of two columns that begin, or end, together
MAX_TOUCH = 0.2  # of a line that reaches beside a heading
MIN_EXTRA_GAP = 0.25  # around a heading, more than between two lines of the columns
MAX_INDENT_OF_HEADING = 0.7  # of a heading of its column
MAX_NUMBER_CHARACTERS = 7  # of a page number with its dashes
MIN_SPREAD_GUTTER = 1.5  # between facing pages


def column_cut(region: Region, height: float) -> Cut | None:
    """Return the best cut of a region into columns; None if there are none. ``height``: the line height in pixels."""

    def cut(x: float) -> Cut | None:
        return cut_at(region, x, height, lambda sides: _columns(sides, x, height))

    cuts = (cut(x) for x in _gutters(region, height))
    return max((c for c in cuts if c), key=lambda c: c.score, default=None)


def facing_pages(region: Region, height: float) -> Sides | None:
    """Return the two sides of a landscape page whose gutter no line crosses: pages, or panels of a leaflet."""
    left, right = min(s.box.x0 for s in region), max(s.box.x1 for s in region)
    reached = left
    best: tuple[float, float] | None = None
    for segment in sorted(region, key=lambda s: s.box.x0):
        gap = segment.box.x0 - reached
        if gap >= MIN_SPREAD_GUTTER * height:
            x = reached + gap / 2
            sides = [s for s in region if s.box.x1 <= x], [s for s in region if s.box.x0 >= x]
            is_better = best is None or abs(x - (left + right) / 2) < best[0]
            prose = (
                prose_beside(sides[0], reached, height),
                prose_beside(sides[1], segment.box.x0, height),
            )
            if is_better and are_columns(*prose):
                best = abs(x - (left + right) / 2), x
        reached = max(reached, segment.box.x1)
    if best is None:
        return None
    return [s for s in region if s.box.x1 <= best[1]], [s for s in region if s.box.x0 >= best[1]]


def _gutters(region: Region, height: float) -> list[float]:
    """Return the x of possible gutters: each left of several segments whose left edges are aligned."""
    left_edges = sorted(s.box.x0 for s in region)
    gutters: list[float] = []
    for number, x in enumerate(left_edges[: 1 - MIN_FULL_LINES]):
        gutter = x - height * GUTTER_WIDTH / 2
        is_aligned = left_edges[number + MIN_FULL_LINES - 1] - x < height
        is_new = not gutters or gutter - gutters[-1] > height * GUTTER_STEP
        if is_aligned and is_new and x > left_edges[0] + MIN_COLUMN_WIDTH * height:
            gutters.append(gutter)
    return gutters


def _columns(sides: Sides, x: float, height: float) -> list[tuple[Region, ...]]:
    """Return a band's columns, with the lines that are in none of them; [] if its sides are no columns."""
    prose = [prose_beside(side, x, height) for side in sides]
    if not are_columns(*prose):
        return []
    left, right = rows_of(sides[0]), rows_of(sides[1])
    if are_items(left, right, height) or cuts_rows(left, right, height):
        return []
    above, columns, below = _without_fringes(sides, height)
    parts: list[tuple[Region, ...]] = [(above,)] if above else []
    parts += _between_headings(columns, height)
    return [*parts, (below,)] if below else parts


# running heads and feet ---------------------------------------------------------------------------


def _without_fringes(sides: Sides, height: float) -> tuple[Region, Sides, Region]:
    """Return the running heads above two columns, the columns without them, and the running feet below."""
    rows = [rows_of(side) for side in sides]
    cores = _cores(rows, height)
    upper = min(top(side[first]) for side, (first, _) in zip(rows, cores, strict=True))
    lower = max(bottom(side[end - 1]) for side, (_, end) in zip(rows, cores, strict=True))
    above: Region = []
    below: Region = []
    columns: Sides = ([], [])
    for side, column, (first, end) in zip(rows, columns, cores, strict=True):
        for number, row in enumerate(side):
            if number < first and bottom(row) <= upper:
                above.extend(row)
            elif number >= end and top(row) >= lower:
                below.extend(row)
            else:
                column.extend(row)
    return above, columns, below


def _cores(rows: Sequence[list[Region]], height: float) -> list[tuple[int, int]]:
    """Return for both columns the first row without running heads, and the row after the last without feet."""
    cores = [_core(side, height) for side in rows]
    for side, other in ((0, 1), (1, 0)):
        first, end = cores[side]
        first = max(first, _rows_above(rows[side], rows[other], height))
        if end == len(rows[side]) and _ends_in_number(rows[side], height):
            end -= 1
        cores[side] = first, max(end, first + 1)
    if cores[0][0] and cores[1][0] and _are_headings(rows, cores, height):
        return [(0, end) for _, end in cores]
    return cores


def _core(rows: list[Region], height: float) -> tuple[int, int]:
    """Return the first row of a column's core, and the row after its last: without a few rows apart at its ends."""
    apart = [
        top(below) - bottom(above) > MIN_FRINGE_GAP * height for above, below in pairwise(rows)
    ]
    fringe = range(min(MAX_FRINGE_ROWS, len(apart) // 2))
    first = max((number + 1 for number in fringe if apart[number]), default=0)
    end = min(
        (len(rows) - 1 - number for number in fringe if apart[-1 - number]), default=len(rows)
    )
    return first, end


def _rows_above(rows: list[Region], other: list[Region], height: float) -> int:
    """Return how many rows of a column form a heading of both: the other column begins level with the row below it."""
    usual = _usual_gap(rows)
    for count in range(1, min(MAX_LONE_ROWS, len(rows) - 1) + 1):
        gap = top(rows[count]) - bottom(rows[count - 1])
        begins = abs(top(rows[count]) - top(other[0])) <= MAX_STEP * height
        if begins and bottom(rows[count - 1]) < top(other[0]):
            return count if gap > usual + MIN_EXTRA_GAP * height else 0
    return 0


def _ends_in_number(rows: list[Region], height: float) -> bool:
    """Return whether a column's last row is a page number."""
    if len(rows) < 2:
        return False
    text = "".join(s.text for s in rows[-1])
    is_number = any(map(str.isdigit, text)) and not any(map(str.isalpha, text))
    gap = top(rows[-1]) - bottom(rows[-2])
    is_apart = gap > _usual_gap(rows) + MIN_EXTRA_GAP * height
    return is_number and is_apart and len(text) <= MAX_NUMBER_CHARACTERS


def _are_headings(
    rows: Sequence[list[Region]], cores: Sequence[tuple[int, int]], height: float
) -> bool:
    """Return whether the rows above both columns are the columns' own headings: each begins where its column begins."""
    for side, (first, _) in zip(rows, cores, strict=True):
        left = min(row[0].box.x0 for row in side[first:])
        for row in side[:first]:
            is_short = len("".join(s.text for s in row)) <= MAX_NUMBER_CHARACTERS
            if is_short or abs(row[0].box.x0 - left) > MAX_INDENT_OF_HEADING * height:
                return False
    return True


def _usual_gap(rows: list[Region]) -> float:
    """Return the median gap between the rows of a column; below zero where boxes overlap."""
    gaps = [top(below) - bottom(above) for above, below in pairwise(rows)]
    return median(gaps) if gaps else 0.0


# headings between columns -------------------------------------------------------------------------


def _between_headings(sides: Sides, height: float) -> list[tuple[Region, ...]]:
    """Return two columns in parts: as they are, or above and below headings that stand alone between them."""
    rows = [rows_of(side) for side in sides]
    parts: list[tuple[Region, ...]] = []
    start = [0, 0]
    for side, other in ((0, 1), (1, 0)):
        for first, end in _lone_rows(rows[side], rows[other], height):
            y = top(rows[side][first])
            above = [_until(rows[n], start[n], y) for n in (0, 1)]
            if above[side] < first or not start[side] <= first:
                continue
            parts.append(tuple(_flat(rows[n][start[n] : above[n]]) for n in (0, 1)))
            parts.append((_flat(rows[side][first:end]),))
            start = above
            start[side] = end
        if parts:
            break
    parts.append(tuple(_flat(rows[n][start[n] :]) for n in (0, 1)))
    return [part for part in parts if any(part)]


def _lone_rows(rows: list[Region], other: list[Region], height: float) -> list[tuple[int, int]]:
    """Return the headings of one side, as first row and row after the last, beside which the other side is empty.

    The other side has a hole of more than a line there. Below the heading, both sides begin together.
    """
    usual = _usual_gap(rows)
    found: list[tuple[int, int]] = []
    for first in range(1, len(rows) - 1):
        gap_above = top(rows[first]) - bottom(rows[first - 1])
        if gap_above <= usual + MIN_EXTRA_GAP * height:
            continue
        y = (top(rows[first]) + bottom(rows[first])) / 2
        below = [row for row in other if middle_y(row[0]) >= y]
        above = [row for row in other if middle_y(row[0]) < y]
        if not below or not above or bottom(above[-1]) > top(rows[first]) + MAX_TOUCH * height:
            continue
        hole = top(below[0]) - bottom(above[-1])
        if hole < 2 * _usual_gap(other) + (1 + MIN_EXTRA_GAP) * height:
            continue
        for end in range(first + 1, min(first + MAX_LONE_ROWS, len(rows) - 1) + 1):
            if abs(top(rows[end]) - top(below[0])) <= MAX_STEP * height:
                gap = min(top(rows[end]), top(below[0])) - bottom(rows[end - 1])
                if gap > usual + MIN_EXTRA_GAP / 2 * height:
                    found.append((first, end))
                break
    return found


def _until(rows: list[Region], start: int, y: float) -> int:
    """Return the index after the last row that begins above ``y``."""
    return next((n for n in range(start, len(rows)) if top(rows[n]) >= y), len(rows))


def _flat(rows: Sequence[Region]) -> Region:
    return [segment for row in rows for segment in row]
