"""Aspose.OCR for Python via .NET, the engine of offices that have a licence.

Without a licence it returns only the beginning of a page, followed by a line of its own. This module removes that line,
marks such a reading as evaluation and truncated, and uses nothing beyond what the evaluation grants. Without OpenSSL
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
TRIAL_MARK = "Trial Licenses"  # in the line that the evaluation appends to a page
MATCHED_PREFIX_CHARACTERS = 12  # at the start of a granted line, which find its box


class Aspose:
    """The engine. One child has one .NET runtime."""

    def __init__(
        self, languages: tuple[str, ...], licence: str | None, *, allow_evaluation: bool
    ) -> None:
        """Start the .NET runtime and set the licence.

        ``licence``: path of the licence file. Raise EngineUnusable if the licence is not accepted, or there is none and
        ``allow_evaluation`` is false.
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
    """Set the licence file, if any; return whether Aspose is licensed. Raise EngineUnusable if it refuses the file."""
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
    """Return a line of Aspose as a segment. Its confidence may be in percent or a share."""
    area = line.line
    confidence = float(line.confidence)
    confidence = confidence / 100 if confidence > 1 else confidence
    left, top = float(area.x), float(area.y)
    box = Box(left, top, float(area.x + area.width), float(area.y + area.height))
    return Segment(str(line.text_in_line).strip(), box, max(0.0, min(1.0, confidence)))


def _granted(lines: list[Segment], text: str, page: Box) -> tuple[Segment, ...]:
    """Return the lines of ``text``, which the evaluation grants, with the boxes of the lines that they begin.

    A line that begins none of ``lines`` gets the box ``page``.
    """
    granted = []
    for granted_line in (line.strip() for line in text.splitlines() if TRIAL_MARK not in line):
        if granted_line:
            start = granted_line[:MATCHED_PREFIX_CHARACTERS]
            match = next((line for line in lines if line.text.startswith(start)), None)
            box, confidence = (match.box, match.confidence) if match else (page, None)
            granted.append(Segment(granted_line, box, confidence))
    return tuple(granted)
