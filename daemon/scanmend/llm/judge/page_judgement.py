"""Propose corrections of a page with a language model as the judge of replacements. The gate decides which are accepted."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, PageWords
from scanmend.llm.judge.judged_page import JudgedPage, Wish, proposal_of, wished_text
from scanmend.llm.judge.odds import PageJudge, ScoredWord, regression_of
from scanmend.llm.judge.replacements import (
    Replacement,
    ReplacementSearch,
    ReplacementSource,
    bits,
)
from scanmend.llm.judge.scorer import Likelihood, Passage, Scorer
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.judge.word_search import shipped_search
from scanmend.llm.llama_context import CacheFull
from scanmend.llm.loader import LoadedModel
from scanmend.llm.time_note import words_note
from scanmend.page import Bound, LineProposal, ModelInfo, PageProposal

JUDGE_METHOD = "judge"  # published in the sidecar
MAX_ASKED, MAX_ASKED_OF_KNOWN = 5, 3  # replacements of one word that the model scores
MAX_RANK_BEHIND: Nats = 9.0  # of a scored replacement behind the first
# A known word is questioned when the model is surprised by it, or when a likely look-alike is far more frequent: a page
# full of one misreading teaches it to the model.
MIN_SURPRISE: Nats = 6.0
SURPRISE_BELOW_COST: Nats = 1.0
MIN_FREQUENCY_LEAD = 5.0  # bits
MAX_COST_OF_FREQUENT: Nats = 6.5
# The words behind a known word seldom add more to a right replacement; others are not asked about (30 to 40 % of them).
MAX_GAIN_OF_FOLLOWING_WORDS: Nats = 3.0


def judge_page(
    model: LoadedModel,
    lines: Sequence[str],
    wanted: Sequence[int],
    seconds: float,
    preface: str = "",
) -> PageProposal:
    """Return the model's proposals for the ``wanted`` lines, each with its margin.

    ``wanted``: indices into ``lines``. ``seconds``: the time limit; the most doubtful words come first. ``preface``: text
    of the user that the model reads before the page. Raises ChildError when llama.cpp fails.
    """
    scorer = TextScorer(model.context)
    meter = ProposalMeter(model.info, scorer, seconds)
    judged = judge_words(scorer, lines, wanted, time_limit(seconds), preface)
    proposals = {n: proposal_of(lines[n], judged.edits(n)) for n in wanted}
    return meter.proposal(proposals, len(lines), judged)


def time_limit(seconds: float) -> Callable[[], bool]:
    """Return a function that tells whether so many seconds have passed from now on."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() >= deadline


def judge_words(
    scorer: Scorer,
    lines: Sequence[str],
    wanted: Sequence[int],
    expired: Callable[[], bool],
    preface: str = "",
    wishes: Mapping[int, Sequence[Wish]] | None = None,
) -> JudgedPage:
    """Return the judgements of the words of the ``wanted`` lines; the other parameters are those of ``judge_page``.

    ``expired`` tells whether the page's time is over. ``wishes``: of another corrector, by line, which the model scores,
    too.
    """
    page = _PageJudgement(scorer, lines, preface, expired)
    return page.judged(set(wanted), wishes or {})


class ProposalMeter:
    """Measures the making of a page's proposal."""

    def __init__(self, info: ModelInfo, scorer: Scorer, seconds: float) -> None:
        """Note the time and the scorer's counters. ``info``: its model; ``seconds``: the page's time limit."""
        self._info, self._scorer, self._limit = info, scorer, seconds
        self._started = time.monotonic()
        self._calls, self._tokens = scorer.calls, scorer.tokens

    def proposal(
        self, proposals: Mapping[int, LineProposal], lines: int, judged: JudgedPage
    ) -> PageProposal:
        """Return the proposal of a page of so many lines, with the time and the work since the start."""
        words = len(judged.scored) + judged.unscored
        late = judged.bound is Bound.SECONDS
        return PageProposal(
            lines=tuple(proposals.get(n) for n in range(lines)),
            model=self._info,
            tokens=self._scorer.tokens - self._tokens,
            seconds=time.monotonic() - self._started,
            bound=judged.bound,
            calls=self._scorer.calls - self._calls,
            method=JUDGE_METHOD,
            note=words_note(judged.unscored, words, self._limit) if late else "",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """A word, and the replacements that the model is to score."""

    word: DoubtfulWord
    replacements: tuple[Replacement, ...]

    @property
    def priority(self) -> tuple[bool, Nats]:
        """Return the place in the order of questions: unknown words first, then the better replacement."""
        return self.word.kind is DoubtKind.KNOWN, min(r.rank for r in self.replacements)


class _PageJudgement:
    """The judgement of one page."""

    def __init__(
        self,
        scorer: Scorer,
        lines: Sequence[str],
        preface: str,
        expired: Callable[[], bool],
    ) -> None:
        self._scorer = scorer
        self._lines = lines
        self._preface = preface
        self._expired = expired
        self._page = PageWords(lines, shipped_search())
        self._search = ReplacementSearch(self._page, shipped_channel())
        self._prior = PageJudge(lines, self._page.language, ())  # what a word is worth by itself
        self._unscored = 0
        self._bound: Bound | None = None

    def judged(self, wanted: set[int], wishes: Mapping[int, Sequence[Wish]]) -> JudgedPage:
        """Return the judgements of the words of the wanted lines."""
        scored: dict[DoubtfulWord, ScoredWord] = {}  # the last scoring of a word counts
        for part in self._parts():
            if self._expired():
                self._bound = Bound.SECONDS
                break
            try:
                for words in self._score(part, wanted, wishes):
                    scored.update((one.word, one) for one in words)
            except CacheFull:
                self._bound = Bound.TOKENS
            except TimeoutError:
                self._bound = Bound.SECONDS
            finally:
                self._scorer.close()
        language = self._page.language
        all_scored = tuple(scored.values())
        judgements = PageJudge(self._lines, language, all_scored).judgements()
        sure = [j for j in judgements if j.log_odds >= j.threshold]
        sure.sort(key=lambda j: -j.log_odds)
        return JudgedPage(language, all_scored, tuple(sure), self._bound, self._unscored)

    def _parts(self) -> Iterator[range]:
        """Yield runs of lines that fit into the cache together."""
        limit = self._scorer.max_tokens - self._scorer.count_tokens(_utf8(self._preface))
        start = used = 0
        for number, line in enumerate(self._lines):
            needed = self._scorer.count_tokens(_utf8(line + "\n")) + 1
            if used + needed > limit and number > start:
                yield range(start, number)
                start, used = number, 0
            used += needed
        yield range(start, len(self._lines))

    def _score(
        self, part: range, wanted: set[int], wishes: Mapping[int, Sequence[Wish]]
    ) -> Iterator[list[ScoredWord]]:
        """Yield the scored words of a part of the page, batch by batch."""
        text = self._preface + "".join(self._lines[n] + "\n" for n in part)
        starts: dict[int, int] = {}
        offset = len(_utf8(self._preface))
        for n in part:
            starts[n] = offset
            offset += len(_utf8(self._lines[n])) + 1

        def span(word: DoubtfulWord) -> tuple[int, int]:
            line, start = self._lines[word.line], starts[word.line]
            return start + len(_utf8(line[: word.start])), start + len(_utf8(line[: word.end]))

        found = [q for n in part if n in wanted for q in self._questions(n, wishes.get(n, ()))]
        known = [q.word for q in found if q.word.kind is DoubtKind.KNOWN]
        told = self._scorer.open(_utf8(text), [span(w) for w in known])
        surprises = {word: s for word, s in zip(known, told, strict=True) if s is not None}
        if untold := len(known) - len(surprises):
            found = [q for q in found if q.word not in known or q.word in surprises]
            self._bound, self._unscored = Bound.SECONDS, self._unscored + untold
        narrowed = [self._narrowed(q, surprises.get(q.word)) for q in found]
        questions = sorted((q for q in narrowed if q.replacements), key=lambda q: q.priority)
        passages = [self._passage(q, span) for q in questions]
        scored = []
        for batch in self._answered(questions, passages):
            scored += batch
            yield batch
        asked = {q.word for q in questions}
        unasked = [q.word for q in narrowed if q.word not in asked and _is_unknown(q.word)]
        yield self._with_own_words(scored, unasked, span)

    @staticmethod
    def _passage(question: _Question, span: Callable[[DoubtfulWord], tuple[int, int]]) -> Passage:
        """Return the passage of a word with its replacements."""
        texts = (question.word.read, *(r.text for r in question.replacements))
        return Passage(*span(question.word), tuple(map(_utf8, texts)))

    def _questions(self, line: int, wishes: Sequence[Wish]) -> Iterator[_Question]:
        """Yield the words of a line that have replacements."""
        for word in self._page.doubtful(line):
            texts = [
                text
                for wish in wishes
                if wish.start <= word.start
                and word.end <= wish.end
                and (text := wished_text(word, wish, self._lines[line][wish.start : wish.end]))
            ]
            replacements = self._search.find(word, texts)
            if replacements or _is_unknown(word):
                yield _Question(word, replacements)

    def _with_own_words(
        self,
        scored: Sequence[ScoredWord],
        unasked: Sequence[DoubtfulWord],
        span: Callable[[DoubtfulWord], tuple[int, int]],
    ) -> list[ScoredWord]:
        """Return unknown words whose best replacement is not good enough, again, with the model's own words.

        ``unasked``: unknown words without any replacement. ``span``: a word's span in the decoded text, in bytes.
        """
        judge = PageJudge(self._lines, self._page.language, scored)
        sure = {j.word for j in judge.judgements() if j.log_odds >= j.threshold}
        doubtful = {s.word: s for s in scored if _is_unknown(s.word) and s.word not in sure}
        words = [*doubtful, *unasked]
        if not words or self._expired():
            return []
        places = [(span(word)[0], word.read) for word in words]
        questions = []
        for word, texts in zip(words, self._scorer.own_words(places), strict=True):
            known = {r.text for r in doubtful[word].replacements} if word in doubtful else set()
            new = [r for r in self._search.of_model(word, texts) if r.text not in known]
            if new:
                questions.append(_Question(word, tuple(new)))
        passages = [self._passage(q, span) for q in questions]
        answered = itertools.chain.from_iterable(self._answered(questions, passages))
        return [_joined(doubtful.get(one.word), one) for one in answered]

    def _narrowed(self, question: _Question, surprise: Nats | None) -> _Question:
        """Return the question with the replacements that the model may find better, and one wish of the corrector.

        ``surprise``: of a known word, minus the log of its probability; None for other words.
        """
        word, most = question.word, MAX_ASKED
        wishes = [r for r in question.replacements if r.source is ReplacementSource.CORRECTOR]
        found = [r for r in question.replacements if r.source is not ReplacementSource.CORRECTOR]
        if surprise is not None:
            most = MAX_ASKED_OF_KNOWN
            found = [
                r
                for r in found
                if _questions_known(word, r, surprise) and self._may_win(word, r, surprise)
            ]
        near = [r for r in found if r.rank <= found[0].rank + MAX_RANK_BEHIND][:most]
        return _Question(word, (*wishes[:1], *near))

    def _may_win(self, word: DoubtfulWord, replacement: Replacement, surprise: Nats) -> bool:
        """Return whether a replacement of a known word can reach the threshold.

        The model can't gain more than its surprise at the word, and what the words behind it add.
        """
        likelihoods = (
            Likelihood(0.0, 0.0),
            Likelihood(surprise, surprise + MAX_GAIN_OF_FOLLOWING_WORDS),
        )
        utility = self._prior.utility(ScoredWord(word, (replacement,), likelihoods), 0)
        return utility >= regression_of(word).threshold

    def _answered(
        self, questions: Sequence[_Question], passages: Sequence[Passage]
    ) -> Iterator[list[ScoredWord]]:
        """Yield the answers of the model, batch by batch, until the time has passed."""
        left = len(questions)
        try:
            for batch in self._scorer.batches(passages):
                yield [
                    ScoredWord(questions[n].word, questions[n].replacements, tuple(likelihoods))
                    for n, likelihoods in batch
                ]
                left -= len(batch)
                if left and self._expired():
                    self._bound = Bound.SECONDS
                    break
        except TimeoutError:
            self._bound = Bound.SECONDS
        self._unscored += left


def _is_unknown(word: DoubtfulWord) -> bool:
    """Return whether a word may be one that the lexicon lacks."""
    return word.kind in (DoubtKind.UNKNOWN, DoubtKind.RARE)


def _joined(first: ScoredWord | None, second: ScoredWord) -> ScoredWord:
    """Return a word with the replacements of both scorings."""
    if first is None:
        return second
    return ScoredWord(
        first.word,
        first.replacements + second.replacements,
        first.likelihoods + second.likelihoods[1:],
    )


def _questions_known(word: DoubtfulWord, replacement: Replacement, surprise: Nats) -> bool:
    """Return whether a replacement is a reason to question a known word."""
    if surprise >= max(MIN_SURPRISE, replacement.cost - SURPRISE_BELOW_COST):
        return True
    lead = replacement.frequency - bits(word.frequency)
    return lead >= MIN_FREQUENCY_LEAD and replacement.cost <= MAX_COST_OF_FREQUENT


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
