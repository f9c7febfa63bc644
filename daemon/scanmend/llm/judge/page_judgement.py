"""Judge the replacements of a page's doubtful words with a language model."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, PageWords
from scanmend.llm.judge.engine_view import engine_doubts
from scanmend.llm.judge.judge_features import ScoredWord
from scanmend.llm.judge.judged_page import JudgedPage, Wish, wished_text
from scanmend.llm.judge.known_languages import KnownLanguages
from scanmend.llm.judge.odds import (
    PageJudge,
)
from scanmend.llm.judge.questions import Question, Questions
from scanmend.llm.judge.replacements import ReplacementSearch
from scanmend.llm.judge.scorer import Passage, Scorer
from scanmend.llm.judge.word_search import shipped_search
from scanmend.llm.llama_context import CacheFull
from scanmend.page import Bound, CharAlternatives

# Nats for each character of a word that are worth a search for the model's own words, and the word must begin with a small
# letter. Of 195 searched words of overproof and icdar2017, 41 do; they had 9 of the 15 finds, all of them right.
MIN_SURPRISE_FOR_OWN_WORDS: Nats = 3.0


@dataclasses.dataclass(frozen=True, slots=True)
class PageToJudge:
    """The text of a page. ``wanted``: indices of the lines that are to be judged.

    ``preface``: text that the model reads before the page. ``alternatives``: the OCR engine's, by line, where it reports
    them. ``fast``: judge only words that the lexicon lacks, by fewer replacements. ``words``: known words of the
    domain.
    """

    lines: Sequence[str]
    wanted: Sequence[int]
    preface: str = ""
    alternatives: Mapping[int, Sequence[CharAlternatives]] = dataclasses.field(default_factory=dict)
    fast: bool = False
    words: Sequence[str] = ()


def judge_words(
    scorer: Scorer,
    languages: KnownLanguages,
    page: PageToJudge,
    expired: Callable[[], bool],
    wishes: Mapping[int, Sequence[Wish]],
) -> JudgedPage:
    """Return the judgements of a page's words by the model of ``scorer``, which knows ``languages``.

    ``expired`` tells whether the page's time is over; the most doubtful words come first. ``wishes``: of another corrector,
    by line, which the model scores, too. Raises as ``Scorer``.
    """
    judgement = _PageJudgement(scorer, page, expired)
    try:
        knows_language = languages.knows(judgement.language, scorer)
    except TimeoutError:
        return JudgedPage(judgement.language, (), (), (), Bound.SECONDS, 0)
    if not knows_language:
        return JudgedPage(judgement.language, (), (), (), None, 0, knows_language=False)
    return judgement.judged(wishes)


class _PageJudgement:
    """The judgement of one page."""

    def __init__(self, scorer: Scorer, page: PageToJudge, expired: Callable[[], bool]) -> None:
        self._scorer = scorer
        self._lines = page.lines
        self._wanted = set(page.wanted)
        self._preface = f"{page.preface.rstrip()}\n" if page.preface.strip() else ""
        self._alternatives = page.alternatives
        self._fast = page.fast
        self._expired = expired
        self._page = PageWords(page.lines, shipped_search(), page.words)
        self._search = ReplacementSearch(self._page, shipped_channel())
        self._asked = Questions(page.lines, self._page.language, fast=page.fast)
        self._unscored = 0
        self._bound: Bound | None = None

    @property
    def language(self) -> str:
        """Return the page's language, such as "de"; "" if it is none that the lexicon has words of."""
        return self._page.language

    def judged(self, wishes: Mapping[int, Sequence[Wish]]) -> JudgedPage:
        """Return the judgements of the words of the wanted lines."""
        scored: dict[DoubtfulWord, ScoredWord] = {}  # the last scoring of a word counts
        for part in self._parts():
            if self._expired():
                self._bound = Bound.SECONDS
                break
            try:
                for words in self._score(part, wishes):
                    scored.update((one.word, one) for one in words)
            except CacheFull:
                self._bound = Bound.TOKENS
            except TimeoutError:
                self._bound = Bound.SECONDS
            finally:
                self._scorer.close()
        language = self._page.language
        all_scored = tuple(scored.values())
        judge = PageJudge(self._lines, language, all_scored)
        sure, wished = tuple(judge.sure()), tuple(judge.wishes())
        return JudgedPage(language, all_scored, sure, wished, self._bound, self._unscored)

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
        self, part: range, wishes: Mapping[int, Sequence[Wish]]
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

        found = [
            q for n in part if n in self._wanted for q in self._questions(n, wishes.get(n, ()))
        ]
        told = self._scorer.open(_utf8(text), [self._passage(q, span) for q in found])
        surprises = {q.word: s for q, s in zip(found, told, strict=True) if s is not None}
        untold = [q for q in found if q.word.kind is DoubtKind.KNOWN and q.word not in surprises]
        if untold:
            found = [q for q in found if q not in untold]
            self._bound, self._unscored = Bound.SECONDS, self._unscored + len(untold)
        narrowed = [self._asked.narrowed(q, surprises.get(q.word, 0.0)) for q in found]
        questions = sorted((q for q in narrowed if q.replacements), key=lambda q: q.priority)
        passages = [self._passage(q, span) for q in questions]
        scored = []
        for batch in self._answered(questions, passages):
            scored += batch
            yield batch
        asked = {q.word for q in questions}
        unasked = [q.word for q in narrowed if q.word not in asked and _is_unknown(q.word)]
        yield self._with_own_words(scored, unasked, surprises, span)

    @staticmethod
    def _passage(question: Question, span: Callable[[DoubtfulWord], tuple[int, int]]) -> Passage:
        """Return the passage of a word with its replacements."""
        texts = (question.word.read, *(r.text for r in question.replacements))
        return Passage(*span(question.word), tuple(map(_utf8, texts)))

    def _questions(self, line: int, wishes: Sequence[Wish]) -> Iterator[Question]:
        """Yield the words of a line that have replacements."""
        for word in self._page.doubtful(line):
            if self._fast and word.kind is DoubtKind.KNOWN:
                continue
            texts = [
                text
                for wish in wishes
                if wish.start <= word.start
                and word.end <= wish.end
                and (text := wished_text(word, wish, self._lines[line][wish.start : wish.end]))
            ]
            replacements = self._search.find(word, texts, self._alternatives.get(line))
            if replacements or _is_unknown(word):
                yield Question(word, replacements)

    def _with_own_words(
        self,
        scored: Sequence[ScoredWord],
        unasked: Sequence[DoubtfulWord],
        surprises: Mapping[DoubtfulWord, Nats],
        span: Callable[[DoubtfulWord], tuple[int, int]],
    ) -> list[ScoredWord]:
        """Return unknown words whose best replacement is not good enough, again, with the model's own words.

        ``unasked``: unknown words without any replacement. ``surprises``: of each word as read. ``span``: a word's span in
        the decoded text, in bytes.
        """
        judge = PageJudge(self._lines, self._page.language, scored)
        sure = {j.word for j in judge.judgements() if j.log_odds >= j.threshold}
        doubtful = {s.word: s for s in scored if _is_unknown(s.word) and s.word not in sure}
        words = [w for w in (*doubtful, *unasked) if self._deserves_own_words(w, surprises)]
        if not words or self._fast or self._expired():
            return []
        places = [(span(word)[0], word.read) for word in words]
        questions = []
        for word, texts in zip(words, self._scorer.own_words(places), strict=True):
            known = {r.text for r in doubtful[word].replacements} if word in doubtful else set()
            new = [
                r
                for r in self._search.of_model(word, texts, self._doubts(word))
                if r.text not in known
            ]
            if new:
                questions.append(Question(word, tuple(new)))
        passages = [self._passage(q, span) for q in questions]
        answered = itertools.chain.from_iterable(self._answered(questions, passages))
        return [doubtful[one.word].joined(one) if one.word in doubtful else one for one in answered]

    def _deserves_own_words(
        self, word: DoubtfulWord, surprises: Mapping[DoubtfulWord, Nats]
    ) -> bool:
        """Return whether the model's own words are worth their time: names are mostly right as read."""
        surprise = surprises.get(word, 0.0) / len(word.read)
        is_likely_wrong = word.read[0].islower() and surprise >= MIN_SURPRISE_FOR_OWN_WORDS
        return is_likely_wrong and engine_doubts(word, self._doubts(word))

    def _doubts(self, word: DoubtfulWord) -> Sequence[CharAlternatives] | None:
        """Return the engine's alternatives for a word's line; None if it reports none."""
        return self._alternatives.get(word.line)

    def _answered(
        self, questions: Sequence[Question], passages: Sequence[Passage]
    ) -> Iterator[list[ScoredWord]]:
        """Yield the answers of the model, batch by batch, until the time has passed."""
        left = len(questions)

        def choose(number: int, alone: Sequence[Nats]) -> list[int]:
            return self._asked.chances(
                questions[number].word, questions[number].replacements, alone
            )

        try:
            for batch in self._scorer.batches(passages, choose):
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


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
