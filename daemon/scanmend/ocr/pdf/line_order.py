"""Put the lines of a page with a text layer into reading order: the main direction first, then the others."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from scanmend.ocr.directions import arrange_directions
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.frames import Frame, angle_between
from scanmend.ocr.layout import arrange
from scanmend.ocr.pdf.coverage import MIN_COVERED_SHARE, share_covered
from scanmend.ocr.pdf.geometry import scaled, turned
from scanmend.ocr.pdf.runs import Run
from scanmend.ocr.pdf.text_layer import TextLayer
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box, Hidden, Line, TextSource

SURE_OF_SINGLE_CHARACTER = 0.9  # confidence from which a single letter or digit is no icon
MAX_ICON_CHARACTERS = 2  # Chinese characters that may be a misread drawing
MAX_LEAN_OF_LINE = 5.0  # degrees within which text has the same direction
_RATING_MARKS = frozenset("oO○●•·∘◦.-–—_|")  # of ratings, leaders and rules
_FAR_EAST = frozenset({"zh", "ja", "ko"})

SourcedRun = tuple[Run, TextSource]
Size = tuple[float, float]  # width and height of the page in pixels, before it is turned


def lines_in_order(
    layer: TextLayer, recognised: Sequence[Segment], turn: int, size: Size
) -> tuple[Line, ...]:
    """Return the page's lines in reading order, in pixels of the page turned clockwise by ``turn`` degrees.

    ``recognised``: in the same pixels.
    """
    sourced = [(run, TextSource.DRAWN) for run in layer.drawn]
    sourced += [(run, TextSource.EARLIER) for run in layer.earlier]
    main: list[Segment] = list(recognised)
    others: dict[Frame, list[SourcedRun]] = {}
    for run, source in sourced:
        if _is_main(run, turn):
            box = turned(run.page_box, turn, size)
            main.append(Segment(run.text, box, None, source=source))
        else:
            others.setdefault(_known_frame(run.frame, others), []).append((run, source))
    upright = size if turn in (0, 180) else size[::-1]
    groups = [
        arrange_directions(
            main,
            arrange,
            partial(arrange, rules=_turned_rules(layer.rules, turn, size), size=upright),
        )
    ]
    groups += [_arranged(frame, runs, turn, size) for frame, runs in others.items()]
    if _characters(groups[0]) < max(map(_characters, groups[1:]), default=0):
        groups.sort(key=lambda group: -_characters(group))
    lines: list[Line] = []
    for group in groups:
        first = lines[-1].block + 1 if lines else 0
        lines += [replace(line, block=line.block + first) for line in group]
    return tuple(lines)


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
    boxes = [turned(run.page_box, turn, size) for run in layer.runs]
    far_east = any(code.split("-")[0] in _FAR_EAST for code in languages)
    return tuple(
        s
        for s in segments
        if share_covered(s.box, boxes) < MIN_COVERED_SHARE and not _is_icon(s, far_east)
    )


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


def _is_main(run: Run, turn: int) -> bool:
    """Return whether a run is upright on the turned page."""
    lean = angle_between(run.frame.angle, turn)
    return lean < MAX_LEAN_OF_LINE and not run.frame.mirrored and not run.column


def _known_frame(frame: Frame, known: dict[Frame, list[SourcedRun]]) -> Frame:
    """Return the known frame of this direction; the frame itself if there is none."""
    return next((other for other in known if other.is_near(frame, MAX_LEAN_OF_LINE)), frame)


def _characters(group: Sequence[Line]) -> int:
    return sum(len(line.text) for line in group)


def _arranged(
    frame: Frame, sourced_runs: Sequence[SourcedRun], turn: int, size: Size
) -> tuple[Line, ...]:
    """Return the lines of one direction, arranged as if it were upright, with their boxes on the turned page."""
    boxes = [
        frame.from_page(run.page_box) if run.frame != frame else run.box for run, _ in sourced_runs
    ]
    left, top = min(b.x0 for b in boxes), min(b.y0 for b in boxes)
    segments = [
        Segment(run.text, _moved(box, -left, -top), None, source=source)
        for (run, source), box in zip(sourced_runs, boxes, strict=True)
    ]
    return tuple(
        replace(line, box=turned(frame.to_page(_moved(line.box, left, top)), turn, size))
        for line in arrange(segments)
    )


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)
