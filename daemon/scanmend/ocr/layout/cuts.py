"""Cut a region at a gutter into bands, and each band whose sides stand apart into the left and the right side."""

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.cells import cut_at_space
from scanmend.ocr.layout.rows import Region, middle_x, middle_y

MIN_LINE_SPACES = 4  # in a line that the engine may have joined from two columns
MIN_JOINED_SPACE_RATIO = 1.5  # width of the space at the gutter over the line's median space
GUTTER_WIDTH = 0.6  # line heights of a gutter, which few segments may reach into

Sides = tuple[Region, Region]  # left and right of a gutter
# The parts of a band from the top down, each one region, or two: sides that stand apart. Empty if none stand apart.
Parting = Callable[[Sides], list[tuple[Region, ...]]]


@dataclass(frozen=True, slots=True)
class Cut:
    """A region, cut at a gutter: its parts from the top down. A part is one region, or two: left and right.

    ``score``: how many segments are in sides that stand apart, less half of those that cross the gutter.
    """

    score: float
    parts: tuple[tuple[Region, ...], ...]


def cut_at(region: Region, x: float, height: float, parting: Parting) -> Cut | None:
    """Return how a gutter at ``x`` cuts the region; None if no sides stand apart. ``height``: the line height."""
    beside, crossing = _beside_and_crossing(region, x, height)
    parts: list[tuple[Region, ...]] = []
    spanning: Region = []
    score = 0.0
    for number, band in enumerate(_bands(beside, crossing)):
        sides = [s for s in band if middle_x(s) < x], [s for s in band if middle_x(s) >= x]
        apart = parting(sides) if all(sides) else []
        for part in apart or [(band,)]:
            if len(part) == 1:
                spanning += part[0]
                continue
            if spanning:
                parts.append((spanning,))
                spanning = []
            parts.append(part)
            score += sum(map(len, part))
        spanning = [*spanning, *crossing[number : number + 1]]
    if spanning:
        parts.append((spanning,))
    return Cut(score - len(crossing) / 2, tuple(parts)) if score else None


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

    In a joined segment, the space at the gutter is wider than most of those between the words.
    """
    if len(segment.spaces) < MIN_LINE_SPACES:
        return []
    widths = [width for _, width in segment.spaces]
    near = [n for n, (middle, _) in enumerate(segment.spaces) if abs(middle - x) <= height]
    number = max(near, key=widths.__getitem__, default=None)
    if number is None or widths[number] < MIN_JOINED_SPACE_RATIO * median(widths):
        return []
    gap_x = segment.spaces[number][0]
    return list(cut_at_space(segment, number, segment.spaces, gap_x))
