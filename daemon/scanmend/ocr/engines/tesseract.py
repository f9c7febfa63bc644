"""Tesseract 5, the system's library: a page in, words with boxes out as TSV."""

import csv
import ctypes
import io
import os
import re
from dataclasses import dataclass
from typing import Any

from scanmend.errors import ChildError, EngineUnusable
from scanmend.ocr.engines.base import Reading, Segment, Upright
from scanmend.page import Box, EngineInfo

# ISO 639-1 -> the names of the traineddata files, where these are not "ISO 639-2/T" by themselves
NAMES: dict[str, str] = dict(
    re.findall(
        r"(\w+):(\w+)",
        "af:afr ar:ara az:aze be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng "
        "eo:epo es:spa et:est eu:eus fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun "
        "hy:hye id:ind is:isl it:ita ja:jpn ka:kat kk:kaz km:khm kn:kan ko:kor la:lat lb:ltz lt:lit lv:lav "
        "mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt ne:nep nl:nld no:nor oc:oci pa:pan pl:pol pt:por ro:ron "
        "ru:rus sa:san sk:slk sl:slv sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tr:tur uk:ukr ur:urd "
        "uz:uzb vi:vie zh:chi_sim",
    )
)
LEAST_DPI = 70  # Tesseract distrusts less, and says so
GAP = 1.2  # line heights: words farther apart are segments of their own
LIBRARY = "libtesseract.so.5"  # the number of its interface is that of the version
PAGE_SEGMENTATION = 3  # automatic, without the page's orientation
COLUMNS = ("level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height", "conf",
           "text")  # fmt: skip
HOW_TO_INSTALL = "install it with: apt install tesseract-ocr"


class Tesseract:
    """The engine: the library that the program of this name uses, kept in memory from page to page."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """EngineUnusable when the library or a language is missing, with the package to install."""
        self._library = _library()
        self._languages = languages
        self._version = self._library.TessVersion().decode()
        self._names = [NAMES.get(code.split("-")[0], code) for code in languages or ("en",)]
        self._api = self._library.TessBaseAPICreate()
        names = "+".join(self._names).encode()
        failed = self._library.TessBaseAPIInit3(self._api, None, names) != 0
        self._look_for_data(failed)
        self._library.TessBaseAPISetVariable(self._api, b"debug_file", os.devnull.encode())
        self._library.TessBaseAPISetPageSegMode(self._api, PAGE_SEGMENTATION)

    def _look_for_data(self, failed: bool) -> None:
        """EngineUnusable when a language is missing (with another one beside it, the library reads on), or none was loaded."""
        folder = (self._library.TessBaseAPIGetDatapath(self._api) or b"").decode()
        for code, name in zip(self._languages or ("en",), self._names, strict=True):
            package = f"tesseract-ocr-{name.replace('_', '-')}"
            if not os.path.exists(os.path.join(folder, f"{name}.traineddata")):
                raise EngineUnusable(
                    f"ocr.languages: tesseract has no data for {code!r}; install it with: apt install {package}"
                )
        if failed:
            raise EngineUnusable(
                f"{folder}: tesseract can't load {', '.join(self._names)}; install them again: apt install --reinstall {package}"
            )

    def info(self) -> EngineInfo:
        """Name, version, languages and settings."""
        settings = {"traineddata": "+".join(self._names), "psm": PAGE_SEGMENTATION}
        return EngineInfo("tesseract", self._version, self._languages, settings)

    def read(self, page: Upright) -> Reading:
        """Read an upright page; ChildError when the library fails on it."""
        grey = page.image.convert("L")
        width, height = grey.size
        library, api = self._library, self._api
        library.TessBaseAPISetImage(api, grey.tobytes(), width, height, 1, width)
        library.TessBaseAPISetSourceResolution(api, max(LEAST_DPI, round(page.dpi)))
        try:
            if library.TessBaseAPIRecognize(api, None) != 0:
                raise ChildError("tesseract can't read this page; it does not say why")
            found = library.TessBaseAPIGetTsvText(api, 0)
            if not found:
                raise ChildError("tesseract gives no result for this page; it does not say why")
            try:
                rows = ctypes.string_at(found).decode("utf-8", "replace")
            finally:
                library.TessDeleteText(found)
        finally:
            library.TessBaseAPIClear(api)
        return Reading(tuple(_segments(_words(rows))))


def _library() -> Any:
    """Tesseract's C interface (capi.h). Without the program's start for each page, it takes three quarters of the CPU."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise EngineUnusable(f"ocr.engine: {LIBRARY} is not there; {HOW_TO_INSTALL}") from None
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


@dataclass(frozen=True, slots=True)
class _Word:
    line: tuple[str, str, str]
    text: str
    box: Box
    confidence: float


def _words(tsv: str) -> list[_Word]:
    words = []
    for row in csv.DictReader(io.StringIO(tsv), COLUMNS, delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row["text"] or "").strip()
        if row["level"] != "5" or not text:
            continue
        left, top = float(row["left"]), float(row["top"])
        box = Box(left, top, left + float(row["width"]), top + float(row["height"]))
        line = (row["block_num"], row["par_num"], row["line_num"])
        words.append(_Word(line, text, box, min(1.0, max(0.0, float(row["conf"]) / 100))))
    return words


def _segments(words: list[_Word]) -> list[Segment]:
    """Runs of words of one line, parted where the gap is wider than between words."""
    runs: list[list[_Word]] = []
    for word in words:
        last = runs[-1][-1] if runs else None
        if last is not None and last.line == word.line:
            high = max(w.box.height for w in (*runs[-1], word))
            if word.box.x0 - last.box.x1 <= GAP * high:
                runs[-1].append(word)
                continue
        runs.append([word])
    return [_segment(run) for run in runs]


def _segment(run: list[_Word]) -> Segment:
    characters = sum(len(word.text) for word in run)
    box = Box(
        min(word.box.x0 for word in run),
        min(word.box.y0 for word in run),
        max(word.box.x1 for word in run),
        max(word.box.y1 for word in run),
    )
    confidence = sum(word.confidence * len(word.text) for word in run) / characters
    return Segment(" ".join(word.text for word in run), box, confidence)
