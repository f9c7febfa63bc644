"""Give each variant a sequence that begins with the page up to the variant, as the model's memory allows.

The memory of attention holds a cell for each token, so that a sequence can be copied up to any position. A recurrent layer (Mamba,
RWKV, and those of hybrids such as LFM2 or Granite 4 H) has one state for each sequence, that of its end: there a sequence can be
copied only whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from scanmend.llm.llama_context import BatchToken, LlamaContext

SHARED = 0  # the sequence that holds the page
# Tokens of variants that a walk scores at least, for each token of the page that it decodes. With more, the most doubtful words
# come less early; with fewer, the page is decoded more often.
VARIANT_TOKENS_PER_PAGE_TOKEN = 2


@dataclass(frozen=True, slots=True)
class Stop:
    """A position of the page at which variants begin. ``tokens``: of all these variants; ``index``: the caller's own."""

    index: int
    position: int
    tokens: int


class PageCopies(Protocol):
    """The sequence SHARED, which holds the page, and the copies of its beginning."""

    reaches_back: bool
    """Whether a copy can end anywhere, at no cost."""

    def begin(self, tokens: Sequence[int]) -> None:
        """Take the tokens of the page, all of which SHARED holds now."""

    def parts(self, stops: Sequence[Stop]) -> Iterator[Sequence[Stop]]:
        """Yield the stops in the order in which they should be copied, in parts.

        No copy may be in use between two parts. ``stops``: the most important ones come first.
        """

    def copy(self, sequence: int, end: int) -> None:
        """Make the tokens of the page before position ``end`` the beginning of an empty sequence.

        Raises CacheFull, or ChildError when llama.cpp fails.
        """


class SharedPage:
    """The page in a memory of attention alone: copies share its cells."""

    reaches_back = True

    def __init__(self, context: LlamaContext) -> None:
        """Use this context."""
        self._context = context

    def begin(self, tokens: Sequence[int]) -> None:
        """Do nothing: SHARED holds the page."""

    def parts(self, stops: Sequence[Stop]) -> Iterator[Sequence[Stop]]:
        """Yield all stops in their order."""
        yield stops

    def copy(self, sequence: int, end: int) -> None:
        """Let a sequence share the cells before ``end``."""
        self._context.copy(SHARED, sequence, end)


class PageWalk:
    """The page in a memory with recurrent layers: it is decoded again, from stop to stop, and copied whole at each.

    A walk goes through the page once, so its stops are in the page's order. The most important stops are in the first walk.
    """

    reaches_back = False

    def __init__(self, context: LlamaContext) -> None:
        """Use this context."""
        self._context = context
        self._tokens: Sequence[int] = ()
        self._end = 0  # position up to which SHARED holds the page

    def begin(self, tokens: Sequence[int]) -> None:
        """Take the tokens of the page."""
        self._tokens, self._end = tokens, len(tokens)

    def parts(self, stops: Sequence[Stop]) -> Iterator[Sequence[Stop]]:
        """Yield the stops of each walk, in the page's order."""
        walk: list[Stop] = []
        for stop in stops:
            walk.append(stop)
            least = VARIANT_TOKENS_PER_PAGE_TOKEN * max(s.position for s in walk)
            if sum(s.tokens for s in walk) >= least:
                yield sorted(walk, key=lambda s: s.position)
                walk = []
        yield sorted(walk, key=lambda s: s.position)

    def copy(self, sequence: int, end: int) -> None:
        """Decode the page up to ``end``, from its start if SHARED is already behind it, and copy it."""
        if end < self._end:
            self._context.truncate(SHARED, 0)
            self._end = 0
        following = self._tokens[self._end : end]
        self._context.decode(
            [BatchToken(token, n, SHARED) for n, token in enumerate(following, self._end)]
        )
        self._end = end
        self._context.copy(SHARED, sequence)


def copies_of(context: LlamaContext) -> PageCopies:
    """Return the copies that the context's memory allows."""
    return PageWalk(context) if context.options.recurrent else SharedPage(context)
