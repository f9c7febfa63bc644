"""Test which misreadings are typical of OCR engines."""

import pytest

from scanmend.correction.confusions import (
    differs_by_ending,
    has_old_letters,
    has_regular_case,
    is_one_run,
    is_plausible_misreading,
    reverses_meaning,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("modem", "modern"),
        ("clied", "died"),
        ("oﬃce", "office"),
        ("ſchiﬀſ", "schiﬀs"),
        ("honse", "house"),
        ("Invoic", "Invoice"),
        ("naive", "naïve"),
        ("Hel!o", "Hello"),
        ("InvoIce", "Invoice"),
        ("holly", "holy"),
        ("same", "same"),
    ],
)
def test_a_typical_misreading_is_plausible(before: str, after: str) -> None:
    assert is_plausible_misreading(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("house", "horse"),
        ("cat", "cats"),  # too short to lose a letter
        ("Invic", "Invoice"),  # two letters lost
        ("house", "hous-e"),
        ("house", "hose"),  # engines do not invent letters
        ("ho--use", "ho-use"),
        ("!house", "lhouse"),  # a sign at the start of a word is read correctly
        ("house", "hou5e"),
    ],
)
def test_an_untypical_misreading_is_implausible(before: str, after: str) -> None:
    assert not is_plausible_misreading(before, after)


def test_a_misreading_in_one_place_is_told_from_one_in_two_places() -> None:
    assert is_one_run("rnade", "made")
    assert is_one_run("comer", "corner")
    assert not is_one_run("rnodem", "modern")


def test_irregular_case_and_old_letters_are_noticed() -> None:
    assert all(map(has_regular_case, ("invoice", "Invoice", "INVOICE", "in-voice", "12")))
    assert not has_regular_case("InvoIce")
    assert has_old_letters("loſt")
    assert not has_old_letters("lost")


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        ("hypertension", "hypotension", True),
        ("certain", "uncertain", False),  # only one of them has a prefix that contrasts
        ("inner", "unner", True),
        ("symptomatic", "asymptomatic", True),
        ("house", "mouse", False),
    ],
)
def test_a_contrasting_prefix_turns_the_meaning(before: str, after: str, turns: bool) -> None:
    assert reverses_meaning(before, after) == turns


def test_words_that_differ_by_their_ending_are_recognised() -> None:
    assert differs_by_ending("payment", "payments")
    assert differs_by_ending("Keinen", "keine")
    assert not differs_by_ending("paymen", "payment")
    assert not differs_by_ending("payment", "payment")
