"""Test the joining of words that are hyphenated at a line's end."""

import dataclasses

import pytest

from gating import line
from scanmend.correction.hyphenation import hyphenated
from scanmend.page import Hyphenated


def _joined(*texts: str) -> list[str]:
    return [h.joined for h in hyphenated([line(text) for text in texts], texts)]


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("the rail-", "way station"), ["railway"]),
        (("the rail¬", "way station"), ["railway"]),
        (("the rail\u00ad ", " way station"), ["railway"]),
        (("THE RAIL-", "WAY STATION"), ["RAILWAY"]),
        (("the rail-", "way", "a rail-way"), ["rail-way"]),
        (("the rail-", "Way"), []),
        (("Ein-", "und Ausgang"), []),
        (("12-", "way"), []),
        (("the end.", "way"), []),
        (("the rail-",), []),
    ],
)
def test_only_a_hyphenated_word_is_joined(texts: tuple[str, ...], joined: list[str]) -> None:
    assert _joined(*texts) == joined


def test_the_result_names_both_halves() -> None:
    lines = [line("the rail-"), line("way station")]

    assert hyphenated(lines, [one.text for one in lines]) == (
        Hyphenated(0, ("rail-", "way"), "railway"),
    )


def test_a_word_is_not_joined_across_blocks() -> None:
    lines = [line("the rail-"), dataclasses.replace(line("way station"), block=1)]

    assert hyphenated(lines, [one.text for one in lines]) == ()
