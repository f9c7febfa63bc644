"""Divide a page into blocks in reading order: frames, columns, blocks side by side; the rest is read row by row."""

from collections.abc import Sequence
from statistics import median

from scanmend.ocr.bidi import reads_from_right
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.columns import column_cut, facing_pages
from scanmend.ocr.layout.enclosures import Enclosure, enclosures_of
from scanmend.ocr.layout.pairing import MAX_LINE_GAP, belong_together
from scanmend.ocr.layout.rows import Region, line_height, middle_x, middle_y, rows_of
from scanmend.ocr.layout.side_by_side import beside_each_other, block_cut
from scanmend.ocr.layout.tables import find_gutter
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

MIN_ROWS_OF_FRAME = 2  # in a frame that encloses a block
MIN_ROWS_OF_CELL = 2  # in the median cell of a grid that encloses blocks, not the cells of a table

# A frame takes part in the arrangement as one segment without text, and its contents are arranged by themselves.
_Contents = dict[Box, list[Region]]


def blocks_of(region: Region, rules: Rulings, *, is_spread: bool = False) -> list[Region]:
    """Return the blocks of a page in reading order. ``is_spread``: it may show two facing pages."""
    pages = facing_pages(region, line_height(region)) if is_spread else None
    if pages:
        return [b for page in pages for b in blocks_of(page, rules, is_spread=True)]
    return _inside(region, enclosures_of(rules), rules)


def _inside(region: Region, enclosures: Sequence[Enclosure], rules: Rulings) -> list[Region]:
    """Return the blocks of a region. ``enclosures``: the frames in it, outer ones first."""
    contents: _Contents = {}
    rest = region
    for number, enclosure in enumerate(enclosures):
        inside = [s for s in rest if _is_inside(s, enclosure)]
        if len(inside) == len(region) and not enclosure.is_grid:
            continue
        if not _stands_apart(inside, enclosure, rest):
            continue
        inner = [e for e in enclosures[number + 1 :] if _is_within(e, enclosure)]
        contents[enclosure.box] = (
            _grid(inside, enclosure, rules) if enclosure.is_grid else _inside(inside, inner, rules)
        )
        rest = [s for s in rest if not _is_inside(s, enclosure)]
    frames = [Segment("", box, None) for box in contents]
    blocks: list[Region] = []
    for block in _blocks([*rest, *frames], rules):
        blocks += contents[block[0].box] if _is_frame(block[0]) else [block]
    return blocks


def _stands_apart(inside: Region, enclosure: Enclosure, region: Region) -> bool:
    """Return whether a frame's text is a block of its own, not a value, or values, whose labels stand beside the frame."""
    rows = rows_of(inside)
    if len(rows) < MIN_ROWS_OF_FRAME:
        return False
    height, box = line_height(inside), enclosure.box
    level = [s for s in region if box.y0 < middle_y(s) < box.y1]
    left = rows_of([s for s in level if middle_x(s) < box.x0])
    right = rows_of([s for s in level if middle_x(s) > box.x1])
    return not (left and belong_together(left, rows, height)) and not (
        right and belong_together(rows, right, height)
    )


def _is_frame(segment: Segment) -> bool:
    return not segment.text


def _is_inside(segment: Segment, enclosure: Enclosure) -> bool:
    box = enclosure.box
    return box.x0 < middle_x(segment) < box.x1 and box.y0 < middle_y(segment) < box.y1


def _is_within(inner: Enclosure, outer: Enclosure) -> bool:
    x, y = (inner.box.x0 + inner.box.x1) / 2, (inner.box.y0 + inner.box.y1) / 2
    return outer.box.x0 < x < outer.box.x1 and outer.box.y0 < y < outer.box.y1


def _grid(region: Region, grid: Enclosure, rules: Rulings) -> list[Region]:
    """Return the contents of a grid: one table, or its cells if these are blocks of text."""
    height = line_height(region)
    rows: list[list[Region]] = [
        [[] for _ in range(len(grid.columns) - 1)] for _ in range(len(grid.rows) - 1)
    ]
    for segment in region:
        rows[_cell(grid.rows, middle_y(segment))][_cell(grid.columns, middle_x(segment))].append(
            segment
        )
    full = [len(rows_of(cell)) for row in rows for cell in row if cell]
    blocks = [beside_each_other(row, height) for row in rows if sum(map(bool, row)) > 1]
    if median(full) < MIN_ROWS_OF_CELL or not blocks or 2 * sum(blocks) <= len(blocks):
        return [region]
    return [b for row in rows for cell in row if cell for b in _blocks(cell, rules)]


def _cell(edges: Sequence[float], place: float) -> int:
    """Return the number of the cell that holds a place."""
    return max(0, min(len(edges) - 2, sum(edge <= place for edge in edges) - 1))


def _blocks(region: Region, rules: Rulings) -> list[Region]:
    """Return a region's blocks in reading order. Each frame is a block of one segment."""
    text = [s for s in region if not _is_frame(s)]
    if len(region) <= 1 or not text:
        return [[s] for s in sorted(region, key=lambda s: (s.box.y0, s.box.x0))]
    height = line_height(text)
    cut = column_cut(region, height)
    parts = cut.parts if cut else ()
    if not cut and len(text) < len(region):
        parts = _around_frames(region, list(filter(_is_frame, region)), height)
    elif not cut:
        cut = block_cut(region, height, rules)
        parts = cut.parts if cut else ()
    if len(text) == len(region) and not parts:
        return _tables(region, height, rules)
    if not parts or any(len(side) == len(region) for part in parts for side in part):
        frames = [[s] for s in region if _is_frame(s)]
        return sorted([*_tables(text, height, rules), *frames], key=lambda block: block[0].box.y0)
    return [b for part in parts for side in _in_order(part) if side for b in _blocks(side, rules)]


def _in_order(sides: tuple[Region, ...]) -> tuple[Region, ...]:
    """Return regions side by side in reading order: from the left, but two of right-to-left text from the right.

    A page of right-to-left text is arranged as its mirror image, so that nothing is left to turn round here.
    """
    from_right = len(sides) > 1 and all(
        reads_from_right("".join(s.text for s in side)) for side in sides if side
    )
    return sides[::-1] if from_right and sides[0] and sides[0][0].box.x0 >= 0 else sides


def _tables(region: Region, height: float, rules: Rulings) -> list[Region]:
    """Return a region without columns as one block, or in parts if it has two tables side by side."""
    rows = rows_of(region)
    gutter = find_gutter(rows, height, rules)
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


# frames -------------------------------------------------------------------------------------------


def _around_frames(region: Region, frames: Region, height: float) -> tuple[tuple[Region, ...], ...]:
    """Return a region in parts: above its topmost frames, left of, in and right of these, and below."""
    first = min(frames, key=lambda f: f.box.y0)
    upper, lower = first.box.y0, first.box.y1
    level = [first]
    for frame in sorted(frames, key=lambda f: f.box.y0):
        if frame is not first and frame.box.y0 < lower - height:
            level.append(frame)
            lower = max(lower, frame.box.y1)
    level.sort(key=lambda f: f.box.x0)
    beside: list[Region] = [[] for _ in range(2 * len(level) + 1)]
    rest: Region = []
    for segment in region:
        if _is_frame(segment) and segment in level:
            beside[2 * level.index(segment) + 1].append(segment)
        elif upper < middle_y(segment) < lower:
            beside[_side(segment, level)].append(segment)
        else:
            rest.append(segment)
    for number in (0, len(beside) - 1):
        others = [s for s in region if s not in beside[number]]
        _continue(beside[number], rest, others, height)
    above = [s for s in rest if middle_y(s) <= upper]
    below = [s for s in rest if middle_y(s) >= lower]
    return tuple(part for part in ((above,), tuple(beside), (below,)) if any(part))


def _side(segment: Segment, frames: Sequence[Segment]) -> int:
    """Return the number of the place of a segment: 0 left of the first frame, 1 above or below it, and so on."""
    x = middle_x(segment)
    for number, frame in enumerate(frames):
        if x < frame.box.x0:
            return 2 * number
        if x <= frame.box.x1:
            return 2 * number + 1
    return 2 * len(frames)


def _continue(side: Region, rest: Region, others: Region, height: float) -> None:
    """Move the lines from ``rest`` to the text beside a frame that it continues above or below the frame."""
    if not side:
        return
    x0, x1 = min(s.box.x0 for s in side), max(s.box.x1 for s in side)
    for direction in (1, -1):
        ordered = sorted(rest, key=lambda s: direction * middle_y(s))
        for segment in ordered:
            edge = max(s.box.y1 for s in side) if direction > 0 else min(s.box.y0 for s in side)
            gap = segment.box.y0 - edge if direction > 0 else edge - segment.box.y1
            if direction * (middle_y(segment) - edge) < 0:
                continue
            fits = x0 - height < segment.box.x0 and segment.box.x1 < x1 + height
            level = any(
                s is not segment
                and min(s.box.y1, segment.box.y1) - max(s.box.y0, segment.box.y0) > height / 2
                and not (x0 - height < s.box.x0 and s.box.x1 < x1 + height)
                for s in others
            )
            if not fits or level or gap > MAX_LINE_GAP * height:
                break
            side.append(segment)
            rest.remove(segment)
