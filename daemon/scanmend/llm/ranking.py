"""How much speaks for another word: logistic regressions of what the lexicon, the model, the page and the engine say.

``models/corrector/suggestions.py`` fits them, and says how often what they propose is right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scanmend.correction.lookalikes import ACCENT_COST, Candidate

SHORT = 5  # letters below which a word is like many others
MARGIN = 2.0  # what the least of what is proposed has
# for unknown words and known ones, where the engine does not tell what it saw; fitted on another drawing of the same
# lines: with those of the last one, more lines of old newspapers were made worse
ODDS = {"one": -1.51, "same": -1.98, "dot": -0.14, "fits": 0.32, "sides": -0.25, "again": 1.28, "likely": 0.22, "common": 0.26,
        "cost": -0.69, "accent": 0.9, "letters": 0.18, "unknown": 2.08, "torn": 0.46, "together": -4.22, "ahead": 0.1,
        "model's": -0.07, "short": -1.44, "name": 0.12}  # fmt: skip
KNOWN_ODDS = {"one": -1.16, "same": 0.06, "dot": -1.24, "fits": 0.41, "own": -0.3, "sides": -0.47, "again": 1.42, "likely": 0.43,
              "common": 0.4, "cost": -1.92, "accent": 1.87, "letters": -0.18, "unknown": 8.42, "ahead": 0.05, "model's": -1.63,
              "short": -1.26, "name": 1.19}  # fmt: skip
# and where it does
SEEN_ODDS = {"form": -0.37, "seen": 0.4, "one": 0.84, "same": -0.22, "dot": 0.25, "fits": 0.36, "sides": -0.18, "again":
             0.86, "likely": 0.14, "common": 0.2, "cost": -0.9, "accent": 0.76, "letters": 0.25, "unknown": 0.75, "torn":
             -2.29, "together": -3.84, "ahead": 0.1, "model's": 0.82, "short": -1.14, "name": 0.23}  # fmt: skip
KNOWN_SEEN_ODDS = {"seen": 0.69, "one": 2.31, "same": -0.77, "dot": 0.42, "fits": 0.51, "own": -0.18, "sides": -0.31, "again":
                   0.66, "likely": 0.24, "common": 0.2, "cost": -0.63, "accent": 1.65, "letters": -0.05, "unknown": -1.96, "ahead":
                   0.03, "model's": 0.29, "short": -0.41, "name": 0.16}  # fmt: skip
# logarithms of the odds from which a candidate is proposed: a known word is rather what it is
LEAST, KNOWN_LEAST = 1.2, 1.5
SEEN_LEAST, KNOWN_SEEN_LEAST = 0.5, 1.2


@dataclass(frozen=True, slots=True)
class SuspectWord:
    """A word of a text that may be another, at ``start``. ``unknown``: the share of the page's words that are.

    ``common``: its class of frequency, 0 when it is unknown itself. ``sides``: on how many it has a known neighbour.
    ``same``: how often it stands elsewhere on the page, as a binary logarithm of 1 more. ``dot``: a full stop follows,
    and not at the end of the line, as of abbreviations. ``form``: it is a known word with another ending.
    ``told``: the engine says what it saw.
    """

    start: int
    word: str
    candidates: tuple[Candidate, ...]
    unknown: float
    common: int = 0
    sides: int = 0
    same: float = 0.0
    dot: bool = False
    form: bool = False
    told: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.word)


def best(spot: SuspectWord, likely: Sequence[float]) -> tuple[Candidate, float] | None:
    """The candidate to propose, and its margin, which is the logarithm of its odds on the gate's scale.

    ``likely``: logarithms of probabilities, of the word as it stands and of each candidate.
    """
    given = [odds(spot, n, likely) for n in range(len(spot.candidates))]
    chosen = max(range(len(given)), key=given.__getitem__)
    margin = given[chosen] + MARGIN - least(spot)
    return (spot.candidates[chosen], margin) if margin >= MARGIN else None


def odds(spot: SuspectWord, number: int, likely: Sequence[float]) -> float:
    """Of a candidate, as a logarithm."""
    given = features(spot, number, likely)
    return sum(weight * given[name] for name, weight in weights(spot).items())


def odds_without(spot: SuspectWord) -> list[float]:
    """Of each candidate, were it as likely to the model as what was read."""
    nothing = [0.0] * (len(spot.candidates) + 1)
    return [odds(spot, n, nothing) for n in range(len(spot.candidates))]


def features(spot: SuspectWord, number: int, likely: Sequence[float]) -> dict[str, float]:
    """What speaks for a candidate, by name."""
    candidate = spot.candidates[number]
    others = [x for n, x in enumerate(likely[1:]) if n != number]
    torn, together = " " in spot.word, " " in candidate.text
    return {
        "one": 1.0,
        "seen": candidate.seen,
        "fits": max(-6.0, min(12.0, candidate.fits)),
        "own": spot.common,
        "sides": spot.sides,
        "same": min(1.0, spot.same),
        "dot": spot.dot,
        "form": spot.form,
        "again": min(4.0, candidate.again),
        "likely": likely[number + 1] - likely[0],
        "common": candidate.common,
        "cost": 0.0 if torn or together else candidate.cost,
        "accent": candidate.cost == ACCENT_COST,
        "letters": min(len(spot.word), 12),
        "unknown": spot.unknown,
        "torn": torn,
        "together": together,
        "ahead": min(5.0, likely[number + 1] - max(others, default=-math.inf)),
        "model's": likely[number + 1] > likely[0],
        "short": len(spot.word) < SHORT,
        "name": spot.word[0].isupper(),
    }


def least(spot: SuspectWord) -> float:
    """The odds from which a candidate is proposed."""
    if spot.told:
        return KNOWN_SEEN_LEAST if spot.common else SEEN_LEAST
    return KNOWN_LEAST if spot.common else LEAST


def weights(spot: SuspectWord) -> dict[str, float]:
    """Of the regression for such a word."""
    if spot.told:
        return KNOWN_SEEN_ODDS if spot.common else SEEN_ODDS
    return KNOWN_ODDS if spot.common else ODDS
