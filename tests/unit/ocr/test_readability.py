"""Test the signs of a script that an engine can't read, on invented lines and small pictures."""

import numpy as np
import pytest

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.long_lines import skipped_ink
from scanmend.ocr.readability import (
    LIMITS_OF_RAPIDOCR,
    LIMITS_OF_TESSERACT,
    FoundLine,
    ScriptLimits,
    is_unreadable,
    reading_of,
    warning_of,
)
from scanmend.page import Box


def _line(
    text: str = "All human beings are born free",
    confidence: float = 0.99,
    skipped: float = 0.0,
    width: float = 600,
    limits: ScriptLimits = LIMITS_OF_RAPIDOCR,
) -> FoundLine:
    stretches = ((0.5 - skipped / 2, 0.5 + skipped / 2),) if skipped else ()
    segment = Segment(text, Box(100, 0, 100 + width, 40), confidence)
    return FoundLine(segment, width / 40, limits, stretches, is_text=confidence >= 0.6)


READ = _line()
SKIPPED = _line("4471 2 2024", 0.96, 0.5)  # Cyrillic: only the digits are read, and surely
MANGLED = _line("1201 110 071 0000111 DV1", 0.62)  # Hebrew
UNKNOWN = _line("", 0.0)  # Arabic
GREEK = _line("αξιπρπεια και τα διαιατα", 0.84)


@pytest.mark.parametrize("line", [SKIPPED, MANGLED, UNKNOWN, GREEK])
def test_a_page_of_lines_that_were_not_read_is_unreadable(line: FoundLine) -> None:
    assert line.is_unread
    assert is_unreadable([line] * 5)
    assert is_unreadable([READ, READ, READ, line, line])


@pytest.mark.parametrize("line", [SKIPPED, MANGLED, UNKNOWN, GREEK])
def test_few_lines_that_were_not_read_are_pictures_and_noise(line: FoundLine) -> None:
    assert not is_unreadable([READ] * 9 + [line])
    assert not is_unreadable([line])
    assert not is_unreadable([READ] * 9 + [_line("", 0.0, width=50)] * 20)  # logos, tick boxes


def test_worn_print_is_no_unreadable_script() -> None:
    """Keep a page of which a third is illegible, as its other lines are in doubt, too."""
    worn, illegible = _line(confidence=0.92), _line("R0 91 lmv oice", 0.7)

    assert not is_unreadable([worn] * 6 + [illegible] * 3)
    assert is_unreadable([worn] * 2 + [illegible] * 8)  # nothing of it can be used


def test_a_formula_is_no_greek_text() -> None:
    assert not _line("α = 0.5, β = 0.2").is_unread
    assert not _line("the angles α, β, γ and δ of a quadrangle").is_unread


def test_tesseract_may_be_less_sure() -> None:
    doubtful = _line("RM 12.50 Cash", 0.7, limits=LIMITS_OF_TESSERACT)
    garbage = _line("Bce 107 poxkatoTca", 0.38, limits=LIMITS_OF_TESSERACT)

    assert not is_unreadable([doubtful] * 8 + [garbage] * 2)
    assert is_unreadable([garbage] * 9)


def _crop(*ink: tuple[int, int]) -> np.ndarray:
    crop = np.full((40, 800, 3), 255, np.uint8)
    for start, end in ink:
        for x in range(start, end, 8):
            crop[8:32, x : x + 4] = 0
    return crop


def test_ink_without_characters_is_found_between_and_beside_them() -> None:
    crop = _crop((0, 200), (300, 600), (700, 780))

    (skipped,) = skipped_ink(crop, [x / 800 for x in (*range(10, 200, 20), *range(710, 790, 20))])

    assert skipped == pytest.approx((300 / 800, 596 / 800), abs=0.02)
    (whole,) = skipped_ink(crop, [])
    assert whole == pytest.approx((0.0, 0.971), abs=0.02)


def test_wide_gaps_without_ink_are_no_skipped_text() -> None:
    crop = _crop((0, 100), (600, 800))

    assert skipped_ink(crop, [x / 800 for x in (*range(10, 100, 20), *range(610, 800, 20))]) == ()


def test_what_was_left_out_is_named_and_the_rest_is_published() -> None:
    reading = reading_of([READ, SKIPPED, MANGLED], "rapidocr", ("en",))

    assert reading.unreadable_script
    assert [s.text for s in reading.segments] == [READ.segment.text, SKIPPED.segment.text]
    assert reading.unread == (Box(250, 0, 550, 40), Box(100, 0, 700, 40))
    assert reading_of([READ] * 8 + [MANGLED], "rapidocr", ("en",)).unread == ()


def test_the_warning_names_engine_and_languages() -> None:
    warning = warning_of("rapidocr", ("en", "de"))

    assert warning.startswith("unreadable-script: ")
    assert "rapidocr does not read with ocr.languages en and de" in warning
