"""Test which texts may have been printed where a doubtful word was read."""

import pytest

from scanmend.correction.channel import Channel, shipped
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, PageWords
from scanmend.llm.judge.engine_view import engine_doubts
from scanmend.llm.judge.replacement import Replacement, ReplacementSource
from scanmend.llm.judge.replacements import (
    MISREAD_SPACE_COST,
    RUN_TOGETHER_COST,
    TORN_COST,
    ReplacementSearch,
    in_capitals_of,
)
from scanmend.llm.judge.word_search import LanguageSearch
from scanmend.page import CharAlternatives


def _found(
    lines: list[str], read: str, languages: LanguageSearch, channel: Channel | None = None
) -> dict[str, Replacement]:
    page = PageWords(lines, languages)
    words = [w for n in range(len(lines)) for w in page.doubtful(n)]
    word = next(w for w in words if w.read == read)
    search = ReplacementSearch(page, channel or shipped())
    return {r.text: r for r in search.find(word)}


def test_the_best_replacement_is_likely_misread_and_frequent(languages: LanguageSearch) -> None:
    found = _found(["of watcr and the"], "watcr", languages)

    assert next(iter(found)) == "water"
    assert found["water"].cost < found["watch"].cost


def test_a_digit_may_stand_for_a_letter(languages: LanguageSearch) -> None:
    assert next(iter(_found(["we shou1d not"], "shou1d", languages))) == "should"


def test_capitals_and_apostrophes_stay_as_read(languages: LanguageSearch) -> None:
    assert "Water" in _found(["of Watcr the"], "Watcr", languages)
    assert in_capitals_of("WATcR", "water") == "WATER"
    assert in_capitals_of("1nvoice", "invoice") == "invoice"
    assert in_capitals_of("1Nvoice", "invoice") == "Invoice"


def test_a_known_word_has_known_look_alikes_alone(languages: LanguageSearch) -> None:
    found = _found(["the modem house"], "modem", languages)

    assert "modern" in found
    assert "zax" not in found


def test_an_old_spelling_is_not_questioned(languages: LanguageSearch) -> None:
    assert not _found(["der und Versichrung nicht"], "Versichrung", languages)


def test_lost_and_additional_spaces_are_found(languages: LanguageSearch) -> None:
    split = _found(["the ofthe house"], "ofthe", languages)["of the"]
    join = _found(["notwith standing of the"], "notwith standing", languages)["notwithstanding"]
    misread = _found(["notwitb standing of the"], "notwitb standing", languages)

    letter = _found(["the ofxthe house"], "ofxthe", languages)["of the"]

    assert (letter.cost, letter.source) == (MISREAD_SPACE_COST, ReplacementSource.SPLIT)
    assert (split.cost, split.source) == (RUN_TOGETHER_COST, ReplacementSource.SPLIT)
    assert (join.cost, join.source) == (TORN_COST, ReplacementSource.JOIN)
    assert misread["notwithstanding"].cost > TORN_COST


@pytest.mark.parametrize("text", ["of5the", "of/the", "of—the"])
def test_a_digit_or_sign_between_words_is_no_space(text: str, languages: LanguageSearch) -> None:
    assert "of the" not in _found([f"the {text} house"], text, languages)


def test_a_name_that_the_page_repeats_is_a_replacement(languages: LanguageSearch) -> None:
    found = _found(["the Quindle of", "Quindle and thc", "Quindlc that"], "Quindlc", languages)

    assert found["Quindle"].source is ReplacementSource.PAGE


def test_a_german_compound_is_built_of_a_known_and_a_misread_word(
    languages: LanguageSearch,
) -> None:
    lines = ["die Verficherungsgesellschaft und der", "wir von der Versicherungsgesellfchaft nicht"]

    found = _found(["die Versicherunggesellfchaft und der"], "Versicherunggesellfchaft", languages)

    assert found["Versicherunggesellschaft"].source is ReplacementSource.COMPOUND
    assert _found(lines, "Verficherungsgesellschaft", languages) == {}


def test_ss_and_sharp_s_are_both_offered_in_german(languages: LanguageSearch) -> None:
    found = _found(["die Stratze und der"], "Stratze", languages, Channel({}))

    assert {"Strasse", "Straße"} <= set(found)


def test_the_wishes_of_another_corrector_come_first(languages: LanguageSearch) -> None:
    page = PageWords(["of watcr the"], languages)
    word = DoubtfulWord(0, 3, 8, "watcr", DoubtKind.UNKNOWN, 0)

    found = ReplacementSearch(page, shipped()).find(word, ["watch", "watcr"])

    assert found[0].text == "watch"
    assert found[0].source is ReplacementSource.CORRECTOR
    assert [r.text for r in found].count("watch") == 1


def _with_engine(
    line: str, read: str, languages: LanguageSearch, *alternatives: CharAlternatives
) -> dict[str, Replacement]:
    page = PageWords([line], languages)
    word = next(w for w in page.doubtful(0) if w.read == read)
    found = ReplacementSearch(page, shipped()).find(word, (), alternatives)
    return {r.text: r for r in found}


def test_what_the_engine_saw_counts_in_place_of_the_average_channel(
    languages: LanguageSearch,
) -> None:
    line = "of watcr and the"
    saw = CharAlternatives(6, {"c": 0.6, "e": 0.4})

    found = _with_engine(line, "watcr", languages, saw)

    assert found["water"].cost < 1 < _found([line], "watcr", languages)["water"].cost
    assert found["watch"].cost > 9  # the engine was sure of the r


def test_a_word_that_the_engine_s_alternatives_spell_is_offered(languages: LanguageSearch) -> None:
    alternatives = [
        CharAlternatives(n, {c: 0.6, o: 0.4}) for n, c, o in ((3, "x", "z"), (5, "q", "x"))
    ]
    alternatives.insert(1, CharAlternatives(4, {"u": 0.6, "a": 0.4}))

    found = _with_engine("of xuq the", "xuq", languages, *alternatives)

    assert found["zax"].source is ReplacementSource.ENGINE


def test_a_known_word_of_which_the_engine_was_sure_has_no_replacement(
    languages: LanguageSearch,
) -> None:
    assert _with_engine("the modem house", "modem", languages) == {}
    word = next(
        w for w in PageWords(["the modem house"], languages).doubtful(0) if w.read == "modem"
    )
    assert engine_doubts(word, None)
    assert not engine_doubts(word, [CharAlternatives(1, {"h": 0.6, "b": 0.4})])


def test_a_word_of_the_domain_is_known_and_offered(languages: LanguageSearch) -> None:
    lines = ["the metforrnin and of Metformin"]
    page = PageWords(lines, languages, ["metformin"])
    words = [w for w in page.doubtful(0) if w.kind is not DoubtKind.TORN]
    misread, right = (w for w in words if w.read.lower().startswith("met"))

    found = ReplacementSearch(page, shipped()).find(misread)

    assert found[0].text == "metformin"
    assert found[0].frequency > 0
    assert (misread.kind, right.kind) == (DoubtKind.UNKNOWN, DoubtKind.KNOWN)
    assert _found(lines, "metforrnin", languages) == {}
