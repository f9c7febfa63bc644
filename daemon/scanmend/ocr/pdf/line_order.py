"""Put the lines of a page with a text layer into reading order, each in its direction."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from scanmend.ocr.directions import arrange_directions, in_frame, moved
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.frames import UPRIGHT, Frame, angle_between
from scanmend.ocr.layout import arrange
from scanmend.ocr.pdf.coverage import MIN_COVERED_SHARE, share_covered
from scanmend.ocr.pdf.geometry import scaled, turned
from scanmend.ocr.pdf.runs import Run
from scanmend.ocr.pdf.text_layer import MAX_LEAN_OF_MAIN, TextLayer
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box, Hidden, Line, TextSource

SURE_OF_SINGLE_CHARACTER = 0.9  # confidence from which a single letter or digit is no icon
MAX_ICON_CHARACTERS = 2  # Chinese characters that may be a misread drawing
MAX_LEAN_OF_LINE = 5.0  # degrees within which text has the page's main direction
MIN_LEAN_OF_PAGE = 0.3  # degrees from which the lines of a page are arranged along their slope
_RATING_MARKS = frozenset("oO○●•·∘◦.-–—_|")  # of ratings, leaders and rules
_FAR_EAST = frozenset({"zh", "ja", "ko"})

Size = tuple[float, float]  # width and height of the page in pixels, before it is turned


def lines_in_order(
    layer: TextLayer, recognised: Sequence[Segment], turn: int, size: Size
) -> tuple[Line, ...]:
    """Return the page's lines in reading order, in pixels of the page turned clockwise by ``turn`` degrees.

    ``recognised``: in the same pixels.
    """
    sourced = [(run, TextSource.DRAWN) for run in layer.drawn]
    sourced += [(run, TextSource.EARLIER) for run in layer.earlier]
    main = main_frame(layer.runs, turn)
    segments = [_segment(run, source, turn, size) for run, source in sourced]
    upright = [s for s in recognised if s.frame == UPRIGHT]
    upright += [
        s for (run, _), s in zip(sourced, segments, strict=True) if _is_main(run, turn, main)
    ]
    others = [s for s in recognised if s.frame != UPRIGHT]
    others += [
        s for (run, _), s in zip(sourced, segments, strict=True) if not _is_main(run, turn, main)
    ]
    page_size = size if turn in (0, 180) else size[::-1]
    rules = _turned_rules(layer.rules, turn, size) if main == UPRIGHT else Rulings()
    return arrange_directions(
        [in_frame(s, main) for s in upright] + others,
        arrange,
        partial(arrange, rules=rules, size=page_size),
        main,
    )


def _turned_rules(rules: Rulings, turn: int, size: Size) -> Rulings:
    """Return the rules of a page after it was turned clockwise by ``turn`` degrees."""
    across = tuple(turned(rule, turn, size) for rule in rules.horizontal)
    down = tuple(turned(rule, turn, size) for rule in rules.vertical)
    return Rulings(across, down) if turn in (0, 180) else Rulings(down, across)


def hidden_on_page(
    hidden: Sequence[Hidden], scale: float, turn: int, size: Size
) -> tuple[Hidden, ...]:
    """Return hidden text with its boxes on the published page: scaled, then turned clockwise.

    ``size``: of the page after it was scaled.
    """
    return tuple(replace(h, box=turned(scaled(h.box, scale), turn, size)) for h in hidden)


def beside_layer(
    segments: Sequence[Segment],
    layer: TextLayer,
    turn: int,
    size: Size,
    languages: Sequence[str],
) -> tuple[Segment, ...]:
    """Return the recognised segments that the layer's text does not cover and that are no icons.

    ``languages``: ISO 639-1 codes of the document's languages.
    """
    boxes = boxes_of(layer, turn, size)
    far_east = any(code.split("-")[0] in _FAR_EAST for code in languages)
    return tuple(
        s
        for s in segments
        if share_covered(s.box, boxes) < MIN_COVERED_SHARE and not _is_icon(s, far_east)
    )


def boxes_of(layer: TextLayer, turn: int, size: Size) -> list[Box]:
    """Return the boxes of the layer's text, in pixels of the page turned clockwise by ``turn`` degrees."""
    return [turned(run.page_box, turn, size) for run in layer.runs]


def _is_icon(segment: Segment, far_east: bool) -> bool:
    """Return whether the engine read a drawing as a few characters: rings, or Chinese in another language."""
    characters = [c for c in segment.text if not c.isspace()]
    if set(characters) <= _RATING_MARKS:
        return True
    alnum = sum(c.isalnum() for c in characters)
    if alnum <= 1 and (segment.confidence or 0.0) < SURE_OF_SINGLE_CHARACTER:
        return True
    chinese = all(unicodedata.east_asian_width(c) in "WF" for c in characters)
    return chinese and not far_east and len(characters) <= MAX_ICON_CHARACTERS


def _is_main(run: Run, turn: int, main: Frame) -> bool:
    """Return whether a run has the page's main direction. ``main``: on the turned page."""
    lean = angle_between(run.frame.angle - turn, main.angle)
    return lean < MAX_LEAN_OF_LINE and not run.frame.mirrored and not run.column


def main_frame(runs: Sequence[Run], turn: int) -> Frame:
    """Return the frame of most of the text on the turned page: upright, or with its common slope."""
    angles = sorted(
        angle
        for run in runs
        if not run.frame.mirrored and not run.column
        for angle in [(run.frame.angle - turn + 180) % 360 - 180] * len(run.glyphs)
        if abs(angle) < MAX_LEAN_OF_MAIN
    )
    lean = angles[len(angles) // 2] if angles else 0.0
    return Frame(lean) if abs(lean) >= MIN_LEAN_OF_PAGE else UPRIGHT


def _segment(run: Run, source: TextSource, turn: int, size: Size) -> Segment:
    """Return a run as a segment of the turned page."""
    corner = turned(Box(0, 0, 0, 0), turn, size)
    frame = Frame((run.frame.angle - turn) % 360, run.frame.mirrored)
    u, w = frame.point(corner.x0, corner.y0)
    box = turned(run.page_box, turn, size)
    return Segment(run.text, box, None, source=source, frame=frame, level=moved(run.box, u, w))
