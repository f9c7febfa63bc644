"""Test the built-in corrector: the shipped file, with the real llama.cpp and the gate."""

import os
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from scanmend.backends.gguf_files import builtin
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import Lexicon, shipped
from scanmend.llm import page_proposal
from scanmend.llm.contexts import ONE_LINE_SEQUENCES
from scanmend.llm.guided_decoding import GuidedDecoder
from scanmend.llm.line_request import LineRequest
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.loader import LoadedCorrector, load_corrector
from scanmend.llm.page_proposal import propose_page
from scanmend.llm.rescoring import FOLLOWING_TOKENS, Rescorer, WrittenWord, with_suspects
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
LOOK_ALIKES = {"e": "c", "n": "u", "h": "b", "l": "i", "m": "rn"}


def _misread(rng: random.Random, text: str, count: int) -> str:
    """Return the text with ``count`` characters replaced by look-alikes."""
    for _ in range(count):
        at = rng.choice([n for n, c in enumerate(text) if c in LOOK_ALIKES])
        text = text[:at] + LOOK_ALIKES[text[at]] + text[at + 1 :]
    return text


@pytest.fixture
def model() -> Iterator[LanguageModel]:
    found = LanguageModel(replace(LlmSettings(), model="builtin"), "", lambda *_: None)
    yield found
    found.close()


def _load(threads: int | None = None) -> LoadedCorrector:
    return load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=threads))


def _published(model: LanguageModel, texts: list[str]) -> tuple[str, ...]:
    """Return the lines as published, after the gate has checked the model's proposals."""
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in texts]
    proposal = model.propose(lines, range(len(texts)), PROFILE)
    return gate(lines, proposal.lines, PROFILE.gate_rules, shipped()).lines


def test_each_thread_has_a_context_for_one_line() -> None:
    """Check one context for each thread: llama.cpp's attention looks at every line in a cache, for each byte."""
    loaded = _load(threads=3)

    assert [c.options.sequences for c in loaded.contexts] == [ONE_LINE_SEQUENCES] * 3
    assert [c.options.threads for c in loaded.contexts] == [1] * 3
    assert Rescorer(loaded.context, shipped()).first_sequence == 2


def test_the_number_of_threads_does_not_change_the_proposals() -> None:
    rng = random.Random(3)
    lines = [_misread(rng, text, 2) for text in TRUTH]
    proposed, tokens = [], []
    for threads in (1, 3):
        loaded = _load(threads)
        proposed.append(propose_page(loaded, lines, range(len(lines)), 600.0).lines)
        tokens.append([context.tokens for context in loaded.contexts])

    one_thread, three_threads = proposed
    assert one_thread == three_threads
    assert any(p and p.text != line for p, line in zip(one_thread, lines, strict=True))
    assert len(tokens[1]) == 3
    assert all(0 < share < tokens[0][0] for share in tokens[1])


def test_the_logits_agree_with_those_of_pytorch() -> None:
    """Compare with PyTorch's logits in logits.npz (models/corrector/compare_logits.py); the shipped weights have 8 bits."""
    context = _load().context
    expected = np.load(LOGITS)
    for n, line in enumerate(map(str, expected["lines"])):
        tokens = [*line.encode(), SEP, *line.encode(), END]
        context.clear()
        context.decode([BatchToken(token, at, 0, predict=True) for at, token in enumerate(tokens)])
        torch_logits = expected[str(n)].astype(np.float32)
        pointer = llama_cpp.llama_get_logits(context._pointer)
        logits = np.ctypeslib.as_array(pointer, torch_logits.shape)

        assert (logits.argmax(-1) == torch_logits.argmax(-1)).mean() > 0.97
        assert np.abs(logits - torch_logits).max() < 0.5


def test_misread_words_are_corrected(model: LanguageModel) -> None:
    rng = random.Random(3)
    read = [_misread(rng, text, 2) for text in TRUTH]

    published = _published(model, read)

    before = sum(Levenshtein.distance(a, b) for a, b in zip(read, TRUTH, strict=True))
    after = sum(Levenshtein.distance(a, b) for a, b in zip(published, TRUTH, strict=True))
    assert after < 0.8 * before


def test_clean_lines_stay_as_they_are(model: LanguageModel) -> None:
    assert list(_published(model, TRUTH)) == TRUTH


AFTER = "week of the year, and the house was built at the end of it by the same people"


@pytest.mark.parametrize(
    "text",
    [
        "We expect to finish the chair in the fallaving week.",
        "Item 12      to be sent in the fallaving week",
        f"the fallaving {AFTER}",
        f"{AFTER}; we expect it in the fallaving",
        f"{AFTER}; in the fallaving {AFTER}",
    ],
)
def test_the_engine_s_alternatives_decide_a_correction(model: LanguageModel, text: str) -> None:
    """Correct by the engine's alternatives, also in a line that the model gets in pieces."""
    saw = {1: {"a": 0.6, "o": 0.4}, 4: {"a": 0.7, "o": 0.3}, 5: {"v": 0.8, "w": 0.2}}
    at = text.index("fallaving")
    alternatives = tuple(CharAlternatives(at + n, one) for n, one in saw.items())

    def published(*doubts: CharAlternatives) -> str:
        unsure = tuple(d.at for d in doubts)
        line = Line(text, Box(0, 0, 1, 1), 0.9, unsure=unsure, doubts=doubts)
        proposal = model.propose([line], [0], PROFILE)
        return gate([line], proposal.lines, PROFILE.gate_rules, shipped()).lines[0]

    assert published(*alternatives) == text.replace("fallaving", "following")
    assert published() == text


def test_a_long_paragraph_without_errors_is_not_changed(model: LanguageModel) -> None:
    paragraph = " ".join(TRUTH * 8)

    assert len(paragraph) > 2000
    assert _published(model, [paragraph, TRUTH[0]]) == (paragraph, TRUTH[0])


def test_a_word_longer_than_the_training_s_sequences_is_not_changed(model: LanguageModel) -> None:
    endless = ["n" * 3000] * 70  # more bytes than the sequences hold

    read = TRUTH[0].replace("again", "agaiu")
    assert _published(model, [*endless, read]) == (*endless, TRUTH[0])


def test_the_model_file_states_its_line_length_and_line_end() -> None:
    loaded = _load()

    assert loaded.max_line_bytes == 110
    assert loaded.line_end == (SEP,)


UNKNOWN = [
    "The comnittee wiil rneet again on Tuesdav to considor the rnatter.",
    "He walkod slowly along tho rivcr and thougbt of nothing in particnlar.",
    "Die Rechnvng ist innerhalb von 14 Tagen obne Abzug zn bezahlen.",
    "Wir bitten um Überweisvng auf das untcn genannte Konto.",
    "The chaxrman spwke of hpusing, schqols and the prjce of brkad.",
    "Thank you far your letter. We are sorry that the delivery toak so lang.",
]


@dataclass(frozen=True)
class _Scored:
    """A scored word: the line as read, the answer before and after the word, the texts and their log-likelihoods."""

    read: bytes
    head: bytes
    texts: list[bytes]
    tail: bytes
    log_likelihoods: list[float]


class _RecordingRescorer(Rescorer):
    """A rescorer that records the scores and then takes the first candidate of each word."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.scored: list[_Scored] = []

    def _log_likelihoods(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        found = super()._log_likelihoods(words)
        for word, likely in zip(words, found, strict=True):
            written = bytes(word.line.answer.written)
            head, tail = written[: word.start], written[word.end :]
            texts = [word.suspect.word, *(c.text for c in word.suspect.candidates)]
            encoded = [text.encode() for text in texts]
            self.scored.append(_Scored(word.line.request.text, head, encoded, tail, likely))
        return [[0.0, 1000.0, *[0.0] * (len(likely) - 2)] for likely in found]


def test_candidates_get_the_same_scores_as_in_an_empty_cache() -> None:
    """Score beside the lines in work, and find a chosen candidate where the word stood."""
    loaded = _load()
    context = loaded.context
    rescorer = _RecordingRescorer(context, shipped())
    decoder = GuidedDecoder(context, rescorer)
    lines = [text.encode() for text in UNKNOWN]
    requests = [LineRequest(n, line, [*line, SEP]) for n, line in enumerate(lines)]
    requests = with_suspects(requests, shipped(), lambda: False)

    answers = decoder.decode_lines(deque(requests), lambda: False)

    assert len(rescorer.scored) > 4
    for one in rescorer.scored:
        behind = [*one.tail, END][:FOLLOWING_TOKENS]
        for text, likely in zip(one.texts, one.log_likelihoods, strict=True):
            tokens = [*one.read, SEP, *one.head, *text, *behind]
            first = len(tokens) - len(text) - len(behind) - 1
            batch = [
                BatchToken(token, n, 0, predict=n >= first, expected=tokens[n + 1])
                for n, token in enumerate(tokens[:-1])
            ]
            context.clear()
            assert sum(context.log_likelihoods(batch)) == pytest.approx(likely, abs=0.3)
    for n, answer in answers.items():
        proposal = answer.proposal()
        taken = {one.texts[1].decode() for one in rescorer.scored if one.read == lines[n]}
        sure = [d for d in proposal.divergences or () if d.margin > 100]
        assert {proposal.text[d.start : d.end] for d in sure} == taken


def test_a_copied_word_is_corrected_by_the_lexicon_s_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = _load()
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in UNKNOWN]

    def published() -> str:
        proposals = propose_page(loaded, UNKNOWN, range(len(UNKNOWN)), 600).lines
        return "\n".join(gate(lines, proposals, PROFILE.gate_rules, shipped()).lines)

    assert "The chairman spoke of" in published()
    assert "Thank you for your letter." in published()
    monkeypatch.setattr(page_proposal, "shipped", Lexicon)
    assert "The chaxrman spwke of" in published()
    assert "Thank you far your letter." in published()
