"""The built-in corrector: the real file, through the real llama.cpp and the gate."""

import os
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from scanmend.backends.gguf_files import builtin
from scanmend.backends.llm_lifecycle import Model
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import Lexicon, shipped
from scanmend.llm import decode
from scanmend.llm.context import FEW_LANES, Entry
from scanmend.llm.guided import Guided
from scanmend.llm.loader import load
from scanmend.llm.requests import Request
from scanmend.llm.rescoring import FOLLOW, Offers, Place, questioned
from scanmend.page import Box, CharAlternatives, Line
from scanmend.workers.protocol import LoadRequest

LOGITS = Path(__file__).resolve().parents[3] / "models" / "corrector" / "logits.npz"
SEP, END = 257, 258
PROFILE = Profile("default", "Correct.")
TRUTH = [
    "The committee will meet again on Tuesday to consider the matter.",
    "Please return the signed form to our office before the end of the month.",
    "The goods remain our property until the invoice has been paid in full.",
    "He walked slowly along the river and thought of nothing in particular.",
    "Received with thanks the sum of 1,250.00 for the repair of the roof.",
    "Mit freundlichen Grüßen",
    "Die Rechnung ist innerhalb von 14 Tagen ohne Abzug zu bezahlen.",
    "Nous vous prions de bien vouloir nous retourner ce document.",
]
LOOKS = {"e": "c", "n": "u", "h": "b", "l": "i", "m": "rn"}


def _misread(rng: random.Random, text: str, count: int) -> str:
    for _ in range(count):
        places = [n for n, c in enumerate(text) if c in LOOKS]
        at = rng.choice(places)
        text = text[:at] + LOOKS[text[at]] + text[at + 1 :]
    return text


@pytest.fixture
def model() -> Iterator[Model]:
    found = Model(replace(LlmSettings(), model="builtin"), "", lambda *_: None)
    yield found
    found.close()


def _published(model: Model, texts: list[str]) -> tuple[str, ...]:
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in texts]
    proposal = model.propose(lines, range(len(texts)), PROFILE)
    return gate(lines, proposal.lines, PROFILE, shipped()).lines


def test_each_thread_has_one_line_in_its_memory() -> None:
    """Lines share nothing, and its attention would look at all of them for each byte."""
    loaded = load(LoadRequest(os.fsencode(builtin()), threads=3), lambda _: None)

    assert [context.lanes for context in loaded.contexts] == [FEW_LANES] * 3
    assert [context.threads for context in loaded.contexts] == [1] * 3
    assert Offers(loaded.context, shipped()).first == 2


def test_so_many_threads_say_the_same() -> None:
    rng = random.Random(3)
    lines = [_misread(rng, text, 2) for text in TRUTH]
    said, shares = [], []
    for threads in (1, 3):
        loaded = load(LoadRequest(os.fsencode(builtin()), threads=threads), lambda _: None)
        loaded.curve = [
            (1, 1.0),
            (512, 200.0),
        ]  # not as measured: how far to draft decides near-ties
        said.append(decode.correct(loaded, "", lines, range(len(lines)), 600.0).lines)
        shares.append([context.tokens for context in loaded.contexts])

    assert said[0] == said[1]
    assert any(one and one.text != line for one, line in zip(said[0], lines, strict=True))
    assert len(shares[1]) == 3
    assert all(0 < tokens < shares[0][0] for tokens in shares[1])


def test_its_logits_are_those_of_the_training() -> None:
    """logits.npz: what PyTorch reckoned, written by models/corrector/check.py; the file's weights have 8 bits."""
    context = load(LoadRequest(os.fsencode(builtin())), lambda _: None).context
    expected = np.load(LOGITS)
    for n, line in enumerate(map(str, expected["lines"])):
        tokens = [*line.encode(), SEP, *line.encode(), END]
        context.clear()
        context.decode([Entry(token, place, 0, -1) for place, token in enumerate(tokens)])
        wanted = expected[str(n)].astype(np.float32)
        found = np.ctypeslib.as_array(llama_cpp.llama_get_logits(context._pointer), wanted.shape)

        assert (found.argmax(-1) == wanted.argmax(-1)).mean() > 0.97
        assert np.abs(found - wanted).max() < 0.5


def test_misread_words_are_mended(model: Model) -> None:
    rng = random.Random(3)
    read = [_misread(rng, text, 2) for text in TRUTH]

    published = _published(model, read)

    before = sum(Levenshtein.distance(a, b) for a, b in zip(read, TRUTH, strict=True))
    after = sum(Levenshtein.distance(a, b) for a, b in zip(published, TRUTH, strict=True))
    assert after < 0.8 * before


def test_clean_lines_stay(model: Model) -> None:
    assert list(_published(model, TRUTH)) == TRUTH


def test_what_the_engine_saw_is_heard(model: Model) -> None:
    """Also of a line that is given to the model in pieces."""
    saw = ({"a": 0.6, "o": 0.4}, {"a": 0.7, "o": 0.3}, {"v": 0.8, "w": 0.2})

    def published(text: str, *doubts: CharAlternatives) -> str:
        line = Line(text, Box(0, 0, 1, 1), 0.9, unsure=tuple(d.at for d in doubts), doubts=doubts)
        proposal = model.propose([line], [0], PROFILE)
        return gate([line], proposal.lines, PROFILE, shipped()).lines[0]

    behind = "week of the year, and the house was built at the end of it by the same people"
    for text in ("We expect to finish the chair in the fallaving week.",
                 "Item 12      to be sent in the fallaving week",
                 f"the fallaving {behind}",
                 f"{behind}; we expect it in the fallaving",
                 f"{behind}; in the fallaving {behind}"):  # fmt: skip
        at = text.index("fallaving")
        doubts = [CharAlternatives(at + n, s) for n, s in zip((1, 4, 5), saw, strict=True)]
        assert published(text, *doubts) == text.replace("fallaving", "following")
        assert published(text) == text


def test_a_long_paragraph_stays_whole(model: Model) -> None:
    paragraph = " ".join(TRUTH * 8)

    assert len(paragraph) > 2000
    assert _published(model, [paragraph, TRUTH[0]]) == (paragraph, TRUTH[0])


def test_a_word_that_is_longer_than_the_model_was_trained_on_is_left_alone(model: Model) -> None:
    endless = ["n" * 3000] * 70  # more than lines at once

    read = TRUTH[0].replace("again", "agaiu")
    assert _published(model, [*endless, read]) == (*endless, TRUTH[0])


def test_it_says_what_it_is() -> None:
    loaded = load(LoadRequest(os.fsencode(builtin())), lambda _: None)

    assert loaded.most_bytes == 110
    assert loaded.drafts
    assert loaded.method == "parallel"
    assert not loaded.prompt("Correct.").shows_page


UNKNOWN = [
    "The comnittee wiil rneet again on Tuesdav to considor the rnatter.",
    "He walkod slowly along tho rivcr and thougbt of nothing in particnlar.",
    "Die Rechnvng ist innerhalb von 14 Tagen obne Abzug zn bezahlen.",
    "Wir bitten um Überweisvng auf das untcn genannte Konto.",
    "The chaxrman spwke of hpusing, schqols and the prjce of brkad.",
    "Thank you far your letter. We are sorry that the delivery toak so lang.",
]


class _Listening(Offers):
    """Notes how likely the words are; and takes whatever is offered first."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[tuple[bytes, bytes, list[bytes], bytes, list[float]]] = []

    def _likely(self, places: Sequence[Place]) -> list[list[float]]:
        found = super()._likely(places)
        for place, likely in zip(places, found, strict=True):
            written = bytes(place.line.answer.written)
            words = [
                w.encode() for w in (place.spot.word, *(c.text for c in place.spot.candidates))
            ]
            self.asked.append(
                (
                    place.line.request.text,
                    written[: place.start],
                    words,
                    written[place.end :],
                    likely,
                )
            )
        return [[0.0, 1000.0, *[0.0] * (len(likely) - 2)] for likely in found]


def test_what_the_lexicon_offers_is_weighed_by_the_model() -> None:
    """In the memory of the lines in work as in an empty one; and what is taken stands where it belongs."""
    loaded = load(LoadRequest(os.fsencode(builtin()), gpu_layers=0), lambda _: None)
    context = loaded.context
    offers = _Listening(context, shipped())
    guided = Guided(context, loaded.curve, loaded.drafts, offers)
    requests = [Request(n, text.encode(), [SEP]) for n, text in enumerate(UNKNOWN)]
    requests = [replace(r, suffix=[*r.text, SEP]) for r in requests]
    requests = questioned(requests, shipped(), lambda: False)

    answers = guided.lines(0, deque(requests), lambda: False)

    assert len(offers.asked) > 4
    for text, head, words, tail, found in offers.asked:
        behind = [*tail, END][:FOLLOW]
        for word, likely in zip(words, found, strict=True):
            tokens = [*text, SEP, *head, *word, *behind]
            asked = len(word) + len(behind)
            context.clear()
            straight = context.likelihoods([
                Entry(token, n, 0, tokens[n + 1] if n >= len(tokens) - asked - 1 else None)
                for n, token in enumerate(tokens[:-1])
            ])  # fmt: skip
            assert sum(straight) == pytest.approx(likely, abs=0.3)
    for n, answer in answers.items():
        proposed = answer.proposed()
        taken = {w[1].decode() for text, _, w, _, _ in offers.asked if text == requests[n].text}
        marked = {proposed.text[d.start : d.end] for d in proposed.divergences or () if d.margin > 100}  # fmt: skip
        assert taken == marked


def test_a_word_that_the_model_copies_is_mended_by_what_the_lexicon_offers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = load(LoadRequest(os.fsencode(builtin()), gpu_layers=0), lambda _: None)
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in UNKNOWN]

    def published() -> str:
        said = decode.correct(loaded, "", UNKNOWN, range(len(UNKNOWN)), 600).lines
        return "\n".join(gate(lines, said, PROFILE, shipped()).lines)

    assert "The chairman spoke of" in published()
    assert "Thank you for your letter." in published()
    monkeypatch.setattr(decode, "shipped", Lexicon)
    assert "The chaxrman spwke of" in published()
    assert "Thank you far your letter." in published()
