"""Compute how likely a language model finds variants of a text, each with the words behind it.

The text is decoded once, as plain text, into the sequence SHARED of the model's cache. A variant of one of its words is a
sequence of its own, which shares the cache up to the word. It holds the variant and the few words behind it: these show
whether the variant fits. Any causal model can do this, with any tokenizer whose tokens spell the text.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from scanmend.correction.channel import Nats
from scanmend.errors import ChildError
from scanmend.llm.guided_decoding import SHARED
from scanmend.llm.judge.own_words import WordStart
from scanmend.llm.llama_context import BATCH_TOKENS, BatchToken, LlamaContext

FOLLOWING_WORDS = (
    2  # behind a variant whose likelihood also counts: with 1 or 5, fewer edits were right
)
MIN_FOLLOWING_BYTES = 24  # one word of so many bytes is enough
# cells of the cache that a batch of variants needs beside the text
CELLS_FOR_VARIANTS = BATCH_TOKENS
_SPACES = b" \n"


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the text, in bytes, and the texts that may stand there. The first is the text as it is."""

    start: int
    end: int
    variants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The logarithm of a variant's probability: of the words alone, and with the words behind them."""

    alone: Nats
    with_following: Nats


@dataclass(frozen=True, slots=True)
class _Plan:
    """The tokens of one variant."""

    position: int
    """Of ``tokens[0]``, which is the token before the variant."""
    tokens: list[int]
    alone_end: int
    """Number of the tokens up to the variant's end; the rest belongs to the words behind it."""


class TextScorer:
    """A scorer of the variants of a text. It needs a context that returns logits, and leaves it empty at ``close``."""

    def __init__(self, context: LlamaContext) -> None:
        """Use this context."""
        if context.options.gpu_sampling:
            raise ValueError("the context samples on the GPU, and returns no logits")
        self._context = context
        self._adds_space = context.token_bytes(context.tokenize(b"a")[0]).startswith(b" ")
        self._start = context.begin_tokens or context.tokenize(b"\n")[-1:]
        self._text = b""
        self._tokens: list[int] = []
        self._offsets: list[int] = []

    def __enter__(self) -> Self:
        """Return the scorer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the scorer."""
        self.close()

    def close(self) -> None:
        """Forget the text."""
        self._context.clear()
        self._context.shared_tokens.clear()

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have."""
        free = self._context.cells - CELLS_FOR_VARIANTS
        return min(free, self._context.max_sequence_tokens) - len(self._start)

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
        sizes = [len(context.token_bytes(token)) for token in tokens]
        if sum(sizes) != len(text):
            raise ChildError("the model's tokens do not spell the text")
        self._text, self._tokens = text, tokens
        self._offsets = list(itertools.accumulate(sizes, initial=0))
        self.close()
        spans = [self._tokens_within(start, end) for start, end in words]
        wanted = {n for first, last in spans for n in range(first, last)}
        decoded = [*self._start, *tokens]
        shift = len(self._start) - 1  # the token before token n of the text predicts it
        batch = [
            BatchToken(
                token,
                position,
                SHARED,
                predict=position - shift in wanted,
                expected=decoded[position + 1] if position - shift in wanted else None,
            )
            for position, token in enumerate(decoded)
        ]
        surprises = dict(
            zip(sorted(wanted), (-log for log in context.log_likelihoods(batch)), strict=True)
        )
        return [sum(surprises[n] for n in range(first, last)) for first, last in spans]

    def _tokens_within(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the tokens that spell a word, with the space before it."""
        space = start and self._text[start - 1] in _SPACES[:1]
        first = bisect.bisect_right(self._offsets, start - bool(space)) - 1
        return first, bisect.bisect_left(self._offsets, end)

    def batches(self, passages: Sequence[Passage]) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages in order; yield after each batch the scored ones, as (index, likelihood of each variant).

        A passage too long for a batch is left out. Raises CacheFull, or ChildError when llama.cpp fails.
        """
        waiting: list[tuple[int, list[_Plan]]] = []
        tokens = sequences = 0
        for index, passage in enumerate(passages):
            plans = [self._plan(passage, variant) for variant in passage.variants]
            size = sum(len(plan.tokens) - 1 for plan in plans)
            most = self._context.options.sequences
            if size > BATCH_TOKENS or len(plans) > most:
                continue
            if tokens + size > BATCH_TOKENS or sequences + len(plans) > most:
                yield self._scored(waiting)
                waiting, tokens, sequences = [], 0, 0
            waiting.append((index, plans))
            tokens += size
            sequences += len(plans)
        if waiting:
            yield self._scored(waiting)

    def _plan(self, passage: Passage, variant: bytes) -> _Plan:
        """Return the tokens of a variant, from where the word at its start begins."""
        first = self._word_token(passage.start)
        head = self._text[self._offsets[first] : passage.start] + variant
        tail = self._text[passage.end : self._following_end(passage.end)]
        tokens = self.tokens_of(head + tail)
        ends = itertools.accumulate(len(self._context.token_bytes(token)) for token in tokens)
        alone_end = 1 + sum(end < len(head) for end in ends)
        position = len(self._start) + first - 1
        before = self._tokens[first - 1] if first else self._start[-1]
        return _Plan(position, [before, *tokens], min(alone_end, len(tokens)))

    def start_of(self, start: int, read: str) -> WordStart:
        """Return where the word ``read`` begins, which stands at byte ``start`` of the text."""
        first = self._word_token(start)
        lead = self._text[self._offsets[first] : start].decode(errors="replace")
        before = self._tokens[first - 1] if first else self._start[-1]
        return WordStart(before, len(self._start) + first - 1, lead, read)

    def _word_token(self, start: int) -> int:
        """Return the token with which the word at byte ``start`` begins, or the space before it."""
        text, offsets = self._text, self._offsets
        space = start and text[start - 1 : start] == b" "
        n = bisect.bisect_right(offsets, start - bool(space)) - 1
        while n and text[offsets[n]] not in _SPACES and text[offsets[n] - 1 : offsets[n]] != b"\n":
            n -= 1
        return n

    def _following_end(self, end: int) -> int:
        """Return the end of the words behind a passage whose likelihood also counts."""
        text, stop = self._text, end
        for _ in range(FOLLOWING_WORDS):
            while stop < len(text) and text[stop] in _SPACES:
                stop += 1
            while stop < len(text) and text[stop] not in _SPACES:
                stop += 1
            if stop - end >= MIN_FOLLOWING_BYTES:
                break
        return stop

    def _scored(
        self, waiting: Sequence[tuple[int, list[_Plan]]]
    ) -> list[tuple[int, list[Likelihood]]]:
        """Decode the variants of the waiting passages in one batch."""
        context = self._context
        batch: list[BatchToken] = []
        free = itertools.count(SHARED + 1)
        try:
            for plan in (plan for _, plans in waiting for plan in plans):
                sequence = next(free)
                context.copy(SHARED, sequence, plan.position)
                batch += [
                    BatchToken(token, plan.position + n, sequence, predict=True, expected=following)
                    for n, (token, following) in enumerate(itertools.pairwise(plan.tokens))
                ]
            logs = iter(context.log_likelihoods(batch))
        finally:
            for sequence in range(SHARED + 1, next(free)):
                context.truncate(sequence, 0)
        return [(index, [_likelihood(plan, logs) for plan in plans]) for index, plans in waiting]


def _likelihood(plan: _Plan, logs: Iterator[float]) -> Likelihood:
    """Return the likelihood of a variant by the logs of its tokens, which come next in ``logs``."""
    of_tokens = list(itertools.islice(logs, len(plan.tokens) - 1))
    return Likelihood(sum(of_tokens[: plan.alone_end]), sum(of_tokens))
