"""Test that the rules of a page are found, and that text is none: drawn pages of A4 at 200 dpi."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scanmend.ocr.rulings import Rulings, find_rulings

SIZE = 1654, 2339
TEXT = "The quick brown fox, Ill with minimum WHEEL time 1,204.50 of 4711"


def rules_of(page: Image.Image) -> Rulings:
    grey: NDArray[np.uint8] = np.asarray(page.convert("L"))
    return find_rulings(grey)


def blank(paper: int = 255) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", SIZE, paper)
    return page, ImageDraw.Draw(page)


@pytest.mark.parametrize("thickness", [1, 2, 4, 7])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (215, 255), (60, 140)])
def test_a_grid_has_its_rules(thickness: int, ink: int, paper: int) -> None:
    page, draw = blank(paper)
    for y in (200, 260, 320, 380):
        draw.line((100, y, 1500, y), fill=ink, width=thickness)
    for x in (100, 600, 1500):
        draw.line((x, 200, x, 380), fill=ink, width=thickness)

    rules = rules_of(page)

    assert len(rules.horizontal) == 4
    assert all(abs(b.x0 - 100) <= 6 and abs(b.x1 - 1500) <= 6 for b in rules.horizontal)
    found = [(b.y0 + b.y1) / 2 for b in rules.horizontal]
    assert found == pytest.approx([200, 260, 320, 380], abs=2)
    assert len(rules.vertical) == 3
    assert all(
        b.width < 12 and abs(b.y0 - 200) <= 6 and abs(b.y1 - 380) <= 6 for b in rules.vertical
    )


def test_a_light_rule_that_a_dark_one_crosses_is_found() -> None:
    page, draw = blank()
    draw.line((100, 300, 1500, 300), fill=200, width=2)
    draw.line((100, 200, 100, 900), fill=0, width=3)
    draw.line((1500, 200, 1500, 900), fill=215, width=1)

    rules = rules_of(page)

    assert len(rules.horizontal) == 1
    assert len(rules.vertical) == 2


@pytest.mark.parametrize(("on", "off"), [(2, 4), (3, 3), (8, 5), (12, 8)])
def test_dots_and_dashes_are_a_rule(on: int, off: int) -> None:
    page, draw = blank()
    for start in range(100, 1500, on + off):
        draw.rectangle((start, 300, start + on - 1, 302), fill=0)
        draw.rectangle((500, start, 502, start + on - 1), fill=0)

    rules = rules_of(page)

    assert len(rules.horizontal) == 1
    assert rules.horizontal[0].width > 1300
    assert len(rules.vertical) == 1
    assert rules.vertical[0].height > 1300


@pytest.mark.parametrize("rise", [-40, -10, 10, 40])
def test_a_tilted_rule_is_a_chain_of_thin_boxes(rise: int) -> None:
    page, draw = blank()
    draw.line((100, 500, 1500, 500 + rise), fill=0, width=3)

    boxes = sorted(rules_of(page).horizontal, key=lambda b: b.x0)

    assert max(b.height for b in boxes) <= 12
    assert sum(b.width for b in boxes) > 1350
    assert abs((boxes[-1].y0 + boxes[-1].y1) / 2 - 500 - rise) < 10


@pytest.mark.parametrize("font", ["DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf"])
@pytest.mark.parametrize("size", [14, 26, 40, 60])
def test_text_has_no_rules(font: str, size: int) -> None:
    page, draw = blank()
    for number, y in enumerate(range(100, 2200, round(1.4 * size))):
        words = TEXT.split()
        text = " ".join(words[number % len(words) :] + words)
        draw.text((100, y), text, fill=0, font=ImageFont.truetype(font, size))

    assert rules_of(page) == Rulings()


def test_text_on_a_line_of_a_form_leaves_the_line_a_rule() -> None:
    page, draw = blank()
    draw.text((100, 300), "Name gypsy", fill=0, font=ImageFont.truetype("DejaVuSans.ttf", 30))
    draw.line((100, 333, 900, 333), fill=0, width=2)

    (rule,) = rules_of(page).horizontal

    assert rule.width > 790
    assert 325 < rule.y0 < rule.y1 < 345


def test_a_barcode_and_a_patch_of_ink_are_no_rules() -> None:
    page, draw = blank()
    for number in range(30):
        draw.line((200 + 9 * number, 200, 200 + 9 * number, 320), fill=0, width=2 + number % 3)
    draw.rectangle((200, 800, 700, 900), fill=0)

    assert rules_of(page) == Rulings()


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (20, 20), (600, 9000)])
def test_small_and_narrow_pictures_have_no_rules(size: tuple[int, int]) -> None:
    assert rules_of(Image.new("L", size, 255)) == Rulings()
