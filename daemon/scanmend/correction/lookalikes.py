"""Generate the known words that engines misread as a given word, one confusion away."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scanmend.correction.confusions import ALIKE, RUNS
from scanmend.correction.lexicon import Bits, FrequencyClass, Lexicon, Neighbours, core, neighbours


def _table(text: str) -> dict[str, str]:
    """Return the entries of a table that is written as "n=asop c=rt"."""
    return dict(entry.split("=") for entry in text.split())


MIN_CANDIDATE_CLASS: FrequencyClass = 3  # a rarer word is no candidate
MIN_FIT: Bits = 1.0  # a word that fits less is not usual between these neighbours
MIN_FIT_GAIN: Bits = 3.0  # by which another word must fit better than a known word
ACCENT_COST = 0.5  # of a lost accent; a frequent confusion costs 1

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèêàâçñáíóúùûîïôœ"
WITHOUT_ACCENT = {c: unicodedata.normalize("NFD", c)[0] for c in LETTERS}
LETTER_LIKE_SIGNS = frozenset("!1|*'0£$.:«»")  # that engines read in place of a letter

# for each character as read, others that were printed: confusions that were counted ten times or
# more in 40,000 lines with errors, besides the look-alikes of ``confusions``
_COUNTED_CONFUSIONS = _table(
    "n=asop i=arsemhí l=rhde c=rt h=rl f=s t=enc é=ê s=mngt a=mniä o=n j=y p=g m=i e=èé u=ü «=s »=sw"
)
_RUNS = (
    *((a, b) for x, y in RUNS for a, b in ((x, y), (y, x)) if (a + b).isascii()),
    *(("ii", "n"), ("ti", "n"), ("it", "n"), ("u", "li"), ("rr", "n"), ("iv", "w")),
    *(("lv", "w"), ("tt", "ff")),
)

FREQUENT_CONFUSIONS = frozenset(
    (a.lower(), b.lower()) for a, b in ALIKE if b.isalpha() and b != "ſ"
) | frozenset((a, b) for a, several in _COUNTED_CONFUSIONS.items() for b in several)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may have been printed where another was read."""

    text: str
    frequency: FrequencyClass
    cost: float
    """How unusual the misreading is, without a unit: ACCENT_COST for a lost accent, 1 for a frequent
    confusion, up to 2."""
    neighbour_gain: Bits = 0.0
    """How well it fits between its neighbours (``Lexicon.fit``); in place of a known word, how much better."""
    recurrence: Bits = 0.0
    """log2(1 + number of other words of the page with the same confusion)."""
    log_ratio: float = 0.0
    """Its log-likelihood ratio to the text that was read, in nats (``log_likelihood_ratios``)."""


def better_fitting(match: re.Match[str], lexicon: Lexicon) -> list[Candidate]:
    """Return the look-alikes of a known word that fit far better between its neighbours.

    ``match`` is the word's match in the line.
    """
    start, end = core(match[0])
    word = match[0][start:end]
    around = neighbours(match.string, match.start() + start, match.start() + end, lexicon)
    if around == (None, None):
        return []
    gains = ((c, fit_gain(word, c.text, around, lexicon)) for c in look_alikes(word, lexicon))
    return [replace(c, neighbour_gain=gain) for c, gain in gains if gain >= MIN_FIT_GAIN]


def fit_gain(word: str, other: str, around: Neighbours, lexicon: Lexicon) -> Bits:
    """Return by how much ``other`` fits better between these neighbours than ``word``.

    It is 0 where ``other`` is itself not usual there.
    """
    fit = lexicon.fit(other, *around)
    return fit - lexicon.fit(word, *around) if fit >= MIN_FIT else 0.0


@functools.lru_cache(4096)  # few words make up most of a text
def look_alikes(word: str, lexicon: Lexicon) -> tuple[Candidate, ...]:
    """Return the known words that engines often misread as ``word``, itself a known word."""
    small = word.lower()
    if len(small) < 2 or not small.isalpha():
        return ()
    costs = dict.fromkeys(one_confusion_away(small), 1.0)
    for at, old in enumerate(small):
        for new in _ACCENTED.get(old, ""):
            costs[small[:at] + new + small[at + 1 :]] = ACCENT_COST
    known = ((near, lexicon.exact(near)) for near in costs if near.isalpha() and len(near) > 1)
    return tuple(
        Candidate(in_case_of(word, near), frequency, costs[near])
        for near, frequency in known
        if frequency >= MIN_CANDIDATE_CLASS
    )


def one_confusion_away(word: str) -> Iterator[str]:
    """Yield every text that one frequent confusion turns into ``word``, which is in lower case."""
    for at, old in enumerate(word):
        for new in _PRINTED_FOR.get(old, ""):
            yield word[:at] + new + word[at + 1 :]
    for old, new in _RUNS:
        at = word.find(old)
        while at >= 0:
            yield word[:at] + new + word[at + len(old) :]
            at = word.find(old, at + 1)


def in_case_of(word: str, other: str) -> str:
    """Return ``other``, which is in lower case, capitalised as ``word`` is."""
    letters = [c for c in word if c.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        return other.upper()
    return other[:1].upper() + other[1:] if letters[0].isupper() else other


def _accented() -> dict[str, str]:
    """Return the accented letters of each letter."""
    found: dict[str, str] = {}
    for letter, base in WITHOUT_ACCENT.items():
        if base != letter:
            found[base] = found.get(base, "") + letter
    return found


def _printed_for() -> dict[str, str]:
    """Return, for each character as read, the letters that were often printed there."""
    found: dict[str, str] = {}
    for read, printed in sorted(FREQUENT_CONFUSIONS):
        if read != printed and printed in LETTERS:
            found[read] = found.get(read, "") + printed
    return found


_ACCENTED = _accented()
_PRINTED_FOR = _printed_for()
