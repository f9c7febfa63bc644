"""Weigh the replacements of doubtful words: a conditional logit over {as read, replacements}.

The coefficients are data, the same for every model: ``models/judge.json``, with their provenance.
"""

import dataclasses
import enum
import functools
import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanmend.correction.channel import Nats
from scanmend.correction.old_spelling import is_other_spelling
from scanmend.errors import MachineError
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, normal_form
from scanmend.llm.judge.judge_features import JudgeFeatures, Misreadings, ScoredWord
from scanmend.llm.judge.replacement import Replacement, ReplacementSource, bits
from scanmend.llm.judge.scorer import Likelihood
from scanmend.resources import shipped_file

JUDGE_FORMAT = "scanmend judge 1"  # of the file, which names it
JUDGE_FILE = "models/judge.json"
COMBINING_SMALL_E = "\u0364"  # above a letter, for an umlaut: fuͤr
MIN_LETTERS_WITH_DIGITS = 2  # of a word in which a digit may stand for a letter
MIN_FREQUENCY_LEAD = 5.0  # bits
MAX_COST_OF_FREQUENT: Nats = 6.5
# What a threshold rises by where a page has only one sure misreading of an unknown word, and for known words where it has
# none. In 32,464 words of books in English, German and French, which are clean, this leaves 2 of 23 edits of known words, and 23
# of 50 edits. It costs 2 of 1,700 right edits in OCR texts.
MORE_FOR_ONLY_MISREADING: Nats = 1.0
MORE_FOR_KNOWN_ON_CLEAN_PAGE: Nats = 2.5
MIN_WORDS_OF_CLEAN_PAGE = 30  # fewer tell too little


class JudgedKind(enum.StrEnum):
    """The regressions: known words ask for more evidence, and have their own."""

    UNKNOWN = "unknown"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class JudgeRegression:
    """A conditional logit. ``threshold``: the lowest log-odds (nats) of a replacement that is proposed."""

    threshold: Nats
    coefficients: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A replacement of a word, and its log-odds (nats) over the word as read and all other replacements."""

    word: DoubtfulWord
    replacement: Replacement
    log_odds: Nats
    threshold: Nats


class PageJudge:
    """The judge of one page's words."""

    def __init__(self, lines: Sequence[str], language: str, scored: Sequence[ScoredWord]) -> None:
        """Weigh the words of these lines. ``language``: of the page, such as "de"."""
        self._language = language
        self._writes_small_e = any(COMBINING_SMALL_E in line for line in lines)
        self._scored = scored
        self._word_count = sum(len(line.split()) for line in lines)
        self._features = JudgeFeatures(lines, language, scored)

    def judgements(self) -> Iterator[Judgement]:
        """Yield the judgement of each word that has an allowed replacement: of its best one."""
        for scored, utilities in self._weighed():
            best = max(range(len(utilities)), key=utilities.__getitem__)
            if utilities[best] > -math.inf:
                yield self._judgement(scored, utilities, best)

    def sure(self) -> list[Judgement]:
        """Return the judgements that reach their thresholds, the surest first.

        The words of a page are evidence for each other: on one that seems clean, the thresholds are higher. But a sign or digit
        inside a word shows by itself that it is misread.
        """
        reached = [j for j in self.judgements() if j.log_odds >= j.threshold]
        if self._word_count >= MIN_WORDS_OF_CLEAN_PAGE:
            known = [j for j in reached if j.word.kind is DoubtKind.KNOWN]
            unknown = [j for j in reached if j.word.kind is not DoubtKind.KNOWN]
            if len(unknown) == 1 and unknown[0].word.read.isalpha():
                unknown = _raised(unknown, MORE_FOR_ONLY_MISREADING)
            if not unknown:
                known = _raised(known, MORE_FOR_KNOWN_ON_CLEAN_PAGE)
            reached = [*unknown, *known]
        return sorted(reached, key=lambda j: -j.log_odds)

    def wishes(self) -> Iterator[Judgement]:
        """Yield the judgement of each replacement that another corrector wishes; the log-odds of a forbidden one are -inf."""
        for scored, utilities in self._weighed():
            for number, replacement in enumerate(scored.replacements):
                if replacement.source is ReplacementSource.CORRECTOR:
                    yield self._judgement(scored, utilities, number)

    def _weighed(self) -> Iterator[tuple[ScoredWord, list[float]]]:
        """Yield each word that has replacements, with their utilities."""
        for scored, likely in zip(self._scored, self._features.likely, strict=True):
            if scored.replacements:
                numbers = range(len(scored.replacements))
                yield scored, [self.utility(scored, n, likely) for n in numbers]

    def _judgement(self, scored: ScoredWord, utilities: Sequence[float], number: int) -> Judgement:
        """Return the log-odds of a replacement over the word as read, whose utility is 0, and over the other replacements."""
        others = (u for n, u in enumerate(utilities) if n != number)
        log_odds = utilities[number] - _log_sum((0.0, *others))
        threshold = regression_of(scored.word).threshold
        return Judgement(scored.word, scored.replacements[number], log_odds, threshold)

    def features(self) -> Iterator[tuple[ScoredWord, dict[int, dict[str, float]]]]:
        """Yield each scored word with the features of its allowed replacements, by their numbers."""
        for scored, likely in zip(self._scored, self._features.likely, strict=True):
            allowed = (n for n in range(len(scored.replacements)) if self._is_allowed(scored, n))
            yield scored, {n: self._features.of(scored, n, likely) for n in allowed}

    def utility(self, scored: ScoredWord, number: int, likely: Misreadings = frozenset()) -> float:
        """Return the utility (nats) of a replacement; 0 is that of the word as read, -inf forbids it.

        ``likely``: the word's own misreadings, which are no evidence for itself.
        """
        if not self._is_allowed(scored, number):
            return -math.inf
        coefficients = regression_of(scored.word).coefficients
        features = self._features.of(scored, number, likely)
        return sum(coefficients.get(name, 0.0) * value for name, value in features.items())

    def _is_allowed(self, scored: ScoredWord, number: int) -> bool:
        """Return whether a replacement may be proposed: letters for letters, no other spelling of the same word.

        A page that is printed with a small e above a, o and u has no modern umlauts, so none is added. The model must not find
        a known word likelier than its replacement, unless this is far more frequent.
        """
        read, other = scored.word.read, scored.replacements[number].text
        if any(map(str.isnumeric, other)):
            return False
        if any(map(str.isnumeric, read)) and sum(map(str.isalpha, read)) < MIN_LETTERS_WITH_DIGITS:
            return False
        if _marks(read) != _marks(other):
            return False
        if self._writes_small_e and _umlauts(other) > _umlauts(read):
            return False
        if is_other_spelling(normal_form(read), normal_form(other), self._language):
            return False
        if scored.word.kind is not DoubtKind.KNOWN or scored.llr(number) >= 0:
            return True
        return is_far_more_frequent(scored.replacements[number], scored.word)


def _raised(judgements: Sequence[Judgement], nats: Nats) -> list[Judgement]:
    """Return the judgements that also reach a threshold that is so much higher, with that threshold."""
    higher = (dataclasses.replace(j, threshold=j.threshold + nats) for j in judgements)
    return [j for j in higher if j.log_odds >= j.threshold]


def is_far_more_frequent(replacement: Replacement, word: DoubtfulWord) -> bool:
    """Return whether a likely look-alike of a word is far more frequent.

    A page full of one misreading teaches it to the model, which then finds "tho" as likely as "the".
    """
    lead = replacement.frequency - bits(word.frequency)
    return lead >= MIN_FREQUENCY_LEAD and replacement.cost <= MAX_COST_OF_FREQUENT


def judged_kind(word: DoubtfulWord) -> JudgedKind:
    """Return which regression judges a word."""
    return JudgedKind.KNOWN if word.kind is DoubtKind.KNOWN else JudgedKind.UNKNOWN


def regression_of(word: DoubtfulWord) -> JudgeRegression:
    """Return the regression for a word of this kind."""
    return shipped_regressions()[judged_kind(word)]


def _umlauts(text: str) -> int:
    return sum(map(text.lower().count, "äöü"))


def _marks(text: str) -> list[str]:
    """Return the combining marks that no letter takes up in Unicode normalisation (NFC)."""
    return [c for c in unicodedata.normalize("NFC", text) if unicodedata.combining(c)]


def _log_sum(logs: Sequence[float]) -> float:
    """Return the logarithm of the sum of the exponentials."""
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs))


@functools.cache
def shipped_regressions() -> Mapping[JudgedKind, JudgeRegression]:
    """Return the regressions that come with scanmend. Raises MachineError when their file is missing or damaged."""
    path = shipped_file(JUDGE_FILE)
    try:
        return parsed_regressions(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {reason}", "install scanmend again") from error


def parsed_regressions(data: bytes) -> dict[JudgedKind, JudgeRegression]:
    """Return the regressions in the content of a file. Raises ValueError when it is malformed."""
    try:
        content = json.loads(data)
        if content["format"] != JUDGE_FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {JUDGE_FORMAT!r}")
        return {kind: _regression(content["regressions"][kind]) for kind in JudgedKind}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a judge file: {type(error).__name__}: {error}") from error


def _regression(entry: Mapping[str, Any]) -> JudgeRegression:
    coefficients = {name: float(value) for name, value in entry["coefficients"].items()}
    unknown = coefficients.keys() - _feature_names()
    if unknown:
        raise ValueError(f"it names unknown features: {', '.join(sorted(unknown))}")
    return JudgeRegression(float(entry["threshold"]), coefficients)


def _feature_names() -> set[str]:
    word = DoubtfulWord(0, 0, 1, "x", DoubtKind.UNKNOWN, 0)
    replacement = Replacement("y", 0.0, 0.0, ReplacementSource.LEXICON)
    scored = ScoredWord(word, (replacement,), (Likelihood(0.0, 0.0), Likelihood(0.0, 0.0)))
    return set(JudgeFeatures(["x"], "en", [scored]).of(scored, 0))
