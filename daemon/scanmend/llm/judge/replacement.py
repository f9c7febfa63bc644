"""Hold what may have been printed where a doubtful word was read."""

import enum
from dataclasses import dataclass

from scanmend.correction.channel import Nats
from scanmend.correction.lexicon import Bits, FrequencyClass

MAX_COST: Nats = 24.0  # of a replacement for an unknown word
COST_PER_BIT: Nats = 0.5  # by which a replacement one bit more frequent may be less likely misread


class ReplacementSource(enum.StrEnum):
    """Where a replacement comes from. The values are published in no file."""

    LEXICON = "lexicon"
    PAGE = "page"
    SPLIT = "split"
    JOIN = "join"
    COMPOUND = "compound"
    CORRECTOR = "corrector"
    ENGINE = "engine"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Replacement:
    """A text that may have been printed where a doubtful word was read."""

    text: str
    cost: Nats
    """The channel's cost of reading it so."""
    frequency: Bits
    """log₂ of its count in texts of the page's language, roughly; 0 if it is unknown."""
    source: ReplacementSource

    @property
    def rank(self) -> Nats:
        """Return its cost less what its frequency outweighs; the lowest is the best."""
        return self.cost - COST_PER_BIT * self.frequency


def bits(frequency: FrequencyClass) -> Bits:
    """Return log₂ of the count in the middle of a class; 0 for class 0."""
    return frequency - 0.5 if frequency else 0.0
