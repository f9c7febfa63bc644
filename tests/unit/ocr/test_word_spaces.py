"""Test which spaces behind a capital are removed, on drawn lines whose gaps are known."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.word_spaces import without_torn_capitals
from scanmend.page import CharAlternatives

HEIGHT = 40  # pixels of a line
WORD, LETTER = 11, 4  # pixels of the gap between words, and of that behind a torn capital


def _drawn(parts: list[str], gaps: list[int]) -> tuple[RecognisedLine, Pixels]:
    """Return a line whose parts stand ``gaps`` pixels apart, as it is recognised, and its picture."""
    face = ImageFont.load_default(28)
    image = Image.new("RGB", (900, HEIGHT), "white")
    draw, x, middles = ImageDraw.Draw(image), 10.0, []
    for part, gap in zip(parts, [0, *gaps], strict=True):
        left, _, right, _ = draw.textbbox((0, 0), part, face)
        middles.append((x + gap / 2, gap + 16))
        x += gap
        draw.text((x - left, 2), part, "black", face)
        x += right - left
    picture = image.crop((0, 0, round(x) + 10, HEIGHT))
    spaces = tuple((m / picture.width, w / picture.width) for m, w in middles[1:])
    crop = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)
    return RecognisedLine(" ".join(parts), 0.99, spaces=spaces), crop


@pytest.mark.parametrize(
    ("parts", "gaps", "text"),
    [
        (["C", "hildren", "of", "the", "S", "aar"], [LETTER, WORD, WORD, WORD, LETTER], "Children of the Saar"),
        (["C", "reek"], [LETTER], "Creek"),
        (["Very", "high", "(S", "ystolic)"], [WORD, WORD, LETTER], "Very high (Systolic)"),
        (["its", "National-S", "cale", "plan"], [WORD, LETTER, WORD], "its National-Scale plan"),
        (["see", "plan-B", "at", "once"], [WORD] * 3, "see plan-B at once"),
        (["A", "rnold", "and", "his", "men"], [LETTER, WORD, WORD, WORD], "Arnold and his men"),
        (["A", "blind", "man", "and", "I", "saw"], [WORD] * 5, "A blind man and I saw"),
        (["A", "man"], [WORD], "A man"),
        (["the", "area", "F", "of", "the", "disc"], [WORD] * 5, "the area F of the disc"),
        (["F", "of", "the", "thin", "disc"], [6, 6, 6, 6], "F of the thin disc"),  # narrow spaces
        (["U", "S", "A", "and", "C", "5"], [LETTER, LETTER, WORD, WORD, LETTER], "U S A and C 5"),
    ],
)  # fmt: skip
def test_a_torn_capital_is_told_from_a_letter_that_is_a_word(
    parts: list[str], gaps: list[int], text: str
) -> None:
    line, crop = _drawn(parts, gaps)

    assert without_torn_capitals(line, crop).text == text
    assert without_torn_capitals(line, 255 - crop).text == text  # white on black


def test_an_underline_does_not_hide_the_gaps() -> None:
    line, crop = _drawn(["I", "saw", "the", "C", "reek"], [WORD, WORD, WORD, LETTER])
    crop[35:37] = 0

    assert without_torn_capitals(line, crop).text == "I saw the Creek"


def test_where_dirt_hides_the_gaps_only_letters_that_are_words_stay() -> None:
    line, crop = _drawn(["A", "man", "saw", "the", "C", "reek"], [WORD, WORD, WORD, WORD, LETTER])
    for column in range(crop.shape[1]):
        crop[10 : 14 + column % 3 * 2, column] = 0

    assert without_torn_capitals(line, crop).text == "A man saw the Creek"


def test_offsets_follow_the_text() -> None:
    line, crop = _drawn(["C", "hild", "at", "sea"], [LETTER, WORD, WORD])
    doubts = (CharAlternatives(1, {" ": 0.6}), CharAlternatives(7, {"a": 0.9}))
    line = RecognisedLine(line.text, 0.9, (0, 1, 2, 10), line.spaces, doubts)

    joined = without_torn_capitals(line, crop)

    assert joined.text == "Child at sea"
    assert joined.unsure == (0, 1, 9)
    assert joined.spaces == line.spaces[1:]
    assert joined.doubts == (CharAlternatives(6, {"a": 0.9}),)
