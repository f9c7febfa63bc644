"""Test what is made of a server's tokens: where each stands in the text, and which of them a word has."""

import pytest

from scanmend.llm.judge.scorer import following_end
from scanmend.llm.server_echo import (
    MAX_BYTES_BEFORE,
    MAX_BYTES_PER_REQUEST,
    MAX_STRETCH_BYTES,
    TokenLogs,
    _requests,
    _stretches,
    token_spans,
)


@pytest.mark.parametrize(
    ("text", "tokens", "spelled"),
    [
        ("The cat", ["The", " cat"], ["The", " cat"]),
        ("\nThe cat", ["<s>", "\n", "The", " cat", " sat"], ["\n", "\n", "The", " cat", ""]),
        # vLLM decodes each token of a SentencePiece model by itself, which loses its space
        ("The cat", ["The", "cat"], ["The", "cat"]),
        # the parts of a character, as different servers spell them
        ("a ∎ b", ["a", " ", "\ufffd", "\ufffd", "\ufffd", " b"], ["a", " ", "∎", "∎", "∎", " b"]),
        ("a ∎ b", ["a", " ", "", "", " b"], ["a", " ", "∎", "∎", " b"]),
    ],
)
def test_each_token_has_its_place_in_the_text(
    text: str, tokens: list[str], spelled: list[str]
) -> None:
    assert [text[start:end] for start, end in token_spans(text, tokens)] == spelled


def test_tokens_of_another_text_are_an_error() -> None:
    with pytest.raises(ValueError, match="do not spell"):
        token_spans("The committee will meet again.", ["token_id:1", "token_id:2"])


def test_a_word_has_the_tokens_that_touch_it() -> None:
    tokens = ["\n", "The", " com", "mittee", " sat"]
    logs = TokenLogs.of("\nThe committee sat", 1, tokens, [None, -1, -2, -4, -8])

    assert logs.sum(3, 13) == -6  # " committee"
    assert logs.sum(4, 13) == -6
    assert logs.sum(3, 17) == -14
    assert logs.sum(0, 3) == -1


def test_a_text_is_cut_into_lines_each_with_the_two_before_it() -> None:
    text = b"one\ntwo\nthree\n\nfive"

    stretches = [(text[s.before : s.start], text[s.start : s.end]) for s in _stretches(text)]

    assert stretches == [
        (b"", b"one\n"),
        (b"one\n", b"two\n"),
        (b"one\ntwo\n", b"three\n"),
        (b"two\nthree\n", b"\n"),
        (b"three\n\n", b"five"),
    ]


def test_a_long_line_is_cut_at_spaces() -> None:
    text = "Größe und Maß ".encode() * 100

    stretches = list(_stretches(text))

    assert b"".join(text[s.start : s.end] for s in stretches) == text
    assert all(s.end - s.start <= MAX_STRETCH_BYTES for s in stretches)
    assert all(s.start - s.before <= MAX_BYTES_BEFORE for s in stretches)
    assert all(text[s.before : s.end].decode().split()[0] in "Größe und Maß" for s in stretches)


def test_a_long_line_without_a_space_is_cut_anywhere() -> None:
    text = b"x" * 1000 + b"\n"

    stretches = list(_stretches(text))

    assert b"".join(text[s.start : s.end] for s in stretches) == text
    assert all(s.end - s.start <= MAX_STRETCH_BYTES for s in stretches)
    assert all(s.start - s.before <= MAX_BYTES_BEFORE for s in stretches)


def test_a_request_has_few_bytes_whatever_the_characters() -> None:
    """A token may be a byte, and vLLM answers with 210 bytes for each token."""
    prompts = ["∎" * 250] * 10

    requests = list(_requests(prompts, 32))

    assert [prompt for some in requests for prompt in some] == prompts
    assert all(len("".join(some).encode()) <= MAX_BYTES_PER_REQUEST for some in requests)


@pytest.mark.parametrize(
    ("behind", "counted"),
    [
        (" the cat sat", " the cat"),
        (" incomprehensibilities:- the cat", " incomprehensibilities:-"),
        (" the " + "." * 200, " the"),
        (" " + "x" * 2000, ""),
        (" " * 200 + "the cat", ""),
    ],
)
def test_the_words_behind_a_passage_are_two_but_no_long_ones(behind: str, counted: str) -> None:
    end = following_end(f"tbird{behind}".encode(), len("tbird"))

    assert f"tbird{behind}"[len("tbird") : end] == counted
