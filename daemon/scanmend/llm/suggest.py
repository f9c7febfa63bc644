"""Known words in the place of what the model copied: offered by the lexicon, judged by the model.

A small model knows few words by heart, and copies what it does not know. A noisy channel (Kernighan, Church and
Gale 1990) asks it the other way round: candidates are the known words that engines misread as what stands there, an
unknown word, or one that seldom stands between such neighbours (Mays, Damerau and Mercer 1991). How likely each is in
its place, the model says; how common it is, and beside what, the lexicon. ``models/corrector/suggestions.py`` fits the
weights, and says how often they are right.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from scanmend.lexicon import Lexicon, core, neighbours
from scanmend.llm.candidates import candidates
from scanmend.lookalikes import ACCENT, DIRT, Candidate, better

MOST = 4  # candidates of one word that the model is asked about
SHORT = 5  # letters below which a word is like many others
LEAST, KNOWN_LEAST = 1.2, 1.5  # logarithms of the odds from which a candidate is proposed
MARGIN = 2.0  # what the least of them has
HOPE = 0.7  # odds that the model seldom adds
BEHIND = 2.5  # odds that it seldom makes up for between two candidates
SHORTEST, LONGEST = 3, 30  # letters of an unknown word that is questioned: candidates grow so
FEW = 30  # words that are thought to be known besides: a few lines tell little of a page
JOINED = 3  # class of what a torn word is together
_WORD = re.compile(r"\S+")
# of the logistic regressions: for unknown words, and for known ones
ODDS = {"one": -1.51, "same": -1.98, "dot": -0.14, "fits": 0.32, "sides": -0.25, "again": 1.28, "likely": 0.22, "common": 0.26,
        "cost": -0.69, "accent": 0.9, "letters": 0.18, "unknown": 2.08, "torn": 0.46, "together": -4.22, "ahead": 0.1,
        "model's": -0.07, "short": -1.44, "name": 0.12}  # fmt: skip
KNOWN_ODDS = {"one": -1.16, "same": 0.06, "dot": -1.24, "fits": 0.41, "own": -0.3, "sides": -0.47, "again": 1.42, "likely": 0.43,
              "common": 0.4, "cost": -1.92, "accent": 1.87, "letters": -0.18, "unknown": 8.42, "ahead": 0.05, "model's": -1.63,
              "short": -1.26, "name": 1.19}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """A word of a text that may be another, at ``start``. ``unknown``: the share of the page's words that are.

    ``common``: its class of frequency, 0 when it is unknown itself. ``sides``: on how many it has a known neighbour.
    ``same``: how often it stands elsewhere on the page, as a binary logarithm of 1 more. ``dot``: a full stop follows,
    and not at the end of the line, as of abbreviations.
    """

    start: int
    word: str
    candidates: tuple[Candidate, ...]
    unknown: float
    common: int = 0
    sides: int = 0
    same: float = 0.0
    dot: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.word)


def spots(
    texts: Sequence[str], lexicon: Lexicon, expired: Callable[[], bool] = lambda: False
) -> list[list[Spot]]:
    """The words of a page's lines that may be others, in order; none overlaps another.

    Unknown ones for which there are candidates, and known ones beside which a look-alike would fit better. None of
    the lines that are left when the time has ``expired``.
    """
    page = [_words(text, lexicon) for text in texts]
    known = [common for words in page for _, common in words]
    share = known.count(0) / (len(known) + FEW)
    lines = [
        [] if expired() else _questioned(text, words, share, lexicon)
        for text, words in zip(texts, page, strict=True)
    ]
    seen = _Seen(lines)
    return [[s for s in (_hopeful(seen.told(spot)) for spot in line) if s.candidates] for line in lines]  # fmt: skip


def _words(text: str, lexicon: Lexicon) -> list[tuple[re.Match[str], int]]:
    """With their classes of frequency."""
    words = (m for m in _WORD.finditer(text) if any(map(str.isalpha, m.group())))
    return [(m, lexicon.frequency(m.group())) for m in words]


def _questioned(
    text: str, words: Sequence[tuple[re.Match[str], int]], share: float, lexicon: Lexicon
) -> list[Spot]:
    """The words of a line for which there are candidates."""
    found: list[Spot] = []
    for n, (match, common) in enumerate(words):
        if found and match.start() < found[-1].end:
            continue
        start, end = core(match.group())
        word, start = match.group()[start:end], match.start() + start
        torn = _torn(text, words[n : n + 2], lexicon)
        if torn:
            spot = Spot(match.start(), *torn, share)
        elif common:
            spot = Spot(start, word, tuple(better(match, lexicon)), share, common)
        else:
            offered = candidates(word, lexicon) if _readable(word) else ()
            spot = Spot(start, word, offered, share)
        if spot.candidates:
            found.append(_fitting(spot, text, lexicon))
    return found


def _fitting(spot: Spot, text: str, lexicon: Lexicon) -> Spot:
    """With how well each candidate fits between its neighbours, those first for which most speaks."""
    place = neighbours(text, spot.start, spot.end, lexicon)
    found = list(spot.candidates)
    if not spot.common:
        found = [replace(c, fits=lexicon.fits(c.text, *place)) for c in found]
    found.sort(key=lambda c: (3 * c.cost - c.common - c.fits, c.text))
    sides = sum(word is not None for word in place)
    behind = text[spot.end :]
    dot = behind.startswith(".") and bool(behind[1:].strip())
    return replace(spot, candidates=tuple(found[:MOST]), sides=sides, dot=dot)


def _changes(read: str, meant: str) -> set[tuple[str, str]]:
    """What was read as what."""
    a, b = read.lower(), meant.lower()
    return {(a[o.src_start : o.src_end], b[o.dest_start : o.dest_end]) for o in Levenshtein.opcodes(a, b) if o.tag != "equal"}  # fmt: skip


class _Seen:
    """What the questioned words of a page have in common."""

    def __init__(self, lines: Sequence[Sequence[Spot]]) -> None:
        spots = [spot for line in lines for spot in line]
        self._words = Counter(spot.word for spot in spots)
        self._first_of = {spot.word: self._first(spot) for spot in spots}
        self._changes = Counter(c for changes in self._first_of.values() for c in changes)

    def told(self, spot: Spot) -> Spot:
        """With how often it is there elsewhere, and each candidate's changes in other words."""
        own = self._first_of[spot.word]
        found = []
        for candidate in spot.candidates:
            changes = _changes(spot.word, candidate.text)
            times = max((self._changes[c] - (c in own) for c in changes), default=0)
            found.append(replace(candidate, again=math.log2(1 + times)))
        same = math.log2(self._words[spot.word])
        return replace(spot, candidates=tuple(found), same=same)

    @staticmethod
    def _first(spot: Spot) -> set[tuple[str, str]]:
        """The changes to an unknown word's first candidate, when without the model more speaks for it than against."""
        if spot.common or " " in spot.word or _odds(spot, 0, [0.0] * (len(spot.candidates) + 1)) < 0:  # fmt: skip
            return set()
        return _changes(spot.word, spot.candidates[0].text)


def _hopeful(spot: Spot) -> Spot:
    """Without the candidates that will not be proposed, however likely they are: the model's time is dear."""
    nothing = [0.0] * (len(spot.candidates) + 1)
    odds = [_odds(spot, n, nothing) for n in range(len(spot.candidates))]
    most = max(least(spot) - HOPE, max(odds, default=0.0) - BEHIND)
    found = [c for c, one in zip(spot.candidates, odds, strict=True) if one >= most]
    return replace(spot, candidates=tuple(found))


def placed(spots: Sequence[Spot], read: str, written: str) -> list[tuple[Spot, int, int]]:
    """Each spot of what was read, with the place in what was written of what the model made of it."""
    blocks = Levenshtein.opcodes(read, written).as_matching_blocks()

    def place(at: int) -> int | None:
        for block in blocks:
            if block.a <= at < block.a + block.size:
                return int(block.b + at - block.a)
        return None

    found = []
    for spot in spots:  # the character before it and the one behind it are there
        before = place(spot.start - 1) if spot.start else -1
        behind = place(spot.end) if spot.end < len(read) else len(written)
        if before is not None and behind is not None and before < behind:
            found.append((spot, before + 1, behind))
    return found


def best(spot: Spot, likely: Sequence[float]) -> tuple[Candidate, float] | None:
    """The candidate to propose, and its margin, which is the logarithm of its odds on the gate's scale.

    ``likely``: logarithms of probabilities, of the word as it stands and of each candidate.
    """
    odds = [_odds(spot, n, likely) for n in range(len(spot.candidates))]
    chosen = max(range(len(odds)), key=odds.__getitem__)
    margin = odds[chosen] + MARGIN - least(spot)
    return (spot.candidates[chosen], margin) if margin >= MARGIN else None


def features(spot: Spot, number: int, likely: Sequence[float]) -> dict[str, float]:
    """What speaks for a candidate, by name."""
    candidate = spot.candidates[number]
    others = [x for n, x in enumerate(likely[1:]) if n != number]
    torn, together = " " in spot.word, " " in candidate.text
    return {
        "one": 1.0,
        "fits": max(-6.0, min(12.0, candidate.fits)),
        "own": spot.common,
        "sides": spot.sides,
        "same": min(1.0, spot.same),
        "dot": spot.dot,
        "again": min(4.0, candidate.again),
        "likely": likely[number + 1] - likely[0],
        "common": candidate.common,
        "cost": 0.0 if torn or together else candidate.cost,
        "accent": candidate.cost == ACCENT,
        "letters": min(len(spot.word), 12),
        "unknown": spot.unknown,
        "torn": torn,
        "together": together,
        "ahead": min(5.0, likely[number + 1] - max(others, default=-math.inf)),
        "model's": likely[number + 1] > likely[0],
        "short": len(spot.word) < SHORT,
        "name": spot.word[0].isupper(),
    }


def _odds(spot: Spot, number: int, likely: Sequence[float]) -> float:
    given = features(spot, number, likely)
    return sum(weight * given[name] for name, weight in weights(spot).items())


def least(spot: Spot) -> float:
    """The odds from which a candidate is proposed: a known word is rather what it is."""
    return KNOWN_LEAST if spot.common else LEAST


def weights(spot: Spot) -> dict[str, float]:
    """Of the regression for such a word."""
    return KNOWN_ODDS if spot.common else ODDS


def _torn(
    text: str, words: Sequence[tuple[re.Match[str], int]], lexicon: Lexicon
) -> tuple[str, tuple[Candidate, ...]] | None:
    """Two words, one of them unknown, that are a known one without the space between them."""
    if len(words) < 2 or all(common for _, common in words):
        return None
    (one, _), (other, _) = words
    first, second = one.group(), other.group().rstrip(".,;:!?)")
    if other.start() - one.end() != 1 or not (first.isalpha() and second.isalpha()):
        return None
    if second[0].isupper() and not first.isupper():
        return None
    common = lexicon.frequency(first + second)
    if common < JOINED or len(first + second) <= SHORTEST:
        return None
    end = other.start() + len(second)
    return text[one.start() : end], (Candidate(first + second, common, 0.0),)


def _readable(word: str) -> bool:
    """Whether it can be a misread word: letters, and one sign or misread letter at most; no abbreviation in capitals."""
    strange = [c for c in word if not c.isalpha()]
    return (
        SHORTEST <= len(word) <= LONGEST
        and len(strange) <= 1
        and all(c in DIRT for c in strange)
        and not (word.isupper() and len(word) < SHORT)
    )
