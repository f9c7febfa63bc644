"""Define a request for one line of a page, and the model's answer to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanmend.llm.suspect_word import SuspectWord
from scanmend.page import Bound, CharAlternatives, Divergence, LineProposal


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A line, or a piece of one, that the model is to correct."""

    number: int
    text: bytes
    """The OCR text in UTF-8."""
    suffix: Sequence[int]
    """Tokens between the prompt that all lines share and the answer: the line itself and the template's end."""
    alternatives: Sequence[CharAlternatives] | None = None
    """The OCR engine's alternatives, at code points of the text; None when the engine reports none."""
    suspects: Sequence[SuspectWord] = ()


@dataclass(slots=True)
class LineAnswer:
    """The text written for a line so far. All offsets are in bytes of ``written``."""

    written: bytearray = field(default_factory=bytearray)
    divergences: list[tuple[int, int, float]] = field(default_factory=list)
    """(start, end, margin in nats) where the model left the OCR text, in ascending order."""
    bound: Bound | None = None
    """The bound that cut the answer short, or None."""

    def proposal(self) -> LineProposal:
        """Return the answer as a proposal, with its offsets in code points."""

        def code_points(offset: int) -> int:
            return len(self.written[:offset].decode(errors="ignore"))

        text = self.written.decode(errors="replace")
        divergences = (
            Divergence(code_points(start), code_points(end), margin)
            for start, end, margin in self.divergences
        )
        return LineProposal(text, tuple(divergences))

    def replace(self, start: int, end: int, new: bytes, margin: float) -> None:
        """Replace the text from ``start`` to ``end`` by ``new``, as one divergence.

        Divergences within the replaced text are dropped, and later ones are shifted.
        """
        self.written[start:end] = new
        growth = len(new) - (end - start)
        others = [d for d in self.divergences if not start <= d[0] <= d[1] <= end]
        shifted = [(a + growth, b + growth, m) if a >= end else (a, b, m) for a, b, m in others]
        self.divergences = sorted([*shifted, (start, start + len(new), margin)])

    def append(self, other: "LineAnswer", before: bytes, after: bytes) -> None:
        """Append ``other``, the answer for the line's next piece, and the unchanged text ``before`` and ``after`` it."""
        start = len(self.written) + len(before)
        self.written += before + other.written + after
        self.divergences += [(start + a, start + b, margin) for a, b, margin in other.divergences]
        self.bound = self.bound or other.bound
