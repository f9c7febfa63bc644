"""Weigh the replacements of doubtful words: a conditional logit over {as read, replacements}.

The coefficients are data, the same for every model: ``models/judge.json``, with their provenance.
"""

import enum
import functools
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from scanmend.correction.channel import Nats
from scanmend.correction.old_spelling import is_other_spelling
from scanmend.errors import MachineError
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, normal_form
from scanmend.llm.judge.replacements import (
    GOOD_COST,
    MAX_COST,
    Replacement,
    ReplacementSource,
    bits,
)
from scanmend.llm.judge.scorer import Likelihood
from scanmend.resources import shipped_file

JUDGE_FORMAT = "scanmend judge 1"  # of the file, which names it
JUDGE_FILE = "models/judge.json"
PRIOR_WORDS = (
    30  # added to a page's words, since a few lines say little about the share of unknown ones
)
MIN_MODEL_LLR, MAX_MODEL_LLR = -12.0, 16.0  # nats
MAX_WEIGHED_LENGTH = 12  # code points
MAX_SHORT_WORD = 3  # code points
MAX_RECURRENCES = 15  # other words with the same misreading
COMBINING_SMALL_E = "\u0364"  # above a letter, for an umlaut: fuͤr
MIN_LETTERS_WITH_DIGITS = 2  # of a word in which a digit may stand for a letter
_SENTENCE_STARTS = '.!?:"“„»«'


class JudgedKind(enum.StrEnum):
    """The regressions: known words ask for more evidence, and have their own."""

    UNKNOWN = "unknown"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class JudgeRegression:
    """A conditional logit. ``threshold``: the lowest log-odds (nats) of a replacement that is proposed.

    ``thresholds``: in the languages that have another one.
    """

    threshold: Nats
    thresholds: Mapping[str, Nats]
    coefficients: Mapping[str, float]

    def threshold_in(self, language: str) -> Nats:
        """Return the lowest log-odds of a replacement that is proposed on a page in this language."""
        return self.thresholds.get(language, self.threshold)


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A doubtful word, its replacements, and the model's likelihoods: of the word as read, then of each of them."""

    word: DoubtfulWord
    replacements: tuple[Replacement, ...]
    likelihoods: tuple[Likelihood, ...]

    def llr(self, number: int) -> Nats:
        """Return the log of how many times likelier a replacement is, with the words behind it."""
        return self.likelihoods[number + 1].with_following - self.likelihoods[0].with_following

    def llr_alone(self, number: int) -> Nats:
        """Return the same without the words behind it."""
        return self.likelihoods[number + 1].alone - self.likelihoods[0].alone

    def joined(self, other: "ScoredWord") -> "ScoredWord":
        """Return the word with the replacements of another scoring of it.

        Only differences to the word as read count, and one scoring may lack the words behind it: the other one is moved, so
        that the word as read is as likely in both.
        """
        ours, theirs = self.likelihoods[0], other.likelihoods[0]
        alone = ours.alone - theirs.alone
        with_following = ours.with_following - theirs.with_following
        moved = (
            Likelihood(one.alone + alone, one.with_following + with_following)
            for one in other.likelihoods[1:]
        )
        replacements = self.replacements + other.replacements
        return ScoredWord(self.word, replacements, (*self.likelihoods, *moved))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The best replacement of a word, and its log-odds (nats) over everything else."""

    word: DoubtfulWord
    replacement: Replacement
    log_odds: Nats
    threshold: Nats


class PageJudge:
    """The judge of one page's words, which are evidence for each other."""

    def __init__(self, lines: Sequence[str], language: str, scored: Sequence[ScoredWord]) -> None:
        """Count which words and which misreadings the page repeats. ``language``: of the page, such as "de"."""
        self._lines = lines
        self._language = language
        self._writes_small_e = any(COMBINING_SMALL_E in line for line in lines)
        self._scored = scored
        doubtful = [s for s in scored if s.word.kind is not DoubtKind.KNOWN]
        self._repeats = Counter(s.word.read.lower() for s in doubtful)
        words = sum(len(line.split()) for line in lines)
        unknown = sum(s.word.kind in (DoubtKind.UNKNOWN, DoubtKind.RARE) for s in doubtful)
        self._unknown_share = unknown / (words + PRIOR_WORDS)
        self._likely = [_likely_misreadings(s) for s in scored]
        self._words_with = Counter(m for misreadings in self._likely for m in misreadings)

    def judgements(self) -> Iterator[Judgement]:
        """Yield the judgement of each word that has an allowed replacement."""
        for scored, likely in zip(self._scored, self._likely, strict=True):
            regression = regression_of(scored.word)
            utilities = [self.utility(scored, n, likely) for n in range(len(scored.replacements))]
            best = max(range(len(utilities)), key=utilities.__getitem__)
            if utilities[best] == -math.inf:
                continue
            others = (u for n, u in enumerate(utilities) if n != best)
            log_odds = utilities[best] - _log_sum(
                (0.0, *others)
            )  # 0: the utility of the word as read
            threshold = regression.threshold_in(self._language)
            yield Judgement(scored.word, scored.replacements[best], log_odds, threshold)

    def features(self) -> Iterator[tuple[ScoredWord, dict[int, dict[str, float]]]]:
        """Yield each scored word with the features of its allowed replacements, by their numbers."""
        for scored, likely in zip(self._scored, self._likely, strict=True):
            allowed = (n for n in range(len(scored.replacements)) if self._is_allowed(scored, n))
            yield scored, {n: self._features(scored, n, likely) for n in allowed}

    def utility(
        self, scored: ScoredWord, number: int, likely: frozenset[tuple[str, str]] = frozenset()
    ) -> float:
        """Return the utility (nats) of a replacement; 0 is that of the word as read, -inf forbids it.

        ``likely``: the word's own misreadings, which are no evidence for itself.
        """
        if not self._is_allowed(scored, number):
            return -math.inf
        coefficients = regression_of(scored.word).coefficients
        features = self._features(scored, number, likely)
        return sum(coefficients.get(name, 0.0) * value for name, value in features.items())

    def _is_allowed(self, scored: ScoredWord, number: int) -> bool:
        """Return whether a replacement may be proposed: letters for letters, no other spelling of the same word.

        A page that is printed with a small e above a, o and u has no modern umlauts.
        """
        read, other = scored.word.read, scored.replacements[number].text
        if any(map(str.isnumeric, other)):
            return False
        if any(map(str.isnumeric, read)) and sum(map(str.isalpha, read)) < MIN_LETTERS_WITH_DIGITS:
            return False
        if _marks(read) != _marks(other):
            return False
        if self._writes_small_e and _umlauts(read) != _umlauts(other):
            return False
        if is_other_spelling(normal_form(read), normal_form(other), self._language):
            return False
        return scored.word.kind is not DoubtKind.KNOWN or scored.llr(number) >= 0

    def _features(
        self, scored: ScoredWord, number: int, likely: frozenset[tuple[str, str]]
    ) -> dict[str, float]:
        """Return the features of one replacement, by name."""
        word, replacement = scored.word, scored.replacements[number]
        read, source = word.read, replacement.source
        misreadings = _misreadings(read, replacement.text)
        recurrences = max((self._words_with[m] - (m in likely) for m in misreadings), default=0)
        before = self._lines[word.line][: word.start].rstrip()
        starts_sentence = not before or before[-1] in _SENTENCE_STARTS
        short, long = sorted((read.lower(), replacement.text.lower()), key=len)
        return {
            "intercept": 1.0,
            "unknown": word.kind is DoubtKind.UNKNOWN,
            "rare": word.kind is DoubtKind.RARE,
            "torn": word.kind is DoubtKind.TORN,
            "model_llr": _clipped(scored.llr(number)),
            "model_llr_of_word": _clipped(scored.llr_alone(number)),
            "misreading_cost": min(replacement.cost, MAX_COST),
            "replacement_frequency": replacement.frequency,
            "word_frequency": bits(word.frequency),
            "length": min(len(read), MAX_WEIGHED_LENGTH),
            "short_word": len(read) <= MAX_SHORT_WORD,
            "capitalised_inside": read[0].isupper() and not starts_sentence and not read.isupper(),
            "in_capitals": read.isupper() and len(read) > 1,
            "splits_word": source is ReplacementSource.SPLIT,
            "page_word": source is ReplacementSource.PAGE,
            "compound": source is ReplacementSource.COMPOUND,
            "corrector_wish": source is ReplacementSource.CORRECTOR,
            "model_word": source is ReplacementSource.MODEL,
            "unknown_replacement": not replacement.frequency,
            "unknown_share": self._unknown_share,
            "repeats": math.log2(max(1, self._repeats[read.lower()])),
            "repeated_misreading": math.log2(1 + min(recurrences, MAX_RECURRENCES)),
            "has_digit": any(map(str.isdigit, read)),
            "other_ending": len(long) == len(short) + 1 and long[:-1] == short,
        }


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


def _likely_misreadings(scored: ScoredWord) -> frozenset[tuple[str, str]]:
    """Return the misreadings of an unknown word's best replacement; none if it is more likely wrong."""
    if scored.word.kind not in (DoubtKind.UNKNOWN, DoubtKind.RARE) or not scored.replacements:
        return frozenset()
    gains = [scored.llr(n) - r.cost for n, r in enumerate(scored.replacements)]
    best = max(range(len(gains)), key=gains.__getitem__)
    if gains[best] <= 0:
        return frozenset()
    return _misreadings(scored.word.read, scored.replacements[best].text)


def _misreadings(read: str, printed: str) -> frozenset[tuple[str, str]]:
    """Return the pairs of differing character runs (as read, as printed), in lower case."""
    read, printed = read.lower(), printed.lower()
    return frozenset(
        (read[code.src_start : code.src_end], printed[code.dest_start : code.dest_end])
        for code in Levenshtein.opcodes(read, printed)
        if code.tag != "equal"
    )


def _clipped(llr: Nats) -> Nats:
    return max(MIN_MODEL_LLR, min(MAX_MODEL_LLR, llr))


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
    thresholds = {name: float(value) for name, value in entry.get("thresholds", {}).items()}
    return JudgeRegression(float(entry["threshold"]), thresholds, coefficients)


def _feature_names() -> set[str]:
    word = DoubtfulWord(0, 0, 1, "x", DoubtKind.UNKNOWN, 0)
    replacement = Replacement("y", GOOD_COST, 0.0, ReplacementSource.LEXICON)
    scored = ScoredWord(word, (replacement,), (Likelihood(0.0, 0.0), Likelihood(0.0, 0.0)))
    return set(PageJudge(["x"], "en", [scored])._features(scored, 0, frozenset()))  # noqa: SLF001
