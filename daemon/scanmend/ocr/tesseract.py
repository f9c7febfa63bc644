"""Tesseract 5, the system's program: a page in on standard input, words with boxes out as TSV."""

import csv
import io
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from PIL.Image import Image

from scanmend.errors import ChildError, EngineUnusable
from scanmend.ocr.engine import Reading, Segment
from scanmend.values import Box, EngineInfo

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
HOW_TO_INSTALL = "install it with: apt install tesseract-ocr"


class Tesseract:
    """The engine; each page is one run of the program."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """EngineUnusable when the program or a language is missing, with the package to install."""
        program = shutil.which("tesseract")
        if program is None:
            raise EngineUnusable(
                f"ocr.engine: the program tesseract is not there; {HOW_TO_INSTALL}"
            )
        self._program = program
        self._languages = languages
        self._version = self._ask("--version").partition("\n")[0].removeprefix("tesseract").strip()
        if int((re.match(r"v?(\d+)", self._version) or ["", "0"])[1]) < 5:
            raise EngineUnusable(
                f"ocr.engine: tesseract {self._version} is too old, 5 is needed; {HOW_TO_INSTALL}"
            )
        self._names = _traineddata(languages, set(self._ask("--list-langs").split()))

    def info(self) -> EngineInfo:
        """Name, version, languages and settings."""
        settings = {"traineddata": "+".join(self._names), "psm": 3}
        return EngineInfo("tesseract", self._version, self._languages, settings)

    def read(self, image: Image, dpi: float) -> Reading:
        """Read an upright page; ChildError when the program fails on it."""
        page = io.BytesIO()
        image.convert("L").save(page, "ppm")
        command = [self._program, "-", "-", "-l", "+".join(self._names), "--psm", "3"]
        command += ["--dpi", str(max(LEAST_DPI, round(dpi))), "tsv"]
        done = subprocess.run(
            command, input=page.getvalue(), capture_output=True, check=False, env=_environment()
        )
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise ChildError(f"tesseract ended with status {done.returncode}: {said[-500:]}")
        return Reading(tuple(_segments(_words(done.stdout.decode("utf-8", "replace")))))

    def _ask(self, option: str) -> str:
        done = subprocess.run(
            [self._program, option], capture_output=True, check=False, env=_environment()
        )
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise EngineUnusable(
                f"ocr.engine: tesseract {option} fails: {said[-500:]}; {HOW_TO_INSTALL}"
            )
        return (done.stdout or done.stderr).decode("utf-8", "replace")


def _traineddata(languages: tuple[str, ...], installed: set[str]) -> list[str]:
    """The traineddata files for ISO 639-1 codes; EngineUnusable for the first that is missing."""
    names = []
    for code in languages or ("en",):
        name = NAMES.get(code.split("-")[0], code)
        if name not in installed:
            package = f"tesseract-ocr-{name.replace('_', '-')}"
            raise EngineUnusable(
                f"ocr.languages: tesseract has no data for {code!r}; install it with: apt install {package}"
            )
        names.append(name)
    return names


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_THREAD_LIMIT": os.environ.get("SCANMEND_THREADS", "1")}


@dataclass(frozen=True, slots=True)
class _Word:
    line: tuple[str, str, str]
    text: str
    box: Box
    confidence: float


def _words(tsv: str) -> list[_Word]:
    words = []
    for row in csv.DictReader(io.StringIO(tsv), delimiter="\t", quoting=csv.QUOTE_NONE):
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
