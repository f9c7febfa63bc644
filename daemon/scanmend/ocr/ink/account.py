"""Compare a page's ink with what was read, read again what no line covers, and name what then has no text."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scanmend.ocr.engines.base import Engine, Reading, Segment, UprightPage
from scanmend.ocr.ink.dashes import dark_enough, lone_dashes
from scanmend.ocr.ink.layers import InkLayer, ink_layers
from scanmend.ocr.ink.reread import (
    DASH_READINGS,
    LETTER_SHARE,
    Place,
    meet,
    read_dashes,
    read_rows,
    read_tiles,
    with_replaced,
)
from scanmend.ocr.ink.rows import InkRow
from scanmend.ocr.ink.shapes import MIN_INK_CONTRAST, Grey
from scanmend.ocr.ink.verdict import LineContext, is_text_like, may_be_line, merged
from scanmend.page import Box

LOW_LINES = 3
MAX_SECONDS = 40.0  # for reading again; what is left after that is unread
# height of a line's box in pixels, up to which its print is so tiny that its words are easily lost
TINY_LINE_PX = 11.0
TINY_LETTER_PX = (
    8.0  # height of letters of such print; rows of it are searched before they are recognised
)


def with_all_ink(
    engine: Engine, page: UprightPage, reading: Reading, covered: Sequence[Box] = ()
) -> Reading:
    """Return the reading with what is read where it has no text, and with the places where ink stays unread.

    ``covered``: other places that need no reading. Boxes are in pixels of the page's image.
    """
    grey = np.asarray(page.image.convert("L"))
    layers = ink_layers(grey, _low_line(reading.segments))

    def uncovered(segments: Sequence[Segment]) -> list[InkRow]:
        boxes = [*covered, *(segment.box for segment in segments)]
        return [row for layer in layers for row in layer.uncovered(boxes)]

    segments, unreadable = list(reading.segments), list(reading.unreadable)
    rows = uncovered(segments)
    tiny = [segment for segment in segments if _is_tiny(segment)]
    if (rows or tiny) and not (reading.truncated or reading.unreadable_script):
        deadline = time.monotonic() + MAX_SECONDS
        context = LineContext.of([segment.box for segment in segments])
        legible = [r for r in rows if context.may_be_text(r) and r.letter_height > TINY_LETTER_PX]
        at_once = read_rows(engine, page, legible, context, deadline)
        rows = uncovered(segments + at_once) if at_once else rows
        places = [
            Place(row.box, row.letter_height) for row in rows if may_be_line(row, unreadable)
        ] + [Place(s.box, LETTER_SHARE * s.box.height) for s in tiny]
        if places:
            replaceable = at_once + tiny
            kept = [s for s in segments if not _is_tiny(s)]
            known = [*covered, *(segment.box for segment in kept)]
            reread = read_tiles(engine, page, places, known, deadline)
            unreadable += reread.unreadable
            segments = kept + with_replaced(replaceable, reread.segments)
            rows = uncovered(segments)
        else:
            segments += at_once
        tiny_rows = [
            r for r in rows if context.may_be_text(r) and r.letter_height <= TINY_LETTER_PX
        ]
        if tiny_rows:
            segments += read_rows(engine, page, tiny_rows, context, deadline)
            rows = uncovered(segments)
    segments = _with_dashes(engine, page, layers[0], segments)
    unread = [row.box for row in rows if is_text_like(row, unreadable)]
    return replace(reading, segments=tuple(segments), unread=merged([*reading.unread, *unread]))


def _with_dashes(
    engine: Engine, page: UprightPage, layer: InkLayer, segments: Sequence[Segment]
) -> list[Segment]:
    """Return the segments with the lone dashes of table cells, each at the height of the line beside it.

    The detector's box of a dash is too low or too high to stand in the row.
    """
    others = [segment for segment in segments if segment.text not in DASH_READINGS]
    boxes = [s.box for s in others]
    places = lone_dashes(layer, boxes)
    if places:
        places = dark_enough(np.asarray(page.image.convert("L")), places, boxes)
    dashes = read_dashes(engine, page, places)
    places = [dash.box for dash in dashes]
    replaced = [
        s for s in segments if s.text in DASH_READINGS and any(meet(s.box, b) for b in places)
    ]
    return [s for s in segments if all(s is not other for other in replaced)] + dashes


def holds_print(grey: Grey, covered: Sequence[Box]) -> bool:
    """Return whether a picture has ink that looks like print outside these boxes, both in pixels of the picture."""
    if int(grey.max()) - int(grey.min()) < MIN_INK_CONTRAST:
        return False
    rows = (row for layer in ink_layers(grey) for row in layer.uncovered(covered))
    return any(is_text_like(row, ()) for row in rows)


def _low_line(segments: Sequence[Segment]) -> float:
    """Return the height in pixels that ``LOW_LINES`` lines of a page do not exceed; fewer are dust."""
    heights = sorted(min(segment.box.width, segment.box.height) for segment in segments)
    return heights[LOW_LINES - 1] if len(heights) >= LOW_LINES else math.inf


def _is_tiny(segment: Segment) -> bool:
    return segment.box.height <= TINY_LINE_PX and segment.box.width > segment.box.height
