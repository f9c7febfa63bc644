"""Test that a page's values survive the journal's JSON: nothing is lost or converted."""

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from scanmend.page import (
    Box,
    CharAlternatives,
    Correction,
    CorrectionStatus,
    Divergence,
    Edit,
    EngineInfo,
    Hyphenated,
    Line,
    LineProposal,
    ModelInfo,
    PageProposal,
    PageResult,
    PageText,
)

MODEL = ModelInfo("m", "f" * 64, "q8_0", 0, 2048)
ALTERNATIVES = (CharAlternatives(6, {"7": 0.4}, between=True),)
LINES = (
    Line("Total 12,50", Box(1, 2.5, 3, 4), 0.9, unsure=(6,), doubts=ALTERNATIVES),
    Line("", Box(0, 0, 0, 0), None, block=2),
)
PAGE = PageText(
    3,
    100,
    200,
    300,
    90,
    LINES,
    EngineInfo("e", "1", ("en",), {"psm": 3, "deep": [None]}),
    seconds={"ocr": 1.5},
    warnings=("small",),
)
RESULT = PageResult(
    PAGE,
    ("Total 12,50", ""),
    (Edit(0, 6, "7", "1", accepted=False, rule="digit", margin=2.5),),
    Correction(CorrectionStatus.DONE, model=MODEL),
    hyphenated=(Hyphenated(0, ("a-", "b"), "ab"),),
)
PROPOSAL = PageProposal(
    (None, LineProposal("b"), LineProposal("c", (Divergence(0, 1, 0.5),))), MODEL, 5, 0.25
)
# the JSON of an earlier daemon, which did not use msgspec
KEPT_BEFORE = json.dumps(dataclasses.asdict(PAGE))


@pytest.mark.parametrize("value", [PAGE, RESULT, PROPOSAL], ids=lambda value: type(value).__name__)
def test_a_value_is_the_same_after_json(value: Any) -> None:
    written = msgspec.json.encode(value)

    assert json.loads(written) == json.loads(json.dumps(dataclasses.asdict(value)))
    assert msgspec.json.decode(written, type=type(value)) == value


def test_integers_and_floats_stay_what_they_are() -> None:
    """Keep the type, which the sidecar shows: 300 or 300.0."""
    page = msgspec.json.decode(KEPT_BEFORE, type=PageText)

    assert (type(page.dpi), type(page.lines[0].box.x0), type(page.lines[0].box.y0)) == (
        int,
        int,
        float,
    )


def test_a_page_that_an_earlier_version_kept_is_read() -> None:
    assert msgspec.json.decode(KEPT_BEFORE, type=PageText) == PAGE
    unknown = {**json.loads(KEPT_BEFORE), "of a later version": 1}
    assert msgspec.json.decode(json.dumps(unknown), type=PageText) == PAGE


@pytest.mark.parametrize(
    "wrong",
    [
        {"x0": 1},
        {"x0": 1, "y0": 2, "x1": 3, "y1": None},
        {"x0": 1, "y0": 2, "x1": 3, "y1": "4"},
        {"x0": 1, "y0": 2, "x1": 3, "y1": 1e300},
    ],
)
def test_a_box_without_four_bounded_numbers_is_refused(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(wrong), type=Box)
