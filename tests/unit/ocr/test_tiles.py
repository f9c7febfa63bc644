"""Test that tiles cover a picture and overlap, and that a line found in several tiles becomes one line."""

import itertools
from typing import Any

import numpy as np
import pytest

from scanmend.ocr.tiles import Tile, bounding_boxes, joined, search_tiles, tiles_over

PICTURE = Tile(0, 0, 1000, 3000)


def quad(x0: float, y0: float, x1: float, y1: float) -> Any:
    """Return a line's corners, clockwise from the top left."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


@pytest.mark.parametrize("side", [(400, 500), (1000, 999), (333, 3000), (2000, 4000)])
def test_tiles_cover_the_picture_and_overlap(side: tuple[int, int]) -> None:
    covered = np.zeros((3000, 1000), int)
    tiles = tiles_over(PICTURE, side, 100)
    for tile in tiles:
        assert tile.right - tile.left <= side[0]
        assert tile.bottom - tile.top <= side[1]
        covered[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert covered.min() == 1
    downs = sorted({(tile.top, tile.bottom) for tile in tiles})
    for (_, bottom), (top, _) in itertools.pairwise(downs):
        assert bottom - top >= 100


def test_a_line_in_two_tiles_comes_once() -> None:
    tiles = tiles_over(PICTURE, (1000, 1600), 200)
    line = quad(50, 1450, 900, 1490)
    whole = joined([[line], [line + np.float32(1)]], tiles)
    assert len(whole) == 1
    assert np.allclose(bounding_boxes(whole), [[50, 1450, 901, 1491]])


def test_a_line_that_a_border_cuts_lengthwise_comes_whole() -> None:
    tiles = tiles_over(PICTURE, (1000, 1600), 200)
    cut, whole = quad(50, 1582, 900, 1600), quad(48, 1570, 905, 1612)
    assert np.allclose(bounding_boxes(joined([[cut], [whole]], tiles)), [[48, 1570, 905, 1612]])


def test_the_pieces_of_a_line_across_tiles_become_one() -> None:
    tiles = tiles_over(PICTURE, (400, 3000), 60)
    assert len(tiles) == 3
    line = quad(10, 100, 990, 140)
    pieces = [
        [quad(max(10, tile.left), 100, min(990, tile.right), 140)] if tile else [] for tile in tiles
    ]
    assert np.allclose(bounding_boxes(joined(pieces, tiles)), bounding_boxes([line]))


def test_neighbouring_lines_stay_apart() -> None:
    tiles = tiles_over(PICTURE, (1000, 1600), 200)
    upper, lower = quad(50, 1450, 900, 1490), quad(50, 1488, 900, 1528)
    assert len(joined([[upper, lower], [upper, lower]], tiles)) == 2
    left, right = quad(50, 1450, 400, 1490), quad(420, 1450, 900, 1490)
    assert len(joined([[left, right], [left, right]], tiles)) == 2


def test_a_tilted_line_across_tiles_keeps_its_tilt() -> None:
    tiles = tiles_over(PICTURE, (600, 3000), 200)
    slope = np.float32(0.05)

    def tilted(x0: float, x1: float) -> Any:
        corners = quad(x0, 500, x1, 540)
        corners[:, 1] += slope * corners[:, 0]
        return corners

    (line,) = joined([[tilted(20, 600)], [tilted(400, 980)]], tiles)
    assert np.allclose(line, tilted(20, 980), atol=3)


def test_lines_are_returned_in_pixels_of_the_picture() -> None:
    picture = np.zeros((3000, 1000, 3), np.uint8)
    picture[2500, 700] = 255
    tiles = tiles_over(PICTURE, (1000, 1600), 200)

    def search(part: Any, number: int) -> list[Any]:
        assert part.shape == (1600, 1000, 3)
        rows, columns = np.nonzero(part[:, :, 0])
        return [
            quad(float(x), float(y), x + 100.0, y + 20.0)
            for x, y in zip(columns, rows, strict=True)
        ]

    assert np.allclose(
        bounding_boxes(search_tiles(picture, tiles, search)), [[700, 2500, 800, 2520]]
    )
