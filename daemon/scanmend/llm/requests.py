"""What is asked of the model, line by line, and what it wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanmend.llm.ranking import Spot
from scanmend.page import Departure, Doubt, Proposed


@dataclass(frozen=True, slots=True)
class Request:
    """A line to correct: its number, its text, and the tokens between the prompt and the answer.

    ``doubts``: of the engine that read it, by code points of the text; None when it does not tell. ``spots``: its
    words that may be others.
    """

    number: int
    text: bytes
    suffix: Sequence[int]
    doubts: Sequence[Doubt] | None = None
    spots: Sequence[Spot] = ()


@dataclass(slots=True)
class Answer:
    """What was written for a line. ``bound``: what cut it short."""

    written: bytearray = field(default_factory=bytearray)
    departures: list[tuple[int, int, float]] = field(default_factory=list)  # bytes
    bound: str | None = None

    def proposed(self) -> Proposed:
        """The text, with the places in code points."""

        def at(place: int) -> int:
            return len(self.written[:place].decode(errors="ignore"))

        text = self.written.decode(errors="replace")
        return Proposed(text, tuple(Departure(at(a), at(b), m) for a, b, m in self.departures))

    def put(self, start: int, end: int, new: bytes, margin: float) -> None:
        """Another word in the place of what was written there and of its departures; those behind it move along."""
        self.written[start:end] = new
        more = len(new) - (end - start)
        others = [d for d in self.departures if not start <= d[0] <= d[1] <= end]
        moved = [(a + more, b + more, m) if a >= end else (a, b, m) for a, b, m in others]
        self.departures = sorted([*moved, (start, start + len(new), margin)])
