"""Define a word of an OCR line that may be misread, and find its counterpart in the model's text."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.correction.lexicon import FrequencyClass
from scanmend.correction.lookalikes import Candidate


@dataclass(frozen=True, slots=True)
class SuspectWord:
    """A word that may be misread, with the words that may be meant and the evidence of its line and page."""

    start: int
    """Offset in code points into the OCR line."""
    word: str
    candidates: tuple[Candidate, ...]
    unknown_share: float
    """Share (0 to 1) of the page's words that the lexicon lacks."""
    frequency: FrequencyClass = 0
    """The frequency class of the word itself; 0: unknown."""
    known_neighbours: int = 0
    """Number of sides (0 to 2) on which it has a known neighbour, or the start or end of the sentence."""
    repeats: float = 0.0
    """log₂ of the number of times that the word is a suspect on the page."""
    full_stop_follows: bool = False
    """Whether a full stop follows within the line, as after an abbreviation."""
    known_stem: bool = False
    """Whether it may be a word of the lexicon with a grammatical ending."""
    has_alternatives: bool = False
    """Whether the OCR engine reported its alternatives for the characters of this line."""

    @property
    def end(self) -> int:
        """Return the offset in code points behind the word's last character."""
        return self.start + len(self.word)


def aligned(
    suspects: Sequence[SuspectWord], read: str, written: str
) -> list[tuple[SuspectWord, int, int]]:
    """Return each suspect word of ``read`` with the start and end of its counterpart in ``written``.

    Offsets are in code points. A word is left out when the characters beside it in ``read`` have no counterpart.
    """
    blocks = Levenshtein.opcodes(read, written).as_matching_blocks()

    def counterpart(offset: int) -> int | None:
        for block in blocks:
            if block.a <= offset < block.a + block.size:
                return int(block.b + offset - block.a)
        return None

    found = []
    for suspect in suspects:
        before = counterpart(suspect.start - 1) if suspect.start else -1
        after = counterpart(suspect.end) if suspect.end < len(read) else len(written)
        if before is not None and after is not None and before < after:
            found.append((suspect, before + 1, after))
    return found
