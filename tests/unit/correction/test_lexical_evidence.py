"""Test the lexicon's evidence about an edit, and which words of a line are in doubt."""

import pytest

from gating import RULES, line
from lexicons import lexicon
from scanmend.correction.gate import needs_correction
from scanmend.correction.lexical_evidence import (
    LexicalEvidence,
    compare,
    is_abbreviation,
    is_misreading_within,
    words_in_doubt,
)
from scanmend.page import CharAlternatives

WORDS = lexicon(the=20, of=20, tho=8, form=13, farm=11, house=12, pinto=4)
SIDE_BY_SIDE = lexicon(
    {"thank you": 14, "you for": 12, "for your": 12, " thank": 9, "your ": 5},
    others=27, thank=13, you=20, far=14, your=18, **{"for": 20, "": 22},
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "evidence"),
    [
        ("tbe", "the", LexicalEvidence.INTO_FREQUENT),
        ("tho", "the", LexicalEvidence.INTO_FREQUENT),  # a word too, but 4,000 times rarer
        ("ofthe", "of the", LexicalEvidence.INTO_FREQUENT),
        ("ho use", "house", LexicalEvidence.INTO_FREQUENT),
        ("pint", "pinto", LexicalEvidence.INTO_KNOWN),
        ("form", "farm", LexicalEvidence.AGAINST),
        ("house", "hause", LexicalEvidence.AGAINST),
        ("hou|se", "house", LexicalEvidence.INTO_FREQUENT),  # a sign read for part of a letter
        ("Kovaes", "Kovacs", LexicalEvidence.BOTH_UNKNOWN),
        ("House,", "house", LexicalEvidence.SAME_WORDS),
        ("12", "13", LexicalEvidence.SAME_WORDS),
    ],
)
def test_known_and_frequent_words_decide_the_evidence(
    before: str, after: str, evidence: LexicalEvidence
) -> None:
    assert compare(before, after, WORDS) is evidence


def test_a_badly_misread_word_is_told_from_another_word() -> None:
    assert is_misreading_within("tbe", "the", 0.34)
    assert is_misreading_within("Commilteo", "Committee", 0.34)
    assert not is_misreading_within("tlie", "the", 0.34)
    assert not is_misreading_within("Modedirne", "Mode", 0.34)


def test_capitals_that_are_not_a_known_word_are_an_abbreviation() -> None:
    assert is_abbreviation("JLN")
    assert is_abbreviation("U.S.")
    assert not is_abbreviation("HOUSE")
    assert not is_abbreviation("Jln")


def _doubted(text: str, *unsure: int) -> list[str]:
    words = lexicon(the=20, house=12, tho=2, of=19)
    return [text[slice(*span)] for span in words_in_doubt(text, unsure, words)]


@pytest.mark.parametrize(
    ("text", "unsure", "words"),
    [
        ("The house of the house, 12.50 W-12", [], []),
        ("The house", [5], []),
        ("12.50 1O", [6], []),
        ("tbe house", [], []),  # a name, since the engine is sure of it
        ("tbe house", [1], ["tbe"]),
        ("of the ho use", [], ["ho use"]),
        ("the <house", [4], ["<house"]),
        ("of tho house", [4], ["tho"]),
        ("of tho house", [0], []),
        ("of tho, house", [6], []),  # a sign
        ("THO of the house", [1], []),  # more likely an abbreviation
    ],
)
def test_an_unknown_word_with_an_unsure_character_is_in_doubt(
    text: str, unsure: list[int], words: list[str]
) -> None:
    assert _doubted(text, *unsure) == words


def test_a_word_that_lost_a_letter_is_in_doubt() -> None:
    lost = [CharAlternatives(0, {"": 0.6, "b": 0.4}, between=True)]

    assert list(words_in_doubt("ouse", [], WORDS, lost)) == [(0, 4)]
    assert list(words_in_doubt("ouse", [], WORDS)) == []


def test_a_known_word_is_in_doubt_where_a_look_alike_fits_better() -> None:
    assert list(words_in_doubt("Thank you far your", [11], SIDE_BY_SIDE)) == [(10, 13)]
    assert list(words_in_doubt("Thank you far your", [1], SIDE_BY_SIDE)) == []
    assert list(words_in_doubt("Thank you for your", [11], SIDE_BY_SIDE)) == []


@pytest.mark.parametrize(
    ("saw", "in_doubt"),
    [
        ({"a": 0.6, "o": 0.4}, True),
        ({"a": 0.6, "u": 0.4}, False),  # no known word
        ({"a": 0.97, "o": 0.03}, False),
    ],
)
def test_a_known_word_is_in_doubt_where_the_engine_nearly_read_another(
    saw: dict[str, float], in_doubt: bool
) -> None:
    words = lexicon(the=20, chair=15, choir=14, others=20)

    found = list(words_in_doubt("the chair.", [6], words, [CharAlternatives(6, saw)]))

    assert found == ([(4, 10)] if in_doubt else [])


def test_a_line_without_a_word_in_doubt_needs_no_correction() -> None:
    assert needs_correction(line("tbe house", [1]), RULES, WORDS)
    assert not needs_correction(line("the house", [1]), RULES, WORDS)
    assert not needs_correction(line("tbe house", [1], confidence=0.999), RULES, WORDS)
    assert needs_correction(line("the house"), RULES, WORDS)  # the engine does not tell its doubts
    assert needs_correction(line("the house", [1]), RULES)  # there is no lexicon
