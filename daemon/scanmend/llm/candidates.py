"""Find the words of the lexicon that OCR engines may misread as a given unknown word.

This is the candidate generation of a noisy channel (Kernighan, Church and Gale 1990): all words within one misreading,
and, where none of those is a usual one, within two.
"""

from collections.abc import Sequence

from scanmend.correction.lexicon import FrequencyClass, Lexicon
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

MAX_CANDIDATES = 12  # that the search returns for one word
MIN_LETTERS_FOR_TWO_MISREADINGS = 5  # a shorter word has too many neighbours two misreadings away
MIN_CLASS_TWO_MISREADINGS_AWAY: FrequencyClass = 5
MIN_RUN_TOGETHER_CLASS: FrequencyClass = 11  # of each of two words that lost the space between them
# costs of a misreading, without a unit: the regressions of ``ranking`` weigh them
USUAL_COST = 1.0  # a pair of characters that engines often confuse
LENGTH_COST = 1.5  # a character too many or too few
UNUSUAL_COST = 2.0  # any other character; a lost space; two misreadings
CLASSES_PER_COST = 3  # frequency classes that outweigh a cost of 1 when candidates are sorted


def candidates_for(
    word: str, lexicon: Lexicon, *, two_misreadings: bool = True
) -> tuple[Candidate, ...]:
    """Return up to MAX_CANDIDATES words that may have been misread as ``word``, the most plausible first.

    ``two_misreadings`` also searches words two misreadings away: thousands, so this is slow.
    """
    lower = word.lower()
    costs = _one_misreading(lower)
    del costs[lower]
    found = _known_candidates(word, costs, MIN_CANDIDATE_CLASS, lexicon)
    if (
        two_misreadings
        and len(lower) >= MIN_LETTERS_FOR_TWO_MISREADINGS
        and not any(c.cost <= USUAL_COST for c in found)
    ):
        twice_misread = {
            text for once in one_confusion_away(lower) for text in one_confusion_away(once)
        }
        far_costs = dict.fromkeys(twice_misread - costs.keys() - {lower}, UNUSUAL_COST)
        found += _known_candidates(word, far_costs, MIN_CLASS_TWO_MISREADINGS_AWAY, lexicon)
    found += _splits(word, lexicon)
    found.sort(key=lambda c: (CLASSES_PER_COST * c.cost - c.frequency, c.text))
    return tuple(found[:MAX_CANDIDATES])


def _splits(word: str, lexicon: Lexicon) -> list[Candidate]:
    """Return the pairs of common words that make up ``word`` if a space was lost between them."""
    lower = word.lower()
    cuts = [(lower[:n], lower[n:]) for n in range(1, len(lower))]
    classes = dict(_known([part for cut in cuts for part in cut], lexicon))
    found = []
    for head, tail in cuts:
        rarer = min(classes.get(head, 0), classes.get(tail, 0))
        if rarer >= MIN_RUN_TOGETHER_CLASS and head.isalpha() and tail.isalpha():
            text = word[: len(head)] + " " + word[len(head) :]
            found.append(Candidate(text, rarer, UNUSUAL_COST))
    return found


def _known_candidates(
    word: str, costs: dict[str, float], min_class: FrequencyClass, lexicon: Lexicon
) -> list[Candidate]:
    """Return the keys of ``costs`` that the lexicon has, capitalised as ``word`` is.

    Candidates below ``min_class`` are left out, except where only an accent is restored.
    """
    return [
        Candidate(in_case_of(word, text), frequency, costs[text])
        for text, frequency in _known(list(costs), lexicon)
        if text.isalpha() and frequency >= (1 if costs[text] == ACCENT_COST else min_class)
    ]


def _known(words: Sequence[str], lexicon: Lexicon) -> list[tuple[str, FrequencyClass]]:
    """Return the words that the lexicon has, with their frequency classes."""
    folded = [word.casefold() for word in words]  # several spellings may be one word: ß, ss
    classes = dict(lexicon.known(dict.fromkeys(folded)))
    return [(word, classes[key]) for word, key in zip(words, folded, strict=True) if key in classes]


def _one_misreading(word: str) -> dict[str, float]:
    """Return the cost of each misreading of one character, by the text as printed; includes ``word`` itself."""
    found = {word: 0.0}
    for at, old in enumerate(word):
        head, tail = word[:at], word[at + 1 :]
        for new in LETTERS:
            # Engines lose accents but do not invent them, so the candidates never drop one.
            if new == old or new != WITHOUT_ACCENT.get(old):
                found[head + new + tail] = _replacement_cost(old, new)
        doubled = at and old == word[at - 1]
        found.setdefault(head + tail, LENGTH_COST if doubled else UNUSUAL_COST)
    for at in range(len(word) + 1):
        for new in LETTERS:
            found.setdefault(word[:at] + new + word[at:], LENGTH_COST)
    usual = {
        text: min(USUAL_COST, found.get(text, USUAL_COST)) for text in one_confusion_away(word)
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
