"""Test the orientation of pages in four directions, and of pages that give no hint of it."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from scanmend.ocr.line_models import LineModels
from scanmend.ocr.orientation import upright

TURNS = [0, 90, 180, 270]


def letter() -> Image.Image:
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    sentence = "the goods remain our property until they are paid in full"
    for number in range(24):
        text = f"{number + 1}. In paragraph {number + 1} we agree that {sentence}"[
            : 60 + number % 7
        ]
        draw.text((100, 120 + 60 * number), text, fill=0, font=ImageFont.load_default(30))
    return image


def receipt() -> Image.Image:
    image = Image.new("RGB", (600, 1500), "white")
    draw = ImageDraw.Draw(image)
    for number in range(20):
        y = 80 + 65 * number
        draw.text(
            (40, y),
            ["Milk", "Bread rolls", "Apples loose"][number % 3],
            "black",
            ImageFont.load_default(34),
        )
        draw.text((450, y), f"{number}.{number * 7 % 100:02}", "black", ImageFont.load_default(34))
    return image


def table() -> Image.Image:
    image = Image.new("L", (1754, 1240), 255)
    draw = ImageDraw.Draw(image)
    for row in range(18):
        for column in range(8):
            text = f"{row * 137 + column * 1041:,}.{column}0"
            draw.text(
                (80 + 200 * column, 80 + 60 * row), text, fill=0, font=ImageFont.load_default(28)
            )
    return image


def sparse() -> Image.Image:
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    draw.text((420, 700), "Annual Report 2024", fill=0, font=ImageFont.load_default(48))
    return image


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("page", [letter, receipt, table, sparse])
def test_a_turned_page_is_turned_back(page: Callable[[], Image.Image], turn: int) -> None:
    assert upright(page().rotate(turn, expand=True), 150, LineModels()).turn == turn


def test_lines_that_run_up_the_margin_do_not_turn_a_page() -> None:
    image = letter()
    note = Image.new("L", (900, 50), 255)
    ImageDraw.Draw(note).text(
        (0, 5), "archive copy, do not remove from the file", fill=0, font=ImageFont.load_default(34)
    )
    image.paste(note.rotate(90, expand=True), (20, 300))
    assert upright(image, 150, LineModels()).turn == 0


@pytest.mark.parametrize("turn", TURNS)
def test_a_page_that_reads_badly_either_way_is_not_turned(turn: int) -> None:
    """Mirrored letters stand for a script that the engine can't read."""
    image = ImageOps.mirror(letter())
    assert upright(image.rotate(turn, expand=True), 150, LineModels()).turn == 0


def test_a_page_without_text_is_not_turned() -> None:
    assert upright(Image.new("L", (1240, 1754), 255), 150, LineModels()).turn == 0
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    for number in range(8):
        draw.line((200, 200 + 150 * number, 1000, 200 + 150 * number), fill=0, width=4)
        draw.ellipse((500, 240 + 150 * number, 560, 300 + 150 * number), fill=90)
    assert upright(image, 150, LineModels()).turn == 0
