"""Define what judges a page's words: a scorer of texts by a language model, on this machine or in a server."""

import bisect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from scanmend.correction.channel import Nats

FOLLOWING_WORDS = (
    2  # behind a variant whose likelihood also counts: with 1 or 5, fewer edits were right
)
MIN_FOLLOWING_BYTES = 24  # one word of so many bytes is enough
MAX_FOLLOWING_BYTES = 120  # no words have more: a row of dots, or text without spaces
MIN_LOG: Nats = -90.0  # of a token; a server whose 32-bit probability is 0 reports the lowest float
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


Choice: TypeAlias = Callable[[int, Sequence[Nats]], Sequence[int]]
"""Chooses variants by a passage's index and the log-probability of each variant alone; returns their numbers."""


class Scorer(Protocol):
    """A language model that tells how likely texts are. It holds one text at a time.

    Its methods raise ChildError or ModelUnavailable when the model fails.
    """

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have."""

    @property
    def calls(self) -> int:
        """Return how many times the model was asked so far."""

    @property
    def tokens(self) -> int:
        """Return how many tokens the model has decoded so far."""

    def count_tokens(self, text: bytes) -> int:
        """Return how many tokens a text has at most."""

    def open(self, text: bytes, passages: Sequence[Passage] = ()) -> Sequence[Nats | None]:
        """Take the text, and return the surprise of each passage: minus the log of the probability of the text as it is.

        ``passages``: those that ``batches`` may score later; their other variants are only a hint. None: the model did not
        tell it in half of the time that is left for the page. Raises CacheFull, or TimeoutError when the page's time is over.
        """

    def batches(
        self, passages: Sequence[Passage], choose: Choice | None = None
    ) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages; yield after each batch the scored ones, as (index, likelihood of each variant), or none.

        ``choose``: which variants need to be scored with the words behind them; None: all. Others may count as if these
        words followed them as well as the text as it is. Passages that come first are scored first, but for the order within
        a batch, or within a walk through the page. A passage that can't be scored is left out. Raises CacheFull, or
        TimeoutError when the page's time is over.
        """

    def own_words(self, words: Sequence[tuple[int, str]]) -> list[list[str]]:
        """Return the model's own words in place of each word, in lower case, the best first; empty if it can't tell.

        ``words``: the offset in bytes of each word, and the word as read.
        """

    def close(self) -> None:
        """Forget the text."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text with its tokens. ``pieces``: the bytes that each token spells."""

    text: bytes
    tokens: Sequence[int]
    pieces: Sequence[bytes]
    offsets: list[int] = field(init=False)
    """Where each token begins, in bytes, and where the last one ends."""

    def __post_init__(self) -> None:
        """Sum up the pieces' lengths."""
        lengths = itertools.accumulate(map(len, self.pieces), initial=0)
        object.__setattr__(self, "offsets", list(lengths))

    @property
    def is_spelled(self) -> bool:
        """Return whether the tokens spell the text."""
        return b"".join(self.pieces) == self.text

    def tokens_within(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the tokens that spell a word, with the space before it."""
        space = start and self.text[start - 1] in b" "
        first = bisect.bisect_right(self.offsets, start - bool(space)) - 1
        return first, bisect.bisect_left(self.offsets, end)

    def word_token(self, start: int) -> int:
        """Return the token with which the word at byte ``start`` begins, or the space before it."""
        text, offsets = self.text, self.offsets
        space = start and text[start - 1 : start] == b" "
        n = bisect.bisect_right(offsets, start - bool(space)) - 1
        while n and text[offsets[n]] not in _SPACES and text[offsets[n] - 1 : offsets[n]] != b"\n":
            n -= 1
        return n


def clipped_log(value: object) -> Nats:
    """Return a token's log-probability as a server reports it, clipped to MIN_LOG to 0. Raises ValueError for no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no logprobs of the prompt")  # noqa: TRY004 - as for any odd answer
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("logprobs that are no numbers")
    return float(max(MIN_LOG, min(0.0, value)))


def following_end(text: bytes, end: int) -> int:
    """Return the end of the words behind a passage whose likelihood also counts; at most MAX_FOLLOWING_BYTES."""
    stop = end
    for _ in range(FOLLOWING_WORDS):
        behind = stop
        while behind < len(text) and text[behind] in _SPACES:
            behind += 1
        while behind < len(text) and text[behind] not in _SPACES:
            behind += 1
        if behind - end > MAX_FOLLOWING_BYTES:
            break
        stop = behind
        if stop - end >= MIN_FOLLOWING_BYTES:
            break
    return stop
