"""Place the cells of a block's rows at common stops, as a typewriter does, so that columns and indents stay visible.

One character width holds for the whole block. The left edges of its cells, or the right edges of its numbers, fall into
groups; all cells of a group stand at the same stop.
"""

import bisect
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.pairing import is_number
from scanmend.page import Box

# in line heights
WORD_SPACE = 0.9  # of a gap that may stand between two words; a wider one separates cells
RULE_OVERLAP = 0.2  # of a box with the rule beside it
SPACE_WIDTH = 0.5  # of a gap that is written as one space between words
MAX_OFFSET = 0.45  # between the edges of two cells at one stop
MIN_INDENT = 0.9  # from the left edge of a block to an indented line
# in characters
MIN_CELL_GAP = 2  # between two cells
MAX_STOP = 160  # the last stop of a line, unless its cells need more
LAST_STOP = 320  # behind which cells follow one another
MIN_NARROWING = (
    0.5  # of the median character width, to which it shrinks so that cells fit between their stops
)
FITTING_SHARE = 0.95  # of neighbouring cells that must fit

Row = Sequence[Segment]


def cells_of(row: Row, height: float, rules: Sequence[Box] = ()) -> list[list[Segment]]:
    """Return the segments of a row, given from left to right, in cells; only word spaces separate those of one cell.

    ``rules``: vertical ones, which separate cells too.
    """
    cells: list[list[Segment]] = [[row[0]]]
    for before, segment in pairwise(row):
        is_near = segment.box.x0 - before.box.x1 <= WORD_SPACE * height
        if is_near and not any(_is_between(rule, before.box, segment.box) for rule in rules):
            cells[-1].append(segment)
        else:
            cells.append([segment])
    return cells


def _is_between(rule: Box, left: Box, right: Box) -> bool:
    """Return whether a vertical rule stands between two boxes of a row."""
    x, y = (rule.x0 + rule.x1) / 2, (right.y0 + right.y1) / 2
    overlap = RULE_OVERLAP * right.height
    return left.x1 - overlap <= x <= right.x0 + overlap and rule.y0 <= y <= rule.y1


class Stops:
    """The stops of a block: the column of characters at which each of its cells begins."""

    def __init__(self, rows: Sequence[Sequence[Sequence[Segment]]], height: float) -> None:
        """Find the stops of a block's rows of cells. ``height``: the line height in pixels."""
        cells = [cell for row in rows for cell in row]
        self._left = min(cell[0].box.x0 for cell in cells)
        self._height = height
        self._width = _character_width(rows, height)
        self._starts = _groups([cell[0].box.x0 for cell in cells], MAX_OFFSET * height)
        self._ends = _groups([cell[-1].box.x1 for cell in cells], MAX_OFFSET * height)

    def starts_of(self, row: Sequence[Sequence[Segment]]) -> list[int]:
        """Return the column of characters at which each cell of a row begins."""
        starts: list[int] = []
        reached = 0
        for cell in row:
            start = self._start(cell, is_first=not starts)
            if starts:
                start = max(start, reached + MIN_CELL_GAP)
            starts.append(min(start, max(LAST_STOP, reached + MIN_CELL_GAP)))
            reached = starts[-1] + _length(cell, self._height)
        return starts

    def _start(self, cell: Sequence[Segment], *, is_first: bool) -> int:
        """Return where a cell begins, by its left edge; by its right edge if more cells, or only numbers, end there."""
        x, members, spread = _group(self._starts, cell[0].box.x0)
        end, members_at_end, spread_at_end = _group(self._ends, cell[-1].box.x1)
        may_end = not is_first or is_number(cell[-1])
        if may_end and (members_at_end, spread) > (members, spread_at_end):
            return max(0, round((end - self._left) / self._width) - _length(cell, self._height))
        if x - self._left < MIN_INDENT * self._height:
            return 0
        return round((x - self._left) / self._width)


def spaces_between(before: Segment, after: Segment, height: float) -> int:
    """Return the number of spaces between two neighbouring segments of one cell."""
    gap = max(after.box.x0 - before.box.x1, before.box.x0 - after.box.x1)
    return max(1, round(gap / (SPACE_WIDTH * height)))


def _length(cell: Sequence[Segment], height: float) -> int:
    spaces = sum(spaces_between(before, after, height) for before, after in pairwise(cell))
    return sum(len(s.text) for s in cell) + spaces


def _character_width(rows: Sequence[Sequence[Sequence[Segment]]], height: float) -> float:
    """Return the width of a character: the median, or less if the cells need that to fit between their stops."""
    usual = median(
        max(1.0, s.box.width / max(1, len(s.text))) for row in rows for cell in row for s in cell
    )
    fitting = sorted(
        (after[0].box.x0 - cell[0].box.x0) / (_length(cell, height) + MIN_CELL_GAP)
        for row in rows
        for cell, after in pairwise(row)
    )
    needed = fitting[int((1 - FITTING_SHARE) * len(fitting))] if fitting else usual
    needed = max(MIN_NARROWING * usual, needed)
    left = min(cell[0].box.x0 for row in rows for cell in row)
    right = max(cell[-1].box.x1 for row in rows for cell in row)
    return max(1.0, min(needed, max(usual, (right - left) / MAX_STOP)))


_Group = tuple[float, float, int, float]  # first edge, mean, number, and spread of some edges


def _groups(edges: Sequence[float], tolerance: float) -> list[_Group]:
    """Return groups of edges from left to right."""
    groups: list[list[float]] = []
    for edge in sorted(edges):
        if groups and edge - groups[-1][-1] <= tolerance and edge - groups[-1][0] <= 2 * tolerance:
            groups[-1].append(edge)
        else:
            groups.append([edge])
    return [(g[0], sum(g) / len(g), len(g), g[-1] - g[0]) for g in groups]


def _group(groups: Sequence[_Group], edge: float) -> tuple[float, int, float]:
    """Return mean, number and spread of the group to which an edge belongs."""
    index = bisect.bisect_right(groups, edge, key=lambda group: group[0]) - 1
    return groups[max(0, index)][1:]
