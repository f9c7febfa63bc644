"""Test which differences are spellings of another time or place."""

import pytest

from scanmend.correction.old_spelling import OldSpellings, is_other_spelling


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


GERMAN = {"ärger": 9, "flieht": 6, "worin": 9, "gewaltiger": 7, "klein": 14, "selten": 4}


@pytest.mark.parametrize(
    ("word", "frequency"),
    [
        *(("aerger", 9), ("fliehet", 6), ("worinn", 9), ("gewaltger", 7), ("ärger", 9)),
        # another word; an e more at the end; a rare word
        *(("berger", 0), ("kleine", 0), ("seltten", 0)),
    ],
)
def test_the_word_of_which_another_is_an_old_spelling_is_found(word: str, frequency: int) -> None:
    assert OldSpellings(GERMAN.items(), "de").modern_frequency(word) == frequency
    assert OldSpellings(GERMAN.items(), "en").modern_frequency(word) == 0


def test_old_french_words_are_found_by_their_ends() -> None:
    words = OldSpellings([("étaient", 14), ("enfants", 13)], "fr")

    assert (words.modern_frequency("étoient"), words.modern_frequency("enfans")) == (14, 13)
    assert words.modern_frequency("sonl") == 0
