"""What engines misread as what, letter by letter and word by word."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scanmend.correction.confusions import ALIKE, RUNS
from scanmend.correction.lexicon import Lexicon, core, neighbours

RARE = 3  # least class of frequency of a word that may be meant
USUAL = 1.0  # what stands so is oftener there than chance would have it
FITTING = 3.0  # how much better than a known word another has to fit
ACCENT = 0.5  # cost
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèêàâçñáíóúùûîïôœ"
BARE = {c: unicodedata.normalize("NFD", c)[0] for c in LETTERS}
DIRT = frozenset("!1|*'0£$.:«»")
# misreadings that were counted ten times or more in 40,000 lines with errors, besides the look-alikes
_SEEN = {"n": "asop", "i": "arsemhí", "l": "rhde", "c": "rt", "h": "rl", "f": "s", "t": "enc", "é": "ê", "s": "mngt",
         "a": "mniä", "o": "n", "j": "y", "p": "g", "m": "i", "e": "èé", "u": "ü", "«": "s", "»": "sw"}  # fmt: skip
_RUNS = (
    *((a, b) for x, y in RUNS for a, b in ((x, y), (y, x)) if (a + b).isascii()),
    ("ii", "n"), ("ti", "n"), ("it", "n"), ("u", "li"), ("rr", "n"), ("iv", "w"), ("lv", "w"), ("tt", "ff"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be meant. ``common``: its class of frequency. ``cost``: 0.5 for an accent, 1 for what is often misread so, up to 2.

    ``fits``: how much better it stands between its neighbours than what was read (``Lexicon.fits``). ``again``: how
    often in other words of the page the same characters seem to be misread, as a binary logarithm of 1 more. ``seen``:
    the logarithm of how many times likelier than what was read it makes what the engine saw (``sight.seen``).
    """

    text: str
    common: int
    cost: float
    fits: float = 0.0
    again: float = 0.0
    seen: float = 0.0


def better(match: re.Match[str], lexicon: Lexicon) -> list[Candidate]:
    """The look-alikes of a known word of a text that would stand far better between its neighbours."""
    start, end = core(match[0])
    word = match[0][start:end]
    place = neighbours(match.string, match.start() + start, match.start() + end, lexicon)
    if place == (None, None):
        return []
    gains = ((c, gain(word, c.text, place, lexicon)) for c in look_alikes(word, lexicon))
    return [replace(c, fits=fits) for c, fits in gains if fits >= FITTING]


def gain(word: str, other: str, place: tuple[str | None, str | None], lexicon: Lexicon) -> float:
    """How much better the other stands between these neighbours; 0 where it is not usual there itself."""
    fits = lexicon.fits(other, *place)
    return fits - lexicon.fits(word, *place) if fits >= USUAL else 0.0


@functools.lru_cache(4096)
def look_alikes(word: str, lexicon: Lexicon) -> tuple[Candidate, ...]:
    """The known words that are often misread as this one, which is known itself. Few words make most of a text."""
    small = word.lower()
    if len(small) < 2 or not small.isalpha():
        return ()
    costs = dict.fromkeys(confused(small), 1.0)
    for at, old in enumerate(small):
        for new in _ACCENTED.get(old, ""):
            costs[small[:at] + new + small[at + 1 :]] = ACCENT
    known = ((near, lexicon.exact(near)) for near in costs if near.isalpha() and len(near) > 1)
    return tuple(Candidate(cased(word, near), common, costs[near]) for near, common in known if common >= RARE)  # fmt: skip


def confused(word: str) -> Iterator[str]:
    """Every word with one misreading that is often seen."""
    for at, old in enumerate(word):
        for new in _OFTEN_FOR.get(old, ""):
            yield word[:at] + new + word[at + 1 :]
    for old, new in _RUNS:
        at = word.find(old)
        while at >= 0:
            yield word[:at] + new + word[at + len(old) :]
            at = word.find(old, at + 1)


def cased(word: str, other: str) -> str:
    """The other word, in capitals as this one is."""
    letters = [c for c in word if c.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        return other.upper()
    return other[:1].upper() + other[1:] if letters[0].isupper() else other


OFTEN = frozenset((a.lower(), b.lower()) for a, b in ALIKE if b.isalpha() and b != "ſ") | frozenset(
    (a, b) for a, several in _SEEN.items() for b in several
)
_ACCENTED: dict[str, str] = {}
for _a in LETTERS:
    if BARE[_a] != _a:
        _ACCENTED[BARE[_a]] = _ACCENTED.get(BARE[_a], "") + _a
_OFTEN_FOR: dict[str, str] = {}
for _a, _b in sorted(OFTEN):
    if _a != _b and _b in LETTERS:
        _OFTEN_FOR[_a] = _OFTEN_FOR.get(_a, "") + _b
