"""Propose corrections of a page with a language model as the judge of replacements. The gate decides which are accepted."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, PageWords
from scanmend.llm.judge.odds import Judgement, PageJudge, ScoredWord
from scanmend.llm.judge.replacements import Replacement, ReplacementSearch, bits
from scanmend.llm.judge.text_scorer import Passage, TextScorer
from scanmend.llm.judge.word_search import shipped_search
from scanmend.llm.llama_context import CacheFull
from scanmend.llm.loader import LoadedModel
from scanmend.llm.time_note import time_note
from scanmend.page import Bound, Divergence, LineProposal, PageProposal

JUDGE_METHOD = "judge"  # published in the sidecar
MARGIN_AT_JUDGE_THRESHOLD: Nats = 2.0  # on the scale of the gate's ``min_margin``
MAX_ASKED, MAX_ASKED_OF_KNOWN = 5, 3  # replacements of one word that the model scores
MAX_RANK_BEHIND: Nats = 9.0  # of a scored replacement behind the first
# A known word is questioned when the model is surprised by it, or when a likely look-alike is far more frequent: a page
# full of one misreading teaches it to the model.
MIN_SURPRISE: Nats = 6.0
SURPRISE_BELOW_COST: Nats = 1.0
MIN_FREQUENCY_LEAD = 5.0  # bits
MAX_COST_OF_FREQUENT: Nats = 6.5


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
    started = time.monotonic()
    calls, tokens = model.calls, model.context.tokens
    page = _PageJudgement(model, lines, preface, lambda: time.monotonic() - started >= seconds)
    judgements = page.judgements(set(wanted))
    proposals: list[LineProposal | None] = [None] * len(lines)
    for number in wanted:
        chosen = [j for j in judgements if j.word.line == number]
        proposals[number] = _proposal(lines[number], _compatible(chosen))
    late = page.unscored if page.bound is Bound.SECONDS else 0
    return PageProposal(
        lines=tuple(proposals),
        model=model.info,
        tokens=model.context.tokens - tokens,
        seconds=time.monotonic() - started,
        bound=page.bound,
        calls=model.calls - calls,
        method=JUDGE_METHOD,
        note=time_note(late, late + page.scored, seconds),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """A word, and the replacements that the model is to score."""

    word: DoubtfulWord
    replacements: tuple[Replacement, ...]

    @property
    def priority(self) -> tuple[bool, Nats]:
        """Return the place in the order of questions: unknown words first, then the better replacement."""
        return self.word.kind is DoubtKind.KNOWN, self.replacements[0].rank


class _PageJudgement:
    """The judgement of one page. ``scored``, ``unscored``: words with and without an answer; ``bound``: why without."""

    def __init__(
        self,
        model: LoadedModel,
        lines: Sequence[str],
        preface: str,
        expired: Callable[[], bool],
    ) -> None:
        self._scorer = TextScorer(model.context)
        self._lines = lines
        self._preface = preface
        self._expired = expired
        self._page = PageWords(lines, shipped_search())
        self._search = ReplacementSearch(self._page, shipped_channel())
        self.scored = self.unscored = 0
        self.bound: Bound | None = None

    def judgements(self, wanted: set[int]) -> list[Judgement]:
        """Return the judgements that reach their thresholds, the surest first."""
        scored: list[ScoredWord] = []
        for part in self._parts():
            if self._expired():
                self.bound = Bound.SECONDS
                break
            try:
                for words in self._score(part, wanted):
                    scored += words
            except CacheFull:
                self.bound = Bound.TOKENS
        judged = PageJudge(self._lines, self._page.language, scored).judgements()
        sure = [j for j in judged if j.log_odds >= j.threshold]
        return sorted(sure, key=lambda j: -j.log_odds)

    def _parts(self) -> Iterator[range]:
        """Yield runs of lines that fit into the cache together."""
        limit = self._scorer.max_tokens - len(self._scorer.tokens_of(_utf8(self._preface)))
        start = used = 0
        for number, line in enumerate(self._lines):
            needed = len(self._scorer.tokens_of(_utf8(line + "\n"))) + 1
            if used + needed > limit and number > start:
                yield range(start, number)
                start, used = number, 0
            used += needed
        yield range(start, len(self._lines))

    def _score(self, part: range, wanted: set[int]) -> Iterator[list[ScoredWord]]:
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

        found = [
            _Question(word, replacements)
            for n in part
            if n in wanted
            for word in self._page.doubtful(n)
            if (replacements := self._search.find(word))
        ]
        known = [q.word for q in found if q.word.kind is DoubtKind.KNOWN]
        surprises = dict(
            zip(known, self._scorer.open(_utf8(text), [span(w) for w in known]), strict=True)
        )
        narrowed = [_narrowed(q, surprises.get(q.word)) for q in found]
        questions = sorted((q for q in narrowed if q.replacements), key=lambda q: q.priority)
        passages = [
            Passage(
                *span(q.word),
                (_utf8(q.word.read), *(_utf8(r.text) for r in q.replacements)),
            )
            for q in questions
        ]
        yield from self._answered(questions, passages)

    def _answered(
        self, questions: Sequence[_Question], passages: Sequence[Passage]
    ) -> Iterator[list[ScoredWord]]:
        """Yield the answers of the model, batch by batch, until the time has passed."""
        left = len(questions)
        for batch in self._scorer.batches(passages):
            yield [
                ScoredWord(questions[n].word, questions[n].replacements, tuple(likelihoods))
                for n, likelihoods in batch
            ]
            left -= len(batch)
            self.scored += len(batch)
            if left and self._expired():
                self.bound = Bound.SECONDS
                break
        self.unscored += left


def _narrowed(question: _Question, surprise: Nats | None) -> _Question:
    """Return the question with the replacements that the model may find better.

    ``surprise``: of a known word, minus the log of its probability; None for other words.
    """
    word, found = question.word, question.replacements
    most = MAX_ASKED
    if surprise is not None:
        most = MAX_ASKED_OF_KNOWN
        found = tuple(r for r in found if _questions_known(word, r, surprise))
    if found:
        found = tuple(r for r in found if r.rank <= found[0].rank + MAX_RANK_BEHIND)
    return _Question(word, found[:most])


def _questions_known(word: DoubtfulWord, replacement: Replacement, surprise: Nats) -> bool:
    """Return whether a replacement is a reason to question a known word."""
    if surprise >= max(MIN_SURPRISE, replacement.cost - SURPRISE_BELOW_COST):
        return True
    lead = replacement.frequency - bits(word.frequency)
    return lead >= MIN_FREQUENCY_LEAD and replacement.cost <= MAX_COST_OF_FREQUENT


def _compatible(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Return the judgements of one line without those that overlap a surer one, from left to right."""
    kept: list[Judgement] = []
    for judgement in judgements:  # the surest first
        word = judgement.word
        if all(word.end <= k.word.start or k.word.end <= word.start for k in kept):
            kept.append(judgement)
    return sorted(kept, key=lambda j: j.word.start)


def _proposal(line: str, judgements: Sequence[Judgement]) -> LineProposal:
    """Return the line with the replacements, and a divergence for each of them."""
    text = ""
    end = 0
    divergences = []
    for judgement in judgements:
        word, new = judgement.word, judgement.replacement.text
        text += line[end : word.start]
        margin = MARGIN_AT_JUDGE_THRESHOLD + judgement.log_odds - judgement.threshold
        divergences.append(Divergence(len(text), len(text) + len(new), margin, judged=True))
        text += new
        end = word.end
    return LineProposal(text + line[end:], tuple(divergences))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
