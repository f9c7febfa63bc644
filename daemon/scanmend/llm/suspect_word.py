"""A word of an OCR line that may be misread, and where it stands in what the model wrote."""

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
    """Of the word itself."""
    known_neighbours: int = 0
    """Sides (0 to 2) on which a word of the lexicon, or the sentence's end, stands beside it."""
    repeats: float = 0.0
    """log₂ of the number of times that the page has it as a suspect word."""
    full_stop_follows: bool = False
    """A full stop follows within the line, as after an abbreviation."""
    known_stem: bool = False
    """It is a word of the lexicon with a grammatical ending."""
    has_alternatives: bool = False
    """The OCR engine told its alternatives for the characters of this line."""

    @property
    def end(self) -> int:
        """Offset in code points behind the word's last character."""
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
