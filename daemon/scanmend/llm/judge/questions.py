"""Choose which replacements of a doubtful word are worth the model's time."""

import dataclasses
from collections.abc import Mapping, Sequence

from scanmend.correction.channel import Nats
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind
from scanmend.llm.judge.judge_features import ScoredWord
from scanmend.llm.judge.odds import (
    JudgedKind,
    PageJudge,
    is_far_more_frequent,
    judged_kind,
    regression_of,
)
from scanmend.llm.judge.replacement import Replacement, ReplacementSource
from scanmend.llm.judge.scorer import Likelihood

# replacements of one word that the model scores
MAX_ASKED = 4
MAX_ASKED_OF_KNOWN = 3
MAX_ASKED_FAST = 3
MAX_RANK_BEHIND: Nats = 9.0  # of a scored replacement behind the first
# A known word is questioned when the model is surprised by it, or when a likely look-alike is far more frequent.
MIN_SURPRISE: Nats = 6.0
SURPRISE_BELOW_COST: Nats = 1.0
# The words behind a word seldom add more to a right replacement, so a replacement that could not win even so is not scored with
# them, and one of a known word not at all.
MAX_GAIN_OF_FOLLOWING_WORDS: Mapping[JudgedKind, Nats] = {
    JudgedKind.UNKNOWN: 4.0,
    JudgedKind.KNOWN: 3.0,
}
# by which the page's other words (a misreading that it repeats) may raise the log-odds of an unknown word's replacement
MAX_GAIN_OF_PAGE: Nats = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A word, and the replacements that the model is to score."""

    word: DoubtfulWord
    replacements: tuple[Replacement, ...]

    @property
    def priority(self) -> tuple[bool, Nats]:
        """Return the place in the order of questions: unknown words first, then the better replacement."""
        return self.word.kind is DoubtKind.KNOWN, min(r.rank for r in self.replacements)


class Questions:
    """The choice of questions on one page."""

    def __init__(self, lines: Sequence[str], language: str, *, fast: bool) -> None:
        """Choose by what a word is worth by itself. ``language``: of the page. ``fast``: ask about fewer replacements."""
        self._prior = PageJudge(lines, language, ())
        self._fast = fast

    def narrowed(self, question: Question, surprise: Nats) -> Question:
        """Return the question with the replacements that the model may find better, and one wish of the corrector.

        ``surprise``: of the word as read, minus the log of its probability.
        """
        word, most = question.word, MAX_ASKED_FAST if self._fast else MAX_ASKED
        wishes = [r for r in question.replacements if r.source is ReplacementSource.CORRECTOR]
        found = [r for r in question.replacements if r.source is not ReplacementSource.CORRECTOR]
        if word.kind is DoubtKind.KNOWN:
            most = MAX_ASKED_OF_KNOWN
            found = [
                r
                for r in found
                if _questions_known(word, r, surprise) and self._may_win(word, r, surprise)
            ]
        near = [r for r in found if r.rank <= found[0].rank + MAX_RANK_BEHIND][:most]
        return Question(word, (*wishes[:1], *near))

    def _may_win(self, word: DoubtfulWord, replacement: Replacement, surprise: Nats) -> bool:
        """Return whether a replacement of a known word can win: the model can't gain more than its surprise at the word."""
        return bool(self.chances(word, (replacement,), (-surprise, 0.0)))

    def chances(
        self, word: DoubtfulWord, replacements: Sequence[Replacement], alone: Sequence[Nats]
    ) -> list[int]:
        """Return the numbers of the variants that can reach the threshold with the words behind them.

        Variant 0 is the word as read, and variant n is replacement n - 1. ``alone``: the log-probability of each variant
        alone.
        """
        regression, kind = regression_of(word), judged_kind(word)
        least = regression.threshold
        least -= MAX_GAIN_OF_PAGE if kind is JudgedKind.UNKNOWN else 0.0
        gain = MAX_GAIN_OF_FOLLOWING_WORDS[kind]
        read, *others = alone
        likelihoods = (Likelihood(read, read), *(Likelihood(a, a + gain) for a in others))
        scored = ScoredWord(word, tuple(replacements), likelihoods)
        return [
            n + 1
            for n, replacement in enumerate(replacements)
            if replacement.source is ReplacementSource.CORRECTOR
            or self._prior.utility(scored, n) >= least
        ]


def _questions_known(word: DoubtfulWord, replacement: Replacement, surprise: Nats) -> bool:
    """Return whether a replacement is a reason to question a known word."""
    if surprise >= max(MIN_SURPRISE, replacement.cost - SURPRISE_BELOW_COST):
        return True
    return is_far_more_frequent(replacement, word)
