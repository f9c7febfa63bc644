"""Test which engine reads a language, and what is said about one that none reads."""

import pytest

from scanmend.config.parsers import LANGUAGES
from scanmend.languages import (
    KNOWN_CODES,
    RAPIDOCR_LANGUAGES,
    TRAINEDDATA,
    UNREAD_LETTERS,
    listed,
    nearest_code,
    packages,
    unread_by_rapidocr,
    unread_by_tesseract,
)


@pytest.mark.parametrize(
    ("codes", "unread"),
    [
        (("en", "de", "tr", "ja", "zh-Hant", "de-AT", "sr-Latn"), []),
        (("en", "ru", "el"), ["ru", "el"]),
        (("sr-Cyrl", "az-Cyrl", "vi", "ko", "he"), ["sr-Cyrl", "az-Cyrl", "vi", "ko", "he"]),
    ],
)
def test_rapidocr_reads_latin_chinese_and_japanese(
    codes: tuple[str, ...], unread: list[str]
) -> None:
    assert unread_by_rapidocr(codes) == unread


def test_each_language_is_read_by_an_engine() -> None:
    left = unread_by_rapidocr(KNOWN_CODES)

    assert unread_by_tesseract(left) == []
    assert unread_by_tesseract(["rm", "ru", "xyz"]) == ["rm"]
    assert set(UNREAD_LETTERS) <= RAPIDOCR_LANGUAGES & TRAINEDDATA.keys()


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        (["ru"], "tesseract-ocr tesseract-ocr-rus"),
        (["zh", "zh-TW"], "tesseract-ocr tesseract-ocr-chi-sim tesseract-ocr-chi-tra"),
        (["sr-Latn", "nb", "no"], "tesseract-ocr tesseract-ocr-srp-latn tesseract-ocr-nor"),
    ],
)
def test_the_packages_of_languages_have_debians_names(codes: list[str], wanted: str) -> None:
    assert packages(codes) == wanted


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["en", "deu", "ger", "de"], ("en", "de")),
        (["zh-hant", "de-at", "nb"], ("zh-Hant", "de-AT", "nb")),
        (["frk", "xyz"], ("frk", "xyz")),  # perhaps data of the user's own, for Tesseract
    ],
)
def test_codes_are_taken_in_their_shortest_form_and_once(
    given: list[str], taken: tuple[str, ...]
) -> None:
    assert LANGUAGES(given) == taken


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["gr"], "did you mean el?"),
        (["cz"], "did you mean cs?"),
        (["jp", "en"], "did you mean ja?"),
        (["english"], "did you mean en?"),
        (["Germann"], "did you mean de?"),
        (["DE"], "did you mean de?"),
        ([False], 'write "no" in quotes'),
        (["xx"], "'xx' is none"),
        ([], "a list of language codes"),
        ("en", "a list of language codes"),
    ],
)
def test_a_code_that_no_language_has_is_refused_with_a_hint(given: object, hint: str) -> None:
    with pytest.raises(ValueError, match="a list of language codes") as error:
        LANGUAGES(given)

    assert hint in str(error.value)


def test_a_mistyped_code_of_three_letters_has_a_near_one() -> None:
    assert nearest_code("ruu") == "ru"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
