"""RapidOCR (PP-OCR models, run by OpenVINO), the engine that scanmend ships with.

The detector works on a page scaled to its text's height (``detection``), the recogniser on crops at full resolution.
RapidOCR's classifier is not used, since it turns single lines upside down; ``orientation`` finds the page's direction.
"""

import importlib.metadata
from collections.abc import Sequence

from scanmend.errors import EngineUnusable
from scanmend.languages import RAPIDOCR_LANGUAGES, listed, unread_by_rapidocr
from scanmend.ocr import detection, line_models
from scanmend.ocr.detection import Quad, as_bgr
from scanmend.ocr.engines.base import Reading, UprightPage
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.readability import reading_of
from scanmend.ocr.turned import MIN_LINE_CONFIDENCE, found_lines
from scanmend.page import EngineInfo


class Rapid:
    """The engine. All instances share the models of the process."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """Load the models. Raise EngineUnusable if they lack a language."""
        unread = unread_by_rapidocr(languages)
        if unread:
            raise EngineUnusable(
                f"ocr.languages: rapidocr does not read {listed(unread)}",
                f"use engine tesseract for these, or choose from: {' '.join(sorted(RAPIDOCR_LANGUAGES))}",
            )
        self._languages = languages
        self._models = LineModels()
        self._models.load()

    def info(self) -> EngineInfo:
        """Return name, version, languages and settings."""
        settings = {
            "model": "PP-OCRv6 small",
            "runtime": f"openvino {importlib.metadata.version('openvino')}",
            "detect_side": detection.MAX_FINE_SIDE_PX,
            "detect_height": detection.LINE_HEIGHT_PX,
            "line": line_models.MIN_LINE_PROBABILITY,
            "least_score": MIN_LINE_CONFIDENCE,
            "sure": line_models.SURE_OF_CHARACTER,
            "space": line_models.MIN_SPACE_PROBABILITY,
            "space_within": line_models.MIN_SPACE_PROBABILITY_WITHIN,
        }
        version = importlib.metadata.version("rapidocr")
        return EngineInfo("rapidocr", version, self._languages, settings)

    def read(self, page: UprightPage) -> Reading:
        """Read an upright page."""
        pixels = as_bgr(page.image)
        coarse = page.coarse_lines
        if coarse is None:
            coarse = self._models.find_lines(pixels)
        quads = self._models.find_all_lines(pixels, coarse)
        return reading_of(found_lines(self._models, pixels, quads), "rapidocr", self._languages)

    def read_lines(self, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        """Return the text of each line, given as a picture (BGR)."""
        return self._models.recognise(crops)

    def read_quads(self, pixels: Pixels, quads: Sequence[Quad]) -> Reading:
        """Return the lines at these quadrangles of a page's picture (BGR)."""
        lines = found_lines(self._models, pixels, quads)
        return Reading(
            tuple(line.segment for line in lines if line.is_text),
            unreadable=tuple(line.segment.box for line in lines if not line.is_text),
        )
