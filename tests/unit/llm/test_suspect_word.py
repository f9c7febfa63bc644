"""Test how the suspect words of an OCR line are located in the model's answer."""

from scanmend.correction.lexicon import Lexicon
from scanmend.llm.suspect_search import find_suspects
from scanmend.llm.suspect_word import aligned


def test_suspect_words_are_found_again_in_the_answer(words: Lexicon) -> None:
    read = "the wnich of tho rnodem house"
    written = "the whiich of the modem house"
    (found,) = find_suspects([read], words)

    assert [written[a:b] for _, a, b in aligned(found, read, written)] == ["whiich", "the", "modem"]
    assert aligned(found, read, "") == []
    assert [(a, b) for _, a, b in aligned(found, read, read)] == [(s.start, s.end) for s in found]
