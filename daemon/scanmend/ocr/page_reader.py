"""Read one page: take the trustworthy part of its text layer, and recognise the rest with the engine."""

import dataclasses
import importlib.metadata
import time
from functools import partial

from scanmend.ocr.blank_page import is_blank
from scanmend.ocr.directions import arrange_directions
from scanmend.ocr.engines.base import Engine, Reading, Segment, UprightPage
from scanmend.ocr.engines.factory import EngineChoice, loaded
from scanmend.ocr.ink.account import with_all_ink
from scanmend.ocr.layout import arrange
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.marks import with_marks, without_marks
from scanmend.ocr.orientation import upright
from scanmend.ocr.pages import open_page
from scanmend.ocr.pdf.document import is_pdf
from scanmend.ocr.pdf.line_order import (
    beside_layer,
    boxes_of,
    hidden_on_page,
    lines_in_order,
    main_frame,
)
from scanmend.ocr.pdf.open_page import OpenPage, open_pdf_page
from scanmend.ocr.pdf.repair import version_of
from scanmend.ocr.pdf.text_layer import (
    TextLayer,
    checked_layer,
    main_turn,
    not_printed,
    trusted_layer,
)
from scanmend.ocr.pictures import Rendered
from scanmend.ocr.rulings import rules_of
from scanmend.ocr.strays import without_strays
from scanmend.ocr.tones import with_full_contrast
from scanmend.page import TEXT_LAYER_ENGINE, EngineInfo, Line, PageText, TextSource
from scanmend.workers.protocol import PageRequest, ProbeRequest

# in a line of a text layer; a page with a longer one is recognised instead
MAX_LINE_CHARACTERS = 2000
LAYER_INFO = EngineInfo(TEXT_LAYER_ENGINE, importlib.metadata.version("pypdfium2"))


def read_page(request: PageRequest) -> PageText:
    """Return the text of one page. Raise EngineUnusable, ChildError, and the errors of ``pages.contents``."""
    clock = _Clock()
    if not is_pdf(request.path):
        page = open_page(request)
        clock.lap("render")
        return _recognised(request, page, clock)
    with open_pdf_page(request) as opened:
        layer = _text_layer(opened, request)
        clock.lap("text")
        if layer.runs:
            text = _with_layer(request, opened, layer, clock)
            if all(len(line.text) <= MAX_LINE_CHARACTERS for line in text.lines):
                return text
            layer = not_printed(
                layer, f"a line of it has more than {MAX_LINE_CHARACTERS:,} characters"
            )
        page = opened.render()
        clock.lap("render")
        width = opened.geometry.size[0]
    recognised = _recognised(request, page, clock)
    size = (page.width, page.height)
    hidden = hidden_on_page(layer.hidden, page.width / width, recognised.rotation, size)
    return dataclasses.replace(
        recognised, hidden=hidden, warnings=(*layer.warnings, *recognised.warnings)
    )


def _text_layer(opened: OpenPage, request: PageRequest) -> TextLayer:
    """Return the valid part of the page's text layer, by the setting ``pdf.text``."""
    if request.pdf_text == "always_ocr":
        return TextLayer()
    if request.pdf_text == "trust":
        return trusted_layer(opened)
    models = None if request.engine == "null" else LineModels()
    return checked_layer(opened, version_of(request.path), models)


def _with_layer(
    request: PageRequest, opened: OpenPage, layer: TextLayer, clock: "_Clock"
) -> PageText:
    """Return the page with the text of its layer, and with what the engine reads beside it."""
    turn = main_turn(layer.runs)
    size = opened.geometry.size
    engine, warnings = LAYER_INFO, layer.warnings
    segments: tuple[Segment, ...] = ()
    truncated = False
    reading = Reading(())
    if layer.has_more:
        reader = engine_of(request)
        image = opened.render_without(layer.text_objects).image
        clock.lap("render")
        page = UprightPage(image.rotate(-turn, expand=True), opened.dpi, turn)
        reading = reader.read(page)
        clock.lap("ocr")
        covered = boxes_of(layer, turn, size)
        reading = with_all_ink(reader, page, reading, covered)
        clock.lap("ink")
        segments = beside_layer(reading.segments, layer, turn, size, request.languages)
        if segments:
            engine, truncated = reader.info(), reading.truncated
        if segments or reading.unreadable_script:
            warnings = (*warnings, *reading.warnings)
    lines = lines_in_order(layer, segments, turn, size)
    clock.lap("layout")
    sources = {line.source for line in lines}
    width, height = opened.size if turn in (0, 180) else opened.size[::-1]
    return PageText(
        index=request.index,
        width=width,
        height=height,
        dpi=opened.dpi,
        rotation=turn,
        tilt=0 - main_frame(layer.runs, turn).angle,
        lines=lines,
        engine=engine,
        source=sources.pop() if len(sources) == 1 else TextSource.MIXED,
        truncated=truncated,
        seconds=clock.seconds,
        warnings=warnings,
        hidden=hidden_on_page(layer.hidden, 1.0, turn, size),
        unread=reading.unread,
        unreadable_script=reading.unreadable_script,
    )


def _recognised(request: PageRequest, page: Rendered, clock: "_Clock") -> PageText:
    """Return the text of a page's picture: turned upright, recognised and put into reading order."""
    engine = engine_of(request)
    image = page.image
    unturned = UprightPage(image, page.dpi)
    if is_blank(image):
        return _page_text(request, unturned, engine.info(), Reading(()), (), clock)
    image = with_full_contrast(image)
    clock.lap("load")
    # these models are RapidOCR's, even if another engine reads the page
    unturned = UprightPage(image, page.dpi)
    turned = upright(image, page.dpi, LineModels()) if request.rotate else unturned
    clock.lap("orient")
    reading = _read_with_marks(engine, turned, clock)
    whole_page = partial(arrange, rules=rules_of(turned.image), size=turned.image.size)
    lines = arrange_directions(reading.segments, arrange, whole_page)
    clock.lap("layout")
    return _page_text(request, turned, engine.info(), reading, lines, clock)


def _read_with_marks(engine: Engine, page: UprightPage, clock: "_Clock") -> Reading:
    """Return what the engine reads on an upright page, with its tick boxes, and without rules read as characters.

    Ink that the engine overlooked is read again.
    """
    info = engine.info()
    if info.name == "null":
        return engine.read(page)
    marked = without_marks(page, LineModels())
    reading = engine.read(marked.page)
    clock.lap("ocr")
    reading = with_all_ink(engine, marked.page, reading)
    clock.lap("ink")
    segments = without_strays(reading.segments, page, info.languages)
    return dataclasses.replace(reading, segments=with_marks(segments, marked))


def _page_text(
    request: PageRequest,
    page: UprightPage,
    engine: EngineInfo,
    reading: Reading,
    lines: tuple[Line, ...],
    clock: "_Clock",
) -> PageText:
    return PageText(
        index=request.index,
        width=page.size[0],
        height=page.size[1],
        dpi=page.dpi,
        rotation=page.turn,
        tilt=page.tilt,
        lines=tuple(dataclasses.replace(line, box=page.on_page(line.box)) for line in lines),
        engine=engine,
        truncated=reading.truncated,
        seconds=clock.seconds,
        warnings=reading.warnings,
        unread=tuple(map(page.on_page, reading.unread)),
        unreadable_script=reading.unreadable_script,
    )


def engine_of(request: PageRequest | ProbeRequest) -> Engine:
    """Return the engine of a request, loaded. Raise EngineUnusable."""
    return loaded(
        EngineChoice(request.engine, request.languages, request.licence, request.allow_evaluation)
    )


class _Clock:
    """Measures the seconds that each stage of a page takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """End a stage, and add its seconds to those of earlier stages of this name."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
