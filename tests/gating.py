"""Pass lines through the gate with the default profile's rules, for tests of the correction package."""

from collections.abc import Sequence

from scanmend.config.profiles import Profile
from scanmend.correction.gate import gate
from scanmend.correction.gate_rules import GateRules
from scanmend.correction.lexicon import Lexicon
from scanmend.page import Box, CharAlternatives, Divergence, Edit, Line, LineProposal

RULES = Profile("default", "correct").gate_rules
BOX = Box(0, 0, 1, 1)


def line(
    text: str,
    unsure: Sequence[int] | None = None,
    alternatives: Sequence[CharAlternatives] | None = None,
    confidence: float = 0.9,
) -> Line:
    """Return a line as an engine read it."""
    return Line(
        text,
        BOX,
        confidence,
        unsure=None if unsure is None else tuple(unsure),
        doubts=None if alternatives is None else tuple(alternatives),
    )


def gate_line(
    read: str | Line,
    proposal: str | None,
    rules: GateRules = RULES,
    lexicon: Lexicon | None = None,
    *,
    margin: float | None = None,
) -> tuple[str, list[Edit]]:
    """Return the published text of one line and its edits. ``margin``, in nats, holds for the whole proposal."""
    proposed = None
    if proposal is not None:
        whole = None if margin is None else (Divergence(0, len(proposal), margin),)
        proposed = LineProposal(proposal, whole)
    gated = gate([line(read) if isinstance(read, str) else read], [proposed], rules, lexicon)
    return gated.lines[0], list(gated.edits)


def published(read: str | Line, proposal: str | None, rules: GateRules = RULES) -> str:
    """Return the published text of one line."""
    return gate_line(read, proposal, rules)[0]


def revert(text: str, edits: Sequence[Edit]) -> str:
    """Return the OCR text of a published text, by its edits: the inverse of ``gate.apply``."""
    for edit in sorted((e for e in edits if e.accepted), key=lambda e: e.start):
        end = edit.start + len(edit.after)
        assert text[edit.start : end] == edit.after
        text = text[: edit.start] + edit.before + text[end:]
    return text
