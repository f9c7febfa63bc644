"""The OCR child's loop: look into files, read pages, say whether an engine can be used."""

import os

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))

import dataclasses
import functools
import time
from typing import Any

from PIL.Image import Image

from scanmend.errors import ScanmendError
from scanmend.ocr import engine as engines
from scanmend.ocr.engine import Upright
from scanmend.ocr.layout import arrange
from scanmend.ocr.pages import TEXT_LAYER, contents, open_page
from scanmend.serve import Progress, serve
from scanmend.values import ContentsRequest, EngineStatus, PageRequest, PageText

_engine = functools.lru_cache(maxsize=1)(engines.load)
LONGEST = (
    2000  # characters of a line that can be print; a page of longer ones is read from its picture
)
BLANK = 12  # grey levels between a page's darkest and lightest pixel below which nothing is on it


def read_page(request: PageRequest) -> PageText:
    """Render, right, read and arrange one page."""
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    page = open_page(request)
    clock.lap("render")
    if page.text is not None:
        lines = arrange(page.text, page.width, page.height)
        clock.lap("layout")
        if all(len(line.text) <= LONGEST for line in lines):
            size = (page.width, page.height)
            return PageText(
                request.index, *size, page.dpi, 0, lines, TEXT_LAYER, "pdf-text", seconds=seconds
            )
        page = open_page(dataclasses.replace(request, pdf_text="always_ocr"))
        clock.lap("render")
    image = page.image
    assert image is not None
    reader = _engine(request.engine, request.languages, request.licence, request.allow_evaluation)
    low, high = image.convert("L").getextrema()
    if high - low < BLANK:  # type: ignore[operator]
        return PageText(request.index, *image.size, page.dpi, 0, (), reader.info(), seconds=seconds)
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
        "ocr",
        reading.truncated,
        seconds,
        reading.warnings,
    )


def _upright(image: Image, dpi: float) -> Upright:
    from scanmend.ocr.orient import upright  # noqa: PLC0415 - loads an engine of its own

    return upright(image, dpi)


class _Clock:
    """Laps of a stop watch."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self._seconds[name] = now - self._last
        self._last = now


def probe(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """Whether the engine can be loaded here."""
    name = request["engine"]
    try:
        info = _engine(
            name, tuple(request["languages"]), request["licence"], request["allow_evaluation"]
        ).info()
    except ScanmendError as error:
        return EngineStatus(name, False, reason=str(error)).to_json()
    return EngineStatus(name, True, info.version, licensed=not info.evaluation).to_json()


if __name__ == "__main__":
    serve(
        {
            "contents": lambda request, _: contents(ContentsRequest.from_json(request)).to_json(),
            "page": lambda request, _: read_page(PageRequest.from_json(request)).to_json(),
            "probe": probe,
        }
    )
