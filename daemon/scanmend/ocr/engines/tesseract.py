"""Tesseract 5, the system's library: a page goes in, words with boxes come out, as TSV.

The library is called through ctypes. Compared with one start of the program per page, that takes three quarters of the
CPU time. The wheel of tesserocr (MIT) brings a Tesseract of its own, 5.5.4: on 10 receipts and typed pages it took 0.38
s of CPU per page, Debian 12's 5.3.0 took 0.47 s, and they read some words differently. But it does not find the
system's traineddata, and the system's security updates don't reach its library.
"""

import csv
import ctypes
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scanmend.errors import ChildError, EngineUnusable
from scanmend.languages import listed, packages, traineddata
from scanmend.ocr.engines.base import Reading, Segment, UprightPage
from scanmend.ocr.readability import LIMITS_OF_TESSERACT, FoundLine, reading_of
from scanmend.page import Box, EngineInfo

LIBRARY = "libtesseract.so.5"  # its interface has the number of its major version
MIN_PASSED_DPI = 70  # Tesseract does not believe a lower resolution
MAX_WORD_GAP = 1.2  # line heights between two words of one segment
PAGE_SEGMENTATION = 3  # PSM_AUTO: automatic, without detection of the orientation
TSV_WORD_LEVEL = "5"  # the level of rows for words
TSV_COLUMNS = [
    "level",
    "page_num",
    "block_num",
    "par_num",
    "line_num",
    "word_num",
    "left",
    "top",
    "width",
    "height",
    "conf",
    "text",
]


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word. ``line``: numbers of block, paragraph and line. ``box``: in pixels. ``confidence``: 0..1."""

    line: tuple[str, str, str]
    text: str
    box: Box
    confidence: float


class Tesseract:
    """The engine: the library of the program ``tesseract``, which stays in memory from page to page."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """Load library and languages. Raise EngineUnusable, with the package to install, if one is missing."""
        self._library = _load_library(languages)
        self._languages = languages
        self._version = self._library.TessVersion().decode()
        self._names = [traineddata(code) or code for code in languages or ("en",)]
        self._api = self._library.TessBaseAPICreate()
        names = "+".join(self._names).encode()
        failed = self._library.TessBaseAPIInit3(self._api, None, names) != 0
        self._check_data(failed)
        self._library.TessBaseAPISetVariable(self._api, b"debug_file", os.devnull.encode())
        self._library.TessBaseAPISetPageSegMode(self._api, PAGE_SEGMENTATION)

    def _check_data(self, failed: bool) -> None:
        """Raise EngineUnusable if a language has no data, or the library could not load them (``failed``).

        The library itself ignores a missing language if there is another one.
        """
        folder = (self._library.TessBaseAPIGetDatapath(self._api) or b"").decode()
        codes = self._languages or ("en",)
        missing = [
            code
            for code, name in zip(codes, self._names, strict=True)
            if not os.path.exists(os.path.join(folder, f"{name}.traineddata"))
        ]
        if missing:
            raise EngineUnusable(
                f"ocr.languages: tesseract has no data for {listed(missing)}",
                f"install it with: apt install {packages(missing, program=False)}",
            )
        if failed:
            raise EngineUnusable(
                f"{folder}: tesseract can't load {', '.join(self._names)}",
                f"install them again: apt install --reinstall {packages(codes, program=False)}",
            )

    def info(self) -> EngineInfo:
        """Return name, version, languages and settings."""
        settings = {"traineddata": "+".join(self._names), "psm": PAGE_SEGMENTATION}
        return EngineInfo("tesseract", self._version, self._languages, settings)

    def read(self, page: UprightPage) -> Reading:
        """Return the segments of an upright page. Raise ChildError if the library fails on it."""
        found = [
            FoundLine(s, s.box.width / max(1.0, s.box.height), LIMITS_OF_TESSERACT)
            for s in segments_of(self.words(page))
        ]
        return reading_of(found, "tesseract", self._languages)

    def words(self, page: UprightPage) -> list[RecognisedWord]:
        """Return the words of an upright page, line by line. Raise ChildError if the library fails on it."""
        grey = page.image.convert("L")
        width, height = grey.size
        library, api = self._library, self._api
        library.TessBaseAPISetImage(api, grey.tobytes(), width, height, 1, width)
        library.TessBaseAPISetSourceResolution(api, max(MIN_PASSED_DPI, round(page.dpi)))
        try:
            if library.TessBaseAPIRecognize(api, None) != 0:
                raise ChildError("tesseract can't read this page", "it does not say why")
            tsv = library.TessBaseAPIGetTsvText(api, 0)
            if not tsv:
                raise ChildError("tesseract gives no result for this page", "it does not say why")
            try:
                text = ctypes.string_at(tsv).decode("utf-8", "replace")
            finally:
                library.TessDeleteText(tsv)
        finally:
            library.TessBaseAPIClear(api)
        return list(words_of(text))


def _load_library(languages: Sequence[str]) -> Any:
    """Return Tesseract's C interface (capi.h), with the types of the used functions.

    Raise EngineUnusable, with the packages to install for ``languages``, if there is no library.
    """
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        remedy = f"install it with: apt install {packages(languages)}"
        raise EngineUnusable(f"{LIBRARY} is not there", remedy) from None
    api, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.TessVersion.restype = library.TessBaseAPIGetDatapath.restype = text
    library.TessBaseAPICreate.restype = library.TessBaseAPIGetTsvText.restype = api
    library.TessBaseAPIGetDatapath.argtypes = library.TessBaseAPIClear.argtypes = [api]
    library.TessBaseAPIInit3.argtypes = library.TessBaseAPISetVariable.argtypes = [api, text, text]
    library.TessBaseAPISetImage.argtypes = [api, text, number, number, number, number]
    for name in ("SetPageSegMode", "SetSourceResolution", "GetTsvText"):
        getattr(library, f"TessBaseAPI{name}").argtypes = [api, number]
    library.TessBaseAPIRecognize.argtypes = [api, api]
    library.TessDeleteText.argtypes = [api]
    return library


def segments_of(words: Iterable[RecognisedWord]) -> list[Segment]:
    """Return Tesseract's words as segments: the words of a line, cut at gaps of more than ``MAX_WORD_GAP``."""
    runs: list[list[RecognisedWord]] = []
    for word in words:
        last = runs[-1][-1] if runs else None
        if last is not None and last.line == word.line:
            height = max(w.box.height for w in (*runs[-1], word))
            if word.box.x0 - last.box.x1 <= MAX_WORD_GAP * height:
                runs[-1].append(word)
                continue
        runs.append([word])
    return [_segment(run) for run in runs]


def words_of(tsv: str) -> Iterator[RecognisedWord]:
    """Yield the words of Tesseract's TSV."""
    rows = csv.DictReader(io.StringIO(tsv), TSV_COLUMNS, delimiter="\t", quoting=csv.QUOTE_NONE)
    for row in rows:
        text = (row["text"] or "").strip()
        if row["level"] != TSV_WORD_LEVEL or not text:
            continue
        left, top = float(row["left"]), float(row["top"])
        box = Box(left, top, left + float(row["width"]), top + float(row["height"]))
        line = (row["block_num"], row["par_num"], row["line_num"])
        yield RecognisedWord(line, text, box, min(1.0, max(0.0, float(row["conf"]) / 100)))


def _segment(run: list[RecognisedWord]) -> Segment:
    characters = sum(len(word.text) for word in run)
    box = Box(
        min(word.box.x0 for word in run),
        min(word.box.y0 for word in run),
        max(word.box.x1 for word in run),
        max(word.box.y1 for word in run),
    )
    confidence = sum(word.confidence * len(word.text) for word in run) / characters
    return Segment(" ".join(word.text for word in run), box, confidence)
