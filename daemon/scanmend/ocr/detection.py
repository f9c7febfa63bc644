"""Find the lines of text on a page in two passes, the second at the smallest size that suffices for the text.

A coarse pass on a small picture measures the height of the lines. From it follows the size at which the detector finds
them as well as at full size. The coarse pass also finds small print that the detector overlooks in a large picture; the
result has those lines, too.

A page that is much longer than wide, or much wider than long, is searched in overlapping tiles of an ordinary page's
proportions, each in two passes. Otherwise its text would vanish in the small picture.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from scanmend.ocr.rapidocr_internals import Pixels, get_rotate_crop_image
from scanmend.ocr.tiles import Tile, search_tiles, tiles_over
from scanmend.page import Box

COARSE_SIDE_PX = 960  # longer side of the picture in the coarse pass
# longer side in the fine pass: at a larger size the detector finds no more lines
MAX_FINE_SIDE_PX = 2000
LINE_HEIGHT_PX = 20  # that nine lines in ten have in the fine pass, at least
MIN_ENLARGEMENT = 1.1  # of the coarse size; a fine pass at less is not worth its time
ENLARGED_BELOW_PX = 900  # longer side of a page that is enlarged before it is searched
MIN_SEARCHED_SIDE_PX = 2  # shorter side of a picture that is searched
# share of a coarse line that the fine pass must have found; else it overlooked the line
MIN_FOUND_SHARE = 0.33
# share of a fine line inside an overlooked line, from which it is only a piece of that line
MIN_PIECE_SHARE = 0.5
SHARE_POINTS = 64  # along a line, at which its share is measured
# longer over shorter side up to which a page is searched as a whole
MAX_WHOLE_RATIO = 3.0
TILE_RATIO = 1.5  # longer over shorter side of a tile of any other page
MIN_TILE_PX = 960  # longer side of a tile, at least
# share of a tile's longer side by which it overlaps the next one; a line that is higher is searched on the whole page
TILE_OVERLAP = 0.12

Quad = NDArray[Any]  # (4, 2) float32: the corners of a line in pixels, clockwise from the top left
# RapidOCR's: returns an object whose ``boxes`` are quads, or None
Detector = Callable[[Pixels], Any]


def coarse_lines(detector: Detector, pixels: Pixels) -> list[Quad]:
    """Return the lines of a page that the coarse pass finds."""
    tiles = tiles_of_page(pixels)
    if len(tiles) == 1:
        return _detect(detector, pixels, COARSE_SIDE_PX)
    lines = search_tiles(pixels, tiles, lambda part, _: _detect(detector, part, COARSE_SIDE_PX))
    whole = _detect(detector, pixels, MAX_FINE_SIDE_PX)
    huge = [quad for quad in whole if min(sides(quad)) > _max_height(tiles)]
    return _without_pieces(lines, huge, pixels.shape[:2]) + huge


def all_lines(detector: Detector, pixels: Pixels, coarse: Sequence[Quad]) -> list[Quad]:
    """Return the lines of a page. ``coarse``: the result of ``coarse_lines``."""
    tiles = tiles_of_page(pixels)
    fine_sides = [_fine_side(_within(coarse, tile), _longer_side(tile)) for tile in tiles]
    if max(fine_sides) <= MIN_ENLARGEMENT * COARSE_SIDE_PX:
        return list(coarse)
    fine = search_tiles(pixels, tiles, lambda part, n: _detect(detector, part, fine_sides[n]))
    size = pixels.shape[:2]
    max_height = _max_height(tiles)
    overlooked = [
        quad
        for quad, share in _shares(coarse, fine, size)
        if share < MIN_FOUND_SHARE or min(sides(quad)) > max_height
    ]
    return _without_pieces(fine, overlooked, size) + overlooked


def lines_at_scale(detector: Detector, pixels: Pixels, scale: float) -> list[Quad]:
    """Return the lines, in pixels of the picture, that the detector finds in it at this scale."""
    height, width = pixels.shape[:2]
    if min(height, width) * scale < MIN_SEARCHED_SIDE_PX:
        return []
    if scale != 1.0:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=interpolation)
    found = detector(pixels)
    if found.boxes is None:
        return []
    return [
        np.clip(quad / scale, 0, [width - 1, height - 1]).astype(np.float32) for quad in found.boxes
    ]


def tiles_of_page(pixels: Pixels) -> list[Tile]:
    """Return the tiles in which a page is searched: the whole page, unless it is long and narrow."""
    height, width = pixels.shape[:2]
    page = Tile(0, 0, width, height)
    shorter, longer = sorted((width, height))
    if longer <= MAX_WHOLE_RATIO * shorter:
        return [page]
    side = max(MIN_TILE_PX, round(TILE_RATIO * shorter))
    return tiles_over(page, (side, side), round(TILE_OVERLAP * side))


def _max_height(tiles: Sequence[Tile]) -> float:
    """Return the height in pixels of the highest line that lies wholly in one of the tiles, wherever it is."""
    return TILE_OVERLAP * _longer_side(tiles[0]) if len(tiles) > 1 else math.inf


def _longer_side(tile: Tile) -> int:
    return max(tile.right - tile.left, tile.bottom - tile.top)


def _within(quads: Sequence[Quad], tile: Tile) -> list[Quad]:
    """Return the lines whose middle lies in the tile."""
    middles = [(quad, quad.mean(axis=0)) for quad in quads]
    return [
        quad
        for quad, (x, y) in middles
        if tile.left <= x < tile.right and tile.top <= y < tile.bottom
    ]


def _without_pieces(
    lines: Sequence[Quad], whole: Sequence[Quad], size: tuple[int, ...]
) -> list[Quad]:
    """Return the lines that are no pieces of those in ``whole``."""
    return [quad for quad, share in _shares(lines, whole, size) if share < MIN_PIECE_SHARE]


def _fine_side(coarse: Sequence[Quad], longer: int) -> int:
    """Return the longer side in pixels for the fine pass. ``longer``: the page's or tile's longer side in pixels."""
    max_side = min(longer, MAX_FINE_SIDE_PX)
    if not coarse:
        return max_side
    heights = sorted(min(sides(quad)) for quad in coarse)
    lowest_decile = max(1.0, heights[(len(heights) - 1) // 10])
    return min(max_side, round(longer * LINE_HEIGHT_PX / lowest_decile))


def _detect(detector: Detector, pixels: Pixels, side: int) -> list[Quad]:
    """Return the lines, in pixels of the page, that the detector finds in it at a longer side of ``side`` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    if max(height, width) < ENLARGED_BELOW_PX:
        scale = ENLARGED_BELOW_PX / max(height, width)
    return lines_at_scale(detector, pixels, scale)


def _shares(
    quads: Sequence[Quad], others: Sequence[Quad], size: tuple[int, ...]
) -> list[tuple[Quad, float]]:
    """Return each line with the share of its centre line that lies in one of the others.

    ``size``: height and width of the page in pixels.
    """
    shorter, longer = sorted(size)
    scale = COARSE_SIDE_PX / min(longer, max(MIN_TILE_PX, MAX_WHOLE_RATIO * shorter))
    mask = np.zeros([int(side * scale) + 2 for side in size], np.uint8)
    for quad in others:
        cv2.fillConvexPoly(mask, np.round(quad * scale).astype(np.int32), 1)
    shares = []
    for quad in quads:
        a, b, c, d = quad * scale
        across, down = sides(quad)
        start, end = ((a + d) / 2, (b + c) / 2) if across >= down else ((a + b) / 2, (c + d) / 2)
        x, y = np.round(np.linspace(start, end, SHARE_POINTS)).astype(int).T
        shares.append((quad, float(mask[y, x].mean())))
    return shares


def sides(quad: Quad) -> tuple[float, float]:
    """Return the lengths of a line's upper and left side, in pixels."""
    return float(np.linalg.norm(quad[0] - quad[1])), float(np.linalg.norm(quad[0] - quad[3]))


def as_bgr(image: Image) -> Pixels:
    """Return the image in OpenCV's order of colours; contiguous, or each crop would copy the whole page."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def crop(pixels: Pixels, quad: Quad) -> Pixels:
    """Return the picture of one line, levelled. A line that runs down the page is turned to the left."""
    image: Pixels = get_rotate_crop_image(pixels, quad.copy())
    return image


def bounds(quad: Quad) -> Box:
    """Return the upright rectangle between the middles of a line's sides, so that skewed lines don't overlap."""
    left, right = float(quad[[0, 3], 0].mean()), float(quad[[1, 2], 0].mean())
    top, bottom = float(quad[[0, 1], 1].mean()), float(quad[[2, 3], 1].mean())
    return Box(left, top, right, bottom)
