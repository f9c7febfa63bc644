"""Tell running text beside a gutter from the cells of a table: most lines of a column reach from side to side."""

from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.rows import middle_x, rows_of

# a full line is a line of prose from one side of its column to the other
MIN_FULL_LINES = 3  # in a column
MIN_FULL_SHARE = 0.4  # of a column's lines
# full lines, and their share, of a column beside which another one, such as a table, may have a lower share
STRONG_FULL_LINES, STRONG_FULL_SHARE = 8, 0.6
FULL_WIDTH = 0.7  # of the column's width that a full line fills, at least
MIN_PROSE_CHARACTERS = 14  # in a full line
MIN_PROSE_LETTERS = 0.7  # share of letters and spaces in a full line's characters
MAX_REACH = 6  # line heights from a gutter to the lines that show whether it separates columns


class Prose(NamedTuple):
    """The number of full lines beside a gutter, and their share of the lines there."""

    full: int
    share: float


def are_columns(left: Prose, right: Prose) -> bool:
    """Return whether the two sides of a gutter have enough full lines to be columns."""
    if min(left.full, right.full) < MIN_FULL_LINES:
        return False
    weak, strong = sorted((left, right), key=lambda side: side.share)
    vouches = strong.share >= STRONG_FULL_SHARE and strong.full >= STRONG_FULL_LINES
    return weak.share >= MIN_FULL_SHARE or vouches


def prose_beside(side: Sequence[Segment], x: float, height: float) -> Prose:
    """Return how many lines near the gutter at ``x`` are full. ``height``: the line height in pixels."""
    side = [s for s in side if s.text]
    prose = [s for s in side if _is_near(s, x, height) and is_prose(s)]
    # most gutters of a page with small pieces of text end here, before the costly rows
    if len(prose) < MIN_FULL_LINES:
        return Prose(0, 0.0)
    at_gutter = (row[-1] if middle_x(row[0]) < x else row[0] for row in rows_of(side))
    near = [s for s in at_gutter if _is_near(s, x, height)]
    if len(near) < MIN_FULL_LINES:
        return Prose(0, 0.0)
    left = quantiles([s.box.x0 for s in near], n=5, method="inclusive")[0]
    right = quantiles([s.box.x1 for s in near], n=5, method="inclusive")[-1]
    full = sum(s.box.width >= FULL_WIDTH * (right - left) and is_prose(s) for s in near)
    return Prose(full, full / len(near))


def _is_near(segment: Segment, x: float, height: float) -> bool:
    """Return whether a segment begins or ends near the gutter at ``x``."""
    return min(abs(segment.box.x0 - x), abs(segment.box.x1 - x)) < MAX_REACH * height


def is_prose(segment: Segment) -> bool:
    """Return whether a segment is long enough for a line of prose and mostly letters."""
    text = segment.text
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return len(text) >= MIN_PROSE_CHARACTERS and letters >= MIN_PROSE_LETTERS * len(text)
