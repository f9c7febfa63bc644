"""State the facts on which the gate's rules for whole lines decide."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.correction.gate_rules import GateRules
from scanmend.page import Edit, Line

MAX_LINE_LENGTH = 4000  # characters; a longer line is no line of print
MIN_LINE_BUDGET = 2  # characters that may change in a line, however short it is
# the length of a proposal, as a multiple of its line's, give or take the slack for short lines
_MIN_LENGTH_RATIO, _MAX_LENGTH_RATIO = 0.5, 1.5
_LENGTH_SLACK = 8  # characters

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True)
class ProposalEvidence:
    """The facts about the proposal for a whole line."""

    line: Line
    proposal: str
    rules: GateRules

    @property
    def adds_unsafe_characters(self) -> bool:
        """Return whether the proposal adds control, invisible or direction characters."""
        added = set(self.proposal) - set(self.line.text)
        return any(
            not c.isprintable() and unicodedata.category(c) in _UNSAFE_CATEGORIES for c in added
        )

    @property
    def has_implausible_length(self) -> bool:
        """Return whether the line is too long for print, or the proposal's length far from it."""
        length = len(self.line.text)
        if length > MAX_LINE_LENGTH:
            return True
        shortest = _MIN_LENGTH_RATIO * length - _LENGTH_SLACK
        longest = _MAX_LENGTH_RATIO * length + _LENGTH_SLACK
        return not shortest <= len(self.proposal) <= longest

    @property
    def is_line_sure(self) -> bool:
        """Return whether the engine's confidence in the line is as high as the profile asks for."""
        return is_line_sure(self.line, self.rules)


def is_line_sure(line: Line, rules: GateRules) -> bool:
    """Return whether the engine's confidence in the line is as high as the profile asks for."""
    return line.confidence is not None and line.confidence >= rules.min_confidence_to_skip


@dataclass(frozen=True, slots=True)
class LineEvidence:
    """The facts about the edits of a line that the rules accepted one by one."""

    text: str
    accepted: Sequence[Edit]
    rules: GateRules

    @property
    def exceeds_budget(self) -> bool:
        """Return whether the edits together change more than ``max_edit_ratio`` of the line."""
        changed = sum(Levenshtein.distance(e.before, e.after) for e in self.accepted)
        return changed > max(MIN_LINE_BUDGET, self.rules.max_edit_ratio * len(self.text))


@dataclass(frozen=True, slots=True)
class SecondPassEvidence:
    """The gate's decisions when the corrected line meets the same proposal again.

    ``accepted_edits`` and ``repairs`` count the edits and repairs of this second pass.
    """

    accepted_edits: int
    repairs: int

    @property
    def changes_again(self) -> bool:
        """Return whether the second pass would change the line."""
        return self.accepted_edits > 0 or self.repairs > 0
