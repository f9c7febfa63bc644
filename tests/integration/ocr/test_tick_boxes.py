"""Read drawn tick boxes, and what only looks so, with the real engine."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.rapid import Rapid
from scanmend.ocr.layout import arrange
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.marks import with_marks, without_marks

CASES = Path(__file__).resolve().parents[2] / "cases"
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
LABELS = ("smoker", "diabetes", "penicillin allergy", "pregnant", "newsletter", "cash")
MARKS = ("empty", "cross", "tick", "stroke", "scribble", "block")


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    return Rapid(("en",))


def _lines(rapid: Rapid, image: Image.Image) -> list[str]:
    marked = without_marks(UprightPage(image, 150), LineModels())
    reading = rapid.read(marked.page)
    return [line.text for line in arrange(with_marks(reading.segments, marked))]


def _draw_mark(draw: ImageDraw.ImageDraw, mark: str, x: int, y: int, side: int) -> None:
    def line(*points: float) -> None:
        draw.line([(x if n % 2 == 0 else y) + p * side for n, p in enumerate(points)], 0, 3)

    if mark == "cross":
        line(0.15, 0.15, 0.85, 0.85)
        line(0.15, 0.85, 0.85, 0.15)
    elif mark == "tick":
        line(0.2, 0.5, 0.4, 0.8, 1.1, -0.2)
    elif mark == "stroke":
        line(0.15, 0.85, 0.85, 0.15)
    elif mark == "scribble":
        line(0.2, 0.3, 0.8, 0.4, 0.2, 0.5, 0.8, 0.6, 0.2, 0.7, 0.8, 0.8)
    elif mark == "block":
        draw.rectangle([x + 0.2 * side, y + 0.2 * side, x + 0.8 * side, y + 0.8 * side], 0)


def _form(side: int, *, columns: int = 1, worn: bool = False) -> tuple[Image.Image, list[str]]:
    """Return a form with a label beside each box, and each box with its label."""
    image = Image.new("L", (1240, 700), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    lines = []
    for n in range(len(MARKS)):
        for column in range(columns):
            shown = MARKS[(n + column) % len(MARKS)]
            x, y = 100 + 500 * column, 60 + 90 * n
            draw.rectangle([x, y, x + side, y + side], outline=0, width=2)
            _draw_mark(draw, shown, x, y, side)
            draw.text((x + side + 24, y + side / 2), LABELS[n], 0, font, anchor="lm")
            lines.append(f"{'☐' if shown == 'empty' else '☒'} {LABELS[n]}")
    if worn:
        image = image.filter(ImageFilter.GaussianBlur(0.8)).rotate(0.5, fillcolor=255)
        image = image.point(lambda v: int(v * 0.7 + 60))
    return image, lines


@pytest.mark.parametrize("worn", [False, True])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("side", [26, 36, 50])
def test_ticked_and_empty_boxes_stand_before_their_labels(
    rapid: Rapid, side: int, columns: int, worn: bool
) -> None:
    image, lines = _form(side, columns=columns, worn=worn)

    read = [part for line in _lines(rapid, image) for part in re.split(r" {3,}", line)]

    assert sorted(read) == sorted(lines)


def test_boxes_within_a_line_part_its_words(rapid: Rapid) -> None:
    image = Image.new("L", (1240, 200), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    for x, text in ((60, "Married:"), (280, "yes"), (430, "no"), (560, "not known")):
        draw.text((x, 80), text, 0, font)
    for x in (235, 385, 515):
        draw.rectangle([x, 86, x + 28, 114], outline=0, width=2)
    _draw_mark(draw, "cross", 385, 86, 28)

    (line,) = _lines(rapid, image)

    assert line.split() == ["Married:", "☐", "yes", "☒", "no", "☐", "not", "known"]


def test_the_boxes_of_the_case(rapid: Rapid) -> None:
    with Image.open(CASES / "checkboxes.png") as image:
        lines = _lines(rapid, image)

    assert lines == ["☐ smoker", "☒ diabetes", "☒ penicillin allergy", "☐ pregnant"]


def _comb(gap: int) -> Image.Image:
    image = Image.new("L", (1240, 200), 255)
    draw = ImageDraw.Draw(image)
    for n, character in enumerate("DE893704  0044O5"):
        x = 80 + n * (44 + gap)
        draw.rectangle([x, 60, x + 44, 104], outline=0, width=2)
        draw.text((x + 22, 82), character, 0, ImageFont.load_default(34), anchor="mm")
    return image


def _letters() -> Image.Image:
    image = Image.new("L", (1240, 300), 255)
    draw = ImageDraw.Draw(image)
    draw.text((80, 40), "O  0  D  B  8  Q  U  H  M  E  5  o  n  a", 0, ImageFont.load_default(40))
    for n, digit in enumerate("3758"):
        draw.rectangle([80 + 200 * n, 140, 130 + 200 * n, 190], outline=0, width=2)
        draw.text((105 + 200 * n, 165), digit, 0, ImageFont.load_default(38), anchor="mm")
    for n in range(3):
        draw.rectangle([80, 215 + 25 * n, 90, 225 + 25 * n], fill=0)
        draw.text((110, 208 + 25 * n), "bullet", 0, ImageFont.load_default(24))
    return image


def _table() -> Image.Image:
    image = Image.new("L", (1240, 500), 255)
    draw = ImageDraw.Draw(image)
    for n in range(48):
        x, y = 80 + n % 8 * 64, 60 + n // 8 * 64
        draw.rectangle([x, y, x + 64, y + 64], outline=0, width=2)
        if n % 3:
            draw.text((x + 32, y + 32), str(n % 10), 0, ImageFont.load_default(34), anchor="mm")
    return image


def _qr_code() -> Image.Image:
    modules = np.array(
        [[random.Random(n * 31 + m).random() < 0.5 for m in range(29)] for n in range(29)]
    )
    finder = np.zeros((8, 8), bool)
    finder[:7, :7] = True
    finder[1:6, 1:6] = False
    finder[2:5, 2:5] = True
    modules[:8, :8], modules[-8:, :8], modules[:8, -8:] = finder, finder[::-1], finder[:, ::-1]
    picture = Image.fromarray(np.where(modules, 0, 255).astype(np.uint8)).resize((290, 290), 0)
    image = Image.new("L", (1240, 700), 255)
    image.paste(picture, (100, 100))
    return image


def _chinese() -> Image.Image:
    if not CJK.exists():
        pytest.skip("no Chinese font is installed (apt install fonts-noto-cjk)")
    image = Image.new("L", (1240, 300), 255)
    draw = ImageDraw.Draw(image)
    for n, text in enumerate(
        ("人口普查，口腔科，日本国中国", "口 口 国 日 田", "目的口径回合因此口罩")
    ):
        draw.text((80, 40 + 80 * n), text, 0, ImageFont.truetype(str(CJK), 44))
    return image


@pytest.mark.parametrize(
    "picture", [lambda: _comb(0), lambda: _comb(8), _letters, _table, _qr_code, _chinese]
)
def test_what_only_looks_like_a_tick_box_is_none(
    rapid: Rapid, picture: Callable[[], Image.Image]
) -> None:
    text = "\n".join(_lines(rapid, picture()))

    assert "☐" not in text
    assert "☒" not in text


MONO = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")


@pytest.mark.skipif(not MONO.exists(), reason="needs DejaVu Sans Mono")
def test_a_letter_of_a_word_in_a_narrow_cell_is_no_tick_box(rapid: Rapid) -> None:
    image = Image.new("L", (1240, 900), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(MONO), 22)
    for row in range(10):
        y = 100 + 40 * row
        draw.rectangle([78, y, 700, y + 40], outline=0)
        draw.text((82, y + 8), "Printer ink Poster Paper", 0, font)

    assert _lines(rapid, image) == ["Printer ink Poster Paper"] * 10
