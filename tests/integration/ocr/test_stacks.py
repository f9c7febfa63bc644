"""Test how boxes of the detector that hold several cells are parted, with the real recogniser."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.ocr.detection import Quad, as_bgr
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.quads import axis_angle, is_steep
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.stacks import with_stacks_parted
from scanmend.ocr.turned import found_lines

POINTS = 18
PITCH = 30  # pixels from one line to the next
SINGLE = (300, 20, 480, 46)  # the place of an ordinary line


def _quad(left: int, top: int, right: int, bottom: int) -> Quad:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _page(cells: list[str], place: tuple[int, int] = (60, 100)) -> tuple[Pixels, Quad]:
    """Return a page with cells one below the other, and a box around them; they end at the same x."""
    image = Image.new("RGB", (600, 700), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(POINTS)
    draw.text(SINGLE[:2], "An ordinary line", "black", font)
    width = round(max(font.getlength(cell) for cell in cells))
    for number, cell in enumerate(cells):
        x = place[0] + width - font.getlength(cell)
        draw.text((x, place[1] + number * PITCH), cell, "black", font)
    box = (place[0] - 4, place[1], place[0] + width + 4, place[1] + len(cells) * PITCH - 4)
    return as_bgr(image), _quad(*box)


@pytest.mark.parametrize(
    "cells",
    [
        ["14", "9", "5", "12"],
        ["1,178", "184", "618", "376", "45"],
        ["Alaska", "Arizona"],
        ["Guam", "Hawaii", "Idaho"],
    ],
)
def test_cells_in_one_box_are_read_one_by_one(cells: list[str]) -> None:
    pixels, stack = _page(cells)

    found = found_lines(LineModels(), pixels, [_quad(*SINGLE)] * 3 + [stack])

    assert [line.segment.text for line in found[3:]] == cells
    tops = [line.segment.box.y0 for line in found[3:]]
    assert tops == sorted(tops)


def test_a_stack_of_lone_figures_is_parted_beside_a_sure_stack() -> None:
    """Such a stack also reads like a turned line."""
    pixels, figures = _page(["9", "5"])
    numbers, stack = _page(["14", "209", "76"])
    both = np.hstack([pixels, numbers])
    beside = stack + np.array([pixels.shape[1], 0], np.float32)

    assert len(with_stacks_parted(LineModels(), pixels, [_quad(*SINGLE), figures])) == 2
    assert len(with_stacks_parted(LineModels(), both, [_quad(*SINGLE), figures, beside])) == 6


@pytest.mark.parametrize("turn", [90, 270])
@pytest.mark.parametrize(
    "text", ["83594639", "arXiv:2103.15348v2", "Number of students", "A 2 2 1"]
)
def test_a_line_that_runs_down_the_page_stays_whole(text: str, turn: int) -> None:
    font = ImageFont.load_default(POINTS)
    line = Image.new("RGB", (round(font.getlength(text)) + 8, 26), "white")
    ImageDraw.Draw(line).text((4, 2), text, "black", font)
    image = Image.new("RGB", (600, 700), "white")
    image.paste(line.rotate(turn, expand=True), (60, 100))
    quads = [_quad(*SINGLE), _quad(60, 100, 60 + line.height, 100 + line.width)]

    parted = with_stacks_parted(LineModels(), as_bgr(image), quads)

    assert len(parted) == 2
    assert is_steep(axis_angle(parted[1]))


def test_a_heading_stays_whole() -> None:
    image = Image.new("RGB", (600, 700), "white")
    ImageDraw.Draw(image).text((60, 100), "Übergröße: jgi", "black", ImageFont.load_default(50))
    quads = [*(_quad(*SINGLE) for _ in range(3)), _quad(50, 95, 480, 170)]

    assert len(with_stacks_parted(LineModels(), as_bgr(image), quads)) == 4


def test_a_page_without_lines_has_no_stacks() -> None:
    blank = np.full((50, 50, 3), 255, np.uint8)

    assert with_stacks_parted(LineModels(), blank, []) == []
