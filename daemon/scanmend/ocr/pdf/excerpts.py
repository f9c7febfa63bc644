"""Choose the excerpts of a text layer whose recognition proves most, and compare their text with a reading."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scanmend.ocr.pdf.glyphs import UNMAPPED, Glyph
from scanmend.ocr.pdf.runs import Run
from scanmend.page import Box

EXCERPTS_PER_ROUND = 6  # that are recognised at a time
MAX_EXCERPT_GLYPHS = 36  # in one excerpt
MIN_ALNUM = 3  # letters and digits that an excerpt needs to be judged
# what a wanted digit, and any digit, adds to an excerpt's worth
DIGIT_WORTH, DIGIT_BONUS = 3, 0.1
EXAMPLE_CHARACTERS = 40  # of a text that a warning quotes

FacedText = tuple[str, str]  # the face of a font, and a character's text

# characters that engines confuse, even in clean print: a confusion does not prove a map wrong
_CONFUSED = str.maketrans(
    "0qøœ 1i|!jłı 86ß đð µv 5 2 9 æ þ c".replace(" ", ""),
    "oooo lllllll bbb dd uu s z g a p e".replace(" ", ""),
)
# beginnings of the Unicode names of characters that the engine reads
_READABLE = tuple(
    "LATIN DIGIT CJK HIRAGANA KATAKANA FULLWIDTH SUPERSCRIPT SUBSCRIPT".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some glyphs of a run that are recognised together. ``box``: in the run's frame."""

    run: Run
    glyphs: tuple[Glyph, ...]
    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class ExcerptReading:
    """The engine's text of an excerpt, and its confidence (0..1)."""

    text: str
    confidence: float


Recognise = Callable[[Sequence[Excerpt]], Sequence[ExcerptReading]]


def choose(
    runs: Sequence[Run],
    wanted: Callable[[Sequence[Glyph]], set[FacedText]],
    tried: set[int],
) -> list[Excerpt]:
    """Return the excerpts with most of the wanted characters, those with digits first.

    ``wanted``: returns which characters of some glyphs are worth recognising. ``tried``: the index of the first glyph
    of each excerpt that was chosen before; those of this choice are added.
    """
    excerpts = [
        excerpt
        for run in runs
        if run.frame.angle % 90 == 0 and not run.frame.mirrored
        for excerpt in _cut(run)
        if excerpt.glyphs[0].index not in tried
    ]
    chosen: list[Excerpt] = []
    covered: set[FacedText] = set()
    wants = {id(excerpt): wanted(excerpt.glyphs) for excerpt in excerpts}
    while len(chosen) < EXCERPTS_PER_ROUND:
        best = max(excerpts, key=lambda e: _worth(wants[id(e)] - covered, e), default=None)
        if best is None or not wants[id(best)] - covered:
            break
        chosen.append(best)
        excerpts.remove(best)
        tried.add(best.glyphs[0].index)
        covered |= wants[id(best)]
    return chosen


def _worth(wanted: set[FacedText], excerpt: Excerpt) -> float:
    if not wanted:
        return 0.0
    digits = sum(text.isdigit() for _, text in wanted)
    bonus = DIGIT_BONUS * sum(c.isdigit() for c in excerpt.text)
    return len(wanted) + DIGIT_WORTH * digits + bonus


def _cut(run: Run) -> Iterator[Excerpt]:
    """Yield the excerpts of a run that have enough known characters to be judged."""
    visual = sorted(run.glyphs, key=lambda g: run.frame.point(g.x, g.y)[0])
    for start in range(0, len(visual), MAX_EXCERPT_GLYPHS):
        glyphs = tuple(visual[start : start + MAX_EXCERPT_GLYPHS])
        text = "".join(g.text for g in glyphs)
        if sum(c.isalnum() for c in text) >= MIN_ALNUM and UNMAPPED not in text:
            cells = [run.frame.from_page(g.cell) for g in glyphs]
            left, right = min(c.x0 for c in cells), max(c.x1 for c in cells)
            yield Excerpt(run, glyphs, text, Box(left, run.box.y0, right, run.box.y1))


# comparing texts ----------------------------------------------------------------------------------


def alnum(text: str) -> str:
    """Return only the letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if c.isalnum())


def without_confusions(text: str) -> str:
    """Return only the letters and digits; replace those that engines confuse by one of them."""
    return alnum(text).translate(_CONFUSED)


def digits(text: str) -> str:
    """Return only the digits."""
    return "".join(c for c in text if c.isdigit())


def is_latin(text: str) -> bool:
    """Return whether a character is a Latin letter or a digit."""
    return unicodedata.name(text[0], "").startswith(("LATIN", "DIGIT"))


def foreign_share(text: str) -> float:
    """Return the share of letters and digits in scripts that the engine can't read."""
    letters = [c for c in text if c.isalnum()]
    foreign = sum(not unicodedata.name(c, "").startswith(_READABLE) for c in letters)
    return foreign / max(1, len(letters))


def difference(layer: str, read: str) -> str:
    """Return a text of the layer and the reading of it, in words for a warning."""
    layer_text, page_text = layer[:EXAMPLE_CHARACTERS], read[:EXAMPLE_CHARACTERS]
    return f"it says {layer_text!r}, the page shows {page_text!r}"
