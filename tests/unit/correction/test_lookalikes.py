"""Test the look-alikes: known words that engines misread as another known word."""

import re

import pytest

from lexicons import lexicon
from scanmend.correction.lookalikes import (
    ACCENT_COST,
    better_fitting,
    fit_gain,
    in_case_of,
    look_alikes,
    one_confusion_away,
)

WORDS = lexicon(
    {"thank you": 14, "you for": 12, "for your": 12, " thank": 9, "your ": 5},
    others=27, thank=13, you=20, far=14, your=18, fur=2, modern=12, modem=8, día=9, dia=5, a=20, **{"for": 20, "": 22},
)  # fmt: skip


def _costs(word: str) -> dict[str, float]:
    return {c.text: c.cost for c in look_alikes(word, WORDS)}


def test_look_alikes_are_known_words_one_confusion_away() -> None:
    assert _costs("modem") == {"modern": 1.0}
    assert _costs("FAR") == {"FOR": 1.0}  # fur is too rare
    assert _costs("Dia") == {"Día": ACCENT_COST}
    assert _costs("a") == _costs("a1") == {}


def test_confusions_of_one_and_of_several_characters_have_costs() -> None:
    found = set(one_confusion_away("modem"))

    assert {"modern", "rnodem", "modcm"} <= found
    assert "house" not in found
    assert "mödem" not in found  # no engine invents an accent


@pytest.mark.parametrize(
    ("word", "other", "cased"),
    [("House", "mouse", "Mouse"), ("HOUSE", "mouse", "MOUSE"), ("house", "mouse", "mouse"), ("I", "l", "L")],
)  # fmt: skip
def test_a_look_alike_takes_the_case_of_the_word(word: str, other: str, cased: str) -> None:
    assert in_case_of(word, other) == cased


def test_a_look_alike_that_fits_far_better_between_the_neighbours_is_found() -> None:
    text = "Thank you far your"
    words = {m[0]: m for m in re.finditer(r"\S+", text)}

    (found,) = better_fitting(words["far"], WORDS)

    assert found.text == "for"
    assert found.neighbour_gain > 3
    assert better_fitting(words["your"], WORDS) == []
    alone = re.search(r"\S+", "far")
    assert alone
    assert better_fitting(alone, WORDS) == []


def test_a_word_that_is_unusual_between_the_neighbours_gains_nothing() -> None:
    assert fit_gain("far", "for", ("you", "your"), WORDS) > 3
    assert fit_gain("far", "modern", ("you", "your"), WORDS) == 0
