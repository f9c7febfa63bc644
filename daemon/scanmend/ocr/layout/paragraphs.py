"""Write the rows of a block as lines of text, with paragraphs as blocks of their own."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scanmend.ocr.bidi import reads_from_right
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.pairing import is_number
from scanmend.ocr.layout.rows import Region, bottom, line_height, rows_of, top
from scanmend.ocr.layout.stops import Stops, cells_of, spaces_between
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box, CharAlternatives, Line, TextSource

# in line heights
MIN_PARAGRAPH_GAP = 0.9  # white between two paragraphs, in any case, ...
MIN_EXTRA_GAP_OF_PARAGRAPH = 0.4  # or more than between the other rows
MAX_INDENT_CHARACTERS = 8  # of a paragraph that keeps its indent


def lines_of(
    segments: Sequence[Segment], first_block: int, rules: Rulings, *, from_right: bool = False
) -> list[Line]:
    """Return the lines of a block from the top down; each paragraph is a block, numbered from ``first_block`` on.

    ``from_right``: the segments read from right to left and are given in their page's mirror image.
    """
    region = list(segments)
    height = line_height(region)
    rows = rows_of(region)
    vertical = _rules_through(rules.vertical, region)
    cells = [cells_of(row, height, vertical) for row in rows]
    stops = Stops(cells, height)
    lines: list[Line] = []
    is_table = sum(len(row) > 1 for row in cells) > 1
    for block, (first, end) in enumerate(_paragraphs(rows, height), first_block):
        starts = [stops.starts_of(cells[number]) for number in range(first, end)]
        paragraph = cells[first:end]
        has_value = is_table and any(is_number(row[0][0]) for row in paragraph)
        if not has_value and all(len(row) == 1 for row in paragraph):
            starts = _without_margin(starts)
        for number in range(first, end):
            in_order = [_in_reading_order(cell, from_right=from_right) for cell in cells[number]]
            lines.append(_line(in_order, starts[number - first], height, block))
    return lines


def _rules_through(rules: Sequence[Box], region: Region) -> list[Box]:
    """Return the rules that stand beside lines of a region."""
    upper, lower = top(region), bottom(region)
    return [rule for rule in rules if rule.y0 < lower and rule.y1 > upper]


def _without_margin(starts: list[list[int]]) -> list[list[int]]:
    """Return the starts of a paragraph's lines without its margin, unless this is a small indent.

    A line that is centred or stands at the right, such as a date, has a margin, which says nothing.
    """
    margin = min(start for row in starts for start in row)
    if margin <= MAX_INDENT_CHARACTERS:
        return starts
    return [[start - margin for start in row] for row in starts]


def _paragraphs(rows: Sequence[Region], height: float) -> list[tuple[int, int]]:
    """Return the first row of each paragraph, and the row after its last."""
    limit = _paragraph_gap(rows, height)
    gaps = [top(below) - bottom(above) for above, below in pairwise(rows)]
    ends = [number for number, gap in enumerate(gaps, 1) if gap > limit]
    return list(pairwise([0, *ends, len(rows)]))


def _paragraph_gap(rows: Sequence[Region], height: float) -> float:
    """Return the white between two rows, in pixels, from which they belong to two paragraphs."""
    gaps = [top(below) - bottom(above) for above, below in pairwise(rows)]
    usual = median(gaps) if gaps else 0.0
    return min(MIN_PARAGRAPH_GAP, max(0.0, usual / height) + MIN_EXTRA_GAP_OF_PARAGRAPH) * height


def _in_reading_order(cell: list[Segment], *, from_right: bool) -> list[Segment]:
    """Return the segments of a cell in reading order; a cell may read in the other direction than its block."""
    text = "".join(s.text for s in cell)
    own = reads_from_right(text) if any(map(str.isalpha, text)) else from_right
    return cell if own == from_right else cell[::-1]


def _line(cells: list[list[Segment]], starts: list[int], height: float, block: int) -> Line:
    """Return a row of cells, as one line. ``starts``: the column of each cell's first letter."""
    row = [s for cell in cells for s in cell]
    text, unsure, doubts = _joined(cells, starts, height)
    box = Box(
        min(s.box.x0 for s in row),
        min(s.box.y0 for s in row),
        max(s.box.x1 for s in row),
        max(s.box.y1 for s in row),
    )
    return Line(
        text,
        box,
        _confidence(row),
        block,
        unsure=tuple(unsure) if all(s.unsure is not None for s in row) else None,
        doubts=tuple(doubts) if all(s.doubts is not None for s in row) else None,
        source=row[0].source if len({s.source for s in row}) == 1 else TextSource.MIXED,
    )


def _joined(
    cells: list[list[Segment]], starts: list[int], height: float
) -> tuple[str, list[int], list[CharAlternatives]]:
    """Return the text of a row of cells, its unsure offsets, and its doubts."""
    text = ""
    unsure: list[int] = []
    doubts: list[CharAlternatives] = []
    for cell, start in zip(cells, starts, strict=True):
        text += " " * (start - len(text))
        for number, segment in enumerate(cell):
            if number:
                text += " " * spaces_between(cell[number - 1], segment, height)
            unsure += [len(text) + offset for offset in segment.unsure or ()]
            doubts += [d.moved(len(text)) for d in segment.doubts or ()]
            text += segment.text
    return text, unsure, doubts


def _confidence(row: Sequence[Segment]) -> float | None:
    """Return the mean confidence, weighted by length, of the segments that have one; None if none has."""
    known = [(s.confidence, len(s.text)) for s in row if s.confidence is not None]
    total = sum(length for _, length in known)
    return sum(c * length for c, length in known) / total if total else None
