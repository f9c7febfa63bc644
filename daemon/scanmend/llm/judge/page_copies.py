"""Give each variant a sequence that begins with the page up to the variant, as the model's memory allows.

The memory of attention holds a cell for each token, so that a sequence can be copied up to any position. A recurrent layer (Mamba,
RWKV, and those of hybrids such as LFM2 or Granite 4 H) has one state for each sequence, that of its end: there a sequence can be
copied only whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import LlamaContext

SHARED = 0  # the sequence that holds the page
# Tokens of variants that a walk scores at least, for each token of the page that it decodes. With more, the most doubtful words
# come less early; with fewer, the page is decoded more often.
VARIANT_TOKENS_PER_PAGE_TOKEN = 2
WALK_TOKENS = 128  # of the page that a walk decodes before the caller may look at the clock


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

    def reach(self, end: int) -> bool:
        """Do a part of what a copy up to ``end`` needs; return whether it can be made now.

        Raises CacheFull, or ChildError when llama.cpp fails.
        """

    def copy(self, sequence: int, end: int) -> None:
        """Make the tokens of the page before ``end``, which is reached, the beginning of an empty sequence."""


class SharedPage:
    """The page in a memory of attention alone: copies share its cells."""

    reaches_back = True

    def __init__(self, context: LlamaContext) -> None:
        """Use this context."""
        self._context = context
        self._end = 0

    def begin(self, tokens: Sequence[int]) -> None:
        """Note how far SHARED reaches."""
        self._end = len(tokens)

    def parts(self, stops: Sequence[Stop]) -> Iterator[Sequence[Stop]]:
        """Yield all stops in their order."""
        yield stops

    def reach(self, end: int) -> bool:
        """Return whether SHARED holds the page up to there: it always does."""
        return end <= self._end

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

    def reach(self, end: int) -> bool:
        """Decode some more of the page before ``end``, from its start if SHARED is already behind that."""
        if end < self._end:
            self._context.truncate(SHARED, 0)
            self._end = 0
        following = self._tokens[self._end : min(end, self._end + WALK_TOKENS)]
        self._context.decode(
            [BatchToken(token, n, SHARED) for n, token in enumerate(following, self._end)]
        )
        self._end += len(following)
        return self._end == end

    def copy(self, sequence: int, end: int) -> None:
        """Copy SHARED, which must end at ``end``."""
        if end != self._end:
            raise ValueError(f"the walk is at {self._end}, not at {end}")
        self._context.copy(SHARED, sequence)


def copies_of(context: LlamaContext) -> PageCopies:
    """Return the copies that the context's memory allows."""
    return PageWalk(context) if context.options.recurrent else SharedPage(context)
