"""Put the segments of a page into reading order, if not all of them run in the same direction.

The lines of the page's main direction are arranged first. Turned lines beside each other form a group. Each group is
arranged as if it were upright, so that a sideways table comes out in its rows, and stands as a block of its own beside
the block that is nearest on the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.frames import UPRIGHT, Frame
from scanmend.page import Box, Line

SAME_DIRECTION_DEGREES = 7.0  # within which segments have the same direction
# in line heights
MAX_GAP_ALONG, MAX_GAP_BETWEEN = (
    12.0,
    3.0,
)  # in and across the direction of reading, between segments of one group

Arrange = Callable[[Sequence[Segment]], tuple[Line, ...]]


def arrange_directions(
    segments: Sequence[Segment], arrange: Arrange, arrange_page: Arrange
) -> tuple[Line, ...]:
    """Return the lines of a page in reading order.

    ``arrange`` puts the segments of a group into order as if they were upright, ``arrange_page`` the upright ones.
    """
    upright = [s for s in segments if s.frame == UPRIGHT]
    lines = arrange_page(upright)
    for group in groups_of([s for s in segments if s.frame != UPRIGHT]):
        lines = with_block(lines, arranged_group(group, arrange))
    return lines


def groups_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Return turned segments in groups of neighbours that have the same direction, from the top of the page."""
    groups: list[list[Segment]] = []
    for segment in segments:
        near = [g for g in groups if any(_are_neighbours(segment, other) for other in g)]
        merged = [s for group in near for s in group] + [segment]
        groups = [g for g in groups if all(g is not other for other in near)] + [merged]
    groups.sort(key=lambda group: min((s.box.y0, s.box.x0) for s in group))
    return groups


def _are_neighbours(first: Segment, second: Segment) -> bool:
    if not first.frame.is_near(second.frame, SAME_DIRECTION_DEGREES):
        return False
    a, b = _level(first, first.frame), _level(second, first.frame)
    height = max(1.0, a.height, b.height if second.frame == first.frame else 0.0)
    along = max(a.x0, b.x0) - min(a.x1, b.x1)
    between = max(a.y0, b.y0) - min(a.y1, b.y1)
    return along <= MAX_GAP_ALONG * height and between <= MAX_GAP_BETWEEN * height


def _level(segment: Segment, frame: Frame) -> Box:
    """Return the box of a segment in a frame."""
    if segment.level is not None and segment.frame == frame:
        return segment.level
    return frame.from_page(segment.box)


def arranged_group(group: Sequence[Segment], arrange: Arrange) -> tuple[Line, ...]:
    """Return the lines of a turned group, arranged as if it were upright, with their boxes on the page."""
    longest = max(group, key=lambda s: _level(s, s.frame).width)
    frame = replace(longest.frame, angle=longest.frame.angle)
    levels = [_level(s, frame) for s in group]
    left, top = min(b.x0 for b in levels), min(b.y0 for b in levels)
    upright = [
        replace(
            s,
            box=moved(level, -left, -top),
            spaces=tuple((middle - left, width) for middle, width in s.spaces),
            frame=UPRIGHT,
            level=None,
        )
        for s, level in zip(group, levels, strict=True)
    ]
    turn = round(-frame.angle) % 360
    return tuple(
        replace(line, box=frame.to_page(moved(line.box, left, top)), turn=turn)
        for line in arrange(upright)
    )


def moved(box: Box, x: float, y: float) -> Box:
    """Return a box moved to the right and down."""
    return Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)


def with_block(lines: tuple[Line, ...], block: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the lines with the lines of a turned group before or after the nearest block of the page."""
    if not block:
        return lines
    box = _around(block)
    numbers = sorted({line.block for line in lines})
    blocks = [[line for line in lines if line.block == number] for number in numbers]
    at = _place(box, [_around(b) for b in blocks])
    result: list[Line] = []
    for group in [*blocks[:at], list(block), *blocks[at:]]:
        first, base = (result[-1].block + 1 if result else 0), group[0].block
        result += [replace(line, block=line.block - base + first) for line in group]
    return tuple(result)


def _place(box: Box, blocks: Sequence[Box]) -> int:
    """Return the index of the block before which a turned group is put."""
    if not blocks:
        return 0
    nearest = min(
        range(len(blocks)),
        key=lambda n: (round(_distance(box, blocks[n])), -_shared(box, blocks[n]), n),
    )
    is_below = box.y0 + box.y1 > blocks[nearest].y0 + blocks[nearest].y1
    return nearest + is_below


def _distance(first: Box, second: Box) -> float:
    """Return the distance between two boxes in pixels; 0 if they touch."""
    x = max(0.0, first.x0 - second.x1, second.x0 - first.x1)
    y = max(0.0, first.y0 - second.y1, second.y0 - first.y1)
    return float((x * x + y * y) ** 0.5)


def _shared(first: Box, second: Box) -> float:
    """Return the height that two boxes share, in pixels."""
    return min(first.y1, second.y1) - max(first.y0, second.y0)


def _around(lines: Sequence[Line]) -> Box:
    return Box(
        min(line.box.x0 for line in lines),
        min(line.box.y0 for line in lines),
        max(line.box.x1 for line in lines),
        max(line.box.y1 for line in lines),
    )
