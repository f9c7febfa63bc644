"""Put segments into rows, and measure them."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from scanmend.ocr.engines.base import Segment
from scanmend.page import Box

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
    reached: list[float] = []  # the lower edge of each row
    for segment in sorted(region, key=middle_y):
        nearby = range(len(rows) - 1, max(-1, len(rows) - 1 - NEARBY_ROWS), -1)
        number = next(
            (n for n in nearby if segment.box.y0 < reached[n] and _is_beside(rows[n], segment)),
            None,
        )
        if number is None:
            rows.append([segment])
            reached.append(segment.box.y1)
        else:
            rows[number].append(segment)
            reached[number] = max(reached[number], segment.box.y1)
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


def mirrored_box(box: Box) -> Box:
    """Return a box in the mirror image of its page."""
    return Box(-box.x1, box.y0, -box.x0, box.y1)


def mirrored(segment: Segment) -> Segment:
    """Return a segment in the mirror image of its page, where right-to-left text begins at the left."""
    spaces = tuple((-x, width) for x, width in segment.spaces)
    return replace(segment, box=mirrored_box(segment.box), spaces=spaces)
