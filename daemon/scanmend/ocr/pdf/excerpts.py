"""Choose excerpts of a text layer that tell most about it when they are recognised, and compare them with a reading."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scanmend.ocr.pdf.glyphs import UNMAPPED, Glyph
from scanmend.ocr.pdf.runs import Run
from scanmend.page import Box

EXCERPTS = 6  # that are recognised at a time
EXCERPT_GLYPHS = 36  # of an excerpt, at most
MIN_ALNUM = 3  # letters and digits that an excerpt needs to be judged
# of a digit that is wanted, and of any digit, in an excerpt's worth
DIGIT_WORTH, DIGIT_BONUS = 3, 0.1
EXAMPLE_CHARACTERS = 40  # of a text that a warning quotes

FacedText = tuple[str, str]  # the face of a font, and a character's text

# Characters that engines confuse, also in clean print: a confusion is no evidence against a map
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
    """What the engine read of an excerpt, and its confidence (0..1)."""

    text: str
    confidence: float


Recognise = Callable[[Sequence[Excerpt]], Sequence[ExcerptReading]]


def choose(
    runs: Sequence[Run],
    wanted: Callable[[Sequence[Glyph]], set[FacedText]],
    tried: set[int],
) -> list[Excerpt]:
    """Return the excerpts that hold most of what is wanted, those with digits first.

    ``wanted``: what of some glyphs is worth reading. ``tried``: the indices of the first glyphs of excerpts that were
    chosen before; those of this choice are added.
    """
    excerpts = [
        excerpt
        for run in runs
        if run.frame.angle % 90 == 0 and not run.frame.mirrored
        for excerpt in _cut(run)
        if excerpt.glyphs[0].index not in tried
    ]
    chosen: list[Excerpt] = []
    held: set[FacedText] = set()
    wants = {id(excerpt): wanted(excerpt.glyphs) for excerpt in excerpts}
    while len(chosen) < EXCERPTS:
        best = max(excerpts, key=lambda e: _worth(wants[id(e)] - held, e), default=None)
        if best is None or not wants[id(best)] - held:
            break
        chosen.append(best)
        excerpts.remove(best)
        tried.add(best.glyphs[0].index)
        held |= wants[id(best)]
    return chosen


def _worth(wanted: set[FacedText], excerpt: Excerpt) -> float:
    if not wanted:
        return 0.0
    digits = sum(text.isdigit() for _, text in wanted)
    bonus = DIGIT_BONUS * sum(c.isdigit() for c in excerpt.text)
    return len(wanted) + DIGIT_WORTH * digits + bonus


def _cut(run: Run) -> Iterator[Excerpt]:
    """Yield the run in excerpts, those that can be judged."""
    visual = sorted(run.glyphs, key=lambda g: run.frame.point(g.x, g.y)[0])
    for start in range(0, len(visual), EXCERPT_GLYPHS):
        glyphs = tuple(visual[start : start + EXCERPT_GLYPHS])
        text = "".join(g.text for g in glyphs)
        if sum(c.isalnum() for c in text) >= MIN_ALNUM and UNMAPPED not in text:
            cells = [run.frame.from_page(g.cell) for g in glyphs]
            left, right = min(c.x0 for c in cells), max(c.x1 for c in cells)
            yield Excerpt(run, glyphs, text, Box(left, run.box.y0, right, run.box.y1))


# comparing texts ----------------------------------------------------------------------------------


def alnum(text: str) -> str:
    """Return letters and digits only, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if c.isalnum())


def without_confusions(text: str) -> str:
    """Return letters and digits only, those that engines confuse as one of them."""
    return alnum(text).translate(_CONFUSED)


def digits(text: str) -> str:
    """Return the digits only."""
    return "".join(c for c in text if c.isdigit())


def is_latin(text: str) -> bool:
    """Return whether a character is a Latin letter or a digit."""
    return unicodedata.name(text[0], "").startswith(("LATIN", "DIGIT"))


def foreign_share(text: str) -> float:
    """Return the share of letters and digits in scripts that the engine does not read."""
    letters = [c for c in text if c.isalnum()]
    foreign = sum(not unicodedata.name(c, "").startswith(_READABLE) for c in letters)
    return foreign / max(1, len(letters))


def difference(layer: str, read: str) -> str:
    """Return both texts for a warning."""
    return f"it says {layer[:EXAMPLE_CHARACTERS]!r}, the page shows {read[:EXAMPLE_CHARACTERS]!r}"
