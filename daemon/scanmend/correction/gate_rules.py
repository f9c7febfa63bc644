"""Hold the gate's thresholds and patterns, which a profile sets."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateRules:
    """The gate's thresholds, and the patterns that a profile protects.

    ``max_edit_ratio``: share of a word's, and of a line's, characters that may change, 0 to 1.
    ``min_margin``: lowest margin of an accepted edit, in nats. ``min_confidence_to_skip``: OCR
    confidence, 0 to 1, from which a line stays as read. ``protected``: no edit may touch a match of
    these patterns.
    """

    max_edit_ratio: float
    min_margin: float
    min_confidence_to_skip: float
    protected: tuple[re.Pattern[str], ...] = ()
