"""State the facts on which the gate's rules for whole lines decide."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.correction.gate_rules import GateRules
from scanmend.page import Edit, Line

MAX_LINE_LENGTH = 4000  # characters; a longer line is no line of print
MIN_LINE_BUDGET = 2  # characters of a line that may change, however short it is

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True)
class ProposalEvidence:
    """What is known of the proposal for a whole line."""

    line: Line
    proposal: str
    rules: GateRules

    @property
    def adds_unsafe_characters(self) -> bool:
        """Tell whether the proposal adds control, invisible or direction characters."""
        added = set(self.proposal) - set(self.line.text)
        return any(
            not c.isprintable() and unicodedata.category(c) in _UNSAFE_CATEGORIES for c in added
        )

    @property
    def has_other_length(self) -> bool:
        """Tell whether the line is too long for print, or the proposal of another length."""
        length = len(self.line.text)
        if length > MAX_LINE_LENGTH:
            return True
        return not 0.5 * length - 8 <= len(self.proposal) <= 1.5 * length + 8

    @property
    def is_line_sure(self) -> bool:
        """Tell whether the OCR engine is as sure of the line as the profile asks for."""
        return is_line_sure(self.line, self.rules)


def is_line_sure(line: Line, rules: GateRules) -> bool:
    """Return whether the engine's confidence in the line is as high as the profile asks for."""
    return line.confidence is not None and line.confidence >= rules.min_confidence_to_skip


@dataclass(frozen=True, slots=True)
class LineEvidence:
    """What is known of all edits of a line that the rules accepted one by one."""

    text: str
    accepted: Sequence[Edit]
    rules: GateRules

    @property
    def exceeds_budget(self) -> bool:
        """Tell whether the edits together change over ``max_edit_ratio`` of the line."""
        changed = sum(Levenshtein.distance(e.before, e.after) for e in self.accepted)
        return changed > max(MIN_LINE_BUDGET, self.rules.max_edit_ratio * len(self.text))


@dataclass(frozen=True, slots=True)
class SecondPassEvidence:
    """What the gate does when the corrected line meets the same proposal again."""

    accepted_edits: int
    repairs: int

    @property
    def changes_again(self) -> bool:
        return self.accepted_edits > 0 or self.repairs > 0
