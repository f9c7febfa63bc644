"""Known words in the place of unknown ones that the model copied: offered by the lexicon, judged by the model.

A small model knows few words by heart, and copies what it does not know. A noisy channel (Kernighan, Church and
Gale 1990) asks it the other way round: candidates are the known words that engines misread as what stands there;
how likely each is in its place, the model says, and how common it is, the lexicon. ``models/corrector/suggestions.py``
fits the weights, and says how often they are right.
"""

import math
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rapidfuzz.distance import Levenshtein

from scanmend.confusions import ALIKE, RUNS
from scanmend.lexicon import Lexicon

FOLLOW = 4  # bytes behind a word that count when its likelihood is asked for
MOST = 4  # candidates of one word
SHORT = 5  # letters below which a word is like many others
LEAST = 1.8  # logarithm of the odds from which a candidate is proposed: 18 of 19 such are nearer to the truth
MARGIN = 2.0  # what the least of them has
HOPE = 3.0  # how much likelier than what was read a word seldom is
SURE = 4.0  # the model's margin from which its own word stays
SHORTEST, LONGEST = 3, 30  # letters of a word that is questioned; candidates grow with their square
BADLY = 5  # letters from which two characters may be misread
RARE, RARE_BADLY = 3, 5  # least classes of frequency: one character misread, two
ACCENT = 0.5  # cost
PART = 11  # of each of two words that were run together
JOINED = 4  # of a word that was torn
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèêàâçñáíóúùûîïôœ"
_BARE = {c: unicodedata.normalize("NFD", c)[0] for c in _LETTERS}
_DIRT = frozenset("!1|*'0£$.:«»")
# misreadings that were counted ten times or more in 40,000 lines with errors, besides the look-alikes
_SEEN = {"n": "asop", "i": "arsemhí", "l": "rhde", "c": "rt", "h": "rl", "f": "s", "t": "enc", "é": "eê", "s": "mngt",
         "a": "mniä", "o": "n", "j": "y", "p": "g", "m": "i", "e": "èé", "u": "ü", "«": "s", "»": "sw"}  # fmt: skip
_RUNS = (
    *((a, b) for x, y in RUNS for a, b in ((x, y), (y, x)) if (a + b).isascii()),
    ("ii", "n"), ("ti", "n"), ("it", "n"), ("u", "li"), ("rr", "n"), ("iv", "w"), ("lv", "w"), ("tt", "ff"),
)  # fmt: skip
_WORD = re.compile(r"\S+")
# of the logistic regression, but for torn words, which are too few
ODDS = {"one": -1.78, "likely": 0.36, "common": 0.15, "cost": -0.58, "accent": 0.24, "letters": 0.37, "unknown": 0.65,
         "torn": -1.5, "together": -2.66, "ahead": 0.25, "model's": -0.95, "short": -0.67, "name": -0.2}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be meant. ``common``: its class of frequency. ``cost``: 0.5 for an accent, 1 for what is often misread so, up to 3."""

    text: str
    common: int
    cost: float


@dataclass(frozen=True, slots=True)
class Spot:
    """An unknown word of a text, at ``start``. ``unknown``: the share of the text's words that are."""

    start: int
    word: str
    candidates: tuple[Candidate, ...]
    unknown: float

    @property
    def end(self) -> int:
        return self.start + len(self.word)


def spots(text: str, lexicon: Lexicon) -> list[Spot]:
    """The unknown words for which there are candidates, in order; none overlaps another."""
    words = [m for m in _WORD.finditer(text) if any(map(str.isalpha, m.group()))]
    known = [lexicon.frequency(m.group()) for m in words]
    share = known.count(0) / max(1, len(known))
    found: list[Spot] = []
    for n, (match, common) in enumerate(zip(words, known, strict=True)):
        if found and match.start() < found[-1].end:
            continue
        torn = _torn(text, words[n : n + 2], known[n : n + 2], lexicon)
        start, word = _core(match)
        if torn:
            found.append(Spot(match.start(), *torn, share))
        elif not common and _questioned(word):
            spot = _hopeful(Spot(start, word, candidates(word, lexicon), share))
            if spot.candidates:
                found.append(spot)
    return found


def _hopeful(spot: Spot) -> Spot:
    """Without the candidates that would not be proposed however likely they were: the model's time is dear."""
    count = len(spot.candidates)
    hopeful = [
        candidate
        for n, candidate in enumerate(spot.candidates)
        if _odds(spot, n, [0.0 if m != n + 1 else HOPE for m in range(count + 1)]) >= LEAST
    ]
    return replace(spot, candidates=tuple(hopeful))


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
    margin = odds[chosen] + MARGIN - LEAST
    return (spot.candidates[chosen], margin) if odds[chosen] >= LEAST else None


def features(spot: Spot, number: int, likely: Sequence[float]) -> dict[str, float]:
    """What speaks for a candidate, by name."""
    candidate = spot.candidates[number]
    others = [x for n, x in enumerate(likely[1:]) if n != number]
    torn, together = " " in spot.word, " " in candidate.text
    return {
        "one": 1.0,
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
    return sum(ODDS[name] * value for name, value in features(spot, number, likely).items())


# candidates -----------------------------------------------------------------------------------------


def candidates(word: str, lexicon: Lexicon) -> tuple[Candidate, ...]:
    """The known words that may have been misread as this one, those first for which most speaks."""
    small = word.lower()
    costs = {near: (cost, RARE if cost >= 1 else 1) for near, cost in _near(small).items()}
    if len(small) >= BADLY:
        for once in _confused(small):
            for twice in _confused(once):
                costs.setdefault(twice, (2.0, RARE_BADLY))
    del costs[small]
    found = [
        Candidate(_cased(word, near), common, costs[near][0])
        for near, common in _known(list(costs), lexicon)
        if common >= costs[near][1] and near.isalpha()
    ]
    cuts = [(small[:n], small[n:]) for n in range(1, len(small))]
    common_parts = dict(_known([part for cut in cuts for part in cut], lexicon))
    for head, tail in cuts:
        common = min(common_parts.get(head, 0), common_parts.get(tail, 0))
        if common >= PART and head.isalpha() and tail.isalpha():
            found.append(Candidate(word[: len(head)] + " " + word[len(head) :], common, 2.0))
    found.sort(key=lambda c: (3 * c.cost - c.common, c.text))
    return tuple(found[:MOST])


def _known(words: Sequence[str], lexicon: Lexicon) -> list[tuple[str, int]]:
    """Those of the words that are known, and how common: all at once, for there are a thousand of one word."""
    there = np.frombuffer(lexicon.numbers, np.uint32)
    if not len(there):
        return []
    numbers = np.array([zlib.crc32(word.casefold().encode()) for word in words], np.uint32)
    places = np.minimum(np.searchsorted(there, numbers), len(there) - 1)
    hits = np.nonzero(there[places] == numbers)[0].tolist()
    return [(words[n], lexicon.classes[places[n]]) for n in hits]


def _near(word: str) -> dict[str, float]:
    """Every word one character away, with the cost of it."""
    found = {word: 0.0}
    for at, old in enumerate(word):
        head, tail = word[:at], word[at + 1 :]
        for new in _LETTERS:
            found[head + new + tail] = _cost(old, new)
        found.setdefault(head + tail, 1.5 if at and old == word[at - 1] else 2.0)
    for at in range(len(word) + 1):
        for new in _LETTERS:
            found.setdefault(word[:at] + new + word[at:], 1.5)
    return found | {near: min(1.0, found.get(near, 1.0)) for near in _confused(word)}


def _cost(old: str, new: str) -> float:
    # engines lose accents, confuse them, and seldom see some
    if _BARE.get(old, old) == _BARE.get(new, new):
        return ACCENT if old == _BARE[new] else 1.0 if new != _BARE[new] else 3.0
    return 1.0 if (old, new) in _OFTEN or old in _DIRT else 2.0


def _confused(word: str) -> Iterator[str]:
    """Every word with one misreading that is often seen."""
    for at, old in enumerate(word):
        for new in _OFTEN_FOR.get(old, ""):
            yield word[:at] + new + word[at + 1 :]
    for old, new in _RUNS:
        at = word.find(old)
        while at >= 0:
            yield word[:at] + new + word[at + len(old) :]
            at = word.find(old, at + 1)


def _torn(
    text: str, words: Sequence[re.Match[str]], known: Sequence[int], lexicon: Lexicon
) -> tuple[str, tuple[Candidate, ...]] | None:
    """Two words, one of them unknown, that are a known one without the space between them."""
    if len(words) < 2 or all(known) or words[1].start() - words[0].end() != 1:
        return None
    first = words[0].group()
    second = words[1].group().rstrip(".,;:!?)")
    if not (first.isalpha() and second.isalpha()) or (second[0].isupper() and not first.isupper()):
        return None
    common = lexicon.frequency(first + second)
    if common < JOINED or len(first + second) <= SHORTEST:
        return None
    end = words[1].start() + len(second)
    return text[words[0].start() : end], (Candidate(first + second, common, 0.0),)


def _core(match: re.Match[str]) -> tuple[int, str]:
    """The word without the signs at its ends, and where it starts."""
    word = match.group()
    start = next(n for n, c in enumerate(word) if c.isalpha())
    end = len(word) - next(n for n, c in enumerate(reversed(word)) if c.isalpha())
    return match.start() + start, word[start:end]


def _questioned(word: str) -> bool:
    """Whether it can be a misread word: letters, and one sign or misread letter at most."""
    strange = [c for c in word if not c.isalpha()]
    return (
        SHORTEST <= len(word) <= LONGEST and len(strange) <= 1 and all(c in _DIRT for c in strange)
    )


def _cased(word: str, other: str) -> str:
    """The other word, in capitals as this one is."""
    letters = [c for c in word if c.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        return other.upper()
    return other[:1].upper() + other[1:] if letters[0].isupper() else other


_OFTEN = frozenset(
    (a.lower(), b.lower()) for a, b in ALIKE if b.isalpha() and b != "ſ"
) | frozenset((a, b) for a, several in _SEEN.items() for b in several)
_OFTEN_FOR: dict[str, str] = {}
for _a, _b in sorted(_OFTEN):
    if _a != _b and _b in _LETTERS:
        _OFTEN_FOR[_a] = _OFTEN_FOR.get(_a, "") + _b
