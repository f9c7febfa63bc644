"""Aspose.OCR for Python via .NET, the engine of offices that have a licence.

Without a licence it gives only the beginning of a page, followed by a line of its own. Such a reading is marked as
evaluation and truncated, the line is removed, and nothing beyond what the evaluation grants is used. Without OpenSSL
1.1 the .NET runtime ends the whole process: ``scanmend.backends.ocr_engines`` looks for it first.
"""

import importlib.metadata
import os
import re
import tempfile
from typing import Any

from scanmend.errors import EngineUnusable
from scanmend.ocr.engines.base import Reading, Segment, UprightPage
from scanmend.page import Box, EngineInfo

# ISO 639-1 codes and Aspose's names
ASPOSE_LANGUAGES: dict[str, str] = dict(
    re.findall(
        r"(\w+):(\w+)",
        "af:AFR ar:ARA bg:BUL ca:CAT cs:CES da:DAN de:DEU en:ENG es:SPA et:EST fi:FIN fr:FRA hi:HIN hr:HRV "
        "hu:HUN it:ITA ja:JPN ko:KOR lt:LIT lv:LAV nl:NLD no:NOR pl:POL pt:POR ro:RON ru:RUS sk:SLK sl:SLV "
        "sv:SWE tr:TUR uk:UKR zh:CHINESE",
    )
)
DETECT_AREAS_MODE = "UNIVERSAL"  # works without a network, unlike some other modes
TRIAL = "Trial Licenses"  # in the line that the evaluation appends
MATCHED_CHARACTERS = 12  # at the start of a granted line, by which its box is found


class Aspose:
    """The engine; one .NET runtime in one child."""

    def __init__(
        self, languages: tuple[str, ...], licence: str | None, *, allow_evaluation: bool
    ) -> None:
        """Start the .NET runtime and set the licence.

        Raises EngineUnusable if the licence is not accepted, or there is none and ``allow_evaluation`` is false.
        """
        unknown = [code for code in languages if code not in ASPOSE_LANGUAGES]
        if unknown:
            raise EngineUnusable(f"ocr.languages: aspose does not read {', '.join(unknown)}")
        import aspose.ocr as api  # noqa: PLC0415 - starts the .NET runtime

        self._api = api
        self._languages = languages
        self._evaluation = not _is_licensed(api, licence)
        if self._evaluation and not allow_evaluation:
            raise EngineUnusable(
                "aspose has no licence and would read only the beginning of each page: set aspose.licence to your"
                " licence file, or choose ocr.engine: rapidocr; aspose.allow_evaluation: true is for trying it out"
            )
        self._engine = api.AsposeOcr()

    def info(self) -> EngineInfo:
        """Return name, version, languages and settings."""
        version = importlib.metadata.version("aspose-ocr-python-net")
        settings = {"detect_areas_mode": DETECT_AREAS_MODE}
        return EngineInfo("aspose", version, self._languages, settings, self._evaluation)

    def read(self, page: UprightPage) -> Reading:
        """Read an upright page."""
        api = self._api
        settings = api.RecognitionSettings()
        settings.detect_areas_mode = getattr(api.DetectAreasMode, DETECT_AREAS_MODE)
        if len(self._languages) == 1:
            settings.language = getattr(api.Language, ASPOSE_LANGUAGES[self._languages[0]])
        with tempfile.TemporaryDirectory(prefix="scanmend-") as scratch:
            path = os.path.join(scratch, "page.png")
            page.image.save(path, compress_level=1)
            pages = api.OcrInput(api.InputType.SINGLE_IMAGE)
            pages.add(path)
            result = self._engine.recognize(pages, settings)[0]
            lines = [_segment(line) for line in result.recognition_lines_result]
            granted = result.recognition_text
        if not self._evaluation:
            return Reading(tuple(line for line in lines if line.text))
        return Reading(
            _granted(lines, granted, Box(0, 0, *map(float, page.image.size))),
            truncated=True,
            warnings=("aspose without a licence: truncated",),
        )


def _is_licensed(api: Any, licence: str | None) -> bool:
    """Set the licence file, if any, and return whether Aspose is licensed; EngineUnusable if it refuses the file."""
    holder = api.License()
    if licence:
        try:
            holder.set_license(licence)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise EngineUnusable(
                f"aspose.licence: {licence} is not accepted ({first})", "check the file"
            ) from None
    return bool(holder.is_licensed)


def _segment(line: Any) -> Segment:
    """Return Aspose's line as a segment; it gives confidences in percent or as shares."""
    area = line.line
    confidence = float(line.confidence)
    confidence = confidence / 100 if confidence > 1 else confidence
    left, top = float(area.x), float(area.y)
    box = Box(left, top, float(area.x + area.width), float(area.y + area.height))
    return Segment(str(line.text_in_line).strip(), box, max(0.0, min(1.0, confidence)))


def _granted(lines: list[Segment], text: str, page: Box) -> tuple[Segment, ...]:
    """Return the text that the evaluation grants, each line with the box of the line that it begins, else the page's."""
    granted = []
    for words in (line.strip() for line in text.splitlines() if TRIAL not in line):
        if words:
            start = words[:MATCHED_CHARACTERS]
            near = next((line for line in lines if line.text.startswith(start)), None)
            box, confidence = (near.box, near.confidence) if near else (page, None)
            granted.append(Segment(words, box, confidence))
    return tuple(granted)
