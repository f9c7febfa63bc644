"""The known words that engines misread as an unknown one: what may have stood on the paper (Kernighan, Church and Gale 1990)."""

import zlib
from collections.abc import Sequence

import numpy as np

from scanmend.correction.lexicon import Lexicon
from scanmend.correction.lookalikes import (
    ACCENT_COST,
    FREQUENT_CONFUSIONS,
    LETTER_LIKE_SIGNS,
    LETTERS,
    MIN_CANDIDATE_CLASS,
    WITHOUT_ACCENT,
    Candidate,
    in_case_of,
    one_confusion_away,
)

MOST = 12  # of one word
BADLY = 5  # letters from which two characters may be misread
RARE_BADLY = 5  # least class of frequency, of those
PART = 11  # of each of two words that were run together


def candidates(word: str, lexicon: Lexicon, *, twice: bool = True) -> tuple[Candidate, ...]:
    """The known words that may have been misread as this one, those first for which most speaks.

    ``twice``: also those that are two misreadings away.
    """
    small = word.lower()
    costs = _near(small)
    del costs[small]
    found = _offered(word, costs, MIN_CANDIDATE_CLASS, lexicon)
    if twice and len(small) >= BADLY and not any(c.cost <= 1 for c in found):  # thousands, and dear
        far = (
            {w for once in one_confusion_away(small) for w in one_confusion_away(once)}
            - costs.keys()
            - {small}
        )
        found += _offered(word, dict.fromkeys(far, 2.0), RARE_BADLY, lexicon)
    cuts = [(small[:n], small[n:]) for n in range(1, len(small))]
    common_parts = dict(_known([part for cut in cuts for part in cut], lexicon))
    for head, tail in cuts:
        common = min(common_parts.get(head, 0), common_parts.get(tail, 0))
        if common >= PART and head.isalpha() and tail.isalpha():
            found.append(Candidate(word[: len(head)] + " " + word[len(head) :], common, 2.0))
    found.sort(key=lambda c: (3 * c.cost - c.common, c.text))
    return tuple(found[:MOST])


def _offered(word: str, costs: dict[str, float], rare: int, lexicon: Lexicon) -> list[Candidate]:
    """Those that are known, and no rarer than this but where only an accent is restored."""
    return [
        Candidate(in_case_of(word, near), common, costs[near])
        for near, common in _known(list(costs), lexicon)
        if near.isalpha() and common >= (1 if costs[near] == ACCENT_COST else rare)
    ]


def _known(words: Sequence[str], lexicon: Lexicon) -> list[tuple[str, int]]:
    """Those of the words that are known, and how common: all at once, for there are a thousand of one word."""
    there = np.frombuffer(lexicon.checksums, np.uint32)
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
        for new in LETTERS:
            if new == old or new != WITHOUT_ACCENT.get(old):  # no engine makes up an accent
                found[head + new + tail] = _cost(old, new)
        found.setdefault(head + tail, 1.5 if at and old == word[at - 1] else 2.0)
    for at in range(len(word) + 1):
        for new in LETTERS:
            found.setdefault(word[:at] + new + word[at:], 1.5)
    return found | {near: min(1.0, found.get(near, 1.0)) for near in one_confusion_away(word)}


def _cost(old: str, new: str) -> float:
    # engines lose accents, and confuse them
    if WITHOUT_ACCENT.get(old, old) == WITHOUT_ACCENT.get(new, new):
        return ACCENT_COST if old == WITHOUT_ACCENT[new] else 1.0
    return 1.0 if (old, new) in FREQUENT_CONFUSIONS or old in LETTER_LIKE_SIGNS else 2.0
