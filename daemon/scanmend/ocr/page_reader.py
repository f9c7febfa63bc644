"""Read one page: what its text layer is good for, the rest by the engine."""

import dataclasses
import importlib.metadata
import time

from scanmend.ocr.engines.base import Engine, Reading, Segment, UprightPage
from scanmend.ocr.engines.factory import EngineChoice, loaded
from scanmend.ocr.layout import arrange
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.orientation import upright
from scanmend.ocr.pages import open_page
from scanmend.ocr.pdf.document import is_pdf
from scanmend.ocr.pdf.line_order import beside_layer, hidden_on_page, lines_in_order
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
from scanmend.page import TEXT_LAYER_ENGINE, EngineInfo, Line, PageText, TextSource
from scanmend.workers.protocol import PageRequest, ProbeRequest

MAX_LINE_CHARACTERS = 2000  # of a printed line; a page with a longer one is read from its picture
# grey levels between a page's darkest and lightest pixel; a page with less is blank
BLANK_CONTRAST = 12
LAYER_INFO = EngineInfo(TEXT_LAYER_ENGINE, importlib.metadata.version("pypdfium2"))


def read_page(request: PageRequest) -> PageText:
    """Return the text of one page. Raises what ``pages.contents`` raises, EngineUnusable, and ChildError."""
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
    found = _recognised(request, page, clock)
    size = (page.width, page.height)
    hidden = hidden_on_page(layer.hidden, page.width / width, found.rotation, size)
    return dataclasses.replace(found, hidden=hidden, warnings=(*layer.warnings, *found.warnings))


def _text_layer(opened: OpenPage, request: PageRequest) -> TextLayer:
    """Return what counts of the page's text layer, as ``pdf.text`` says."""
    if request.pdf_text == "always_ocr":
        return TextLayer()
    if request.pdf_text == "trust":
        return trusted_layer(opened)
    models = None if request.engine == "null" else LineModels()
    return checked_layer(opened, version_of(request.path), models)


def _with_layer(
    request: PageRequest, opened: OpenPage, layer: TextLayer, clock: "_Clock"
) -> PageText:
    """Return the page by its text layer, and by the engine what the page shows besides."""
    turn = main_turn(layer.runs)
    size = opened.geometry.size
    engine, warnings = LAYER_INFO, layer.warnings
    segments: tuple[Segment, ...] = ()
    truncated = False
    if layer.has_more:
        reader = engine_of(request)
        image = opened.render_without(layer.text_objects).image
        clock.lap("render")
        page = UprightPage(image.rotate(-turn, expand=True), opened.dpi, turn)
        reading = reader.read(page)
        segments = beside_layer(reading.segments, layer, turn, size, request.languages)
        clock.lap("ocr")
        if segments:
            engine, truncated = reader.info(), reading.truncated
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
        lines=lines,
        engine=engine,
        source=sources.pop() if len(sources) == 1 else TextSource.MIXED,
        truncated=truncated,
        seconds=clock.seconds,
        warnings=warnings,
        hidden=hidden_on_page(layer.hidden, 1.0, turn, size),
    )


def _recognised(request: PageRequest, page: Rendered, clock: "_Clock") -> PageText:
    """Return the text of a page's picture: turned upright, recognised and put into reading order."""
    engine = engine_of(request)
    as_it_is = UprightPage(page.image, page.dpi)
    if _is_blank(page):
        return _page_text(request, as_it_is, engine.info(), Reading(()), (), clock)
    clock.lap("load")
    # the models are RapidOCR's, whatever the engine
    turned = upright(page.image, page.dpi, LineModels()) if request.rotate else as_it_is
    clock.lap("orient")
    reading = engine.read(turned)
    clock.lap("ocr")
    lines = arrange(reading.segments)
    clock.lap("layout")
    return _page_text(request, turned, engine.info(), reading, lines, clock)


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
        width=page.image.width,
        height=page.image.height,
        dpi=page.dpi,
        rotation=page.turn,
        lines=lines,
        engine=engine,
        truncated=reading.truncated,
        seconds=clock.seconds,
        warnings=reading.warnings,
    )


def engine_of(request: PageRequest | ProbeRequest) -> Engine:
    """Return the engine of a request, loaded; EngineUnusable."""
    return loaded(
        EngineChoice(request.engine, request.languages, request.licence, request.allow_evaluation)
    )


def _is_blank(page: Rendered) -> bool:
    """Return whether hardly anything stands out on the page."""
    darkest, lightest = page.image.convert("L").getextrema()
    return lightest - darkest < BLANK_CONTRAST  # type: ignore[operator]


class _Clock:
    """The seconds that each stage of a page takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """End a stage; add the seconds if it comes twice."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
