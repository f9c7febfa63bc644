"""Compute how likely a language model finds variants of a text, each with the words behind it.

The text is decoded once, as plain text, into the sequence SHARED of the model's cache. A variant of one of its words is a
sequence of its own, which shares the cache up to the word. It holds the variant and the few words behind it: these show
whether the variant fits. Any causal model can do this, with any tokenizer whose tokens spell the text.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.errors import ChildError
from scanmend.llm.guided_decoding import SHARED
from scanmend.llm.judge.own_words import OwnWords, WordStart
from scanmend.llm.judge.scorer import Likelihood, Passage, TokenizedText, following_end
from scanmend.llm.llama_context import BATCH_TOKENS, BatchToken, LlamaContext

# cells of the cache that a batch of variants needs beside the text
CELLS_FOR_VARIANTS = BATCH_TOKENS


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
        self._text = TokenizedText(b"", (), ())
        self._own_words = OwnWords(context, shipped_channel())

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
        text = self._text
        first = text.word_token(passage.start)
        head = text.text[text.offsets[first] : passage.start] + variant
        tail = text.text[passage.end : following_end(text.text, passage.end)]
        tokens = self.tokens_of(head + tail)
        ends = itertools.accumulate(len(self._context.token_bytes(token)) for token in tokens)
        alone_end = 1 + sum(end < len(head) for end in ends)
        position = len(self._start) + first - 1
        before = text.tokens[first - 1] if first else self._start[-1]
        return _Plan(position, [before, *tokens], min(alone_end, len(tokens)))

    def own_words(self, words: Sequence[tuple[int, str]]) -> list[list[str]]:
        """Return the model's own words in place of words of the text, as ``Scorer.own_words``."""
        return self._own_words.propose([self._start_of(start, read) for start, read in words])

    def _start_of(self, start: int, read: str) -> WordStart:
        """Return where the word ``read`` begins, which stands at byte ``start`` of the text."""
        text = self._text
        first = text.word_token(start)
        lead = text.text[text.offsets[first] : start].decode(errors="replace")
        before = text.tokens[first - 1] if first else self._start[-1]
        return WordStart(before, len(self._start) + first - 1, lead, read)

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
