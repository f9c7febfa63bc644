"""Put the segments of a page into reading order, if not all of them run in the same direction.

The lines of the page's main direction are arranged first. Turned lines beside each other form a group. Each group is
arranged as if it were upright, so that a sideways table comes out in its rows, and stands as a block of its own beside
the block that is nearest on the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.frames import UPRIGHT, Frame
from scanmend.ocr.neighbours import groups_of_boxes
from scanmend.page import Box, Line

SAME_DIRECTION_DEGREES = 7.0  # within which segments have the same direction
Arrange = Callable[[Sequence[Segment]], tuple[Line, ...]]


def arrange_directions(
    segments: Sequence[Segment], arrange: Arrange, arrange_page: Arrange, main: Frame = UPRIGHT
) -> tuple[Line, ...]:
    """Return the lines of a page in reading order.

    ``arrange`` puts the segments of a group into order as if they were upright, ``arrange_page`` those of the page's
    main direction (``main``).
    """
    in_main = [s for s in segments if s.frame == main]
    if main == UPRIGHT:
        lines = arrange_page(in_main)
    else:
        lines = _arranged_group(in_main, arrange_page, main, main)
    for group in _groups(segments, main):
        longest = max(group, key=lambda s: _level(s, s.frame).width)
        lines = with_block(lines, _arranged_group(group, arrange, longest.frame, main))
    return lines


def in_frame(segment: Segment, frame: Frame) -> Segment:
    """Return a segment whose direction is nearly that of a frame, with its place in that frame."""
    if frame == UPRIGHT:
        return replace(segment, frame=frame, level=None)
    return replace(segment, frame=frame, level=_level(segment, frame))


def _level(segment: Segment, frame: Frame) -> Box:
    """Return the box of a segment in a frame, with its own length and height."""
    level = segment.box if segment.level is None else segment.level
    if segment.frame == frame:
        return level
    middle = Box(*2 * ((level.x0 + level.x1) / 2, (level.y0 + level.y1) / 2))
    on_page = segment.frame.to_page(middle)
    u, w = frame.point(on_page.x0, on_page.y0)
    return Box(u - level.width / 2, w - level.height / 2, u + level.width / 2, w + level.height / 2)


def _groups(segments: Sequence[Segment], main: Frame) -> list[list[Segment]]:
    """Return the turned segments in groups that have one direction, from the top of the page.

    Neighbours form a group, and groups between which nothing stands that has another direction.
    """
    classes: list[list[Segment]] = []
    for segment in segments:
        if segment.frame == main:
            continue
        alike = (c for c in classes if c[0].frame.is_near(segment.frame, SAME_DIRECTION_DEGREES))
        known = next(alike, None)
        if known is None:
            classes.append([segment])
        else:
            known.append(segment)
    groups: list[list[Segment]] = []
    for same in classes:
        ids = {id(s) for s in same}
        others = [s.box for s in segments if id(s) not in ids]
        frame = same[0].frame
        near = groups_of_boxes([_level(s, frame) for s in same])
        groups += _merged([[same[n] for n in numbers] for numbers in near], others)
    groups.sort(key=lambda group: min((s.box.y0, s.box.x0) for s in group))
    return groups


def _merged(groups: list[list[Segment]], others: Sequence[Box]) -> list[list[Segment]]:
    """Return groups of one direction, joined where nothing of another direction (``others``) stands between them."""
    result: list[list[Segment]] = []
    for group in groups:
        free = (g for g in result if not _any_inside(others, _bounds([s.box for s in g + group])))
        known = next(free, None)
        if known is None:
            result.append(list(group))
        else:
            known += group
    return result


def _any_inside(boxes: Sequence[Box], area: Box) -> bool:
    """Return whether the middle of one of the boxes lies in an area."""
    return any(
        area.x0 <= (b.x0 + b.x1) / 2 <= area.x1 and area.y0 <= (b.y0 + b.y1) / 2 <= area.y1
        for b in boxes
    )


def _arranged_group(
    group: Sequence[Segment], arrange: Arrange, frame: Frame, main: Frame
) -> tuple[Line, ...]:
    """Return the lines of a group, arranged as if its frame were upright, with their boxes on the page."""
    if not group:
        return ()
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
    turn = round(main.angle - frame.angle) % 360
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
    box = _bounds([line.box for line in block])
    numbers = sorted({line.block for line in lines})
    blocks = [[line for line in lines if line.block == number] for number in numbers]
    at = _place(box, [_bounds([line.box for line in b]) for b in blocks])
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


def _bounds(boxes: Sequence[Box]) -> Box:
    return Box(
        min(b.x0 for b in boxes),
        min(b.y0 for b in boxes),
        max(b.x1 for b in boxes),
        max(b.y1 for b in boxes),
    )
