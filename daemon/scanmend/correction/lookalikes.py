"""Generate the known words that engines misread as a given word, one confusion away."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scanmend.correction.confusions import CONFUSED_CHARACTERS, CONFUSED_RUNS
from scanmend.correction.lexicon import Bits, FrequencyClass, Lexicon, Neighbours, core, neighbours


def _table(text: str) -> dict[str, str]:
    """Return the entries of a table that is written as "n=asop c=rt"."""
    return dict(entry.split("=") for entry in text.split())


MIN_CANDIDATE_CLASS: FrequencyClass = 3  # a rarer word is no candidate
MIN_FIT: Bits = 1.0  # a word that fits less well is not usual between these neighbours
MIN_FIT_GAIN: Bits = 3.0  # another word must fit better than a known word by this much
ACCENT_COST = 0.5  # cost of a lost accent; a frequent confusion costs 1

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèêàâçñáíóúùûîïôœ"
WITHOUT_ACCENT = {c: unicodedata.normalize("NFD", c)[0] for c in LETTERS}
LETTER_LIKE_SIGNS = frozenset("!1|*'0£$.:«»")  # engines read these in place of letters

# For each character as read, the characters that were printed instead: confusions that were counted
# at least ten times in 40,000 lines with errors, besides those of ``confusions``.
_COUNTED_CONFUSIONS = _table(
    "n=asop i=arsemhí l=rhde c=rt h=rl f=s t=enc é=ê s=mngt a=mniä o=n j=y p=g m=i e=èé u=ü «=s »=sw"
)
_RUNS = (
    *(
        (read, printed)
        for pair in CONFUSED_RUNS
        for read, printed in (pair, pair[::-1])
        if (read + printed).isascii()
    ),
    *(("ii", "n"), ("ti", "n"), ("it", "n"), ("u", "li"), ("rr", "n"), ("iv", "w")),
    *(("lv", "w"), ("tt", "ff")),
)

FREQUENT_CONFUSIONS = frozenset(
    (read.lower(), printed.lower())
    for read, printed in CONFUSED_CHARACTERS
    if printed.isalpha() and printed != "ſ"
) | frozenset(
    (read, printed) for read, letters in _COUNTED_CONFUSIONS.items() for printed in letters
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may have been printed where another was read."""

    text: str
    frequency: FrequencyClass
    cost: float
    """How unusual the misreading is, without a unit: ACCENT_COST for a lost accent, 1 for a frequent
    confusion, up to 2."""
    neighbour_gain: Bits = 0.0
    """How well it fits between its neighbours (``Lexicon.fit``); for a known word, how much better than that word."""
    recurrence: Bits = 0.0
    """log2(1 + number of other words of the page with the same confusion)."""
    log_ratio: float = 0.0
    """Its log-likelihood ratio to the text that was read, in nats (``log_likelihood_ratios``)."""


def better_fitting(match: re.Match[str], lexicon: Lexicon) -> list[Candidate]:
    """Return the look-alikes of a known word that fit far better between the word's neighbours.

    ``match`` is the word's match in the line.
    """
    start, end = core(match[0])
    word = match[0][start:end]
    beside = neighbours(match.string, match.start() + start, match.start() + end, lexicon)
    if beside == (None, None):
        return []
    gains = ((c, fit_gain(word, c.text, beside, lexicon)) for c in look_alikes(word, lexicon))
    return [replace(c, neighbour_gain=gain) for c, gain in gains if gain >= MIN_FIT_GAIN]


def fit_gain(word: str, other: str, beside: Neighbours, lexicon: Lexicon) -> Bits:
    """Return how much better ``other`` fits between the neighbours ``beside`` it than ``word``.

    The gain is 0 where ``other`` is not usual there either.
    """
    fit = lexicon.fit(other, *beside)
    return fit - lexicon.fit(word, *beside) if fit >= MIN_FIT else 0.0


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
    classes = ((text, lexicon.exact(text)) for text in costs if text.isalpha() and len(text) > 1)
    return tuple(
        Candidate(in_case_of(word, text), frequency, costs[text])
        for text, frequency in classes
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
    """Return the letters that were often printed in place of each character as read."""
    found: dict[str, str] = {}
    for read, printed in sorted(FREQUENT_CONFUSIONS):
        if read != printed and printed in LETTERS:
            found[read] = found.get(read, "") + printed
    return found


_ACCENTED = _accented()
_PRINTED_FOR = _printed_for()
