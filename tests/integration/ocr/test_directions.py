"""Test that each line of a recognised page is read in its own direction, and arranged apart from the upright lines."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import pdfs
from reading import read, read_made
from scanmend.ocr.directions import arrange_directions
from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.rapid import Rapid
from scanmend.ocr.layout import arrange
from scanmend.page import Line

CASES = Path(__file__).resolve().parents[2] / "cases"
PROSE = [
    "The ledger of the harbour office has been bound",
    "and can be collected before noon on any weekday.",
    "Please bring the receipt which we sent to you",
    "and the amount of 150.90 in cash. We remain open",
    "until the end of the year, as in the years before.",
]
MARGIN = "Registered in Halden under number HRB 55310"
STOCK = [
    ["Article", "Count", "Price", "Sum"],
    ["Hinges", "24", "2.15", "51.60"],
    ["Bolts", "6", "0.32", "1.92"],
    ["Brackets", "9", "7.40", "66.60"],
    ["Screws", "8", "0.60", "4.80"],
]


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    return Rapid(("en",))


def letter(size: tuple[int, int] = (1240, 1000)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(PROSE):
        draw.text((160, 80 + 44 * number), line, "black", ImageFont.load_default(30))
    return image


def put(page: Image.Image, drawn: Image.Image, at: tuple[int, int], turn: float) -> None:
    """Draw a picture onto a page, turned clockwise by ``turn`` degrees."""
    page.paste(
        drawn.rotate(-turn, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC), at
    )


def strip(lines: Sequence[str], points: int = 24) -> Image.Image:
    """Return lines of text as a picture."""
    font = ImageFont.load_default(points)
    width = round(max(font.getlength(line) for line in lines)) + 20
    image = Image.new("RGB", (width, round(1.5 * points * len(lines)) + 10), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((10, 5 + 1.5 * points * number), line, "black", font)
    return image


def table() -> Image.Image:
    image = Image.new("RGB", (560, 44 * len(STOCK) + 10), "white")
    for row, cells in enumerate(STOCK):
        for column, text in enumerate(cells):
            place = (10 + 140 * column, 5 + 44 * row)
            ImageDraw.Draw(image).text(place, text, "black", ImageFont.load_default(26))
    return image


def lines_of(rapid: Rapid, page: Image.Image) -> list[Line]:
    return list(arrange_directions(rapid.read(UprightPage(page, 150)).segments, arrange, arrange))


def turned(lines: Sequence[Line]) -> list[tuple[str, int]]:
    """Return the lines that are not upright, with single spaces, and their turns."""
    return [(" ".join(line.text.split()), line.turn) for line in lines if line.turn]


def upright(lines: Sequence[Line]) -> list[str]:
    return [line.text for line in lines if not line.turn]


@pytest.mark.parametrize("turn", [90, 270])
@pytest.mark.parametrize("points", [18, 28])
def test_text_in_the_margin_is_a_block_of_its_own(rapid: Rapid, turn: int, points: int) -> None:
    page = letter()
    put(page, strip([MARGIN], points), (40, 120), turn)
    lines = lines_of(rapid, page)
    assert turned(lines) == [(MARGIN, turn)]
    assert upright(lines) == PROSE
    blocks = {line.block for line in lines if line.turn}
    assert not blocks & {line.block for line in lines if not line.turn}
    box = next(line.box for line in lines if line.turn)
    assert max(box.x1, box.y0) < 140
    assert box.height > 8 * box.width


@pytest.mark.parametrize("turn", [-20, -14, 8, 25, 90, 270])
def test_a_stamp_is_read_along_its_slope(rapid: Rapid, turn: int) -> None:
    page = letter()
    put(page, strip(["RECEIVED", "21 MAR 2024 No 118"], 34), (600, 400), turn)
    lines = lines_of(rapid, page)
    read_as = turned(lines)
    assert [text for text, _ in read_as] == ["RECEIVED", "21 MAR 2024 No 118"]
    assert all(abs((found - turn + 180) % 360 - 180) <= 3 for _, found in read_as)
    assert upright(lines) == PROSE


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_table_comes_out_in_its_rows(rapid: Rapid, turn: int) -> None:
    """Its lone figures, which read well either way up, follow the other cells."""
    page = letter((1240, 1100))
    put(page, table(), (500, 420), turn)
    lines = lines_of(rapid, page)
    assert turned(lines) == [(" ".join(row), turn) for row in STOCK]
    assert upright(lines) == PROSE


def test_lone_figures_stay_upright_beside_text_in_the_margin(rapid: Rapid) -> None:
    page = letter()
    put(page, strip([MARGIN]), (40, 120), 270)
    figures = ["6", "9", "8", "1", "68", "96"]
    for number, figure in enumerate(figures):
        place = (180 + 150 * number, 500)
        ImageDraw.Draw(page).text(place, figure, "black", ImageFont.load_default(30))
    lines = lines_of(rapid, page)
    assert upright(lines)[-1].split() == figures
    assert turned(lines) == [(MARGIN, 270)]


def test_figures_below_turned_column_heads_stay_upright(rapid: Rapid) -> None:
    page = letter((1240, 1000))
    for column, head in enumerate(["Quarter one", "Quarter two", "Quarter three", "Whole year"]):
        drawn = strip([head]).rotate(90, expand=True)
        page.paste(drawn, (340 + 120 * column, 580 - drawn.height))
    rows = [["North", "16", "96", "69", "181"], ["South", "61", "9", "98", "168"]]
    for number, row in enumerate([*rows, ["East", "6", "89", "8", "103"]]):
        for column, text in enumerate(row):
            place = (200 + 135 * min(column, 1) + 120 * max(0, column - 1), 590 + 40 * number)
            ImageDraw.Draw(page).text(place, text, "black", ImageFont.load_default(24))
    lines = lines_of(rapid, page)
    assert [line.split() for line in upright(lines)[-3:-1]] == rows
    assert upright(lines)[-1].split() == ["East", "6", "89", "8", "103"]
    assert {turn for _, turn in turned(lines)} == {270}


def test_the_label_of_an_axis_does_not_join_the_labels_of_its_ticks(rapid: Rapid) -> None:
    page = letter((1240, 1200))
    draw = ImageDraw.Draw(page)
    for number in range(6):
        draw.text((240, 1000 - 90 * number), f"{20 * number}", "black", ImageFont.load_default(22))
    draw.line((300, 480, 300, 1060), "black", 3)
    draw.line((300, 1060, 1000, 1060), "black", 3)
    put(page, strip(["Temperature (K)"]), (160, 640), 270)
    lines = lines_of(rapid, page)
    assert turned(lines) == [("Temperature (K)", 270)]
    assert [t.strip() for t in upright(lines)[-6:]] == ["100", "80", "60", "40", "20", "0"]


def test_a_stamp_and_a_margin_stand_apart_from_the_rows_of_an_invoice() -> None:
    lines = read(CASES / "stamp-and-margin.png").lines
    assert turned(lines) == [(MARGIN, 270), ("RECEIVED", 346), ("21 MAR 2024 No 118", 346)]
    assert len({line.block for line in lines}) == 3


@pytest.mark.parametrize("tilt", [-13, -4, 2, 9, 15, 86])
def test_a_tilted_page_keeps_its_rows(tmp_path: Path, tilt: int) -> None:
    """The boxes that are published are those on the page as it is, and the page tells its tilt."""
    page = Image.new("RGB", (1240, 1000), "white")
    draw = ImageDraw.Draw(page)
    rows = [
        [f"Article {n}", f"{n * 37 % 90}", f"{n * 7.35:.2f}", f"{n * 61.9:.2f}"]
        for n in range(1, 16)
    ]
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            place = (120 + 260 * column, 80 + 56 * number)
            draw.text(place, text, "black", ImageFont.load_default(28))
    tilted = page.rotate(-tilt, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    tilted.save(tmp_path / "tilted.png")
    found = read(tmp_path / "tilted.png")
    assert [line.text.split() for line in found.lines] == [" ".join(row).split() for row in rows]
    assert found.tilt == pytest.approx((tilt + 45) % 90 - 45, abs=1.0)
    assert {found.width, found.height} == set(tilted.size)
    first = found.lines[0].box
    ink = tilted if not found.rotation else tilted.rotate(-found.rotation, expand=True)
    inside = ink.crop((int(first.x0), int(first.y0), int(first.x1), int(first.y1)))
    assert np.asarray(inside.convert("L")).min() < 60


def test_a_note_in_the_margin_and_a_stamp_of_a_tilted_page_keep_their_directions(
    tmp_path: Path,
) -> None:
    page = letter()
    put(page, strip([MARGIN]), (40, 120), 270)
    put(page, strip(["RECEIVED", "21 MAR 2024 No 118"], 34), (600, 400), -14)
    tilted = page.rotate(-6, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    tilted.save(tmp_path / "tilted.png")
    lines = read(tmp_path / "tilted.png").lines
    assert upright(lines) == PROSE
    turns = {text: round(turn / 5) * 5 for text, turn in turned(lines)}
    assert turns == {MARGIN: 270, "RECEIVED": 345, "21 MAR 2024 No 118": 345}


@pytest.mark.parametrize("angle", [3, -8, 13, 90, 97, 180, 270])
def test_a_text_layer_that_slopes_or_lies_on_its_side_keeps_its_rows(
    tmp_path: Path, angle: int
) -> None:
    matrix = _rotation(angle)
    rows = [[f"Article {n}", f"{n * 37 % 90}", f"{n * 61.9:.2f}"] for n in range(1, 13)]
    content = ""
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            content += _placed(text, matrix, 140 * column - 160, 120 - 20 * number)
    found = read_made(tmp_path, pdfs.page(content))
    assert [line.text.split() for line in found.lines] == [" ".join(row).split() for row in rows]
    assert {line.turn for line in found.lines} == {0}
    assert found.rotation == round(angle / 90) * 90 % 360
    assert found.tilt == pytest.approx(round(angle / 90) * 90 - angle, abs=0.1)


def test_turned_lines_of_a_text_layer_stand_beside_the_block_that_is_near(tmp_path: Path) -> None:
    content = "".join(pdfs.line(f"Heading line {n} of the page", y=760 - 16 * n) for n in range(4))
    content += "".join(pdfs.line(f"Closing line {n} of the page", y=200 - 16 * n) for n in range(4))
    content += _placed("Registered under HRB 55310", _rotation(90), -280, 280)
    found = read_made(tmp_path, pdfs.page(content))
    assert [line.text.split()[0] for line in found.lines] == [
        *["Heading"] * 4,
        "Registered",
        *["Closing"] * 4,
    ]
    assert [line.turn for line in found.lines] == [0] * 4 + [270] + [0] * 4
    assert len({line.block for line in found.lines}) == 3


def _rotation(degrees: float) -> tuple[float, float, float, float]:
    cos, sin = (round(f(math.radians(degrees)), 5) for f in (math.cos, math.sin))
    return cos, sin, -sin, cos


def _placed(text: str, matrix: tuple[float, float, float, float], x: float, y: float) -> str:
    """Return the operators of a line at a place that is turned with it around the middle of the page."""
    a, b, c, d = matrix
    return pdfs.turned(text, matrix, round(300 + x * a + y * c, 2), round(420 + x * b + y * d, 2))
