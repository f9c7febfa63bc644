"""Test by boxes alone which text stands apart: bands, columns, frames, blocks side by side, tables; lines 20 high."""

from itertools import pairwise

import pytest

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout import arrange
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

WORDS = [
    "lorem",
    "ipsum",
    "dolor",
    "amet",
    "consec",
    "adipi",
    "elitse",
    "eiusm",
    "tempor",
    "incidi",
    "labore",
    "magna",
    "aliqua",
]


def segment(
    text: str, x: float, y: float, *, width: float | None = None, height: float = 20
) -> Segment:
    return Segment(
        text, Box(x, y, x + (10 * len(text) if width is None else width), y + height), 0.9
    )


def column(
    name: str, x: float, y: float, lines: int, width: float = 400, step: float = 26
) -> list[Segment]:
    """Return numbered full lines of running text."""
    return [
        segment(
            f"{name}{n} " + " ".join(WORDS[(n + k) % len(WORDS)] for k in range(5)),
            x,
            y + step * n,
            width=width,
        )
        for n in range(lines)
    ]


def lines(
    texts: list[str], x: float, y: float, step: float = 26, *, centred: float | None = None
) -> list[Segment]:
    return [
        segment(text, x if centred is None else centred - 5 * len(text), y + step * n)
        for n, text in enumerate(texts)
    ]


def grid(columns: list[float], rows: list[float]) -> Rulings:
    return Rulings(
        tuple(Box(columns[0], y - 1, columns[-1], y + 1) for y in rows),
        tuple(Box(x - 1, rows[0], x + 1, rows[-1]) for x in columns),
    )


def joined(*rulings: Rulings) -> Rulings:
    return Rulings(
        tuple(b for r in rulings for b in r.horizontal),
        tuple(b for r in rulings for b in r.vertical),
    )


def read(
    segments: list[Segment],
    rules: Rulings | None = None,
    size: tuple[float, float] = (1000, 1400),
) -> list[str]:
    """Return the texts in reading order; check that it does not depend on the engine's order."""
    rules = rules or Rulings()
    forward = arrange(segments, rules, size)
    assert arrange(segments[::-1], rules, size) == forward
    return [line.text for line in forward]


def firsts(segments: list[Segment], rules: Rulings | None = None) -> list[str]:
    return [text.split()[0] for text in read(segments, rules)]


def names(name: str, count: int) -> list[str]:
    return [f"{name}{n}" for n in range(count)]


# bands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [50, 300, 540])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_heading_beside_which_both_columns_are_empty_is_read_between_them(
    x: float, rows: int
) -> None:
    page = [
        *column("a", 50, 100, 9),
        *column("b", 540, 100, 9),
        *lines(["Additional Features", "of the ferry"][:rows], x, 350),
        *column("c", 50, 380 + 26 * rows, 9),
        *column("d", 540, 380 + 26 * rows, 7),
    ]

    heading = ["Additional", "of"][:rows]
    assert firsts(page) == [
        *names("a", 9),
        *names("b", 9),
        *heading,
        *names("c", 9),
        *names("d", 7),
    ]


def test_a_heading_of_one_column_stays_in_it() -> None:
    left = [*column("a", 50, 100, 9), segment("Heading", 50, 350), *column("b", 50, 384, 9)]
    page = [*left, *column("c", 540, 100, 20)]

    assert firsts(page) == [*names("a", 9), "Heading", *names("b", 9), *names("c", 20)]


@pytest.mark.parametrize("heading", ["An early ferry", "II"])
def test_a_heading_above_both_columns_is_in_neither(heading: str) -> None:
    page = [segment(heading, 540, 60), *column("a", 50, 100, 9), *column("b", 540, 100, 9)]

    assert firsts(page) == [heading.split(maxsplit=1)[0], *names("a", 9), *names("b", 9)]


@pytest.mark.parametrize("x", [50, 480, 900])
def test_a_page_number_is_read_last(x: float) -> None:
    page = [*column("a", 50, 100, 9), *column("b", 540, 100, 9), segment("– 17 –", x, 360)]

    assert firsts(page)[-1] == "–"


def test_the_headings_of_two_columns_stay_in_them() -> None:
    page = [
        segment("First things", 50, 60, height=26),
        segment("Second things", 540, 60, height=26),
        *column("a", 50, 120, 9),
        *column("b", 540, 120, 9),
    ]

    assert firsts(page) == ["First", *names("a", 9), "Second", *names("b", 9)]


# columns ------------------------------------------------------------------------------------------


def test_a_heading_over_two_of_three_columns_belongs_to_these() -> None:
    page = [
        segment("A HEADING OVER TWO COLUMNS OF THREE", 40, 60, width=600),
        *column("a", 40, 100, 12, 290),
        *column("b", 360, 100, 12, 290),
        *column("c", 680, 60, 14, 290),
    ]

    assert firsts(page) == ["A", *names("a", 12), *names("b", 12), *names("c", 14)]


def test_facing_pages_are_read_one_after_the_other_with_their_numbers() -> None:
    page = [
        *column("a", 100, 100, 20, 600),
        segment("112", 100, 900),
        segment("Chapter", 1000, 60),
        *column("b", 1000, 100, 14, 600),
        segment("113", 1560, 900),
    ]

    order = [text.split()[0] for text in read(page, size=(1700, 1000))]
    assert order == [*names("a", 20), "112", "Chapter", *names("b", 14), "113"]


# frames -------------------------------------------------------------------------------------------


def test_a_box_beside_text_is_read_after_the_text() -> None:
    note = lines(["Note", "call first", "bring a lamp", "no dogs"], 620, 110, 31)
    page = [*column("a", 50, 100, 9, 500), *note]

    assert firsts(page, grid([600, 860], [100, 240])) == [
        *names("a", 9),
        "Note",
        "call",
        "bring",
        "no",
    ]


def test_adverts_in_frames_are_read_one_by_one_though_their_lines_are_level() -> None:
    adverts = [
        ["Garage Moss", "Mill Road 5", "Tel. 55 19"],
        ["Pharmacy Lund", "Hill Road 7", "Tel. 55 28"],
    ]
    page = [s for n, advert in enumerate(adverts) for s in lines(advert, 60 + 300 * n, 110)]
    rules = joined(grid([50, 330], [100, 200]), grid([350, 630], [100, 200]))

    assert read(page, rules) == [*adverts[0], *adverts[1]]


def test_adverts_in_the_cells_of_one_grid_are_read_cell_by_cell() -> None:
    texts = [
        [f"Shop {c}{r} of Lund", f"Mill Road {c}{r}", f"Tel. 55 {c}{r}9 12"]
        for r in range(2)
        for c in range(3)
    ]
    page = [
        s
        for n, advert in enumerate(texts)
        for s in lines(advert, 60 + 300 * (n % 3), 110 + 110 * (n // 3))
    ]

    assert [t.strip() for t in read(page, grid([50, 350, 650, 950], [100, 210, 320]))] == [
        line for advert in texts for line in advert
    ]


def test_the_boxes_of_a_form_do_not_part_labels_and_values() -> None:
    rows = [["Name", "Ada Lovelace"], ["Born", "10 December 1815"], ["Town", "London"]]
    page = [
        s
        for n, (label, value) in enumerate(rows)
        for s in (segment(label, 50, 110 + 40 * n), segment(value, 220, 110 + 40 * n))
    ]
    rules = joined(*(grid([200, 600], [105 + 40 * n, 135 + 40 * n]) for n in range(3)))

    assert [line.split(maxsplit=1) for line in read(page, rules)] == rows


def test_labels_left_of_a_table_with_rules_belong_to_its_rows() -> None:
    page = [*lines(["Net sales", "Costs", "Profit"], 50, 110, 30)]
    for n, value in enumerate(("12.50", "7.25", "5.25")):
        page += [segment(value, 320, 110 + 30 * n), segment("1.00", 460, 110 + 30 * n)]

    assert [line.split()[-1] for line in read(page, grid([300, 440, 560], [100, 200]))] == [
        "1.00"
    ] * 3


# blocks side by side ------------------------------------------------------------------------------


def test_an_address_beside_the_data_of_an_invoice_is_read_by_itself() -> None:
    address = ["Ms Ada Moss", "Mill Road 5", "4711 Halden", "Norway"]
    data = [
        ("Invoice number", "2024-17"),
        ("Date", "17.03.2024"),
        ("Customer", "5581"),
        ("Due", "31.03.2024"),
    ]
    page = lines(address, 50, 100)
    for n, (label, value) in enumerate(data):
        page += [segment(label, 600, 100 + 26 * n), segment(value, 800, 100 + 26 * n)]

    texts = read(page)
    assert texts[:4] == address
    assert [text.split()[-1] for text in texts[4:]] == [value for _, value in data]


@pytest.mark.parametrize("shift", [0, 7, 13])
def test_two_addresses_are_read_one_after_the_other(shift: float) -> None:
    one = ["Bill to the firm", "Moss and Sons Ltd", "Mill Road 5", "4711 Halden"]
    two = ["Ship to the yard", "Lund Timber Ltd", "Hill Road 77", "4750 Lund"]

    assert read([*lines(one, 50, 100), *lines(two, 500, 100 + shift)]) == [*one, *two]


@pytest.mark.parametrize("step", [22, 31, 34])
def test_lines_of_other_heights_beside_each_other_are_two_blocks(step: float) -> None:
    one = [f"{w} and {v}" for w, v in pairwise(WORDS)]
    two = [f"{w} or {v}" for w, v in pairwise(WORDS[::-1])][:8]

    texts = [text.strip() for text in read([*lines(one, 50, 100), *lines(two, 500, 103, step)])]
    assert texts == [*one, *two]


def test_labels_with_values_side_by_side_are_two_blocks() -> None:
    one = [("Name:", "Ada"), ("Town:", "Halden"), ("Born:", "1815")]
    two = [("Plate:", "AB 12"), ("Model:", "Window"), ("Colour:", "blue")]
    page = []
    for x, fields in ((50, one), (500, two)):
        for n, (label, value) in enumerate(fields):
            page += [segment(label, x, 100 + 30 * n), segment(value, x + 90, 100 + 30 * n)]

    assert [tuple(t.split(maxsplit=1)) for t in read(page)] == [*one, *two]


def test_a_rule_between_two_blocks_parts_them() -> None:
    one = ["Receipt", "Payable to", "Ida Moss", "Mill Road 5"]
    two = ["Payment part", "Payable to", "Ida Moss", "Mill Road 5"]
    rule = Rulings((), (Box(290, 90, 292, 220),))

    assert read([*lines(one, 50, 100), *lines(two, 310, 100)], rule) == [*one, *two]


def test_few_labels_of_a_chart_beside_a_table_do_not_enter_its_rows() -> None:
    page = [segment("Deliveries by month", 50, 100), segment("Jan Feb Mar", 50, 100 + 36 * 6)]
    for n, month in enumerate(["Month", "Jan", "Feb", "Mar", "Apr", "May", "Total"]):
        page += [segment(month, 500, 100 + 36 * n), segment(f"{n * 7}.50", 640, 100 + 36 * n)]

    texts = read(page)
    assert texts[:2] == ["Deliveries by month", "Jan Feb Mar"]
    assert all(len(text.split()) == 2 for text in texts[2:])


def test_names_in_a_line_above_their_numbers_stay_above_them() -> None:
    page = []
    for n, item in enumerate(("Tea", "Soya Bean", "Milo", "Take Away")):
        page += [
            segment(item, 50, 100 + 52 * n),
            segment("1 x", 260, 126 + 52 * n),
            segment("2.10", 420, 126 + 52 * n),
        ]

    assert firsts(page) == ["Tea", "1", "Soya", "1", "Milo", "1", "Take", "1"]


def test_tables_with_the_same_header_side_by_side_are_two_tables() -> None:
    page = []
    for x, rows in ((50, 5), (500, 3)):
        for n in range(rows):
            cells = ("Code", "Sum") if not n else (f"{'AB'[x > 50]}{n}", f"{n}.50")
            page += [segment(cells[0], x, 100 + 30 * n), segment(cells[1], x + 200, 100 + 30 * n)]

    assert firsts(page) == ["Code", "A1", "A2", "A3", "A4", "Code", "B1", "B2"]


# tables -------------------------------------------------------------------------------------------


def test_items_with_long_remarks_and_amounts_are_one_table() -> None:
    page = []
    y = 100
    for n in range(5):
        page += [
            segment(f"{n} ferry river bottle", 50, y),
            *column("r", 330, y, 1 + n % 2, 480),
            segment(f"{n}4.50", 900, y),
        ]
        y += 34 + 26 * (n % 2)

    assert [t.split()[-1] for t in read(page) if t[0].isdigit()] == [f"{n}4.50" for n in range(5)]


def test_words_in_columns_stay_in_their_rows() -> None:
    people = [
        ["Lars Novak", "Kiel", "chair"],
        ["Ida Moss", "Lund", "member"],
        ["Ada Brown", "Basel", "member"],
        ["Ole Dahl", "Graz", "guest"],
    ]
    page = [
        segment(cell, 50 + 330 * c, 100 + 30 * r)
        for r, row in enumerate(people)
        for c, cell in enumerate(row)
    ]

    assert [line.split("  ")[0] for line in read(page)] == [row[0] for row in people]
    assert [line.split()[-1] for line in read(page)] == [row[2] for row in people]


def test_groups_of_numbers_behind_one_column_of_labels_are_one_table() -> None:
    page = [
        segment(cell, x, 100 + 30 * r)
        for r in range(10)
        for cell, x in zip(
            (f"label{r}", "1.50", "2.50", "3.50", "4.50", "5.50", "6.50"),
            (0, 120, 180, 240, 420, 480, 540),
            strict=True,
        )
    ]

    assert [len(line.split()) for line in read(page)] == [7] * 10


# right to left ------------------------------------------------------------------------------------


def test_columns_of_right_to_left_text_are_read_from_the_right() -> None:
    hebrew = "שלום לכל הקוראים של העיתון הזה היום"
    left = [segment(f"{hebrew} א", 50, 100 + 26 * n, width=400) for n in range(8)]
    right = [segment(f"{hebrew} ב", 540, 100 + 26 * n, width=400) for n in range(8)]

    assert [text[-1] for text in read([*left, *right])] == ["ב"] * 8 + ["א"] * 8


def test_the_cells_of_a_right_to_left_table_begin_at_the_right() -> None:
    page = []
    for n, item in enumerate(("לחם", "חלב", "מים")):
        page += [segment(item, 600, 100 + 30 * n), segment(f"{n}2.50", 100, 100 + 30 * n)]

    assert [text.split() for text in read(page)] == [
        ["לחם", "02.50"],
        ["חלב", "12.50"],
        ["מים", "22.50"],
    ]
