"""What is asked of the model, line by line, and what it wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanmend.llm.ranking import SuspectWord
from scanmend.page import Bound, CharAlternatives, Divergence, LineProposal


@dataclass(frozen=True, slots=True)
class Request:
    """A line to correct: its number, its text, and the tokens between the prompt and the answer.

    ``doubts``: of the engine that read it, by code points of the text; None when it does not tell. ``spots``: its
    words that may be others.
    """

    number: int
    text: bytes
    suffix: Sequence[int]
    doubts: Sequence[CharAlternatives] | None = None
    spots: Sequence[SuspectWord] = ()


@dataclass(slots=True)
class Answer:
    """What was written for a line. ``bound``: what cut it short."""

    written: bytearray = field(default_factory=bytearray)
    divergences: list[tuple[int, int, float]] = field(default_factory=list)  # bytes
    bound: Bound | None = None

    def proposed(self) -> LineProposal:
        """The text, with the places in code points."""

        def at(place: int) -> int:
            return len(self.written[:place].decode(errors="ignore"))

        text = self.written.decode(errors="replace")
        return LineProposal(
            text, tuple(Divergence(at(a), at(b), m) for a, b, m in self.divergences)
        )

    def put(self, start: int, end: int, new: bytes, margin: float) -> None:
        """Another word in the place of what was written there and of its divergences; those behind it move along."""
        self.written[start:end] = new
        more = len(new) - (end - start)
        others = [d for d in self.divergences if not start <= d[0] <= d[1] <= end]
        moved = [(a + more, b + more, m) if a >= end else (a, b, m) for a, b, m in others]
        self.divergences = sorted([*moved, (start, start + len(new), margin)])
