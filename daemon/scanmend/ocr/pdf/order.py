"""The lines of a page with a text layer, in reading order: its main direction first, other directions after it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout import arrange
from scanmend.ocr.pdf.coverage import COVERED, share_covered
from scanmend.ocr.pdf.frames import Frame, turned_by
from scanmend.ocr.pdf.layer import Layer, scaled, turned
from scanmend.ocr.pdf.lines import Run
from scanmend.page import Box, Hidden, Line, TextSource

SURE_SIGN = 0.9  # confidence of a single letter or digit that stands in a picture
MOST_ICON = 2  # Chinese characters that a drawing may be taken for
_RINGS = frozenset("oO○●•·∘◦.-–—_|")  # the marks of ratings, leaders and rules
_FAR_EAST = frozenset({"zh", "ja", "ko"})
NEARLY = 5.0  # degrees by which text of the main direction may lean


def ordered(
    layer: Layer, recognised: Sequence[Segment], turn: int, size: tuple[float, float]
) -> tuple[Line, ...]:
    """Return the page's lines, boxes in pixels of the page turned by ``turn`` degrees clockwise.

    ``recognised``: in these pixels, too. ``size``: width and height of the page before it is turned.
    """
    upright = [(run, TextSource.DRAWN) for run in layer.drawn] + [
        (run, TextSource.EARLIER) for run in layer.earlier
    ]
    main: list[Segment] = list(recognised)
    others: dict[Frame, list[tuple[Run, TextSource]]] = {}
    for run, source in upright:
        if _is_main(run, turn):
            main.append(Segment(run.text, turned(run.page_box, turn, size), None, source=source))
        else:
            others.setdefault(_like(run.frame, others), []).append((run, source))
    groups = [arrange(main, 0, 0)]
    groups += [_arranged(frame, found, turn, size) for frame, found in others.items()]
    if sum(len(line.text) for line in groups[0]) < max(
        (sum(len(line.text) for line in g) for g in groups[1:]), default=0
    ):
        groups.sort(key=lambda g: -sum(len(line.text) for line in g))
    lines: list[Line] = []
    for group in groups:
        first = lines[-1].block + 1 if lines else 0
        lines += [replace(line, block=line.block + first) for line in group]
    return tuple(lines)


def placed(
    hidden: Sequence[Hidden], scale: float, turn: int, size: tuple[float, float]
) -> tuple[Hidden, ...]:
    """Return hidden text with its boxes on the page as it is told: scaled, then turned clockwise from ``size``."""
    return tuple(replace(h, box=turned(scaled(h.box, scale), turn, size)) for h in hidden)


def uncovered_segments(
    segments: Sequence[Segment],
    layer: Layer,
    turn: int,
    size: tuple[float, float],
    languages: Sequence[str],
) -> tuple[Segment, ...]:
    """Return the recognised segments where no text of the layer stands; an icon is no letter."""
    boxes = [turned(run.page_box, turn, size) for run in layer.runs]
    far_east = any(code.split("-")[0] in _FAR_EAST for code in languages)
    return tuple(
        s for s in segments if share_covered(s.box, boxes) < COVERED and not _is_icon(s, far_east)
    )


def _is_icon(segment: Segment, far_east: bool) -> bool:
    """Return whether a drawing was read as a few signs: dots and rings, a Chinese letter among other languages."""
    signs = [c for c in segment.text if not c.isspace()]
    if set(signs) <= _RINGS:
        return True
    if sum(c.isalnum() for c in signs) <= 1 and (segment.confidence or 0.0) < SURE_SIGN:
        return True
    chinese = all(unicodedata.east_asian_width(c) in "WF" for c in signs)
    return chinese and not far_east and len(signs) <= MOST_ICON


def _is_main(run: Run, turn: int) -> bool:
    leans = turned_by(run.frame.angle, turn)
    return leans < NEARLY and not run.frame.mirrored and not run.column


def _like(frame: Frame, known: dict[Frame, list[tuple[Run, TextSource]]]) -> Frame:
    """Return the known frame of this direction, else the frame itself."""
    return next((other for other in known if other.nearly(frame, NEARLY)), frame)


def _arranged(
    frame: Frame, found: Sequence[tuple[Run, TextSource]], turn: int, size: tuple[float, float]
) -> tuple[Line, ...]:
    """Return the lines of one direction: arranged as if they were upright, then put back where they are."""
    boxes = [frame.box(run.page_box) if run.frame != frame else run.box for run, _ in found]
    left, top = min(b.x0 for b in boxes), min(b.y0 for b in boxes)
    segments = [
        Segment(
            run.text, Box(b.x0 - left, b.y0 - top, b.x1 - left, b.y1 - top), None, source=source
        )
        for (run, source), b in zip(found, boxes, strict=True)
    ]
    return tuple(
        replace(line, box=turned(frame.page_box(_moved(line.box, left, top)), turn, size))
        for line in arrange(segments, 0, 0)
    )


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)
