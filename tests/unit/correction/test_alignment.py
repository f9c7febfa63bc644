"""Test the differences between a line and its proposal."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmend.correction import alignment
from scanmend.correction.alignment import MAX_ALIGNED_WORDS, Difference, differences


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(alignment).failed == 0


@pytest.mark.parametrize(
    ("text", "proposal", "found"),
    [
        ("a b c", "a b c", []),
        ("mod ern times", "modern times", [("mod ern", "modern")]),
        ("ofthe house", "of the house", [("ofthe", "of the")]),
        ("one two", "one new two", [("", "new")]),
        ("one old two", "one two", [("old", "")]),
        ("one two", "one two three", [("", "three")]),
        ("tbe bouse stands", "the house stood", [("tbe", "the"), ("bouse", "house"), ("stands", "stood")]),
    ],
)  # fmt: skip
def test_each_changed_word_is_a_difference(
    text: str, proposal: str, found: list[tuple[str, str]]
) -> None:
    assert [(d.before, d.after) for d in differences(text, proposal)] == found


def test_a_run_of_too_many_words_is_one_difference() -> None:
    text, proposal = (" ".join([word] * (MAX_ALIGNED_WORDS + 1)) for word in ("old", "new"))

    assert differences(text, proposal) == [Difference(0, text, 0, proposal)]


WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "abc"]), max_size=6).map(" ".join)


@given(WORDS, WORDS)
def test_the_differences_turn_the_text_into_the_proposal(text: str, proposal: str) -> None:
    changed = text
    for found in reversed(differences(text, proposal)):
        assert text[found.start : found.end] == found.before
        assert proposal[found.after_start :].startswith(found.after)
        changed = f"{changed[: found.start]} {found.after} {changed[found.end :]}"

    assert changed.split() == proposal.split()
