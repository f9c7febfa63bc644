"""Test the model's own words with the real llama.cpp."""

import os
from pathlib import Path

import pytest

from language_models import smollm2
from scanmend.backends.gguf_files import builtin
from scanmend.correction.channel import shipped
from scanmend.llm.judge.own_words import MAX_OWN_WORD_COST, MAX_PROPOSED
from scanmend.llm.judge.scorer import Passage
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.loader import LoadedModel, load
from scanmend.workers.protocol import LoadRequest

TEXT = (
    "The patient shou1d take two tablets.\n"
    "The Austrulian Parlianient met in Canbcrra with Mr. Bcnedicto.\n"
)


def _load(path: str | Path) -> LoadedModel:
    return load(LoadRequest(os.fsencode(path), gpu_layers=0, threads=2), lambda _: None)


def _proposed(model: LoadedModel, *read: str) -> list[list[str]]:
    with TextScorer(model.context) as scorer:
        scorer.open(TEXT.encode())
        return scorer.own_words([(TEXT.index(word), word) for word in read])


@pytest.mark.slow
def test_a_language_model_finds_words_and_names_by_itself() -> None:
    model = _load(smollm2())
    read = ("shou1d", "Austrulian", "Parlianient", "Canbcrra", "Bcnedicto")

    words = [next(iter(words), "") for words in _proposed(model, *read)]

    assert words == ["should", "australian", "parliament", "canberra", "benedicto"]


def test_own_words_stay_near_what_was_read_and_leave_the_cache_as_it_was() -> None:
    model = _load(builtin())
    read = ("Austrulian", "Canbcrra")
    passage = Passage(4, 11, (b"patient", b"patent"))

    words = _proposed(model, *read)

    assert all(len(of_word) <= MAX_PROPOSED for of_word in words)
    for word, of_word in zip(read, words, strict=True):
        assert all(shipped().cost(word, text) <= MAX_OWN_WORD_COST for text in of_word)
    with TextScorer(model.context) as scorer:
        scorer.open(TEXT.encode())
        (before,) = next(scorer.batches([passage]))
        scorer.own_words([(12, "shou1d")])
        (after,) = next(scorer.batches([passage]))
    assert before == after
