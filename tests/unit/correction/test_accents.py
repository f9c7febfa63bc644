"""Test that specks are taken off letters, and that accents of words stay."""

import doctest

import pytest

from gating import RULES, line, revert
from lexicons import lexicon
from scanmend.correction import accents
from scanmend.correction.accents import repair_accents
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import shipped
from scanmend.page import LineProposal


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(accents).failed == 0


def _published(text: str, unsure: list[int], *languages: str) -> str:
    gated = gate([line(text, unsure)], [None], RULES, shipped(), languages)
    assert revert(gated.lines[0], gated.edits) == text
    assert {e.rule for e in gated.edits} <= {"repair-accent"}
    return gated.lines[0]


@pytest.mark.parametrize(
    ("text", "accented", "right"),
    [
        ("STOP, or LOCÃTE.", "Ã", "STOP, or LOCATE."),
        ("FÓRWARD, RE", "Ó", "FORWARD, RE"),
        ("the CREATÉ SONG", "É", "the CREATE SONG"),
        ("in Freńch only", "ń", "in French only"),
        ("a spot-reçording", "ç", "a spot-recording"),
    ],
)
def test_a_word_that_is_known_only_without_a_doubted_accent_loses_it(
    text: str, accented: str, right: str
) -> None:
    at = text.index(accented)

    assert _published(text, [at], "en") == right
    assert _published(text, [at], "en", "de", "fr") == right
    assert _published(text, [], "en") == text  # the engine is sure
    assert _published(text, [at], "en", "pt") == text  # the lexicon lacks Portuguese
    assert _published(text, [at]) == text


@pytest.mark.parametrize(
    "text", ["le garçon du café", "die Größe", "el niño mañana", "perché così"]
)
def test_words_with_accents_keep_them_even_if_the_engine_doubts(text: str) -> None:
    unsure = [n for n, c in enumerate(text) if not c.isascii()]

    assert _published(text, unsure, "en", "de", "fr", "es", "it") == text


def test_names_and_short_words_keep_their_accents() -> None:
    assert _published("Mr Žižek came", [3, 5], "en") == "Mr Žižek came"
    assert _published("an öx is", [3], "en") == "an öx is"
    assert _published("write to a.müller@fírm.example", [11, 19], "en").endswith("@fírm.example")


def test_the_model_may_not_undo_the_repair() -> None:
    words = lexicon(locate=12, stop=12)
    proposal = LineProposal("STOP LOCÄTE")

    gated = gate([line("STOP LOCÃTE", [8])], [proposal], RULES, words, ("en",))

    assert gated.lines == ("STOP LOCATE",)
    assert repair_accents("LOCÃTE", [3], None, ("en",)) == []
