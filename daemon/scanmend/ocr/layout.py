"""Put the segments of a page into reading order: columns one after another; tables, forms and receipts row by row.

A geometric rule on the segments alone, in the spirit of the XY-cut (Nagy and Seth 1984). A gutter is an x that few
segments cross. The segments that do cross it (headings, captions) part the page into bands; in a band, both sides of
the gutter must look like prose for it to part columns. Each part is searched again, so that three columns are found as
one and two. What has no columns is read in rows.
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

# a full line is a line of prose that reaches from one side of its column to the other
MIN_FULL_LINES = 3  # of a column
MIN_FULL_SHARE = 0.4  # of a column's lines
# of a column that vouches for its neighbour, which may hold a table
STRONG_FULL_LINES, STRONG_FULL_SHARE = 8, 0.6
FULL_WIDTH = 0.7  # of the column's width that a full line fills, at least
MIN_PROSE_CHARACTERS = 14  # of a full line
MIN_PROSE_LETTERS = 0.7  # share of letters and spaces in a full line
MAX_FRINGE_ROWS = 2  # of a running head or foot
MIN_LINE_SPACES = 4  # of a line that the engine may have joined from two columns
JOINED_SPACE = 1.5  # width of such a line's space at the gutter over its median space, at least
# in line heights
GUTTER = 0.6  # width that few segments may reach into
GUTTER_STEP = 0.1  # between two gutters that are tried
MIN_COLUMN_WIDTH = 3  # from the region's left edge to a gutter
MAX_REACH = 6  # from a gutter to the lines that tell whether it parts columns
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
    """A gutter's cut of a region: its parts from the top down, each one region (spanning) or two (left, right)."""

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
    """Return a region without columns as one block, or in parts if two tables stand side by side in it."""
    rows = rows_of(region)
    gutter = find_gutter(rows, height)
    if gutter is None:
        return [region]
    beside = [s for row in rows[gutter.start : gutter.end] for s in row]
    parts = [
        [s for row in rows[: gutter.start] for s in row],
        [s for s in beside if middle_x(s) < gutter.x],
        [s for s in beside if middle_x(s) >= gutter.x],
        [s for row in rows[gutter.end :] for s in row],
    ]
    return [part for part in parts if part]


# gutters ------------------------------------------------------------------------------------------


def _gutters(region: Region, height: float) -> list[float]:
    """Return the x of possible gutters: left of where several segments begin one below another."""
    begins = sorted(s.box.x0 for s in region)
    found: list[float] = []
    for number, x in enumerate(begins[: 1 - MIN_FULL_LINES]):
        gutter = x - height * GUTTER / 2
        aligned = begins[number + MIN_FULL_LINES - 1] - x < height
        new = not found or gutter - found[-1] > height * GUTTER_STEP
        if aligned and new and x > begins[0] + MIN_COLUMN_WIDTH * height:
            found.append(gutter)
    return found


def _cut(region: Region, x: float, height: float) -> _Cut | None:
    """Return how a gutter at ``x`` cuts the region; None if nowhere both sides look like prose."""
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
    """Return the segments on one side of a gutter, and those that cross it, from the top down."""
    half = GUTTER * height / 2
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
    """Yield the segments above the first crossing segment, then those between it and the next, and so on."""
    edges = [middle_y(s) for s in crossing]
    bands: list[Region] = [[] for _ in range(len(crossing) + 1)]
    for segment in beside:
        bands[bisect.bisect_left(edges, middle_y(segment))].append(segment)
    yield from bands


def _halves(segment: Segment, x: float, height: float) -> Region:
    """Return the two lines that the engine joined across a gutter; nothing if the segment is one line.

    The space at the gutter is then wider than those between the words.
    """
    if len(segment.spaces) < MIN_LINE_SPACES:
        return []
    widths = [width for _, width in segment.spaces]
    number = max(range(len(widths)), key=widths.__getitem__)
    at = segment.spaces[number][0]
    if abs(at - x) > height or widths[number] < JOINED_SPACE * median(widths):
        return []
    words, box = segment.text.split(" "), segment.box
    left = Box(box.x0, box.y0, at - widths[number] / 4, box.y1)
    right = Box(at + widths[number] / 4, box.y0, box.x1, box.y1)
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
    """Return the rows of a column without the few that stand apart at its ends: first row, row after the last."""
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
    """How many lines beside a gutter are full, and their share of the lines there."""

    full: int
    share: float


def _are_columns(left: _Prose, right: _Prose) -> bool:
    """Return whether full lines, and their share, make columns of the two sides of a gutter."""
    if min(left.full, right.full) < MIN_FULL_LINES:
        return False
    weak, strong = sorted((left, right), key=lambda side: side.share)
    vouches = strong.share >= STRONG_FULL_SHARE and strong.full >= STRONG_FULL_LINES
    return weak.share >= MIN_FULL_SHARE or vouches


def _prose(side: Region, x: float, height: float) -> _Prose:
    """Return how many lines beside the gutter at ``x`` fill their column with text."""
    prose = [s for s in side if _is_near(s, x, height) and _is_prose(s)]
    if len(prose) < MIN_FULL_LINES:  # spares most gutters of a page of small pieces their rows
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
