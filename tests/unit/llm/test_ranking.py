"""Test which candidate is proposed, with which margin, and the loading of the coefficients."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from scanmend.correction.lookalikes import Candidate
from scanmend.llm.ranking import (
    MARGIN_AT_THRESHOLD,
    RANKING_FILE,
    WordKind,
    best,
    kind_of,
    parsed,
    regressions,
)
from scanmend.llm.suspect_word import SuspectWord
from scanmend.resources import shipped_file


def test_the_best_candidate_is_proposed_only_if_it_is_likely() -> None:
    candidates = (Candidate("which", 16, 1.0), Candidate("watch", 11, 2.0))
    suspect = SuspectWord(0, "wnich", candidates, 0.1)

    chosen = best(suspect, [-9.0, -2.0, -12.0])
    assert chosen is not None
    assert chosen[0].text == "which"
    assert chosen[1] > MARGIN_AT_THRESHOLD
    assert best(suspect, [-0.1, -15.0, -20.0]) is None


def test_the_margin_grows_with_the_model_s_likelihood() -> None:
    suspect = SuspectWord(0, "wnich", (Candidate("which", 16, 1.0),), 0.1)

    margins = [found[1] for x in (-3.0, -2.0, -1.0) if (found := best(suspect, [0.0, x]))]
    assert len(margins) > 1
    assert margins == sorted(margins)


def test_each_kind_of_word_has_its_own_regression() -> None:
    def suspect(frequency: int, has_alternatives: bool) -> SuspectWord:
        return SuspectWord(0, "x", (), 0.0, frequency, has_alternatives=has_alternatives)

    kinds = [kind_of(suspect(f, told)) for f in (0, 1) for told in (False, True)]
    assert sorted(kinds) == sorted(WordKind)
    assert regressions().keys() == set(WordKind)


def _shipped() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(shipped_file(RANKING_FILE).read_bytes())
    return content


def test_the_shipped_coefficients_state_their_provenance() -> None:
    assert {"command", "fitted", "set"} <= _shipped()["provenance"].keys()


def _rename(content: dict[str, Any]) -> None:
    content["regressions"]["known"]["coefficients"]["nonsense"] = 1.0


def _no_number(content: dict[str, Any]) -> None:
    content["regressions"]["unknown"]["coefficients"]["intercept"] = "1"


def _not_finite(content: dict[str, Any]) -> None:
    content["regressions"]["unknown"]["threshold"] = float("nan")


def _missing(content: dict[str, Any]) -> None:
    del content["regressions"]["known"]


def _other_format(content: dict[str, Any]) -> None:
    content["format"] = "scanmend ranking 2"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_rename, "unknown features: nonsense"),
        (_no_number, "'1' is not a number"),
        (_not_finite, "nan is not a number"),
        (_missing, "not a ranking file: KeyError"),
        (_other_format, "its format is 'scanmend ranking 2'"),
    ],
)
def test_a_malformed_ranking_file_is_refused(
    spoil: Callable[[dict[str, Any]], None], reason: str
) -> None:
    content = _shipped()
    spoil(content)

    with pytest.raises(ValueError, match=reason):
        parsed(json.dumps(content).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": "scanmend ranking 1"}'])
def test_an_empty_or_incomplete_ranking_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(data)
