"""Compute how likely a language model finds variants of a text, each with the words behind it.

The text is decoded as plain text into the sequence SHARED of the model's memory. A variant of one of its words is a sequence of
its own, which begins as a copy up to the word (``page_copies``). The variant is decoded first. The few words behind it, which
show whether it fits, follow only where the caller still finds it worth while. Any causal model can do this, with any
tokenizer whose tokens spell the text.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.errors import ChildError
from scanmend.llm.judge.own_words import OwnWords, WordStart
from scanmend.llm.judge.page_copies import SHARED, Stop, copies_of
from scanmend.llm.judge.scorer import Choice, Likelihood, Passage, TokenizedText, following_end
from scanmend.llm.llama_context import BATCH_TOKENS, BatchToken, LlamaContext

# cells of the cache that a batch of variants needs beside the text
CELLS_FOR_VARIANTS = BATCH_TOKENS


@dataclass(slots=True)
class _Plan:
    """The tokens of one variant, and what is known of them."""

    position: int
    """Of ``tokens[0]``, which is the token before the variant."""
    tokens: list[int]
    alone_end: int
    """Number of the tokens up to the variant's end; the rest belongs to the words behind it."""
    sequence: int = 0
    alone: Nats | None = None
    """Known before it is decoded if the page holds the variant."""
    following: Nats = 0.0

    def batch(self, first: int, end: int) -> list[BatchToken]:
        """Return the tokens from ``first``, each with the one behind it as the expected one, up to ``end``."""
        return [
            BatchToken(
                self.tokens[n],
                self.position + n,
                self.sequence,
                predict=True,
                expected=self.tokens[n + 1],
            )
            for n in range(first, end)
        ]


@dataclass(slots=True)
class _Waiting:
    """Passages that are scored together."""

    passages: list[tuple[int, list[_Plan]]] = field(default_factory=list)
    tokens: int = 0
    sequences: int = 0

    def has_room(self, plans: Sequence[_Plan], sequences: int) -> bool:
        """Return whether a passage fits, if there are so many sequences for variants."""
        fits = self.tokens + _size(plans) <= BATCH_TOKENS
        return fits and self.sequences + len(plans) <= sequences

    def add(self, index: int, plans: list[_Plan]) -> None:
        """Add a passage, each variant with a sequence of its own."""
        for sequence, plan in enumerate(plans, SHARED + 1 + self.sequences):
            plan.sequence = sequence
        self.passages.append((index, plans))
        self.tokens += _size(plans)
        self.sequences += len(plans)


class TextScorer:
    """A scorer of the variants of a text. It leaves its context empty at ``close``."""

    def __init__(self, context: LlamaContext) -> None:
        """Use this context."""
        self._context = context
        self._adds_space = context.token_bytes(context.tokenize(b"a")[0]).startswith(b" ")
        self._start = context.begin_tokens or context.tokenize(b"\n")[-1:]
        self._text = TokenizedText(b"", (), ())
        self._own_words = OwnWords(context, shipped_channel())
        self._copies = copies_of(context)
        self._logs: dict[int, Nats] = {}  # of the text's tokens that ``open`` predicted

    def __enter__(self) -> Self:
        """Return the scorer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the scorer."""
        self.close()

    def close(self) -> None:
        """Forget the text."""
        self._context.clear()

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have."""
        free = self._context.cells - CELLS_FOR_VARIANTS
        return min(free, self._context.max_sequence_tokens) - len(self._start)

    @property
    def calls(self) -> int:
        """Return how many times the decoder has run."""
        return self._context.calls

    @property
    def tokens(self) -> int:
        """Return how many tokens the context has decoded."""
        return self._context.tokens

    def count_tokens(self, text: bytes) -> int:
        """Return how many tokens a text has."""
        return len(self.tokens_of(text))

    def tokens_of(self, text: bytes) -> list[int]:
        """Return the tokens of a part of a text, without the space that some tokenizers put before each text."""
        if not self._adds_space:
            return self._context.tokenize(text)
        tokens, skipped = self._context.tokenize(b"\n" + text), 0
        while tokens and skipped < len(b" \n"):
            skipped += len(self._context.token_bytes(tokens.pop(0)))
        return tokens

    def open(self, text: bytes, words: Sequence[tuple[int, int]] = ()) -> list[Nats]:
        """Decode the text, and return the surprise of each of its ``words``: minus the log of its probability.

        ``words`` are spans in bytes. Raises CacheFull when the text is too long, ChildError when the tokens don't spell it
        or llama.cpp fails.
        """
        context = self._context
        tokens = self.tokens_of(text)
        pieces = [context.token_bytes(token) for token in tokens]
        self._text = TokenizedText(text, tokens, pieces)
        if self._text.offsets[-1] != len(text):
            raise ChildError("the model's tokens do not spell the text")
        self.close()
        spans = [self._text.tokens_within(start, end) for start, end in words]
        wanted = sorted({n for first, last in spans for n in range(first, last)})
        decoded = [*self._start, *tokens]
        shift = len(self._start) - 1  # the token before token n of the text predicts it
        predicting = {n + shift for n in wanted}
        batch = [
            BatchToken(
                token,
                position,
                SHARED,
                predict=position in predicting,
                expected=decoded[position + 1] if position in predicting else None,
            )
            for position, token in enumerate(decoded)
        ]
        self._logs = dict(zip(wanted, context.log_likelihoods(batch), strict=True))
        self._copies.begin(decoded)
        return [-sum(self._logs[n] for n in range(first, last)) for first, last in spans]

    def batches(
        self, passages: Sequence[Passage], choose: Choice | None = None
    ) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages; yield after each batch the scored ones, as (index, likelihood of each variant).

        ``choose``: which variants are scored with the words behind them; None: all. The others count as if these words
        followed them as well as the text as it is. A passage too long for a batch is left out. Some batches are empty: the
        caller may look at the clock. Raises CacheFull, or ChildError when llama.cpp fails.
        """
        most = self._context.options.sequences
        plans = [[self._plan(p, variant) for variant in p.variants] for p in passages]
        stops = [
            Stop(n, of_passage[0].position, _size(of_passage))
            for n, of_passage in enumerate(plans)
            if _Waiting().has_room(of_passage, most)
        ]
        for part in self._copies.parts(stops):
            waiting = _Waiting()
            for stop in part:
                if not waiting.has_room(plans[stop.index], most):
                    yield self._scored(waiting, choose)
                    waiting = _Waiting()
                while not self._copies.reach(stop.position):
                    yield []
                waiting.add(stop.index, plans[stop.index])
                self._copy_page(plans[stop.index])
            if waiting.passages:
                yield self._scored(waiting, choose)

    def _copy_page(self, plans: Sequence[_Plan]) -> None:
        """Let the variants' sequences begin with the page; the variant that the page holds with itself, if it can."""
        for plan in plans:
            is_on_page = plan.alone is not None
            self._copies.copy(plan.sequence, plan.position + (plan.alone_end if is_on_page else 0))

    def _plan(self, passage: Passage, variant: bytes) -> _Plan:
        """Return the tokens of a variant, from where the word at its start begins."""
        text = self._text
        first = text.word_token(passage.start)
        head = text.text[text.offsets[first] : passage.start] + variant
        tail = text.text[passage.end : following_end(text.text, passage.end)]
        tokens = self.tokens_of(head + tail)
        ends = itertools.accumulate(len(self._context.token_bytes(token)) for token in tokens)
        alone_end = 1 + sum(end < len(head) for end in ends)
        position = len(self._start) + first - 1
        before = text.tokens[first - 1] if first else self._start[-1]
        plan = _Plan(position, [before, *tokens], min(alone_end, len(tokens)))
        if self._copies.reaches_back:
            plan.alone = self._log_on_page(first, tokens[: plan.alone_end])
        return plan

    def _log_on_page(self, first: int, tokens: Sequence[int]) -> Nats | None:
        """Return the log-probability of tokens that the page holds from its token ``first`` on; None if it is unknown."""
        if list(self._text.tokens[first : first + len(tokens)]) != tokens:
            return None
        logs = [self._logs.get(first + n) for n in range(len(tokens))]
        known = [log for log in logs if log is not None]
        return sum(known) if len(known) == len(logs) else None

    def own_words(self, words: Sequence[tuple[int, str]]) -> list[list[str]]:
        """Return the model's own words in place of words of the text, as ``Scorer.own_words``; none with recurrent layers."""
        if not self._copies.reaches_back:
            return [[] for _ in words]
        return self._own_words.propose([self._start_of(start, read) for start, read in words])

    def _start_of(self, start: int, read: str) -> WordStart:
        """Return where the word ``read`` begins, which stands at byte ``start`` of the text."""
        text = self._text
        first = text.word_token(start)
        lead = text.text[text.offsets[first] : start].decode(errors="replace")
        before = text.tokens[first - 1] if first else self._start[-1]
        return WordStart(before, len(self._start) + first - 1, lead, read)

    def _scored(
        self, waiting: _Waiting, choose: Choice | None
    ) -> list[tuple[int, list[Likelihood]]]:
        """Decode the variants of the waiting passages: all of them alone, then the chosen ones' following words."""
        plans = [plan for _, of_passage in waiting.passages for plan in of_passage]
        try:
            self._score_alone([plan for plan in plans if plan.alone is None])
            chosen = []
            for index, of_passage in waiting.passages:
                alone = [plan.alone or 0.0 for plan in of_passage]
                numbers = range(len(alone)) if choose is None else choose(index, alone)
                if numbers:
                    chosen += [of_passage[n] for n in sorted({0, *numbers})]
            self._score_following(chosen)
        finally:
            for plan in plans:
                self._context.truncate(plan.sequence, 0)
        scored = {id(plan) for plan in chosen}
        return [
            (index, [_likelihood(p, p if id(p) in scored else of_passage[0]) for p in of_passage])
            for index, of_passage in waiting.passages
        ]

    def _score_alone(self, plans: Sequence[_Plan]) -> None:
        batch = [token for plan in plans for token in plan.batch(0, plan.alone_end)]
        logs = iter(self._context.log_likelihoods(batch))
        for plan in plans:
            plan.alone = sum(itertools.islice(logs, plan.alone_end))

    def _score_following(self, plans: Sequence[_Plan]) -> None:
        ends = [len(plan.tokens) - 1 for plan in plans]
        batch = [
            t
            for plan, end in zip(plans, ends, strict=True)
            for t in plan.batch(plan.alone_end, end)
        ]
        logs = iter(self._context.log_likelihoods(batch))
        for plan, end in zip(plans, ends, strict=True):
            plan.following = sum(itertools.islice(logs, end - plan.alone_end))


def _likelihood(plan: _Plan, following: _Plan) -> Likelihood:
    """Return the likelihood of a variant, with the words behind it as they follow ``following``."""
    alone = plan.alone or 0.0
    return Likelihood(alone, alone + following.following)


def _size(plans: Sequence[_Plan]) -> int:
    """Return how many tokens variants decode at most."""
    return sum(len(plan.tokens) - 1 for plan in plans)
