"""RapidOCR (PP-OCR models, run by OpenVINO), the engine that scanmend ships with.

The detector works on a page scaled to its text's height (``detection``), the recogniser on crops at full resolution.
RapidOCR's classifier is not used, since it turns single lines upside down; ``orientation`` finds the page's direction.
"""

import importlib.metadata
import itertools

from scanmend.errors import EngineUnusable
from scanmend.languages import RAPIDOCR_LANGUAGES, listed, unread_by_rapidocr
from scanmend.ocr import detection, line_models
from scanmend.ocr.detection import as_bgr, bounds, crop
from scanmend.ocr.engines.base import Reading, Segment, UprightPage
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.readability import (
    LIMITS_OF_RAPIDOCR,
    FoundLine,
    is_unreadable,
    places_left_out,
    skipped_ink,
    warning_of,
)
from scanmend.page import Box, EngineInfo

MIN_LINE_CONFIDENCE = 0.6  # below it, a line is noise, a picture or a stain


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
        crops = [crop(pixels, quad) for quad in quads]
        lines = self._models.recognise(crops)
        boxes = [bounds(quad) for quad in quads]
        found = [_found(line, picture) for line, picture in zip(lines, crops, strict=True)]
        unreadable = is_unreadable(found)
        least = LIMITS_OF_RAPIDOCR.line if unreadable else MIN_LINE_CONFIDENCE
        segments = (
            _segment(line, box)
            for box, line in zip(boxes, lines, strict=True)
            if line.text and line.confidence >= least
        )
        if not unreadable:
            return Reading(tuple(segments))
        places = (places_left_out(line, box) for line, box in zip(found, boxes, strict=True))
        return Reading(
            tuple(segments),
            warnings=(warning_of("rapidocr", self._languages),),
            unreadable_script=True,
            unread=tuple(itertools.chain.from_iterable(places)),
        )


def _found(line: RecognisedLine, picture: Pixels) -> FoundLine:
    height, width = picture.shape[:2]
    skipped = skipped_ink(picture, line.places)
    return FoundLine(line.text, line.confidence, width, height, LIMITS_OF_RAPIDOCR, skipped)


def _segment(line: RecognisedLine, box: Box) -> Segment:
    spaces = tuple(
        (box.x0 + middle * box.width, width * box.width) for middle, width in line.spaces
    )
    return Segment(line.text, box, line.confidence, line.unsure, spaces, line.doubts)
