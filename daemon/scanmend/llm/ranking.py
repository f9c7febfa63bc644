"""Compute the log-odds that a candidate is right, by logistic regression on lexicon, model, page and OCR engine.

The coefficients are data: ``models/ranking.json``, which ``models/corrector/fit_ranking.py`` fits and writes with
their provenance. There is a regression for each ``WordKind``.
"""

import enum
import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scanmend.correction.lookalikes import ACCENT_COST, Candidate
from scanmend.errors import MachineError
from scanmend.llm.suspect_word import SuspectWord
from scanmend.resources import shipped_file

FORMAT = "scanmend ranking 1"  # of the file, which names it
RANKING_FILE = "models/ranking.json"
MIN_DISTINCT_LETTERS = 5  # a word of fewer letters resembles many other words
MARGIN_AT_THRESHOLD = 2.0  # nats, on the scale of the gate's ``min_margin``
# Features are clipped to these limits, so that none outweighs all others.
MIN_NEIGHBOUR_GAIN, MAX_NEIGHBOUR_GAIN = -6.0, 12.0  # bits
MAX_REPEATED_MISREADING = 4.0  # bits
MAX_REPEATS = 1.0  # bits
MAX_LENGTH = 12  # code points
MAX_MODEL_LEAD = 5.0  # nats


class WordKind(enum.StrEnum):
    """The kind of a suspect word: is it in the lexicon, and did the engine report alternatives for its line?"""

    UNKNOWN = "unknown"
    KNOWN = "known"
    UNKNOWN_WITH_ALTERNATIVES = "unknown_with_alternatives"
    KNOWN_WITH_ALTERNATIVES = "known_with_alternatives"


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression for one kind of word."""

    threshold: float
    """Lowest log-odds (nats) of a proposed candidate. It differs by kind: a known word is more often right as read."""
    coefficients: Mapping[str, float]
    """Nats per unit of each feature, by the feature's name; a feature without a coefficient does not count."""


def features(
    suspect: SuspectWord, number: int, log_likelihoods: Sequence[float]
) -> dict[str, float]:
    """Return the features of candidate ``number`` of ``suspect``, by name.

    ``log_likelihoods``: the model's, in nats, for the word as read and then for each candidate: (1 + candidates).
    """
    candidate = suspect.candidates[number]
    as_read, *of_candidates = log_likelihoods
    likelihood = of_candidates.pop(number)
    best_other = max(of_candidates, default=-math.inf)
    joins, splits = " " in suspect.word, " " in candidate.text
    gain = min(MAX_NEIGHBOUR_GAIN, candidate.neighbour_gain)
    return {
        "intercept": 1.0,
        "engine_llr": candidate.log_ratio,
        "neighbour_gain": max(MIN_NEIGHBOUR_GAIN, gain),
        "word_frequency": suspect.frequency,
        "known_neighbours": suspect.known_neighbours,
        "repeats": min(MAX_REPEATS, suspect.repeats),
        "full_stop_follows": suspect.full_stop_follows,
        "known_stem": suspect.known_stem,
        "repeated_misreading": min(MAX_REPEATED_MISREADING, candidate.recurrence),
        "model_llr": likelihood - as_read,
        "candidate_frequency": candidate.frequency,
        "misreading_cost": 0.0 if joins or splits else candidate.cost,
        "restores_accent": candidate.cost == ACCENT_COST,
        "length": min(len(suspect.word), MAX_LENGTH),
        "unknown_share": suspect.unknown_share,
        "joins_words": joins,
        "splits_word": splits,
        "model_lead": min(MAX_MODEL_LEAD, likelihood - best_other),
        "model_prefers": likelihood > as_read,
        "short_word": len(suspect.word) < MIN_DISTINCT_LETTERS,
        "capitalised": suspect.word[0].isupper(),
    }


def kind_of(suspect: SuspectWord) -> WordKind:
    """Return the kind of a suspect word, and with it the regression to use."""
    if suspect.has_alternatives:
        known = suspect.frequency > 0
        return WordKind.KNOWN_WITH_ALTERNATIVES if known else WordKind.UNKNOWN_WITH_ALTERNATIVES
    return WordKind.KNOWN if suspect.frequency else WordKind.UNKNOWN


def log_odds(suspect: SuspectWord, number: int, log_likelihoods: Sequence[float]) -> float:
    """Return the log-odds (nats) that candidate ``number`` is right; the parameters are those of ``features``."""
    values = features(suspect, number, log_likelihoods)
    coefficients = regressions()[kind_of(suspect)].coefficients
    return sum(weight * values[name] for name, weight in coefficients.items())


def log_odds_without_model(suspect: SuspectWord) -> list[float]:
    """Return each candidate's log-odds (nats), assuming that the model finds it as likely as the word as read."""
    equal = [0.0] * (len(suspect.candidates) + 1)
    return [log_odds(suspect, n, equal) for n in range(len(suspect.candidates))]


def threshold(suspect: SuspectWord) -> float:
    """Return the lowest log-odds (nats) of a proposed candidate for this word."""
    return regressions()[kind_of(suspect)].threshold


def best(suspect: SuspectWord, log_likelihoods: Sequence[float]) -> tuple[Candidate, float] | None:
    """Return the candidate to propose and its margin (nats, on the gate's scale).

    None when no candidate reaches the threshold.
    """
    odds = [log_odds(suspect, n, log_likelihoods) for n in range(len(suspect.candidates))]
    chosen = max(range(len(odds)), key=odds.__getitem__)
    margin = odds[chosen] + MARGIN_AT_THRESHOLD - threshold(suspect)
    return (suspect.candidates[chosen], margin) if margin >= MARGIN_AT_THRESHOLD else None


@functools.cache
def regressions() -> Mapping[WordKind, Regression]:
    """Return the regressions that come with scanmend; raise MachineError when their file is missing or damaged."""
    path = shipped_file(RANKING_FILE)
    try:
        return parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {reason}", "install scanmend again") from error


def parsed(data: bytes) -> dict[WordKind, Regression]:
    """Return the regressions of a ranking file; raise ValueError when it is malformed.

    The coefficients keep the order of the file: floating-point sums depend on it.
    """
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT!r}")
        return {kind: _regression(content["regressions"][kind]) for kind in WordKind}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a ranking file: {type(error).__name__}: {error}") from error


def _regression(entry: dict[str, object]) -> Regression:
    coefficients = entry["coefficients"]
    if not isinstance(coefficients, dict):
        raise TypeError("coefficients")
    unknown = coefficients.keys() - _feature_names()
    if unknown:
        raise ValueError(f"it names unknown features: {', '.join(sorted(unknown))}")
    return Regression(
        _number(entry["threshold"]), {name: _number(value) for name, value in coefficients.items()}
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _feature_names() -> set[str]:
    return set(features(SuspectWord(0, "x", (Candidate("y", 1, 1.0),), 0.0), 0, [0.0, 0.0]))
