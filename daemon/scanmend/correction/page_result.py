"""Turn a page and the model's proposal for it into the page's result.

A page without a proposal takes the same steps: the repairs and the checks need no model.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from scanmend.correction.checks import suspects
from scanmend.correction.gate import gate
from scanmend.correction.gate_rules import GateRules
from scanmend.correction.hyphenation import hyphenated
from scanmend.correction.lexicon import shipped
from scanmend.page import (
    Correction,
    CorrectionStatus,
    LineProposal,
    PageProposal,
    PageResult,
    PageText,
)


def gated_result(
    page: PageText,
    proposals: Sequence[LineProposal | None],
    rules: GateRules,
    correction: Correction,
) -> PageResult:
    """Return the result of a page: its text after the gate, the edits, and the suspects.

    ``proposals`` has one entry for each line, None where the model was not asked. The result lacks
    the engine's character alternatives, which nothing needs after the gate.
    """
    gated = gate(page.lines, proposals, rules, shipped(), page.engine.languages)
    return PageResult(
        replace(page, lines=tuple(replace(line, doubts=None) for line in page.lines)),
        gated.lines,
        gated.edits,
        correction,
        suspects(page.lines, gated.lines, gated.edits),
        hyphenated(page.lines, gated.lines),
    )


def result_without_model(page: PageText, rules: GateRules, correction: Correction) -> PageResult:
    """Return the result of a page for which no model was asked."""
    return gated_result(page, (None,) * len(page.lines), rules, correction)


def unchanged_result(page: PageText, correction: Correction) -> PageResult:
    """Return the result of a page of which no character may change, not even by a repair."""
    page = replace(page, lines=tuple(replace(line, doubts=None) for line in page.lines))
    texts = tuple(line.text for line in page.lines)
    return PageResult(page, texts, (), correction, suspects(page.lines, texts, ()))


def correction_of(
    proposal: PageProposal, started: float, *, profile: str, prompt_sha256: str
) -> Correction:
    """Return the record of a correction that began at ``started`` (``time.monotonic``)."""
    return Correction(
        CorrectionStatus.DONE,
        proposal.note,
        model=proposal.model,
        profile=profile,
        prompt_sha256=prompt_sha256,
        tokens=proposal.tokens,
        seconds=time.monotonic() - started,
        bound=proposal.bound,
        calls=proposal.calls,
        method=proposal.method,
    )
