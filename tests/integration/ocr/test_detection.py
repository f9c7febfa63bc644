"""Test the two passes of the line detector: their picture sizes, and the lines that are kept from each."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.ocr import detection, line_models

Quad = tuple[int, int, int, int]
SIZE = (2000, 1500)  # height, width in pixels


def pixels(points: int) -> Any:
    """Return a page of ten lines, DIN A4 at 300 dpi, BGR."""
    image = Image.new("RGB", (2480, 3508), "white")
    for number in range(10):
        place = (100, 100 + 3 * points * number)
        text = f"{number} pieces at {number}.{number}0 EUR each"
        ImageDraw.Draw(image).text(place, text, "black", ImageFont.load_default(points))
    return detection.as_bgr(image)


def sizes_of_passes(points: int) -> list[int]:
    """Return the longer side, in pixels, of each picture of this page that the real detector gets."""
    sizes = []

    def detector(picture: Any) -> Any:
        sizes.append(max(picture.shape))
        return line_models._models().detector(picture)

    page = pixels(points)
    assert len(detection.all_lines(detector, page, detection.coarse_lines(detector, page))) == 10
    return sizes


def test_the_fine_pass_is_larger_for_smaller_print() -> None:
    assert sizes_of_passes(110) == [detection.COARSE_SIDE_PX]
    (first, middling), (again, large) = sizes_of_passes(40), sizes_of_passes(26)
    assert first == again == detection.COARSE_SIDE_PX
    assert detection.COARSE_SIDE_PX < middling < large <= detection.MAX_FINE_SIDE_PX


def quad(x0: int, y0: int, x1: int, y1: int) -> Any:
    """Return a line's corners, clockwise from the top left."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def finding(*boxes: Quad) -> Callable[[Any], Any]:
    """Return a stand-in that finds these lines on a page of SIZE: the real detector can't be made to overlook one."""

    def detector(picture: Any) -> Any:
        scale = max(picture.shape) / max(SIZE)
        return SimpleNamespace(boxes=[quad(*box) * scale for box in boxes] or None)

    return detector


BODY, LOWER, FOOT = (100, 100, 1300, 120), (100, 130, 1300, 150), (100, 1900, 1100, 1914)
LEFT, RIGHT = (100, 100, 650, 120), (750, 100, 1300, 120)


@pytest.mark.parametrize(
    ("coarse", "fine", "kept"),
    [
        ([BODY, LOWER], [BODY, LOWER, FOOT], [BODY, LOWER, FOOT]),
        # the fine pass overlooks a line
        ([BODY, LOWER, FOOT], [BODY, LOWER], [BODY, LOWER, FOOT]),
        # the fine pass finds a piece of it
        ([BODY, FOOT], [BODY, (800, 1900, 1000, 1914)], [BODY, FOOT]),
        # the coarse pass takes two columns for one
        ([(100, 100, 1300, 125)], [LEFT, RIGHT], [LEFT, RIGHT]),
        ([], [FOOT], [FOOT]),
        ([BODY], [], [BODY]),
        ([], [], []),
    ],
)
def test_each_line_that_a_pass_found_is_kept_once(
    coarse: list[Quad], fine: list[Quad], kept: list[Quad]
) -> None:
    page = np.zeros((*SIZE, 3), np.uint8)
    found = detection.all_lines(
        finding(*fine), page, detection.coarse_lines(finding(*coarse), page)
    )

    corners = [np.round(q[[0, 0, 2, 2], [0, 1, 0, 1]]).astype(int) for q in found]
    assert sorted(map(tuple, corners)) == sorted(kept)


def test_the_length_of_a_vertical_line_is_measured_along_it() -> None:
    down, piece = (100, 100, 120, 1300), (100, 100, 120, 300)
    page = np.zeros((*SIZE, 3), np.uint8)
    (only,) = detection.all_lines(finding(piece), page, [quad(*down)])
    assert (only == quad(*down)).all()


@pytest.mark.parametrize("size", [(600, 6000), (6000, 600)], ids=["tall", "wide"])
def test_each_line_of_a_long_narrow_page_comes_once_and_whole(size: tuple[int, int]) -> None:
    width, height = size
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    words = "seven hundred pieces of wood at nine euros each, delivered in March " * (width // 600)
    tops = range(20, height - 60, 80)
    for number, y in enumerate(tops):
        draw.text((20, y), f"{number + 100} {words}"[: width // 18], "black", font)
    picture = detection.as_bgr(image)
    detector = line_models._models().detector
    quads = detection.all_lines(detector, picture, detection.coarse_lines(detector, picture))
    lines = line_models.LineModels().recognise([detection.crop(picture, quad) for quad in quads])
    texts = sorted(line.text for line in lines)
    assert [text[:3] for text in texts] == [f"{number + 100}" for number in range(len(tops))]
    wanted = [f"{number + 100} {words}"[: width // 18].split() for number in range(len(tops))]
    assert [text.split() for text in texts] == wanted
