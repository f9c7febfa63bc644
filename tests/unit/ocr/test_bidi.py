"""Test the conversion from visual order to logical order, in which a line is read."""

import pytest

from scanmend.ocr.bidi import logical_order, reads_from_right

ALEF, BET, GIMEL = "\u05d0", "\u05d1", "\u05d2"


@pytest.mark.parametrize(
    ("visual", "logical"),
    [
        ("Total 1,455.20", "Total 1,455.20"),
        (f"{GIMEL}{BET}{ALEF}", f"{ALEF}{BET}{GIMEL}"),
        (f"1250 {BET}{ALEF}", f"{ALEF}{BET} 1250"),
        (f"1,455.20 {BET}{ALEF}", f"{ALEF}{BET} 1,455.20"),
        (f"{GIMEL} 12/03/2024 {BET}{ALEF}", f"{ALEF}{BET} 12/03/2024 {GIMEL}"),
        (
            f"{GIMEL}{GIMEL} PDF file {BET}{ALEF}{BET}{ALEF}{BET}",
            f"{BET}{ALEF}{BET}{ALEF}{BET} PDF file {GIMEL}{GIMEL}",
        ),
        (f"the word {BET}{ALEF} is Hebrew", f"the word {ALEF}{BET} is Hebrew"),
        (f"11:{BET}{ALEF} 00:{GIMEL}", f"{GIMEL}:00 {ALEF}{BET}:11"),
    ],
)
def test_a_line_is_put_into_logical_order(visual: str, logical: str) -> None:
    assert "".join(logical_order(list(visual))) == logical


def test_a_line_reads_from_the_right_if_half_of_its_letters_are_right_to_left() -> None:
    assert reads_from_right(f"12 {ALEF}{BET}")
    assert not reads_from_right("12,50")
    assert not reads_from_right(f"a long line with {ALEF}")
