"""A page through the gate, with what a person should look at. Also without a model: repairs and checks are rules."""

import time
from collections.abc import Sequence
from dataclasses import replace

from scanmend.config.profiles import Profile
from scanmend.correction.checks import suspects
from scanmend.correction.gate import gate
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


def review(
    page: PageText,
    proposed: Sequence[LineProposal | None],
    profile: Profile,
    correction: Correction,
) -> PageResult:
    """The page's result; what the engine doubted has been weighed, and goes."""
    gated = gate(page.lines, proposed, profile, shipped())
    return PageResult(
        replace(page, lines=tuple(replace(line, doubts=None) for line in page.lines)),
        gated.lines,
        gated.edits,
        correction,
        suspects(page.lines, gated.lines, gated.edits),
        hyphenated(page.lines, gated.lines),
    )


def without_model(page: PageText, profile: Profile, correction: Correction) -> PageResult:
    """The result of a page that no model was asked about."""
    return review(page, (None,) * len(page.lines), profile, correction)


def correction_of(proposal: PageProposal, profile: Profile, started: float) -> Correction:
    """How a correction went that began at ``started`` (monotonic)."""
    return Correction(
        CorrectionStatus.DONE,
        model=proposal.model,
        profile=profile.name,
        prompt_sha256=profile.prompt_sha256,
        tokens=proposal.tokens,
        seconds=time.monotonic() - started,
        bound=proposal.bound,
        calls=proposal.calls,
        method=proposal.method,
    )
