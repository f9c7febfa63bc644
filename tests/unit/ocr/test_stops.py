"""Test the text of lines: common stops of a table's columns, leading empty cells, gaps, indents; characters 10 wide."""

from collections.abc import Mapping, Sequence

import pytest

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout import arrange
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

STATEMENT = [
    ["Date", "Text", "Debit", "Credit", "Balance"],
    ["01.02.", "Opening", "", "", "1,204.50"],
    ["03.02.", "Rent", "850.00", "", "354.50"],
    ["05.02.", "Refund", "", "12.00", "366.50"],
    ["", "second line", "", "", ""],
    ["28.02.", "Salary", "", "2,110.75", "2,477.25"],
]


def segment(text: str, x: float, y: float, spaces: tuple[tuple[float, float], ...] = ()) -> Segment:
    return Segment(text, Box(x, y, x + 10 * len(text), y + 20), 0.9, spaces=spaces)


def table(
    rows: list[list[str]], left: Sequence[float], right: Mapping[int, float]
) -> list[Segment]:
    """Return a table; its columns begin at ``left``, those in ``right`` end there."""
    return [
        segment(cell, right[c] - 10 * len(cell) if c in right else left[c], 100 + 30 * r)
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
        if cell
    ]


def texts(segments: list[Segment], rules: Rulings | None = None) -> list[str]:
    return [line.text for line in arrange(segments, rules or Rulings())]


@pytest.mark.parametrize("wide", [1, 2, 4])
def test_the_cells_of_a_column_stand_below_each_other(wide: int) -> None:
    left = [50, 50 + 130 * wide, 0, 0, 0]
    ends = {2: 50 + 390 * wide, 3: 50 + 560 * wide, 4: 50 + 720 * wide}

    found = texts(table(STATEMENT, left, ends))

    for c in (2, 3, 4):
        places = {
            line.index(row[c]) + len(row[c])
            for line, row in zip(found, STATEMENT, strict=True)
            if row[c]
        }
        assert len(places) == 1
    begins = {line.index(row[1]) for line, row in zip(found, STATEMENT, strict=True)}
    assert len(begins) == 1
    assert found[4].startswith("     ")


def test_a_gap_of_many_characters_is_not_cut() -> None:
    found = texts(table([["Item", "", "12.00"], ["Other", "x", "7.00"]], [50, 700, 0], {2: 1250}))

    assert found[0].index("12.00") + 5 == found[1].index("7.00") + 4
    assert "            " * 4 in found[0]


def test_a_line_of_a_huge_page_stays_bounded() -> None:
    (line,) = texts([segment("a", 0, 0), segment("b", 90000, 0)])

    assert len(line) < 300


def test_a_segment_across_a_rule_is_cut_at_its_space() -> None:
    page = [
        segment("Debit Credit", 300, 100, spaces=((355, 10),)),
        segment("850.00", 300, 130),
        segment("12.00", 366, 160),
    ]
    rule = Rulings((), (Box(364, 90, 366, 190),))

    found = texts(page, rule)

    assert found[0].split("  ")[0] == "Debit"
    assert found[0].index("Credit") == found[2].index("12.00")


def test_a_rule_through_a_word_does_not_cut_it() -> None:
    assert texts([segment("Debitcredit", 300, 100)], Rulings((), (Box(350, 90, 352, 130),))) == [
        "Debitcredit"
    ]


def test_first_lines_and_bullets_keep_their_indents() -> None:
    page = [
        segment("the first line is indented", 90, 100),
        segment("the second one is not", 50, 126),
        segment("the third is not either", 50, 152),
        segment("• a bullet", 90, 200),
        segment("hangs over", 110, 226),
    ]

    assert texts(page) == [
        "    the first line is indented",
        "the second one is not",
        "the third is not either",
        "    • a bullet",
        "      hangs over",
    ]


def test_lines_that_begin_a_little_apart_have_no_indent() -> None:
    assert (
        texts([segment("some words here", 50 + 3 * (n % 4), 100 + 26 * n) for n in range(8)])
        == ["some words here"] * 8
    )


def test_justified_lines_have_no_indent() -> None:
    page = [
        Segment("some words of text", Box(50 + 9 * (n % 2), 100 + 26 * n, 500, 120 + 26 * n), 0.9)
        for n in range(8)
    ]

    assert {text[0] for text in texts(page)} == {"s"}


def test_a_centred_heading_has_no_margin() -> None:
    page = [
        segment("Heading", 400, 100),
        *(segment("words " * 13 + "end", 50, 170 + 26 * n) for n in range(6)),
    ]

    assert texts(page)[0] == "Heading"


def test_a_larger_gap_is_a_paragraph() -> None:
    page = [segment("words of a line", 50, 100 + 24 * n + 12 * (n // 3)) for n in range(9)]

    assert [line.block for line in arrange(page)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
