"""Compute how likely a language model finds variants of a text, each with the words behind it.

The text is decoded as plain text into the sequence SHARED of the model's memory. A variant of one of its words is a sequence of
its own, which begins as a copy up to the word (``page_copies``). The variant is decoded first. The few words behind it, which
show whether it fits, follow only where the caller still finds it worth while. Any causal model can do this, with any
tokenizer whose tokens spell the text.
"""

import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Self

from scanmend.correction.channel import Nats
from scanmend.correction.channel import shipped as shipped_channel
from scanmend.errors import ChildError
from scanmend.llm.judge.own_words import OwnWords, WordStart
from scanmend.llm.judge.page_copies import SHARED, Stop, copies_of
from scanmend.llm.judge.scorer import Choice, Likelihood, Passage, TokenizedText, following_end
from scanmend.llm.judge.variant_plan import (
    VariantPlan,
    VariantTokens,
    WaitingPassages,
    decoded_tokens,
    likelihood_of,
)
from scanmend.llm.llama_batch import BATCH_TOKENS, BatchToken
from scanmend.llm.llama_context import LlamaContext

# cells of the cache that a batch of variants needs beside the text
CELLS_FOR_VARIANTS = BATCH_TOKENS


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
        self._logs: dict[tuple[int, int], Nats] = {}  # of a token at a place, as ``open`` told

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

    def open(self, text: bytes, passages: Sequence[Passage] = ()) -> list[Nats]:
        """Decode the text, and return the surprise of each passage: minus the log of the probability of the text as it is.

        The same run tells how likely each variant's first token is that differs from the text, which is all for most words
        of a large vocabulary. Raises CacheFull when the text is too long, ChildError when the tokens don't spell it or
        llama.cpp fails.
        """
        context = self._context
        tokens = self.tokens_of(text)
        pieces = [context.token_bytes(token) for token in tokens]
        self._text = TokenizedText(text, tokens, pieces)
        if self._text.offsets[-1] != len(text):
            raise ChildError("the model's tokens do not spell the text")
        self.close()
        spans = [self._text.tokens_within(p.start, p.end) for p in passages]
        # what may stand at each place that a passage covers; the text's own token comes first
        places = {n: [tokens[n]] for n in sorted({n for span in spans for n in range(*span)})}
        for passage in passages:
            for variant in passage.variants:
                place, token = self._first_difference(self._tokens_of_variant(passage, variant))
                if place in places:
                    places[place].append(token)
        decoded = [*self._start, *tokens]
        shift = len(self._start) - 1  # the token before token n of the text predicts it
        predicting = {n + shift for n in places}
        batch = [
            BatchToken(token, position, SHARED, predict=position in predicting)
            for position, token in enumerate(decoded)
        ]
        logs = context.log_likelihoods_of(batch, list(places.values()))
        self._logs = {
            (place, token): log
            for (place, of_place), told in zip(places.items(), logs, strict=True)
            for token, log in zip(of_place, told, strict=True)
        }
        self._copies.begin(decoded)
        return [-sum(self._logs[n, tokens[n]] for n in range(*span)) for span in spans]

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
            Stop(n, of_passage[0].position, decoded_tokens(of_passage))
            for n, of_passage in enumerate(plans)
            if WaitingPassages().has_room(of_passage, most)
        ]
        for part in self._copies.parts(stops):
            waiting = WaitingPassages()
            for stop in part:
                if not waiting.has_room(plans[stop.index], most):
                    yield self._scored(waiting, choose)
                    waiting = WaitingPassages()
                while not self._copies.reach(stop.position):
                    yield []
                waiting.add(stop.index, plans[stop.index])
                self._copy_page(plans[stop.index])
            if waiting.passages:
                yield self._scored(waiting, choose)

    def _copy_page(self, plans: Sequence[VariantPlan]) -> None:
        """Let the variants' sequences begin with the page, as far as it is the same."""
        for plan in plans:
            self._copies.copy(plan.sequence, plan.shared_end)

    def _tokens_of_variant(self, passage: Passage, variant: bytes) -> VariantTokens:
        """Return the tokens of a variant and the words behind it, from where the word at its start begins."""
        text = self._text
        first = text.word_token(passage.start)
        head = text.text[text.offsets[first] : passage.start] + variant
        tail = text.text[passage.end : following_end(text.text, passage.end)]
        tokens = self.tokens_of(head + tail)
        ends = itertools.accumulate(len(self._context.token_bytes(token)) for token in tokens)
        end = 1 + sum(end < len(head) for end in ends)
        return VariantTokens(first, tokens, min(end, len(tokens)))

    def _first_difference(self, variant: VariantTokens) -> tuple[int, int]:
        """Return the place at which a variant differs from the text, and its token there; the last token if it does not."""
        own = variant.tokens[: variant.end]
        page = self._text.tokens[variant.first : variant.first + variant.end]
        same = sum(1 for _ in itertools.takewhile(bool, map(operator.eq, own, page)))
        n = min(same, len(own) - 1)
        return variant.first + n, own[n]

    def _plan(self, passage: Passage, variant: bytes) -> VariantPlan:
        """Return what is to be decoded of a variant."""
        of_variant = self._tokens_of_variant(passage, variant)
        first, tokens = of_variant.first, of_variant.tokens
        before = self._text.tokens[first - 1] if first else self._start[-1]
        plan = VariantPlan(len(self._start) + first - 1, [before, *tokens], of_variant.end)
        if self._copies.reaches_back:
            last, _ = self._first_difference(of_variant)
            for n in range(first, last + 1):
                log = self._logs.get((n, tokens[n - first]))
                if log is None:
                    break
                plan.known += 1
                plan.alone += log
        return plan

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
        self, waiting: WaitingPassages, choose: Choice | None
    ) -> list[tuple[int, list[Likelihood]]]:
        """Decode the variants of the waiting passages: all of them alone, then the chosen ones' following words."""
        plans = [plan for _, of_passage in waiting.passages for plan in of_passage]
        try:
            self._score_alone(plans)
            chosen = []
            for index, of_passage in waiting.passages:
                alone = [plan.alone for plan in of_passage]
                numbers = range(len(alone)) if choose is None else choose(index, alone)
                if numbers:
                    chosen += [of_passage[n] for n in sorted({0, *numbers})]
            self._score_following(chosen)
        finally:
            for plan in plans:
                self._context.truncate(plan.sequence, 0)
        scored = {id(plan) for plan in chosen}
        return [
            (index, [likelihood_of(p, p if id(p) in scored else of_passage[0]) for p in of_passage])
            for index, of_passage in waiting.passages
        ]

    def _score_alone(self, plans: Sequence[VariantPlan]) -> None:
        batch = [token for plan in plans for token in plan.batch(plan.known, plan.alone_end)]
        logs = iter(self._context.log_likelihoods(batch))
        for plan in plans:
            plan.alone += sum(itertools.islice(logs, plan.alone_end - plan.known))

    def _score_following(self, plans: Sequence[VariantPlan]) -> None:
        ends = [len(plan.tokens) - 1 for plan in plans]
        batch = [
            t
            for plan, end in zip(plans, ends, strict=True)
            for t in plan.batch(plan.alone_end, end)
        ]
        logs = iter(self._context.log_likelihoods(batch))
        for plan, end in zip(plans, ends, strict=True):
            plan.following = sum(itertools.islice(logs, end - plan.alone_end))
