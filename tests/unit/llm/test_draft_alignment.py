"""Test where copying resumes after the model has diverged from the OCR text."""

import doctest
import random

from scanmend.llm import draft_alignment
from scanmend.llm.draft_alignment import Draft


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(draft_alignment)

    assert result.attempted > 0
    assert result.failed == 0


def test_copying_resumes_after_any_edit() -> None:
    """Stop copying at each place: it must resume within the line, and never inside a character."""
    rng = random.Random(3)
    for _ in range(3000):
        text = "".join(rng.choice("aabbcé €ß") for _ in range(rng.randrange(20))).encode()
        draft = Draft(text)
        at, written = 0, b""
        for _ in range(8):
            piece = rng.choice(["a", "b", " x", " abc", "é", "bc"]).encode()
            written += piece
            at = draft.resume(at, written, piece)
            assert 0 <= at <= len(text)
            text[at:].decode()
