"""Aspose.OCR for Python via .NET, the engine of offices that have a licence.

Without a licence it gives only the beginning of a page, followed by a line of its own. Such a reading is
marked as evaluation and truncated, the line is taken out, and nothing beyond what the evaluation grants is
used. The .NET runtime ends the whole process when OpenSSL 1.1 is missing: ``scanmend.backends.ocr_engines`` looks first.
"""

import importlib.metadata
import os
import tempfile

from scanmend.errors import EngineUnusable
from scanmend.ocr.engines.base import Reading, Segment, Upright
from scanmend.page import Box, EngineInfo

LANGUAGES = {
    "af": "AFR", "cs": "CES", "da": "DAN", "de": "DEU", "en": "ENG", "es": "SPA", "et": "EST", "fi": "FIN",
    "fr": "FRA", "hr": "HRV", "hu": "HUN", "it": "ITA", "lt": "LIT", "lv": "LAV", "nl": "NLD", "no": "NOR",
    "pl": "POL", "pt": "POR", "ro": "RON", "ru": "RUS", "sk": "SLK", "sl": "SLV", "sv": "SWE", "tr": "TUR",
    "uk": "UKR", "bg": "BUL", "ca": "CAT", "ar": "ARA", "hi": "HIN", "ja": "JPN", "ko": "KOR", "zh": "CHINESE",
}  # fmt: skip
TRIAL = "Trial Licenses"  # in the line that the evaluation appends


class Aspose:
    """The engine; one .NET runtime in one child."""

    def __init__(
        self, languages: tuple[str, ...], licence: str | None, allow_evaluation: bool
    ) -> None:
        """EngineUnusable when the licence is not accepted, or there is none and evaluation is not allowed."""
        unknown = [code for code in languages if code not in LANGUAGES]
        if unknown:
            raise EngineUnusable(f"ocr.languages: aspose does not read {', '.join(unknown)}")
        import aspose.ocr as api  # noqa: PLC0415 - starts the .NET runtime

        self._api = api
        self._languages = languages
        self._evaluation = not _licensed(api, licence)
        if self._evaluation and not allow_evaluation:
            raise EngineUnusable(
                "aspose has no licence and would read only the beginning of each page: set aspose.licence to your"
                " licence file, or choose ocr.engine: rapidocr; aspose.allow_evaluation: true is for trying it out"
            )
        self._engine = api.AsposeOcr()

    def info(self) -> EngineInfo:
        """Name, version, languages and settings."""
        return EngineInfo(
            "aspose",
            importlib.metadata.version("aspose-ocr-python-net"),
            self._languages,
            {"detect_areas_mode": "UNIVERSAL"},
            self._evaluation,
        )

    def read(self, page: Upright) -> Reading:
        """Read an upright page."""
        api = self._api
        settings = api.RecognitionSettings()
        settings.detect_areas_mode = (
            api.DetectAreasMode.UNIVERSAL
        )  # works offline, as not all modes do
        if len(self._languages) == 1:
            settings.language = getattr(api.Language, LANGUAGES[self._languages[0]])
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


def _licensed(api: object, licence: str | None) -> bool:
    holder = api.License()  # type: ignore[attr-defined]
    if licence:
        try:
            holder.set_license(licence)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise EngineUnusable(
                f"aspose.licence: {licence} is not accepted ({first}); check the file"
            ) from None
    return bool(holder.is_licensed)


def _segment(line: object) -> Segment:
    box = line.line  # type: ignore[attr-defined]
    confidence = float(line.confidence)  # type: ignore[attr-defined]
    confidence = confidence / 100 if confidence > 1 else confidence
    place = Box(float(box.x), float(box.y), float(box.x + box.width), float(box.y + box.height))
    text = str(line.text_in_line).strip()  # type: ignore[attr-defined]
    return Segment(text, place, max(0.0, min(1.0, confidence)))


def _granted(lines: list[Segment], text: str, whole: Box) -> tuple[Segment, ...]:
    """The evaluation's own text, each of its lines with the box of the line that it begins, or of the page."""
    out = []
    for words in (line.strip() for line in text.splitlines() if TRIAL not in line):
        if words:
            near = next((line for line in lines if line.text.startswith(words[:12])), None)
            out.append(
                Segment(words, near.box if near else whole, near.confidence if near else None)
            )
    return tuple(out)
