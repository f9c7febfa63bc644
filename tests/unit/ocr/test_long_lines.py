"""Test that a very long line is cut at gaps between words, and that its parts are joined in order."""

import itertools
from typing import Any

import numpy as np
import pytest

from scanmend.ocr.long_lines import MAX_LINE_RATIO, RecognisedLine, joined_line, parts_of
from scanmend.page import CharAlternatives

HEIGHT = 40


def line_of_words(widths: list[int], gap: int) -> Any:
    """Return the picture of a line with black words of these widths in pixels."""
    picture = np.full((HEIGHT, sum(widths) + gap * (len(widths) + 1), 3), 255, np.uint8)
    x = gap
    for width in widths:
        picture[8:32, x : x + width] = 0
        x += width + gap
    return picture


def test_an_ordinary_line_stays_whole() -> None:
    (part,) = parts_of(line_of_words([100] * 20, 20))
    assert (part.start, part.end) == (0.0, 1.0)


def test_a_long_line_is_cut_between_words() -> None:
    picture = line_of_words([130, 90, 170, 60] * 40, 20)
    parts = parts_of(picture)
    assert len(parts) > 4
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert (parts[0].start, parts[-1].end) == (0.0, 1.0)
    for part in parts:
        assert part.gap
        assert part.pixels.shape[1] < MAX_LINE_RATIO * HEIGHT
        assert part.pixels[:, 0].min() == part.pixels[:, -1].min() == 255


def test_a_long_line_without_gaps_is_cut_all_the_same() -> None:
    parts = parts_of(np.zeros((HEIGHT, 10_000, 3), np.uint8))
    assert sum(part.pixels.shape[1] for part in parts) == 10_000
    assert not any(part.gap for part in parts[1:])


@pytest.mark.parametrize("gap", [True, False])
def test_joined_parts_keep_their_places(gap: bool) -> None:
    picture = line_of_words([100] * 100, 20)
    parts = parts_of(picture)[:2]
    parts = [parts[0], type(parts[1])(parts[1].pixels, parts[1].start, parts[1].end, gap)]
    doubts = (CharAlternatives(1, {"b": 0.5}),)
    lines = [
        RecognisedLine("ab c", 0.9, (1,), ((0.5, 0.1),), doubts),
        RecognisedLine("xb", 0.6, (1,), (), doubts),
    ]
    line = joined_line(parts, lines)
    assert line.text == ("ab c xb" if gap else "ab cxb")
    assert [line.text[n] for n in line.unsure] == ["b", "b"]
    assert [line.text[doubt.at] for doubt in line.doubts] == ["b", "b"]
    assert len(line.spaces) == line.text.count(" ")
    assert all(a < b for a, b in itertools.pairwise(middle for middle, _ in line.spaces))
    assert line.confidence == pytest.approx((0.9 * 4 + 0.6 * 2) / 6)
