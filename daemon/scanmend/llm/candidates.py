"""The words of the lexicon that OCR engines misread as a given unknown word.

This is the candidate generation of a noisy channel (Kernighan, Church and Gale 1990): all words within one misreading,
and, where none of those is usual, within two.
"""

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

MAX_CANDIDATES = 12  # for one word
TWO_MISREADINGS_LETTERS = 5  # a shorter word is not searched two misreadings away
TWO_MISREADINGS_FREQUENCY = 5  # least frequency class of a word two misreadings away
PART_FREQUENCY = 11  # least frequency class of each of two words that were run together
# costs of a misreading, without a unit: the regressions of ``ranking`` weigh them
USUAL_COST = 1.0  # a pair of characters that engines often confuse
LENGTH_COST = 1.5  # a character too many or too few
UNUSUAL_COST = 2.0  # any other character; a lost space; two misreadings
COST_IN_CLASSES = 3  # frequency classes that outweigh a cost of 1 in the order of the candidates


def candidates_for(
    word: str, lexicon: Lexicon, *, two_misreadings: bool = True
) -> tuple[Candidate, ...]:
    """Return up to MAX_CANDIDATES words that may have been misread as ``word``, the most plausible first.

    ``two_misreadings`` also searches words two misreadings away: thousands, so this is slow.
    """
    small = word.lower()
    costs = _one_misreading(small)
    del costs[small]
    found = _known_candidates(word, costs, MIN_CANDIDATE_CLASS, lexicon)
    if (
        two_misreadings
        and len(small) >= TWO_MISREADINGS_LETTERS
        and not any(c.cost <= USUAL_COST for c in found)
    ):
        far = (
            {w for once in one_confusion_away(small) for w in one_confusion_away(once)}
            - costs.keys()
            - {small}
        )
        far_costs = dict.fromkeys(far, UNUSUAL_COST)
        found += _known_candidates(word, far_costs, TWO_MISREADINGS_FREQUENCY, lexicon)
    found += _splits(word, lexicon)
    found.sort(key=lambda c: (COST_IN_CLASSES * c.cost - c.frequency, c.text))
    return tuple(found[:MAX_CANDIDATES])


def _splits(word: str, lexicon: Lexicon) -> list[Candidate]:
    """Return the pairs of common words that ``word`` is without the space between them."""
    small = word.lower()
    cuts = [(small[:n], small[n:]) for n in range(1, len(small))]
    classes = dict(_known([part for cut in cuts for part in cut], lexicon))
    found = []
    for head, tail in cuts:
        rarer = min(classes.get(head, 0), classes.get(tail, 0))
        if rarer >= PART_FREQUENCY and head.isalpha() and tail.isalpha():
            text = word[: len(head)] + " " + word[len(head) :]
            found.append(Candidate(text, rarer, UNUSUAL_COST))
    return found


def _known_candidates(
    word: str, costs: dict[str, float], least_class: int, lexicon: Lexicon
) -> list[Candidate]:
    """Return the keys of ``costs`` that the lexicon has, in the case of ``word``.

    ``least_class`` bounds their frequency class, except where only an accent is restored.
    """
    return [
        Candidate(in_case_of(word, near), frequency, costs[near])
        for near, frequency in _known(list(costs), lexicon)
        if near.isalpha() and frequency >= (1 if costs[near] == ACCENT_COST else least_class)
    ]


def _known(words: Sequence[str], lexicon: Lexicon) -> list[tuple[str, int]]:
    """Return those of the words that the lexicon has, with their frequency classes.

    One vectorised search: a single suspect word asks for about a thousand.
    """
    known = np.frombuffer(lexicon.checksums, np.uint32)
    if not len(known):
        return []
    checksums = np.array([zlib.crc32(word.casefold().encode()) for word in words], np.uint32)
    rows = np.minimum(np.searchsorted(known, checksums), len(known) - 1)
    hits = np.nonzero(known[rows] == checksums)[0].tolist()
    return [(words[n], lexicon.classes[rows[n]]) for n in hits]


def _one_misreading(word: str) -> dict[str, float]:
    """Return every string one character away from ``word``, and ``word`` itself, with the cost of the misreading."""
    found = {word: 0.0}
    for at, old in enumerate(word):
        head, tail = word[:at], word[at + 1 :]
        for new in LETTERS:
            # engines lose accents but make up none, so none is taken away
            if new == old or new != WITHOUT_ACCENT.get(old):
                found[head + new + tail] = _replacement_cost(old, new)
        doubled = at and old == word[at - 1]
        found.setdefault(head + tail, LENGTH_COST if doubled else UNUSUAL_COST)
    for at in range(len(word) + 1):
        for new in LETTERS:
            found.setdefault(word[:at] + new + word[at:], LENGTH_COST)
    usual = {
        near: min(USUAL_COST, found.get(near, USUAL_COST)) for near in one_confusion_away(word)
    }
    return found | usual


def _replacement_cost(old: str, new: str) -> float:
    """Return the cost of reading ``old`` where ``new`` was printed."""
    if WITHOUT_ACCENT.get(old, old) == WITHOUT_ACCENT.get(new, new):
        return ACCENT_COST if old == WITHOUT_ACCENT[new] else USUAL_COST
    return (
        USUAL_COST
        if (old, new) in FREQUENT_CONFUSIONS or old in LETTER_LIKE_SIGNS
        else UNUSUAL_COST
    )
