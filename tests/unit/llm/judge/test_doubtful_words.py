"""Test which words of a page may be misread."""

import pytest

from scanmend.llm.judge.doubtful_words import DoubtKind, PageWords
from scanmend.llm.judge.word_search import LanguageSearch


def _kinds(lines: list[str], languages: LanguageSearch, line: int = 0) -> dict[str, DoubtKind]:
    return {w.read: w.kind for w in PageWords(lines, languages).doubtful(line)}


def test_words_are_known_rare_or_unknown(languages: LanguageSearch) -> None:
    kinds = _kinds(["(the zax) shou1d, watcr!"], languages)

    assert kinds == {
        "the": DoubtKind.KNOWN,
        "zax": DoubtKind.KNOWN,
        "shou1d": DoubtKind.UNKNOWN,
        "watcr": DoubtKind.UNKNOWN,
    }


def test_a_german_word_is_rare_on_an_english_page(languages: LanguageSearch) -> None:
    words = list(PageWords(["of the house of the haus"], languages).doubtful(0))

    assert words[-1].read == "haus"
    assert (words[-1].kind, words[-1].frequency) == (DoubtKind.RARE, 0)


def test_an_old_spelling_of_a_german_word_is_known_on_a_german_page(
    languages: LanguageSearch,
) -> None:
    lines = ["der Verzicherung und Versichrung nicht"]
    german = {w.read: w for w in PageWords(lines, languages).doubtful(0)}
    english = _kinds(["of the versichrung that should not"], languages)

    assert german["Versichrung"].kind is DoubtKind.KNOWN
    assert german["Versichrung"].is_old_spelling
    assert german["Verzicherung"].kind is DoubtKind.UNKNOWN
    assert not german["Verzicherung"].is_old_spelling
    assert english["versichrung"] is DoubtKind.UNKNOWN


def test_offsets_are_those_of_the_word_without_signs(languages: LanguageSearch) -> None:
    (word,) = PageWords(['  "(watcr)."'], languages).doubtful(0)

    assert (word.start, word.end, word.read) == (4, 9, "watcr")


@pytest.mark.parametrize(
    "text", ["12345", "$1O0.00", "2023-07-15", "x", "a.b.c.", "well-known", "A12B3", "w*t*r", ""]
)
def test_numbers_codes_and_dirt_are_not_judged(text: str, languages: LanguageSearch) -> None:
    assert _kinds([text], languages) == {}


def test_halves_of_a_word_over_the_end_of_a_line_are_not_judged(languages: LanguageSearch) -> None:
    lines = ["the notwith-", "standing house"]

    assert list(_kinds(lines, languages)) == ["the"]
    assert list(_kinds(lines, languages, 1)) == ["house"]


def test_halves_of_a_divided_word_in_the_middle_of_a_line_are_not_judged(
    languages: LanguageSearch,
) -> None:
    assert list(_kinds(["the notwith— standing house"], languages)) == ["the", "house"]
    assert "watcr" in _kinds(["the watcr— standing house — standing"], languages)


def test_a_torn_word_comes_before_its_first_part(languages: LanguageSearch) -> None:
    words = [w.read for w in PageWords(["the notwith standing house"], languages).doubtful(0)]

    assert words.index("notwith standing") + 1 == words.index("notwith")


@pytest.mark.parametrize("text", ["the  house", "not, with", "not With", "from the"])
def test_two_words_are_not_torn(text: str, languages: LanguageSearch) -> None:
    assert DoubtKind.TORN not in _kinds([text], languages).values()


def test_the_language_is_that_of_the_words(languages: LanguageSearch) -> None:
    assert PageWords(["the house of the farm"], languages).language == "en"
    assert PageWords(["das Haus und die Strasse"], languages).language == "de"
    assert PageWords(["12 zz"], languages).language == ""
