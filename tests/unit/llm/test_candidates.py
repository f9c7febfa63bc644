"""Test which words of the lexicon are candidates for an unknown word."""

import pytest

from lexicons import lexicon
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.candidates import candidates_for


def _texts(word: str, words: Lexicon) -> list[str]:
    return [c.text for c in candidates_for(word, words)]


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("wnich", "which"),
        ("whlch", "which"),
        ("wlnch", "which"),  # two look-alikes
        ("Rechnvng", "Rechnung"),
        ("RECHNVNG", "RECHNUNG"),
        ("modem", "modern"),
        ("clinica", "clínica"),
        ("Dias", "Días"),
        ("hous", "house"),
        ("houuse", "house"),
        ("ofthe", "of the"),
        ("h0use", "house"),
        ("straBe", "straße"),
    ],
)
def test_the_word_that_was_printed_is_a_candidate(words: Lexicon, read: str, meant: str) -> None:
    assert meant in _texts(read, words)


def test_a_word_without_known_words_near_it_has_no_candidates(words: Lexicon) -> None:
    assert _texts("Mukherjee", words) == []
    assert candidates_for("wnich", Lexicon()) == ()


def test_an_unusual_misreading_costs_more(words: Lexicon) -> None:
    usual, unusual = candidates_for("wnich", words)[0], candidates_for("wpich", words)[0]

    assert (usual.text, unusual.text) == ("which", "which")
    assert usual.cost < unusual.cost


def test_accents_are_restored_and_never_removed(words: Lexicon) -> None:
    assert _texts("clinica", words) == ["clínica"]
    assert candidates_for("hoúse", lexicon(house=13)) == ()
