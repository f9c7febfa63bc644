"""Test that ink which no line covers is read again, and that what still has no text is named with its place."""

import os
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import pdfs
import reading
from scanmend.ocr.page_reader import read_page
from scanmend.page import Box, PageText
from scanmend.workers.protocol import PageRequest

MIN_LIKENESS_OF_TINY_PRINT = 0.93
CASES = Path(__file__).resolve().parents[2] / "cases"
A4_AT_200_DPI = (1654, 2339)
PROSE = [f"Paragraph {number} of an ordinary letter to the customer" for number in range(12)]


def page(engine: str, path: Path) -> PageText:
    """Return the page of this picture as the engine reads it."""
    return read_page(
        PageRequest(os.fsencode(path), 0, engine, ("en",), 200, True, "auto", 50_000_000)
    )


def font(points: int) -> ImageFont.FreeTypeFont:
    """Return a font of this size."""
    loaded = ImageFont.load_default(points)
    assert isinstance(loaded, ImageFont.FreeTypeFont)
    return loaded


def letter(path: Path, draw_more: Callable[[Image.Image, ImageDraw.ImageDraw], None]) -> Path:
    """Write a letter of twelve lines, with something more on the lower half, and return its path."""
    image = Image.new("L", A4_AT_200_DPI, 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(PROSE):
        draw.text((150, 150 + 70 * number), line, 0, font(34))
    draw_more(image, draw)
    image.save(path)
    return path


def texts(read: PageText) -> list[str]:
    """Return the lines of a page, with single spaces."""
    return [" ".join(line.text.split()) for line in read.lines]


@pytest.mark.parametrize("points", [8, 9, 10])
def test_tiny_print_is_read_larger(tmp_path: Path, points: int) -> None:
    terms = [
        "Payment is due within thirty days of the date of invoice",
        "Goods remain our property until they are paid in full",
        "Registered office Hamburg, court of jurisdiction Altona",
    ]

    def draw_terms(_: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        for number, line in enumerate(terms):
            draw.text((150, 1800 + round(1.7 * points) * number), line, 0, font(points))

    read = page("rapidocr", letter(tmp_path / "terms.png", draw_terms))
    assert texts(read)[: len(PROSE)] == PROSE
    # single letters of print of this size are misread, but no word is missing
    for line, published in zip(terms, texts(read)[len(PROSE) :], strict=True):
        assert SequenceMatcher(None, line, published).ratio() > MIN_LIKENESS_OF_TINY_PRINT


@pytest.mark.parametrize("engine", ["rapidocr", "tesseract"])
def test_lone_figures_and_dashes_of_a_table_are_read(tmp_path: Path, engine: str) -> None:
    quantities = ["1", "7", "-", "4", "1", "-", "7", "9", "2", "1"]

    def draw_table(_: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        for number, quantity in enumerate(quantities):
            y = 1100 + 60 * number
            draw.text((150, y), f"Article {number + 10}", 0, font(28))
            draw.text((700, y), quantity, 0, font(28))
            draw.text((1000, y), f"{number + 11}.50", 0, font(28))

    read = page(engine, letter(tmp_path / "table.png", draw_table))
    rows = [f"Article {n + 10} {quantity} {n + 11}.50" for n, quantity in enumerate(quantities)]
    assert texts(read)[len(PROSE) :] == rows
    assert read.unread == ()


def test_white_print_on_black_is_read(tmp_path: Path) -> None:
    def draw_bar(_: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((100, 1500, 1500, 1600), fill=0)
        draw.text((150, 1525), "Total to pay 7421.50", 255, font(40))

    read = page("rapidocr", letter(tmp_path / "bar.png", draw_bar))
    assert "Total to pay 7421.50" in texts(read)
    assert read.unread == ()


def test_photos_rules_stains_and_noise_are_not_unread_text(tmp_path: Path) -> None:
    random = np.random.default_rng(19)

    def draw_pictures(image: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        coarse = Image.fromarray(random.integers(0, 255, (40, 60), np.uint8))
        image.paste(coarse.resize((600, 400), Image.Resampling.BICUBIC), (150, 1100))
        draw.ellipse((900, 1150, 1100, 1350), fill=90)  # a stain
        draw.ellipse((40, 700, 90, 750), fill=0)  # a punch hole
        draw.rectangle((0, 0, 30, 2339), fill=10)  # the scanner's dark border
        for x in range(150, 1500, 26):  # a dashed rule
            draw.line((x, 1600, x + 14, 1600), fill=0, width=3)
        draw.line((150, 1650, 1500, 1650), fill=0, width=4)
        x = 200
        for width in random.integers(2, 7, 90).tolist():  # a barcode
            draw.rectangle((x, 1800, x + width, 1900), fill=0)
            x += width + int(random.integers(3, 7))
        for left, top in random.integers(0, (1600, 2300), (300, 2)).tolist():  # a fax's noise
            draw.rectangle((left, top, left + 1, top + 1), fill=0)

    read = page("rapidocr", letter(tmp_path / "pictures.png", draw_pictures))
    assert read.unread == ()


def holds(boxes: tuple[Box, ...], x: float, y: float) -> bool:
    """Return whether a point lies in one of the boxes."""
    return any(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for box in boxes)


def test_print_that_nobody_can_read_is_named_with_its_place(tmp_path: Path) -> None:
    words = Image.new("L", (900, 60), 255)
    ImageDraw.Draw(words).text((10, 5), "the quick brown fox jumps over it", 0, font(40))
    # each letter upside down in its place: it looks like print, and is none
    scrambled = Image.new("L", words.size, 255)
    for x in range(0, 900, 24):
        part = words.crop((x, 0, x + 24, 60)).transpose(Image.Transpose.ROTATE_180)
        scrambled.paste(part.filter(ImageFilter.MinFilter(3)), (x, 0))

    def draw_words(image: Image.Image, _: ImageDraw.ImageDraw) -> None:
        image.paste(scrambled, (300, 1600))

    read = page("rapidocr", letter(tmp_path / "scrambled.png", draw_words))
    below = [line for line in read.lines if line.box.y0 > 1500]
    assert below or holds(read.unread, 600, 1630)
    assert all(box.y0 > 1500 for box in read.unread)


def test_a_blank_page_has_no_unread_ink(tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", A4_AT_200_DPI, 250).save(path)
    read = page("rapidocr", path)
    assert (read.lines, read.unread) == ((), ())


def test_tiny_print_in_a_picture_beside_a_text_layer_is_read(tmp_path: Path) -> None:
    terms = ["Payment is due within thirty days", "Goods remain our property until paid"]
    image = Image.new("L", (1250, 500), 255)  # at 300 dpi
    draw = ImageDraw.Draw(image)
    draw.text((20, 40), "Stamped on arrival in Hamburg", 0, font(44))
    for number, line in enumerate(terms):
        draw.text((20, 200 + 18 * number), line, 0, font(10))
    layer = pdfs.line("Above the terms stands 1,455.20", y=800)
    content = layer + "q 300 0 0 120 60 600 cm /Im Do Q "
    read = reading.read_made(tmp_path, pdfs.page(content, image=image))
    assert reading.texts(read)[0] == "Above the terms stands 1,455.20"
    assert reading.texts(read)[1] == "Stamped on arrival in Hamburg"
    for line, published in zip(terms, reading.texts(read)[2:], strict=True):
        assert SequenceMatcher(None, line, published).ratio() > MIN_LIKENESS_OF_TINY_PRINT


def test_each_line_of_a_tall_receipt_is_published() -> None:
    truth = (CASES / "tall-receipt.txt").read_text().splitlines()
    read = page("rapidocr", CASES / "tall-receipt.png")
    assert [text.split() for text in texts(read)] == [line.split() for line in truth]
    assert read.unread == ()
