"""Put segments into rows, and each row into one line of text with its gaps kept as spaces."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scanmend.ocr.bidi import reads_from_right
from scanmend.ocr.engines.base import Segment
from scanmend.page import Box, CharAlternatives, Line, TextSource

SPACE_WIDTH = 0.5  # line heights: width of a gap that is written as one space
MAX_SPACES = 12  # for one gap
MIN_SHARED_HEIGHT = 0.5  # of the lower one of two segments of a row
MAX_SHARED_WIDTH = 0.5  # of the narrower one of two segments of a row
NEARBY_ROWS = 3  # the last rows, to which the next segment may belong

Region = list[Segment]


def line_height(region: Region) -> float:
    """Return the median height of the segments, in pixels."""
    return max(1.0, median(s.box.height for s in region))


def rows_of(region: Region) -> list[Region]:
    """Return the segments in rows from the top down, each row from the left."""
    rows: list[Region] = []
    for segment in sorted(region, key=middle_y):
        row = next((r for r in reversed(rows[-NEARBY_ROWS:]) if _is_beside(r, segment)), None)
        if row is None:
            rows.append([segment])
        else:
            row.append(segment)
    for row in rows:
        row.sort(key=lambda s: s.box.x0)
    rows.sort(key=lambda row: sum(map(middle_y, row)) / len(row))
    return rows


def _is_beside(row: Region, segment: Segment) -> bool:
    """Return whether the segment is level with its neighbour in the row, and above or below no part of it."""
    nearest = min(row, key=lambda s: abs(middle_x(s) - middle_x(segment)))
    shared_height = min(nearest.box.y1, segment.box.y1) - max(nearest.box.y0, segment.box.y0)
    if shared_height < MIN_SHARED_HEIGHT * min(nearest.box.height, segment.box.height):
        return False
    shared_width = max(
        (min(s.box.x1, segment.box.x1) - max(s.box.x0, segment.box.x0))
        / max(1.0, min(s.box.width, segment.box.width))
        for s in row
    )
    return shared_width < MAX_SHARED_WIDTH


def line_of(row: Region, height: float, block: int) -> Line:
    """Return a row, given from left to right, as one line. ``height``: the line height in pixels."""
    if reads_from_right("".join(s.text for s in row)):
        row = row[::-1]
    text, unsure, doubts = _joined(row, height)
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


def _joined(row: Region, height: float) -> tuple[str, list[int], list[CharAlternatives]]:
    """Return the text of a row, given in reading order, its unsure offsets, and its doubts."""
    text = row[0].text
    unsure, doubts = list(row[0].unsure or ()), list(row[0].doubts or ())
    for before, segment in pairwise(row):
        gap = max(segment.box.x0 - before.box.x1, before.box.x0 - segment.box.x1)
        text += " " * max(1, min(MAX_SPACES, round(gap / (SPACE_WIDTH * height))))
        unsure += [len(text) + offset for offset in segment.unsure or ()]
        doubts += [d.moved(len(text)) for d in segment.doubts or ()]
        text += segment.text
    return text, unsure, doubts


def _confidence(row: Region) -> float | None:
    """Return the mean confidence, weighted by length, of the segments that have one; None if none has."""
    known = [(s.confidence, len(s.text)) for s in row if s.confidence is not None]
    total = sum(length for _, length in known)
    return sum(c * length for c, length in known) / total if total else None


def top(row: Sequence[Segment]) -> float:
    """Return the upper edge of a row."""
    return min(s.box.y0 for s in row)


def bottom(row: Sequence[Segment]) -> float:
    """Return the lower edge of a row."""
    return max(s.box.y1 for s in row)


def middle_y(segment: Segment) -> float:
    """Return the middle of a segment between its upper and lower edge."""
    return (segment.box.y0 + segment.box.y1) / 2


def middle_x(segment: Segment) -> float:
    """Return the middle of a segment between its left and right edge."""
    return (segment.box.x0 + segment.box.x1) / 2
