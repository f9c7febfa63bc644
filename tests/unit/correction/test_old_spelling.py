"""Test which differences are spellings of another time or place."""

import pytest

from scanmend.correction.old_spelling import is_other_spelling


@pytest.mark.parametrize(
    ("read", "other"),
    [
        ("seyn", "sein"),
        ("Theil", "Teil"),
        ("jezt", "jetzt"),
        ("fu\u0364r", "für"),
        ("colour", "color"),
        ("andre", "andere"),
        ("erreichet", "erreicht"),
        ("daß", "dass"),
        ("Aerger", "Ärger"),
        ("tödtliche", "tödliche"),
        ("Meer", "Mer"),
    ],
)
def test_a_spelling_of_another_time_or_place_is_recognised(read: str, other: str) -> None:
    assert is_other_spelling(read, other, "de")
    assert is_other_spelling(other, read, "de")


@pytest.mark.parametrize(
    ("read", "other"), [("gewaltger", "gewaltiger"), ("worinn", "worin"), ("Zeugniß", "Zeugnis")]
)
def test_what_only_old_texts_write_is_no_spelling_of_an_old_word(read: str, other: str) -> None:
    assert is_other_spelling(read, other, "de")
    assert not is_other_spelling(other, read, "de")


@pytest.mark.parametrize(
    ("read", "other"),
    [("konntei", "konnte"), ("antreffein", "antreffen"), ("eeine", "eine"), ("Gewin", "Gewinn")],
)
def test_a_letter_that_the_engine_added_or_lost_is_no_other_spelling(read: str, other: str) -> None:
    assert not is_other_spelling(read, other, "de")


@pytest.mark.parametrize(
    ("read", "other"), [("tbe", "the"), ("rnade", "made"), ("modem", "modern"), ("fcin", "sein")]
)
def test_a_misreading_is_no_other_spelling(read: str, other: str) -> None:
    assert not is_other_spelling(read, other, "de")


@pytest.mark.parametrize(("read", "other"), [("Invoic", "Invoice"), ("evry", "every")])
def test_a_lost_vowel_is_a_misreading_in_english(read: str, other: str) -> None:
    assert not is_other_spelling(read, other, "en")


@pytest.mark.parametrize(
    ("read", "other"),
    [("enfans", "enfants"), ("momens", "moments"), ("printems", "printemps"), ("étoit", "était")],
)
def test_old_french_endings_stay(read: str, other: str) -> None:
    assert is_other_spelling(read, other, "fr")
    assert not is_other_spelling(read, other, "en")


@pytest.mark.parametrize(("read", "other"), [("sonl", "sont"), ("dernièrc", "dernière")])
def test_misread_french_is_no_other_spelling(read: str, other: str) -> None:
    assert not is_other_spelling(read, other, "fr")
