"""Decide, edit by edit, what of a model's proposal is published: the gate.

A line is first repaired by rule (``repairs``). The proposal is then aligned with the repaired text
word by word; each difference is one edit, and the rules of ``policy`` decide on it. The model may
not change a word with a digit. Text outside the accepted edits stays the same, byte for byte.

>>> from scanmend.page import Box, Line, LineProposal
>>> from scanmend.correction.gate_rules import GateRules
>>> texts = ("Invoic # 12345", "Total: $1O0.00", "Date: 2023-07-15")
>>> page = [Line(text, Box(0, 0, 1, 1), 0.9) for text in texts]
>>> proposals = [LineProposal("Invoice # 12345"), LineProposal("The total is $900.00"), None]
>>> rules = GateRules(max_edit_ratio=0.34, min_margin=2.0, min_confidence_to_skip=0.995)
>>> gate(page, proposals, rules).lines
('Invoice # 12345', 'Total: $100.00', 'Date: 2023-07-15')
"""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scanmend.correction.accents import repair_accents
from scanmend.correction.alignment import Difference, differences
from scanmend.correction.edit_evidence import EditEvidence
from scanmend.correction.gate_rules import GateRules
from scanmend.correction.lexical_evidence import words_in_doubt
from scanmend.correction.lexicon import Lexicon
from scanmend.correction.line_evidence import (
    MAX_LINE_LENGTH,
    LineEvidence,
    ProposalEvidence,
    SecondPassEvidence,
    is_line_sure,
)
from scanmend.correction.policy import LINE_TOTAL, PROPOSAL, SECOND_PASS, decide
from scanmend.correction.protected import protected_spans
from scanmend.correction.repairs import Repair, repair_commas, repair_numbers
from scanmend.correction.rules import RuleName
from scanmend.page import Edit, Line, LineProposal
from scanmend.scripts import is_mostly_latin


@dataclass(frozen=True, slots=True)
class Gated:
    """The lines to publish, and all edits, each with the rule that decided on it."""

    lines: tuple[str, ...]
    edits: tuple[Edit, ...]


def gate(
    lines: Sequence[Line],
    proposals: Sequence[LineProposal | None],
    rules: GateRules,
    lexicon: Lexicon | None = None,
    languages: Sequence[str] = (),
) -> Gated:
    """Return the lines of a page to publish, and every edit with the decision on it.

    ``proposals`` has one entry for each line, None where the model was not asked. ``lexicon`` is
    consulted on edits whose margin is known. ``languages``: those of the page; without them, accents stay.
    """
    texts: list[str] = []
    edits: list[Edit] = []
    for line_index, (line, proposal) in enumerate(zip(lines, proposals, strict=True)):
        decided = (
            []
            if line.exact
            else _LineGate(line_index, rules, lexicon, languages).edits(line, proposal)
        )
        texts.append(apply(line.text, decided))
        edits += decided
    return Gated(tuple(texts), tuple(edits))


def needs_correction(line: Line, rules: GateRules, lexicon: Lexicon | None = None) -> bool:
    """Return whether to ask the model: the line has letters, and the engine is not sure of it.

    A ``lexicon`` stands for the built-in model, which knows languages in Latin letters only. With it,
    and an engine that reports which characters it doubts, a word of the line must also be in doubt.
    Text that a PDF draws is exact, and needs no correction.
    """
    if line.exact or is_line_sure(line, rules):
        return False
    if len(line.text) > MAX_LINE_LENGTH or not any(c.isalpha() for c in line.text):
        return False
    if lexicon is None:
        return True
    if not is_mostly_latin(line.text):
        return False
    if line.unsure is None:
        return True
    return any(words_in_doubt(line.text, line.unsure, lexicon, line.doubts))


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with the accepted edits. Raises ValueError if an edit does not fit it."""
    for edit in sorted((e for e in edits if e.accepted), key=lambda e: -e.start):
        end = edit.start + len(edit.before)
        if text[edit.start : end] != edit.before:
            raise ValueError(f"{edit.before!r} does not stand at {edit.start} of {text!r}")
        text = text[: edit.start] + edit.after + text[end:]
    return text


@dataclass(frozen=True, slots=True)
class _LineGate:
    """The gate of one line; ``line_index`` is the line's index on the page."""

    line_index: int
    rules: GateRules
    lexicon: Lexicon | None
    languages: Sequence[str] = ()

    def edits(self, line: Line, proposal: LineProposal | None) -> list[Edit]:
        """Return the repairs of a line and the edits of its proposal, from left to right."""
        repairs = [
            *repair_numbers(line.text, line.unsure),
            *repair_commas(line.text, line.unsure, self.lexicon),
            *repair_accents(line.text, line.unsure, self.lexicon, self.languages),
        ]
        repaired = [
            Edit(self.line_index, r.start, r.before, r.after, True, r.rule) for r in repairs
        ]
        if proposal is None or proposal.text == line.text:
            return sorted(repaired, key=lambda e: e.start)
        repaired_line = line
        if repaired:  # a repair keeps every offset
            repaired_line = dataclasses.replace(line, text=apply(line.text, repaired))
        edits = self._decide_all(repaired_line, proposal, repairs)
        edits = self._reject_unstable(repaired_line, proposal, edits)
        if repaired:  # an edit names the text as read
            edits = [_with_before(e, line.text) for e in edits]
        # an accepted edit may cover a comma that was repaired behind its word
        covered = {n for e in edits if e.accepted for n in range(e.start, e.start + len(e.before))}
        repaired = [e for e in repaired if e.start not in covered]
        return sorted(repaired + edits, key=lambda e: (e.start, e.accepted))

    def _decide_all(
        self, line: Line, proposal: LineProposal, repairs: Sequence[Repair]
    ) -> list[Edit]:
        """Return the edits of the proposal; no edit may touch the numbers of ``repairs``."""
        text = line.text
        rejection = PROPOSAL.first(ProposalEvidence(line, proposal.text, self.rules))
        if rejection:
            return [Edit(self.line_index, 0, text, proposal.text, False, rejection.name)]
        differing = differences(text, proposal.text)
        if not differing:
            return []
        commas = {r.start for r in repairs if r.rule == RuleName.REPAIR_COMMA}
        numbers = [r.span for r in repairs if r.rule != RuleName.REPAIR_COMMA]
        protected = [*protected_spans(text, self.rules.protected), *numbers]
        edits = []
        for difference in _with_commas(differing, commas):
            margin, judged = _margin(difference, proposal)
            rule = decide(
                EditEvidence(difference, line, protected, self.rules, self.lexicon, margin, judged)
            )
            start, before, after = difference.start, difference.before, difference.after
            edits.append(
                Edit(self.line_index, start, before, after, rule.accepts, rule.name, margin)
            )
        accepted = [e for e in edits if e.accepted]
        rejection_of_all = LINE_TOTAL.first(LineEvidence(text, accepted, self.rules))
        return _reject_accepted(edits, rejection_of_all.name) if rejection_of_all else edits

    def _reject_unstable(self, line: Line, proposal: LineProposal, edits: list[Edit]) -> list[Edit]:
        """Return the edits, all of them rejected if the corrected line would change again."""
        if not any(e.accepted for e in edits):
            return edits
        corrected = _corrected(line, edits)
        second_pass = self._decide_all(corrected, proposal, ())
        evidence = SecondPassEvidence(
            accepted_edits=sum(e.accepted for e in second_pass),
            repairs=len(repair_numbers(corrected.text, corrected.unsure)),
        )
        judged = all(d.judged for d in proposal.divergences or ()) and bool(proposal.divergences)
        rule = SECOND_PASS.first(evidence, judged=judged)
        return _reject_accepted(edits, rule.name) if rule else edits


def _with_before(edit: Edit, text: str) -> Edit:
    """Return the edit with ``before`` as it stands in ``text``."""
    before = text[edit.start : edit.start + len(edit.before)]
    return dataclasses.replace(edit, before=before)


def _reject_accepted(edits: Sequence[Edit], rule: RuleName) -> list[Edit]:
    """Return the edits, the accepted ones now rejected by ``rule``."""
    return [dataclasses.replace(e, accepted=False, rule=rule) if e.accepted else e for e in edits]


def _corrected(line: Line, edits: Sequence[Edit]) -> Line:
    """Return the line with the accepted edits applied.

    The engine's doubts move with their characters; doubts about replaced characters are dropped.
    """
    accepted = [e for e in edits if e.accepted]

    def moved(offset: int) -> int | None:
        if any(e.start <= offset < e.start + len(e.before) for e in accepted):
            return None
        return offset + sum(len(e.after) - len(e.before) for e in accepted if e.start < offset)

    unsure, doubts = line.unsure, line.doubts
    if unsure is not None:
        unsure = tuple(at for offset in unsure if (at := moved(offset)) is not None)
    if doubts is not None:
        moves = ((doubt, moved(doubt.at)) for doubt in doubts)
        doubts = tuple(doubt.moved(at - doubt.at) for doubt, at in moves if at is not None)
    return dataclasses.replace(line, text=apply(line.text, edits), unsure=unsure, doubts=doubts)


def _with_commas(differing: Sequence[Difference], commas: Collection[int]) -> list[Difference]:
    """Return the differences, changed so that none undoes the repair of a comma.

    ``commas`` holds the offsets of the repaired commas. A difference that would change nothing else
    is dropped.
    """
    if not commas:
        return list(differing)
    kept = []
    for difference in differing:
        after = difference.after
        if difference.end - 1 in commas and after.endswith("."):
            kept.append(dataclasses.replace(difference, after=after[:-1] + ","))
        else:
            kept.append(difference)
    return [d for d in kept if d.after != d.before]


def _margin(difference: Difference, proposal: LineProposal) -> tuple[float | None, bool]:
    """Return the lowest margin, in nats, of the divergences that a difference touches.

    It is None where the model reports no margins. The second value tells whether a language model
    judged all of them.
    """
    if proposal.divergences is None:
        return None, False
    start, end = difference.after_start, difference.after_start + len(difference.after)
    touching = [d for d in proposal.divergences if d.start <= end and start <= d.end]
    margin = min((d.margin for d in touching), default=0.0)
    return margin, bool(touching) and all(d.judged for d in touching)
