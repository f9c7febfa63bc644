"""Tables side by side: each is read by itself, the left one first.

What parts two tables is a gutter through all their rows that is much wider than the spaces between their
columns. A single table, however wide its spaces, has no gutter that stands out among several on both sides.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from scanmend.ocr.engines.base import Segment

ROWS = 8  # that stand side by side, at least
COLUMNS = 3  # that each table has, at least
WIDER = 2.0  # times the middling space between columns: the gutter
LEAST = 0.5  # of the line height: the gutter's width
BOTH = 0.6  # share of the rows that have something on both sides
STEP = 4  # pixels between the places that are looked at

Row = Sequence[Segment]


def side_by_side(rows: Sequence[Row], high: float) -> tuple[int, int, float] | None:
    """First row, row after the last, and the x of the gutter between two tables; None when there are none.

    ``rows`` from the top down; ``high``: the line height in pixels.
    """
    if len(rows) < ROWS or sum(map(len, rows)) < ROWS * 2 * COLUMNS:
        return None
    best: tuple[int, int, float] | None = None
    for start, end in _runs(rows):
        gutter = _gutter(rows[start:end], high)
        if gutter is not None and (best is None or end - start > best[1] - best[0]):
            best = (start, end, gutter)
    return best


def _runs(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """Stretches of rows that some x runs through without touching text."""
    right = max(s.box.x1 for row in rows for s in row)
    covered = np.zeros((len(rows), int(right / STEP) + 2), bool)
    for number, row in enumerate(rows):
        for segment in row:
            covered[number, int(segment.box.x0 / STEP) : int(segment.box.x1 / STEP) + 1] = True
    runs: set[tuple[int, int]] = set()
    for column in covered.T:
        touched = [-1, *np.flatnonzero(column).tolist(), len(rows)]
        runs |= {(a + 1, b) for a, b in pairwise(touched) if b - a - 1 >= ROWS}
    return runs


def _gutter(rows: Sequence[Row], high: float) -> float | None:
    """The one space between columns that stands out, if it parts two tables."""
    gaps = _gaps(rows)
    inner = gaps[COLUMNS - 1 : len(gaps) - COLUMNS + 1]
    if not inner:
        return None
    left, right = max(inner, key=lambda gap: gap[1] - gap[0])
    usual = median(b - a for a, b in gaps)
    if right - left < max(WIDER * usual, LEAST * high):
        return None
    x = (left + right) / 2
    both = sum(row[0].box.x1 < x < row[-1].box.x0 for row in rows)
    return x if both >= BOTH * len(rows) else None


def _gaps(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """The x-intervals that no segment of these rows touches, between the first and the last column."""
    spans = sorted((s.box.x0, s.box.x1) for row in rows for s in row)
    gaps = []
    reached = spans[0][1]
    for begin, end in spans[1:]:
        if begin > reached:
            gaps.append((reached, begin))
        reached = max(reached, end)
    return gaps
