"""The OCR child's loop: look into files, read pages, say whether an engine can be used."""

import os

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))

import dataclasses
import functools
import importlib.metadata
import time

from PIL.Image import Image

from scanmend.errors import ScanmendError
from scanmend.ocr.engines import base as engines
from scanmend.ocr.engines.base import Segment, Upright
from scanmend.ocr.eyes import RapidEyes
from scanmend.ocr.layout import arrange
from scanmend.ocr.pages import contents, open_page
from scanmend.ocr.pdf.document import is_pdf
from scanmend.ocr.pdf.layer import Layer, checked, main_turn, too_long, trusted
from scanmend.ocr.pdf.order import ordered, placed, uncovered_segments
from scanmend.ocr.pdf.page import OpenPage, opened_page
from scanmend.ocr.pictures import Rendered
from scanmend.page import TEXT_LAYER, EngineInfo, PageText, TextSource
from scanmend.workers.protocol import ContentsRequest, EngineStatus, PageRequest, ProbeRequest
from scanmend.workers.server import serve

_engine = functools.lru_cache(maxsize=1)(engines.load)
LONGEST = (
    2000  # characters of a line that can be print; a page of longer ones is read from its picture
)
BLANK = 12  # grey levels between a page's darkest and lightest pixel below which nothing is on it
LAYER_INFO = EngineInfo(TEXT_LAYER, importlib.metadata.version("pypdfium2"))


def read_page(request: PageRequest) -> PageText:
    """Return one page as read: what its text layer is good for, the rest by the engine."""
    clock = _Clock()
    if not is_pdf(request.path):
        page = open_page(request)
        clock.lap("render")
        return _recognised(request, page, clock)
    with opened_page(request) as opened:
        layer = _layer(opened, request)
        clock.lap("text")
        if layer.runs:
            text = _with_layer(request, opened, layer, clock)
            if all(len(line.text) <= LONGEST for line in text.lines):
                return text
            layer = too_long(layer, f"a line of it has more than {LONGEST:,} characters")
        page = opened.picture()
        clock.lap("render")
        size = opened.sheet.size
    found = _recognised(request, page, clock)
    hidden = placed(layer.hidden, page.width / size[0], found.rotation, (page.width, page.height))
    return dataclasses.replace(found, hidden=hidden, warnings=(*layer.warnings, *found.warnings))


def _layer(opened: OpenPage, request: PageRequest) -> Layer:
    """Return what counts of the page's text layer by ``pdf.text``."""
    if request.pdf_text == "always_ocr":
        return Layer()
    if request.pdf_text == "trust":
        return trusted(opened)
    return checked(opened, request.path, None if request.engine == "null" else RapidEyes())


def _with_layer(request: PageRequest, opened: OpenPage, layer: Layer, clock: "_Clock") -> PageText:
    """Return the page by its text layer, with what the page shows besides by the engine."""
    turn = main_turn(layer.runs)
    engine, warnings = LAYER_INFO, layer.warnings
    segments: tuple[Segment, ...] = ()
    truncated = False
    if layer.more:
        reader = _reader(request)
        image = opened.without(layer.objects).image
        clock.lap("render")
        reading = reader.read(Upright(image.rotate(-turn, expand=True), opened.dpi, turn))
        segments = uncovered_segments(
            reading.segments, layer, turn, opened.sheet.size, request.languages
        )
        clock.lap("ocr")
        if segments:
            engine, truncated, warnings = (
                reader.info(),
                reading.truncated,
                (*warnings, *reading.warnings),
            )
    lines = ordered(layer, segments, turn, opened.sheet.size)
    clock.lap("layout")
    sources = {line.source for line in lines}
    width, height = opened.size if turn in (0, 180) else opened.size[::-1]
    return PageText(
        request.index, width, height, opened.dpi, turn, lines, engine,
        sources.pop() if len(sources) == 1 else TextSource.MIXED, truncated, clock.seconds, warnings,
        placed(layer.hidden, 1.0, turn, opened.sheet.size),
    )  # fmt: skip


def _reader(request: PageRequest | ProbeRequest) -> engines.Engine:
    return _engine(request.engine, request.languages, request.licence, request.allow_evaluation)


def _recognised(request: PageRequest, page: Rendered, clock: "_Clock") -> PageText:
    """Return a page's picture as read: righted, recognised and arranged."""
    image = page.image
    reader = _reader(request)
    low, high = image.convert("L").getextrema()
    if high - low < BLANK:  # type: ignore[operator]
        return PageText(
            request.index, *image.size, page.dpi, 0, (), reader.info(), seconds=clock.seconds
        )
    clock.lap("load")
    upright = _upright(image, page.dpi) if request.rotate else Upright(image, page.dpi)
    clock.lap("orient")
    reading = reader.read(upright)
    clock.lap("ocr")
    lines = arrange(reading.segments, *upright.image.size)
    clock.lap("layout")
    return PageText(
        request.index,
        *upright.image.size,
        page.dpi,
        upright.turn,
        lines,
        reader.info(),
        TextSource.RECOGNISED,
        reading.truncated,
        clock.seconds,
        reading.warnings,
    )


def _upright(image: Image, dpi: float) -> Upright:
    from scanmend.ocr.orientation import upright  # noqa: PLC0415 - loads an engine of its own

    return upright(image, dpi)


class _Clock:
    """Seconds that each stage of a page takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """End a stage; one that comes twice is added up."""
        now = time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def probe(request: ProbeRequest) -> EngineStatus:
    """Return whether the engine can be loaded here."""
    name = request.engine
    try:
        info = _reader(request).info()
    except ScanmendError as error:
        return EngineStatus(name, usable=False, reason=error.what, remedy=error.remedy)
    return EngineStatus(name, usable=True, version=info.version, licensed=not info.evaluation)


if __name__ == "__main__":
    serve(
        {
            ContentsRequest: lambda request, _: contents(request),
            PageRequest: lambda request, _: read_page(request),
            ProbeRequest: lambda request, _: probe(request),
        }
    )
