"""Values on their way through JSON: nothing is lost, nothing is taken for something else."""

import dataclasses
import json

import pytest

from scanmend.jsonable import Json
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
LINES = (
    Line(
        "Total 12,50",
        Box(1, 2.5, 3, 4),
        0.9,
        unsure=(6,),
        doubts=(CharAlternatives(6, {"7": 0.4}, True),),
    ),
    Line("", Box(0, 0, 0, 0), None, block=2),
)
PAGE = PageText(
    3, 100, 200, 300.5, 90, LINES, EngineInfo("e", "1", ("en",), {"psm": 3, "deep": [None]}),
    seconds={"ocr": 1.5}, warnings=("small",),
)  # fmt: skip
VALUES = (
    PAGE,
    PageResult(
        PAGE, ("Total 12,50", ""), (Edit(0, 6, "7", "1", False, "digit", 2.5),),
        Correction(CorrectionStatus.DONE, model=MODEL), hyphenated=(Hyphenated(0, ("a-", "b"), "ab"),),
    ),
    PageProposal((None, LineProposal("b"), LineProposal("c", (Divergence(0, 1, 0.5),))), MODEL, 5, 0.25),
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_from_json_as_it_went(value: Json) -> None:
    written = json.dumps(value.to_json())
    assert json.loads(written) == json.loads(json.dumps(dataclasses.asdict(value)))  # type: ignore[call-overload]
    assert type(value).from_json(json.loads(written)) == value


def test_what_is_not_of_the_shape_is_an_error() -> None:
    with pytest.raises((KeyError, TypeError)):
        Box.from_json({"x0": 1, "y0": 2, "x1": 3, "y1": 4, "z": 5})
    with pytest.raises((KeyError, TypeError)):
        Box.from_json({"x0": 1})
