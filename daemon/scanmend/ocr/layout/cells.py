"""Cut the segments that an engine joined across a vertical rule, so that each cell of a table has its own."""

import bisect
from collections.abc import Iterable, Sequence

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

MIN_CROSSED_SHARE = 0.6  # of a segment's height along which a rule runs
MIN_INSIDE_HEIGHTS = 0.5  # of a segment on each side of a rule that crosses it, in its heights
MAX_CUT_DISTANCE = (
    0.8  # from a rule to the space at which a segment is cut, in the segment's heights
)


def cut_at_rules(segments: Iterable[Segment], rules: Rulings) -> list[Segment]:
    """Return the segments, each cut at the vertical rules that cross it."""
    vertical = sorted(rules.vertical, key=lambda r: r.x0)
    if not vertical:
        return list(segments)
    edges = [rule.x0 for rule in vertical]
    found: list[Segment] = []
    for segment in segments:
        box = segment.box
        margin = MIN_INSIDE_HEIGHTS * box.height
        between = vertical[
            bisect.bisect_left(edges, box.x0 + margin) : bisect.bisect_right(edges, box.x1 - margin)
        ]
        rest = segment
        for rule in between:
            if _crosses(rule, box) and (halves := halves_at(rest, (rule.x0 + rule.x1) / 2)):
                found.append(halves[0])
                rest = halves[1]
        found.append(rest)
    return found


def _crosses(rule: Box, box: Box) -> bool:
    shared = min(rule.y1, box.y1) - max(rule.y0, box.y0)
    return shared >= MIN_CROSSED_SHARE * box.height


def halves_at(segment: Segment, x: float) -> tuple[Segment, Segment] | None:
    """Return the parts of a segment left and right of the space nearest to ``x``; None if no space is near."""
    spaces = segment.spaces
    if len(spaces) != segment.text.count(" "):
        spaces = _guessed_spaces(segment)
    if not spaces:
        return None
    number = min(range(len(spaces)), key=lambda n: abs(spaces[n][0] - x))
    middle, width = spaces[number]
    if abs(middle - x) > max(MAX_CUT_DISTANCE * segment.box.height, width / 2):
        return None
    return cut_at_space(segment, number, spaces, x)


def cut_at_space(
    segment: Segment, number: int, spaces: Sequence[tuple[float, float]], x: float
) -> tuple[Segment, Segment]:
    """Return the parts of a segment before and after one of its spaces; ``x``: a place in that space."""
    words, box = segment.text.split(" "), segment.box
    middle, width = spaces[number]
    left_end = min(x, middle - width / 4)
    right_start = max(x, middle + width / 4)
    left = Box(box.x0, box.y0, left_end, box.y1)
    right = Box(right_start, box.y0, box.x1, box.y1)
    cut = len(" ".join(words[: number + 1]))
    told = segment.spaces if len(segment.spaces) == len(spaces) else ()
    return (
        segment.part(0, cut, left, told[:number]),
        segment.part(cut + 1, len(segment.text), right, told[number + 1 :]),
    )


def _guessed_spaces(segment: Segment) -> tuple[tuple[float, float], ...]:
    """Return middle and width of each space as if all characters were equally wide."""
    if not segment.text:
        return ()
    width = segment.box.width / len(segment.text)
    return tuple(
        (segment.box.x0 + (at + 0.5) * width, width)
        for at, character in enumerate(segment.text)
        if character == " "
    )
