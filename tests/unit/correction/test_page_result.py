"""Test a page's result, with and without a model."""

import time
from dataclasses import replace

from gating import RULES, line
from scanmend.correction.page_result import (
    correction_of,
    gated_result,
    result_without_model,
    unchanged_result,
)
from scanmend.page import (
    CharAlternatives,
    Correction,
    CorrectionStatus,
    EngineInfo,
    LineProposal,
    ModelInfo,
    PageProposal,
    PageText,
)

ALTERNATIVES = (CharAlternatives(4, {"m": 0.6, "n": 0.4}),)
PAGE = PageText(
    0, 100, 100, 300, 0, (line("the modem rail-", [8], ALTERNATIVES), line("way 1O.5O")), EngineInfo("x", "1")
)  # fmt: skip


def test_the_result_of_a_proposal_has_edits_joined_words_and_suspects() -> None:
    status = Correction(CorrectionStatus.DONE)

    result = gated_result(PAGE, [LineProposal("the modern rail-"), None], RULES, status)

    assert result.lines == ("the modern rail-", "way 1O.5O")
    assert [e.accepted for e in result.edits] == [True]
    assert [h.joined for h in result.hyphenated] == ["railway"]
    assert [s.kind for s in result.suspects] == ["letter"]
    assert result.correction is status
    assert [one.doubts for one in result.page.lines] == [None, None]
    assert result.page.lines[0].unsure == (8,)


def test_without_a_model_a_page_is_published_as_read() -> None:
    status = Correction(CorrectionStatus.OFF)

    result = result_without_model(PAGE, RULES, status)

    assert result.lines == tuple(one.text for one in PAGE.lines)
    assert result.edits == ()
    assert result.correction is status


def test_the_correction_reports_model_profile_and_cost() -> None:
    model = ModelInfo("m.gguf", "0" * 64, "Q8_0", 0, 512)
    proposal = PageProposal((), model, tokens=7, seconds=0.1, calls=3, method="guided")

    found = correction_of(proposal, time.monotonic() - 2, profile="default", prompt_sha256="1")

    assert (found.status, found.model, found.profile) == (CorrectionStatus.DONE, model, "default")
    assert (found.prompt_sha256, found.tokens, found.calls) == ("1", 7, 3)
    assert 2 <= found.seconds < 60


def test_a_page_in_an_unreadable_script_is_not_even_repaired() -> None:
    status = Correction(CorrectionStatus.NOTHING)

    result = unchanged_result(replace(PAGE, unreadable_script=True), status)

    assert result.lines == tuple(one.text for one in PAGE.lines)
    assert (result.edits, result.hyphenated, result.correction) == ((), (), status)
    assert [s.kind for s in result.suspects] == ["letter"]
