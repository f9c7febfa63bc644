"""Test the reading order by boxes alone: pages of 1000 × 1400 pixels, lines 20 high, characters 10 wide."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout import arrange, columns, prose
from scanmend.ocr.layout.rows import Region, rows_of
from scanmend.page import Box, CharAlternatives

PAGE = (1000, 1400)
PROSE = [
    "Lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
    "incididunt",
]


def segment(
    text: str,
    x: float,
    y: float,
    *,
    width: float | None = None,
    height: float = 20,
    confidence: float | None = 0.9,
) -> Segment:
    right = x + (10 * len(text) if width is None else width)
    return Segment(text, Box(x, y, right, y + height), confidence)


def column(name: str, x: float, y: float, lines: int, width: float = 400) -> list[Segment]:
    """Return numbered lines of running text, the last line of each paragraph short."""
    found = []
    for number in range(lines):
        words = [PROSE[(number + k) % len(PROSE)] for k in range(4)]
        text = f"{name}{number} {' '.join(words)}"
        short = number % 6 == 5
        found.append(segment(text, x, y + 30 * number, width=width / 3 if short else width))
    return found


def read(segments: list[Segment]) -> list[str]:
    """Return the texts in reading order; check that it does not depend on the engine's order."""
    forward = arrange(segments)
    assert arrange(segments[::-1]) == forward
    return [line.text for line in forward]


def firsts(segments: list[Segment]) -> list[str]:
    return [text.split()[0] for text in read(segments)]


def names(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def test_an_empty_page_has_no_lines() -> None:
    assert arrange([]) == ()


def test_one_ragged_column_is_read_from_the_top_down() -> None:
    assert firsts(column("a", 100, 100, 20, 800)) == names("a", 20)


def test_two_columns_under_a_heading_are_read_one_after_another() -> None:
    heading = segment("THE HEADING ACROSS BOTH COLUMNS", 150, 40, width=700)
    page = [heading, *column("a", 50, 100, 20), *column("b", 540, 100, 20)]
    assert firsts(page) == ["THE", *names("a", 20), *names("b", 20)]


def test_columns_whose_lines_are_not_level_are_read_one_after_another() -> None:
    page = [*column("a", 50, 100, 20), *column("b", 540, 113, 18)]
    assert firsts(page) == [*names("a", 20), *names("b", 18)]


def test_a_heading_separates_the_columns_above_from_those_below() -> None:
    page = [
        *column("a", 50, 100, 8),
        *column("b", 540, 100, 8),
        segment("A HEADING IN THE MIDDLE OF THE PAGE", 150, 400, width=700),
        *column("c", 50, 460, 8),
        *column("d", 540, 460, 8),
    ]
    order = [*names("a", 8), *names("b", 8), "A", *names("c", 8), *names("d", 8)]
    assert firsts(page) == order


def test_three_columns_are_read_one_after_another() -> None:
    page = [
        s for n, x in zip("abc", (40, 360, 680), strict=True) for s in column(n, x, 100, 15, 290)
    ]
    assert firsts(page) == [*names("a", 15), *names("b", 15), *names("c", 15)]


def test_a_table_in_the_right_column_is_read_within_it() -> None:
    table = []
    for number in range(10):
        table.append(segment(f"Item{number} and more", 540, 300 + 30 * number))
        table.append(segment(f"{number * 100}.00", 880, 300 + 30 * number))
    page = [*column("a", 50, 100, 24), *column("b", 540, 100, 5), *table]
    assert firsts(page) == [*names("a", 24), *names("b", 5), *names("Item", 10)]
    assert read(page)[-1].split("  ")[0] == "Item9 and more"
    assert read(page)[-1].endswith("  900.00")


def with_spaces(text: str, x: float, y: float, right: float, wide: int) -> Segment:
    """Return a line from ``x`` to ``right``; space number ``wide`` is three times as wide as the others."""
    words = text.split()
    widths = [30 if number == wide else 10 for number in range(len(words) - 1)]
    letter = (right - x - sum(widths)) / sum(map(len, words))
    spaces = []
    at = x
    for word, width in zip(words, widths, strict=False):
        at += len(word) * letter
        spaces.append((at + width / 2, float(width)))
        at += width
    return Segment(text, Box(x, y, right, y + 20), 0.9, spaces=tuple(spaces))


def test_a_line_across_the_gutter_is_split_if_its_widest_space_is_there() -> None:
    page = [*column("a", 50, 130, 10, 430), *column("b", 510, 130, 10, 430)]
    words = "aaaaaaaa " * 4 + "bbbbbbbb " * 4
    across = with_spaces(words.strip(), 50, 100, 940, 3)
    assert abs(across.spaces[3][0] - 495) < 5
    lines = read([across, *page])
    assert lines[0] == "aaaaaaaa " * 3 + "aaaaaaaa"
    assert lines[11] == "bbbbbbbb " * 3 + "bbbbbbbb"
    assert firsts(page) == [*names("a", 10), *names("b", 10)]


def test_a_line_across_the_gutter_is_split_there_though_another_space_is_wider() -> None:
    page = [*column("a", 50, 130, 10, 430), *column("b", 510, 130, 10, 430)]
    across = with_spaces(("aaaaaaaa " * 4 + "bbbbbbbb " * 4).strip(), 50, 100, 940, 3)
    wider = tuple(
        (at, 40.0 if number == 5 else width) for number, (at, width) in enumerate(across.spaces)
    )
    lines = read([replace(across, spaces=wider), *page])
    assert lines[0].split() == ["aaaaaaaa"] * 4
    assert lines[11].split() == ["bbbbbbbb"] * 4


def test_unsure_offsets_and_doubts_stay_with_their_characters() -> None:
    def doubted(text: str, x: float, *places: int) -> Segment:
        told = tuple(CharAlternatives(place, {text[place]: 0.6, "": 0.4}) for place in places)
        return replace(segment(text, x, 100), unsure=places, doubts=told)

    (line,) = arrange([doubted("first", 50, 1), doubted("second", 400, 0, 5)])

    assert [line.text[n] for n in line.unsure or ()] == ["i", "s", "d"]
    assert [d.at for d in line.doubts or ()] == list(line.unsure or ())
    assert arrange([doubted("first", 50, 1), segment("second", 400, 100)])[0].doubts is None

    whole = doubted("first second", 50, 2, 6, 11)
    parts = whole.part(0, 5, whole.box, ()), whole.part(6, 12, whole.box, ())
    assert [(p.text, p.unsure, [d.at for d in p.doubts or ()]) for p in parts] == [
        ("first", (2,), [2]),
        ("second", (0, 5), [0, 5]),
    ]


def test_a_heading_with_even_spaces_is_not_split() -> None:
    page = [*column("a", 50, 130, 10, 430), *column("b", 510, 130, 10, 430)]
    words = "aaaaaaaa " * 4 + "bbbbbbbb " * 4
    heading = with_spaces(words.strip(), 50, 100, 940, -1)
    assert read([heading, *page])[0] == words.strip()


def test_running_heads_and_feet_do_not_belong_to_a_column() -> None:
    page = [
        segment("Chapter", 50, 30),
        segment("17", 930, 30),
        *column("a", 50, 100, 20),
        *column("b", 540, 100, 20),
        segment("foot", 50, 800),
    ]
    assert read(page)[0].split() == ["Chapter", "17"]
    assert firsts(page)[-1] == "foot"


def test_a_receipt_is_read_row_by_row_with_its_gaps_as_spaces() -> None:
    rows = [
        ("Milk 1 l", "1.19"),
        ("Bread", "2.49"),
        ("Apples, loose", "3.05"),
        ("TOTAL EUR", "6.73"),
    ]
    page = [
        s
        for number, (item, price) in enumerate(rows)
        for s in (segment(item, 50, 100 + 30 * number), segment(price, 400, 102 + 30 * number))
    ]
    lines = read(page)
    assert [line.split("  ")[0] for line in lines] == [item for item, _ in rows]
    assert [line.split()[-1] for line in lines] == [price for _, price in rows]
    assert all("   " in line for line in lines)


def test_a_table_of_short_texts_is_read_row_by_row() -> None:
    page = [
        segment(f"{'nwsec'[c]}{r}", 60 + 180 * c, 100 + 40 * r) for r in range(12) for c in range(5)
    ]
    assert [line.split() for line in read(page)] == [
        [f"{c}{r}" for c in "nwsec"] for r in range(12)
    ]


def test_a_label_is_read_with_the_value_beside_it() -> None:
    fields = [
        ("Name:", "Ada Lovelace"),
        ("Date:", "10 December 1815"),
        ("Place:", "London"),
        ("No.", "4711"),
    ]
    page = [
        s
        for number, (label, value) in enumerate(fields)
        for s in (segment(label, 50, 100 + 50 * number), segment(value, 300, 96 + 50 * number))
    ]
    assert [line.split(maxsplit=1) for line in read(page)] == [list(field) for field in fields]


@pytest.mark.parametrize("slope", [-0.02, 0.02])
def test_a_row_of_a_skewed_page_stays_one_row(slope: float) -> None:
    page = [
        segment(f"c{c}r{r}", x, 100 + 30 * r + slope * x)
        for r in range(6)
        for c, x in enumerate((50, 250, 450, 650, 850))
    ]
    assert [line.split() for line in read(page)] == [
        [f"c{c}r{r}" for c in range(5)] for r in range(6)
    ]


def test_words_of_one_line_get_one_space() -> None:
    assert read([segment("one", 100, 100), segment("two", 136, 100)]) == ["one two"]


def test_each_paragraph_and_column_is_a_block() -> None:
    page = [*column("a", 50, 100, 6), *column("b", 540, 100, 6), *column("c", 50, 400, 4, 890)]
    blocks = [line.block for line in arrange(page)]
    assert blocks == [0] * 6 + [1] * 6 + [2] * 4


def test_a_row_has_the_bounds_and_the_weighted_confidence_of_its_segments() -> None:
    page = [segment("ab", 100, 100, confidence=1.0), segment("cdef", 300, 104, confidence=0.7)]
    (line,) = arrange(page)
    assert line.box == Box(100, 100, 340, 124)
    assert line.confidence == pytest.approx(0.8)
    (unknown,) = arrange([segment("a", 0, 0, confidence=None)])
    assert unknown.confidence is None


coordinate = st.floats(0, 1000, allow_nan=False)


@given(
    st.lists(
        st.builds(
            lambda text, x, y, w, h: segment(text, x, y, width=w, height=h),
            st.text("abc 1.", min_size=1, max_size=30),
            coordinate,
            coordinate,
            st.floats(0, 800),
            st.floats(0, 60),
        ),
        max_size=40,
    )
)
def test_each_character_is_read_exactly_once(segments: list[Segment]) -> None:
    lines = arrange(segments)
    wanted = sorted("".join(s.text for s in segments).replace(" ", ""))
    assert sorted("".join(line.text for line in lines).replace(" ", "")) == wanted
    assert [line.block for line in lines] == sorted(line.block for line in lines)


def table(left: float, columns: int, rows: int, name: str) -> list[Segment]:
    return [
        segment(f"{name}{row}-{column}", left + column * 60, 100 + row * 30, width=50)
        for row in range(rows)
        for column in range(columns)
    ]


def test_tables_side_by_side_are_read_one_after_the_other() -> None:
    segments = [*table(0, 4, 10, "a"), *table(280, 4, 10, "b")]

    assert firsts(segments) == [f"a{n}-0" for n in range(10)] + [f"b{n}-0" for n in range(10)]


def test_a_table_with_a_wide_space_after_its_labels_stays_one_table() -> None:
    segments = [*table(0, 1, 10, "label"), *table(280, 5, 10, "b")]

    assert [text.split()[:2] for text in read(segments)] == [
        [f"label{n}-0", f"b{n}-0"] for n in range(10)
    ]


def test_rows_are_not_formed_again_for_each_gutter_of_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read a table: each of its gutters could separate columns, but no side has three segments of prose."""
    pieces = [
        segment("12.50", 20 + 60 * column + 7 * (row % 3), 20 + 30 * row)
        for row in range(30)
        for column in range(16)
    ]
    words = [segment("two words of prose", 20 + 300 * column, 940) for column in range(3)]
    calls: list[int] = []
    plain = rows_of

    def counted(region: Region) -> list[Region]:
        calls.append(len(region))
        return plain(region)

    monkeypatch.setattr(prose, "rows_of", counted)
    monkeypatch.setattr(columns, "rows_of", counted)

    arrange(pieces + words)

    assert len(calls) <= 2
