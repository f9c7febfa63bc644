"""The words that an independent engine is sure to see on a picture, with their places.

The engine is Tesseract, through the product's own class. A picture is read as it is; if that gives fewer than
``MIN_UPRIGHT_WORDS`` sure words, it is also read in the three other directions, and the direction with the most words
of the lexicon counts. Tesseract is often sure of short words that are none, above all upside down, so a short word
counts only if the lexicon has it. The words are kept in a folder, by the picture's sha256, because Tesseract takes as long as the product.
"""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanmend.correction.lexicon import shipped
from scanmend.workers.protocol import PageRequest

SURE = 0.9  # confidence from which a word counts
MIN_UPRIGHT_WORDS = 10  # with fewer sure words, the picture may be turned
MIN_CHARACTERS = 3  # letters and digits of a word
MIN_UNKNOWN_CHARACTERS = 6  # of a word that the lexicon lacks
MAX_HEIGHT_RATIO = 4.0  # of a sure word to the median of its page: pictures give tall "words"
MAX_PIXELS = 200_000_000
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
VOWELS = set("aeiouyæœøı")
Share = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SeenWord:
    """A word that the engine saw. ``box``: x0, y0, x1, y1 as shares of the width and height of the unturned picture."""

    text: str
    confidence: float
    box: Share


def sure_words(words: Sequence[SeenWord]) -> list[SeenWord]:
    """Return the words that the engine is sure of, and that look like a word or a number, without punctuation."""
    sure = []
    for word in words:
        text = word.text.strip("\"'“”‘’„«»()[]{}<>.,;:!?*#=|-–—_/\\€$£%&@•·")
        if word.confidence >= SURE and looks_like_word(text):
            sure.append(SeenWord(text, word.confidence, word.box))
    heights = sorted(word.box[3] - word.box[1] for word in sure)
    most = MAX_HEIGHT_RATIO * heights[len(heights) // 2] if heights else 0.0
    return [word for word in sure if word.box[3] - word.box[1] <= most]


def looks_like_word(text: str) -> bool:
    """Return whether a text is a number, or has the shape of a word: a vowel, and a usual use of capitals.

    A short word must be in the lexicon, too.
    """
    if sum(c.isalnum() for c in text) < MIN_CHARACTERS:
        return False
    if NUMBER.fullmatch(text):
        return True
    plain = folded(text)
    usual = text.islower() or text.isupper() or (text[0].isupper() and text[1:].islower())
    thrice = re.search(r"(.)\1\1", plain)
    shape = bool(WORD.fullmatch(text)) and usual and bool(VOWELS & set(plain)) and not thrice
    return shape and (len(plain) >= MIN_UNKNOWN_CHARACTERS or is_known(text))


def is_known(text: str) -> bool:
    """Return whether the lexicon has a word."""
    lexicon = shipped()
    return lexicon.frequency(lexicon.bare(text)) > 0


def folded(text: str) -> str:
    """Return the letters and digits of a text, without case, accents, ligatures and spaces."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if c.isalnum())


def turned(box: Share, degrees: int) -> Share:
    """Return a box after its page was turned clockwise by 0, 90, 180 or 270 degrees."""
    for _ in range(degrees // 90):
        x0, y0, x1, y1 = box
        box = (1 - y1, x0, 1 - y0, x1)
    return box


def seen_words(path: str, kept: Path) -> list[SeenWord]:
    """Return all words that the engine sees on the first page of a picture or PDF.

    Raise EngineUnusable if it is not installed, and the errors of ``pages.open_page``.
    """
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    file = kept / f"{digest[:32]}.json"
    if file.exists():
        return [SeenWord(t, c, (a, b, d, e)) for t, c, (a, b, d, e) in json.loads(file.read_text())]
    words = _read(path)
    rows = [[w.text, round(w.confidence, 3), [round(v, 5) for v in w.box]] for w in words]
    kept.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    part.replace(file)
    return words


def _read(path: str) -> list[SeenWord]:
    """Return the words of the direction that gives the most sure words."""
    from scanmend.ocr.engines.base import UprightPage
    from scanmend.ocr.engines.tesseract import Tesseract
    from scanmend.ocr.pages import open_page

    engine = Tesseract(("en",))
    page = open_page(request_for(path, "tesseract"))
    best: list[SeenWord] = []
    for turn in (0, 90, 180, 270):
        image = page.image.rotate(-turn, expand=True) if turn else page.image
        width, height = image.size
        found = []
        for word in engine.words(UprightPage(image, page.dpi, turn)):
            box = word.box
            share = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
            found.append(SeenWord(word.text, word.confidence, turned(share, (360 - turn) % 360)))
        if not turn or _known(found) > _known(best):
            best = found
        if not turn and len(sure_words(found)) >= MIN_UPRIGHT_WORDS:
            break
    return best


def _known(words: Sequence[SeenWord]) -> int:
    return sum(is_known(word.text) for word in sure_words(words))


def request_for(path: str, engine: str) -> PageRequest:
    """Return the request for the first page of a file, recognised from its picture."""
    return PageRequest(os.fsencode(path), 0, engine, ("en",), 300, True, "always_ocr", MAX_PIXELS)
