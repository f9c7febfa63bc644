"""Reading order: columns one after the other; tables, forms and receipts row by row, gaps kept as spaces.

A geometric rule, in the spirit of the XY-cut (Nagy and Seth 1984), on the segments alone: a gutter is an x
that few segments cross; the segments that do cross it (headings, pictures' captions) part the page into
bands; in a band, both sides of the gutter must look like prose for it to part columns. What is parted is
looked at again, so that three columns are two and two. Whatever is left is read in rows.
"""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from scanmend.ocr.bidi import from_right
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.tables import side_by_side
from scanmend.page import Box, Line, TextSource

PROSE_ROWS = 3  # full lines that a column has at least
PROSE_SHARE = 0.4  # of a column's lines that are full
PROSE_FILL = 0.7  # of the column's width: what a full line fills at least
PROSE_CHARS = 14  # that a full line has at least
PROSE_LETTERS = 0.7  # share of letters and spaces in a full line
STRONG_ROWS = 8  # full lines of such a column
# share of full lines in a column that vouches for its neighbour, which may hold a table
STRONG_SHARE = 0.6
REACH = 6  # line heights: lines that stay farther from the gutter say nothing about it
FRINGE = 2  # lines that a running head or foot has at most
APART = 1.0  # line heights between it and its column, at least
GUTTER = 0.6  # of the line height: by how much a segment may reach over a gutter, twice
LEAST_SPACES = 4  # in a line that may be the lines of two columns
WIDER = 1.5  # times the middling space of such a line: the one at the gutter
MOST_SPACES = 12  # that a gap in a row is shown with

Region = list[Segment]


def arrange(segments: Sequence[Segment], width: int, height: int) -> tuple[Line, ...]:  # noqa: ARG001
    """The lines of a page in reading order; ``block`` counts columns, paragraphs and tables."""
    if not segments:
        return ()
    lines: list[Line] = []
    block = 0
    for region in _blocks(list(segments)):
        rows = _rows(region)
        high = _line_height(region)
        last_bottom: float | None = None
        for row in rows:
            line = _line(row, high, block)
            if last_bottom is not None and line.box.y0 - last_bottom > 0.9 * high:
                block += 1
                line = _line(row, high, block)
            last_bottom = line.box.y1
            lines.append(line)
        block += 1
    return tuple(lines)


def _line_height(region: Region) -> float:
    return max(1.0, median(s.box.height for s in region))


# columns ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cut:
    """A gutter, and the region's parts from the top down: one (spanning) or two (left, right) each."""

    score: float
    parts: tuple[tuple[Region, ...], ...]


def _blocks(region: Region) -> list[Region]:
    """The region's blocks in reading order."""
    high = _line_height(region)
    cuts = (_cut(region, x, high) for x in _gutters(region, high))
    best = max((cut for cut in cuts if cut), key=lambda cut: cut.score, default=None)
    if best is None:
        return _tables(region, high)
    blocks: list[Region] = []
    for part in best.parts:
        blocks += part if len(part) == 1 else (b for piece in part for b in _blocks(piece))
    return blocks


def _tables(region: Region, high: float) -> list[Region]:
    """A region to be read in rows: one block, unless two tables stand side by side in it."""
    rows = _rows(region)
    found = side_by_side(rows, high)
    if found is None:
        return [region]
    start, end, x = found
    within = [s for row in rows[start:end] for s in row]
    parts = [
        [s for row in rows[:start] for s in row],
        [s for s in within if _centre(s) < x],
        [s for s in within if _centre(s) >= x],
        [s for row in rows[end:] for s in row],
    ]
    return [part for part in parts if part]


def _gutters(region: Region, high: float) -> list[float]:
    """Where gutters may be: left of where several segments begin one under the other."""
    begins = sorted(s.box.x0 for s in region)
    found: list[float] = []
    for number, x in enumerate(begins[: 1 - PROSE_ROWS]):
        aligned = begins[number + PROSE_ROWS - 1] - x < high
        fresh = not found or x - high * GUTTER / 2 - found[-1] > high / 10
        if aligned and fresh and x > begins[0] + 3 * high:
            found.append(x - high * GUTTER / 2)
    return found


def _cut(region: Region, x: float, high: float) -> _Cut | None:
    """What a gutter at ``x`` parts; None when nowhere both sides look like prose."""
    half = GUTTER * high / 2
    crossing: Region = []
    beside: Region = []
    for segment in region:
        if segment.box.x0 >= x - half or segment.box.x1 <= x + half:
            beside.append(segment)
        elif halves := _halves(segment, x, high):
            beside += halves
        else:
            crossing.append(segment)
    crossing.sort(key=_middle)
    edges = [_middle(s) for s in crossing]
    bands: list[Region] = [[] for _ in range(len(crossing) + 1)]
    for segment in beside:
        bands[bisect.bisect_left(edges, _middle(segment))].append(segment)
    parts: list[tuple[Region, ...]] = []
    spanning: Region = []
    score = 0.0
    for number, band in enumerate(bands):
        sides = [s for s in band if _centre(s) < x], [s for s in band if _centre(s) >= x]
        if _part(_prose(sides[0], x, high), _prose(sides[1], x, high)):
            above, sides, below = _trim(sides, high)
            if spanning or above:
                parts.append((spanning + above,))
            spanning = below
            parts.append(sides)
            score += len(band)
        else:
            spanning += band
        spanning += crossing[number : number + 1]
    if spanning:
        parts.append((spanning,))
    return _Cut(score - len(crossing) / 2, tuple(parts)) if score else None


def _halves(segment: Segment, x: float, high: float) -> Region:
    """The lines of two columns that the engine took for one; nothing when it is one line.

    The space at the gutter is then wider than those between the words.
    """
    if len(segment.spaces) < LEAST_SPACES:
        return []
    widths = [width for _, width in segment.spaces]
    number = max(range(len(widths)), key=widths.__getitem__)
    at = segment.spaces[number][0]
    if abs(at - x) > high or widths[number] < WIDER * median(widths):
        return []
    words, box = segment.text.split(" "), segment.box
    left = Box(box.x0, box.y0, at - widths[number] / 4, box.y1)
    right = Box(at + widths[number] / 4, box.y0, box.x1, box.y1)
    cut = len(" ".join(words[: number + 1]))
    return [
        segment.part(0, cut, left, segment.spaces[:number]),
        segment.part(cut + 1, len(segment.text), right, segment.spaces[number + 1 :]),
    ]


def _trim(
    sides: tuple[Region, Region], high: float
) -> tuple[Region, tuple[Region, Region], Region]:
    """Takes from two columns what stands apart above or below both: page numbers, running heads and feet."""
    rows = [_rows(side) for side in sides]
    cores = [_core(side, high) for side in rows]
    top = min(_top(side[first]) for side, (first, _) in zip(rows, cores, strict=True))
    bottom = max(_bottom(side[last - 1]) for side, (_, last) in zip(rows, cores, strict=True))
    above: Region = []
    below: Region = []
    columns: tuple[Region, Region] = ([], [])
    for side, column, (first, last) in zip(rows, columns, cores, strict=True):
        for number, row in enumerate(side):
            if number < first and _bottom(row) <= top:
                above.extend(row)
            elif number >= last and _top(row) >= bottom:
                below.extend(row)
            else:
                column.extend(row)
    return above, columns, below


def _core(rows: list[Region], high: float) -> tuple[int, int]:
    """The rows of a column without the few that stand apart at its ends: from, to."""
    apart = [
        _top(below) - _bottom(above) > APART * high for above, below in itertools.pairwise(rows)
    ]
    fringe = range(min(FRINGE, len(apart) // 2))
    first = max((number + 1 for number in fringe if apart[number]), default=0)
    last = min(
        (len(rows) - 1 - number for number in fringe if apart[-1 - number]), default=len(rows)
    )
    return first, last


def _part(left: tuple[int, float], right: tuple[int, float]) -> bool:
    """Whether full lines, and their share, make columns of the two sides of a gutter."""
    if min(left[0], right[0]) < PROSE_ROWS:
        return False
    weak, strong = sorted((left, right), key=lambda side: side[1])
    return weak[1] >= PROSE_SHARE or (strong[1] >= STRONG_SHARE and strong[0] >= STRONG_ROWS)


def _prose(side: Region, x: float, high: float) -> tuple[int, float]:
    """How many lines next to the gutter at ``x`` fill their column with text, and their share there."""
    words = [s for s in side if _near(s, x, high) and _is_prose(s)]
    if len(words) < PROSE_ROWS:  # for most gutters of a page of many small pieces; rows cost much
        return 0, 0.0
    ends = (row[-1] if _centre(row[0]) < x else row[0] for row in _rows(side))
    near = [s for s in ends if _near(s, x, high)]
    if len(near) < PROSE_ROWS:
        return 0, 0.0
    left = quantiles([s.box.x0 for s in near], n=5, method="inclusive")[0]
    right = quantiles([s.box.x1 for s in near], n=5, method="inclusive")[-1]
    full = sum(s.box.width >= PROSE_FILL * (right - left) and _is_prose(s) for s in near)
    return full, full / len(near)


def _near(segment: Segment, x: float, high: float) -> bool:
    """Whether it begins or ends beside the gutter at ``x``."""
    return min(abs(segment.box.x0 - x), abs(segment.box.x1 - x)) < REACH * high


def _is_prose(segment: Segment) -> bool:
    text = segment.text
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return len(text) >= PROSE_CHARS and letters >= PROSE_LETTERS * len(text)


# rows ---------------------------------------------------------------------------------------------


def _rows(region: Region) -> list[Region]:
    """Segments side by side, from the top down, each row from the left."""
    rows: list[Region] = []
    for segment in sorted(region, key=_middle):
        for row in reversed(rows[-3:]):
            if _beside(row, segment):
                row.append(segment)
                break
        else:
            rows.append([segment])
    for row in rows:
        row.sort(key=lambda s: s.box.x0)
    rows.sort(key=lambda row: sum(map(_middle, row)) / len(row))
    return rows


def _beside(row: Region, segment: Segment) -> bool:
    """Whether the segment is on this row: in the height of its neighbour there, and over none of it."""
    nearest = min(row, key=lambda s: abs(_centre(s) - _centre(segment)))
    overlap = min(nearest.box.y1, segment.box.y1) - max(nearest.box.y0, segment.box.y0)
    if overlap < 0.5 * min(nearest.box.height, segment.box.height):
        return False
    shared = max(
        (min(s.box.x1, segment.box.x1) - max(s.box.x0, segment.box.x0))
        / max(1.0, min(s.box.width, segment.box.width))
        for s in row
    )
    return shared < 0.5


def _line(row: Region, high: float, block: int) -> Line:
    if from_right("".join(s.text for s in row)):
        row = row[::-1]
    text = row[0].text
    unsure, doubts = list(row[0].unsure or ()), list(row[0].doubts or ())
    for before, segment in itertools.pairwise(row):
        gap = max(segment.box.x0 - before.box.x1, before.box.x0 - segment.box.x1)
        text += " " * max(1, min(MOST_SPACES, round(gap / (0.5 * high))))
        unsure += [len(text) + n for n in segment.unsure or ()]
        doubts += [d.moved(len(text)) for d in segment.doubts or ()]
        text += segment.text
    known = [(s.confidence, len(s.text)) for s in row if s.confidence is not None]
    total = sum(length for _, length in known)
    confidence = sum(c * length for c, length in known) / total if total else None
    box = Box(
        min(s.box.x0 for s in row),
        min(s.box.y0 for s in row),
        max(s.box.x1 for s in row),
        max(s.box.y1 for s in row),
    )
    return Line(
        text,
        box,
        confidence,
        block,
        tuple(unsure) if all(s.unsure is not None for s in row) else None,
        tuple(doubts) if all(s.doubts is not None for s in row) else None,
        row[0].source if len({s.source for s in row}) == 1 else TextSource.MIXED,
    )


def _top(row: Region) -> float:
    return min(s.box.y0 for s in row)


def _bottom(row: Region) -> float:
    return max(s.box.y1 for s in row)


def _middle(segment: Segment) -> float:
    return (segment.box.y0 + segment.box.y1) / 2


def _centre(segment: Segment) -> float:
    return (segment.box.x0 + segment.box.x1) / 2
