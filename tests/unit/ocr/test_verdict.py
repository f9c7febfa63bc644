"""Test that places of unread ink are merged where they belong together."""

from scanmend.ocr.ink.verdict import merged
from scanmend.page import Box


def test_words_of_a_line_and_lines_of_a_block_become_one_place() -> None:
    words = [Box(100, 100, 180, 120), Box(190, 100, 300, 120), Box(100, 130, 300, 150)]
    assert merged(words) == (Box(100, 100, 300, 150),)


def test_places_far_from_each_other_stay_apart_from_the_top_down() -> None:
    lower, upper = Box(100, 400, 200, 420), Box(600, 100, 700, 120)
    assert merged([lower, upper]) == (upper, lower)


def test_a_merged_place_does_not_spread_over_what_was_read() -> None:
    column, line = Box(1000, 100, 1100, 800), Box(200, 810, 1100, 830)
    assert merged([column, line]) == (column, line)
