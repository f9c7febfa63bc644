"""Put the segments of a page into reading order: columns one after another; tables, forms and receipts row by row.

The rule uses only the positions of the segments, in the spirit of the XY-cut (Nagy and Seth 1984). A gutter is an x
that few segments cross. The segments that cross it (headings, captions) divide the page into bands. The gutter
separates columns in a band if both sides look like prose there. Each part is searched again, so that three columns are
found as one and two. A part without columns is read row by row.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import NamedTuple

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.rows import (
    Region,
    bottom,
    line_height,
    line_of,
    middle_x,
    middle_y,
    rows_of,
    top,
)
from scanmend.ocr.tables import find_gutter
from scanmend.page import Box, Line

# a full line is a line of prose from one side of its column to the other
MIN_FULL_LINES = 3  # in a column
MIN_FULL_SHARE = 0.4  # of a column's lines
# full lines, and their share, of a column beside which another one, such as a table, may have a lower share
STRONG_FULL_LINES, STRONG_FULL_SHARE = 8, 0.6
FULL_WIDTH = 0.7  # of the column's width that a full line fills, at least
MIN_PROSE_CHARACTERS = 14  # in a full line
MIN_PROSE_LETTERS = 0.7  # share of letters and spaces in a full line's characters
MAX_FRINGE_ROWS = 2  # in a running head or foot
MIN_LINE_SPACES = 4  # in a line that the engine may have joined from two columns
MIN_JOINED_SPACE_RATIO = 1.5  # width of the space at the gutter over the line's median space
# in line heights
GUTTER_WIDTH = 0.6  # of a gutter, which few segments may reach into
GUTTER_STEP = 0.1  # between two gutters that are tried
MIN_COLUMN_WIDTH = 3  # from the region's left edge to a gutter
MAX_REACH = 6  # from a gutter to the lines that show whether it separates columns
MIN_FRINGE_GAP = 1.0  # between a running head or foot and its column
MIN_BLOCK_GAP = 0.9  # between the lines of two blocks


def arrange(segments: Sequence[Segment]) -> tuple[Line, ...]:
    """Return the lines of a page in reading order; ``block`` counts columns, paragraphs and tables."""
    if not segments:
        return ()
    lines: list[Line] = []
    block = 0
    for region in _blocks(list(segments)):
        height = line_height(region)
        last_bottom: float | None = None
        for row in rows_of(region):
            if last_bottom is not None and top(row) - last_bottom > MIN_BLOCK_GAP * height:
                block += 1
            last_bottom = bottom(row)
            lines.append(line_of(row, height, block))
        block += 1
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A region, cut at a gutter: its parts from the top down. A part is one region, or two (left and right columns).

    ``score``: how many segments are in columns, less half of those that cross the gutter.
    """

    score: float
    parts: tuple[tuple[Region, ...], ...]


def _blocks(region: Region) -> list[Region]:
    """Return the region's blocks in reading order."""
    height = line_height(region)
    cuts = (_cut(region, x, height) for x in _gutters(region, height))
    best = max((cut for cut in cuts if cut), key=lambda cut: cut.score, default=None)
    if best is None:
        return _tables(region, height)
    blocks: list[Region] = []
    for part in best.parts:
        blocks += part if len(part) == 1 else (b for column in part for b in _blocks(column))
    return blocks


def _tables(region: Region, height: float) -> list[Region]:
    """Return a region without columns as one block, or in parts if it has two tables side by side."""
    rows = rows_of(region)
    gutter = find_gutter(rows, height)
    if gutter is None:
        return [region]
    side_by_side = [s for row in rows[gutter.start : gutter.end] for s in row]
    parts = [
        [s for row in rows[: gutter.start] for s in row],
        [s for s in side_by_side if middle_x(s) < gutter.x],
        [s for s in side_by_side if middle_x(s) >= gutter.x],
        [s for row in rows[gutter.end :] for s in row],
    ]
    return [part for part in parts if part]


# gutters ------------------------------------------------------------------------------------------


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


def _cut(region: Region, x: float, height: float) -> _Cut | None:
    """Return how a gutter at ``x`` cuts the region; None if both sides look like prose in no band."""
    beside, crossing = _beside_and_crossing(region, x, height)
    parts: list[tuple[Region, ...]] = []
    spanning: Region = []
    score = 0.0
    for number, band in enumerate(_bands(beside, crossing)):
        sides = [s for s in band if middle_x(s) < x], [s for s in band if middle_x(s) >= x]
        if _are_columns(_prose(sides[0], x, height), _prose(sides[1], x, height)):
            above, columns, below = _without_fringes(sides, height)
            if spanning or above:
                parts.append((spanning + above,))
            spanning = below
            parts.append(columns)
            score += len(band)
        else:
            spanning += band
        spanning += crossing[number : number + 1]
    if spanning:
        parts.append((spanning,))
    return _Cut(score - len(crossing) / 2, tuple(parts)) if score else None


def _beside_and_crossing(region: Region, x: float, height: float) -> tuple[Region, Region]:
    """Return the segments beside a gutter, and those that cross it, from the top down."""
    half = GUTTER_WIDTH * height / 2
    beside: Region = []
    crossing: Region = []
    for segment in region:
        if segment.box.x0 >= x - half or segment.box.x1 <= x + half:
            beside.append(segment)
        elif halves := _halves(segment, x, height):
            beside += halves
        else:
            crossing.append(segment)
    crossing.sort(key=middle_y)
    return beside, crossing


def _bands(beside: Region, crossing: Region) -> Iterator[Region]:
    """Yield the segments above the first crossing segment, those between it and the second, and so on."""
    edges = [middle_y(s) for s in crossing]
    bands: list[Region] = [[] for _ in range(len(crossing) + 1)]
    for segment in beside:
        bands[bisect.bisect_left(edges, middle_y(segment))].append(segment)
    yield from bands


def _halves(segment: Segment, x: float, height: float) -> Region:
    """Return the halves of a segment that the engine joined across a gutter; [] if the segment is one line.

    In a joined segment, the space at the gutter is wider than those between the words.
    """
    if len(segment.spaces) < MIN_LINE_SPACES:
        return []
    widths = [width for _, width in segment.spaces]
    number = max(range(len(widths)), key=widths.__getitem__)
    gap_x = segment.spaces[number][0]
    if abs(gap_x - x) > height or widths[number] < MIN_JOINED_SPACE_RATIO * median(widths):
        return []
    words, box = segment.text.split(" "), segment.box
    left = Box(box.x0, box.y0, gap_x - widths[number] / 4, box.y1)
    right = Box(gap_x + widths[number] / 4, box.y0, box.x1, box.y1)
    cut = len(" ".join(words[: number + 1]))
    return [
        segment.part(0, cut, left, segment.spaces[:number]),
        segment.part(cut + 1, len(segment.text), right, segment.spaces[number + 1 :]),
    ]


# running heads and feet ---------------------------------------------------------------------------


def _without_fringes(
    sides: tuple[Region, Region], height: float
) -> tuple[Region, tuple[Region, Region], Region]:
    """Return the running heads above two columns, the columns without them, and the running feet below."""
    rows = [rows_of(side) for side in sides]
    cores = [_core(side, height) for side in rows]
    upper = min(top(side[first]) for side, (first, _) in zip(rows, cores, strict=True))
    lower = max(bottom(side[end - 1]) for side, (_, end) in zip(rows, cores, strict=True))
    above: Region = []
    below: Region = []
    columns: tuple[Region, Region] = ([], [])
    for side, column, (first, end) in zip(rows, columns, cores, strict=True):
        for number, row in enumerate(side):
            if number < first and bottom(row) <= upper:
                above.extend(row)
            elif number >= end and top(row) >= lower:
                below.extend(row)
            else:
                column.extend(row)
    return above, columns, below


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


# prose --------------------------------------------------------------------------------------------


class _Prose(NamedTuple):
    """The number of full lines beside a gutter, and their share of the lines there."""

    full: int
    share: float


def _are_columns(left: _Prose, right: _Prose) -> bool:
    """Return whether the two sides of a gutter have enough full lines to be columns."""
    if min(left.full, right.full) < MIN_FULL_LINES:
        return False
    weak, strong = sorted((left, right), key=lambda side: side.share)
    vouches = strong.share >= STRONG_FULL_SHARE and strong.full >= STRONG_FULL_LINES
    return weak.share >= MIN_FULL_SHARE or vouches


def _prose(side: Region, x: float, height: float) -> _Prose:
    """Return how many lines near the gutter at ``x`` are full."""
    prose = [s for s in side if _is_near(s, x, height) and _is_prose(s)]
    # most gutters of a page with small pieces of text end here, before the costly rows
    if len(prose) < MIN_FULL_LINES:
        return _Prose(0, 0.0)
    at_gutter = (row[-1] if middle_x(row[0]) < x else row[0] for row in rows_of(side))
    near = [s for s in at_gutter if _is_near(s, x, height)]
    if len(near) < MIN_FULL_LINES:
        return _Prose(0, 0.0)
    left = quantiles([s.box.x0 for s in near], n=5, method="inclusive")[0]
    right = quantiles([s.box.x1 for s in near], n=5, method="inclusive")[-1]
    full = sum(s.box.width >= FULL_WIDTH * (right - left) and _is_prose(s) for s in near)
    return _Prose(full, full / len(near))


def _is_near(segment: Segment, x: float, height: float) -> bool:
    """Return whether a segment begins or ends near the gutter at ``x``."""
    return min(abs(segment.box.x0 - x), abs(segment.box.x1 - x)) < MAX_REACH * height


def _is_prose(segment: Segment) -> bool:
    text = segment.text
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return len(text) >= MIN_PROSE_CHARACTERS and letters >= MIN_PROSE_LETTERS * len(text)
