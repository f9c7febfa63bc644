"""Separate tables that stand side by side, so that each is read by itself, the left one first.

A gutter separates two tables if it goes through all their rows and is much wider than the spaces between their columns.
A single table has no such gutter with several columns on both sides, however wide its spaces are.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.pairing import MIN_NUMBERS, share_of_numbers
from scanmend.ocr.rulings import Rulings

MIN_ROWS = 8  # of tables side by side
MIN_ROWS_BELOW_HEADER = 2  # of tables side by side with the same header
MIN_COLUMNS = 3  # of each table
MIN_GUTTER_RATIO = 2.0  # width of the gutter over the median space between columns
MIN_GUTTER_HEIGHTS = 0.5  # width of the gutter in line heights
MIN_ROWS_ON_BOTH_SIDES = 0.6  # share of the rows that have text on both sides
GUTTER_STEP_PX = 4  # between two x at which text is searched

Row = Sequence[Segment]
WITHOUT_RULES = Rulings()


class Gutter(NamedTuple):
    """The gutter between two tables, at ``x``, from row ``start`` to the row before ``end``."""

    start: int
    end: int
    x: float


def find_gutter(
    rows: Sequence[Row], line_height: float, rules: Rulings = WITHOUT_RULES
) -> Gutter | None:
    """Return the gutter between two tables that stand side by side; None if there are none.

    ``rows``: from the top down, each from the left. ``line_height``: in pixels.
    """
    if repeated := _repeated_header(rows):
        return repeated
    if len(rows) < MIN_ROWS or sum(map(len, rows)) < MIN_ROWS * 2 * MIN_COLUMNS:
        return None
    best: Gutter | None = None
    for start, end in _untouched_stretches(rows):
        x = _gutter_x(rows[start:end], line_height, rules)
        if x is not None and (best is None or end - start > best.end - best.start):
            best = Gutter(start, end, x)
    return best


def _repeated_header(rows: Sequence[Row]) -> Gutter | None:
    """Return the gutter below a header whose second half repeats the first: Code, Sum, Code, Sum."""
    for number, row in enumerate(rows[:-MIN_ROWS_BELOW_HEADER]):
        half, odd = divmod(len(row), 2)
        words = [s.text.casefold() for s in row]
        if odd or half < 2 or words[:half] != words[half:] or len(set(words)) < half:
            continue
        left, right = row[half - 1].box, row[half].box
        for x in ((left.x1 + right.x0) / 2, right.x0 - 1, left.x1 + 1):
            end = number + 1
            while end < len(rows) and not any(s.box.x0 < x < s.box.x1 for s in rows[end]):
                end += 1
            if end - number > MIN_ROWS_BELOW_HEADER:
                return Gutter(number, end, x)
    return None


def _untouched_stretches(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """Return the longest stretches of rows without text at some x: first row, row after the last."""
    width = max(s.box.x1 for row in rows for s in row)
    covered = np.zeros((len(rows), int(width / GUTTER_STEP_PX) + 2), bool)
    for number, row in enumerate(rows):
        for segment in row:
            left = int(segment.box.x0 / GUTTER_STEP_PX)
            covered[number, left : int(segment.box.x1 / GUTTER_STEP_PX) + 1] = True
    stretches: set[tuple[int, int]] = set()
    for column in covered.T:
        touched = [-1, *np.flatnonzero(column).tolist(), len(rows)]
        stretches |= {(a + 1, b) for a, b in pairwise(touched) if b - a - 1 >= MIN_ROWS}
    return stretches


def _gutter_x(rows: Sequence[Row], line_height: float, rules: Rulings) -> float | None:
    """Return the middle of the widest space between columns, if it separates two tables; else None."""
    gaps = _gaps(rows)
    inner = gaps[MIN_COLUMNS - 1 : len(gaps) - MIN_COLUMNS + 1]
    if not inner:
        return None
    left, right = max(inner, key=lambda gap: gap[1] - gap[0])
    median_width = median(b - a for a, b in gaps)
    if right - left < max(MIN_GUTTER_RATIO * median_width, MIN_GUTTER_HEIGHTS * line_height):
        return None
    x = (left + right) / 2
    both = [row for row in rows if row[0].box.x1 < x < row[-1].box.x0]
    if len(both) < MIN_ROWS_ON_BOTH_SIDES * len(rows):
        return None
    near = line_height / 2
    beside = [r for r in rules.vertical if left - near < r.x0 and r.x1 < right + near]
    is_double = len(beside) > 1
    return None if _lacks_labels(both, x) and not is_double else x


def _lacks_labels(rows: Sequence[Row], x: float) -> bool:
    """Return whether the left side begins with words and the right one with numbers: one table, without a double rule."""
    left = share_of_numbers([row[0] for row in rows])
    right = share_of_numbers([next(s for s in row if s.box.x0 > x) for row in rows])
    return left < MIN_NUMBERS <= right


def _gaps(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Return the intervals of x between the rows' first and last text that no segment touches."""
    spans = sorted((s.box.x0, s.box.x1) for row in rows for s in row)
    gaps = []
    reached = spans[0][1]
    for begin, end in spans[1:]:
        if begin > reached:
            gaps.append((reached, begin))
        reached = max(reached, end)
    return gaps
