"""Where the lines of text are on a page: looked for twice, the second time no larger than the text needs.

A look at a small picture tells how high the lines are, and with it the size at which the detector sees them as
well as in the largest. It also finds small print that the detector overlooks in a large picture, for the two see
different things in it: what only the first look found is kept.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from rapidocr.utils.process_img import get_rotate_crop_image

from scanmend.page import Box

LOOK_SIDE = 960  # pixels of the longer side in the first look
MOST_SIDE = 2000  # in the second: more finds no more
TEXT_HEIGHT = 20  # pixels that nine lines in ten shall have in it, at least
NEARLY = 1.1  # times the first look's size: too little to look again
SMALL_SIDE = 900  # a page smaller than this is enlarged
LEAST_SIDE = 2  # pixels of the shorter side at which there is still something to detect
MISSED = 0.33  # share of a line of the first look: with less of it found in the second, it was overlooked there
PLACES = 64  # along a line, at which is asked whether it was found

Array = NDArray[Any]
Detector = Callable[[Array], Any]


def look(detector: Detector, pixels: Array) -> list[Array]:
    """The first look at a page (BGR): its lines as quadrangles (4 × 2, clockwise from the top left)."""
    return _detect(detector, pixels, LOOK_SIDE)


def lines(detector: Detector, pixels: Array, first: Sequence[Array]) -> list[Array]:
    """All lines of a page, of which ``first`` is what the first look found."""
    side = _side(first, max(pixels.shape[:2]))
    if side <= NEARLY * LOOK_SIDE:
        return list(first)
    found = _detect(detector, pixels, side)
    missed = [q for q, share in _shares(first, found, pixels.shape[:2]) if share < MISSED]
    # pieces of a line that was found whole before
    return [q for q, share in _shares(found, missed, pixels.shape[:2]) if share < 0.5] + missed


def _side(first: Sequence[Array], longer: int) -> int:
    """Pixels of the longer side at which the detector shall see a page that has ``longer``."""
    most = min(longer, MOST_SIDE)
    if not first:
        return most
    heights = sorted(min(sides(quad)) for quad in first)
    low = max(1.0, heights[(len(heights) - 1) // 10])
    return min(most, round(longer * TEXT_HEIGHT / low))


def _detect(detector: Detector, pixels: Array, side: int) -> list[Array]:
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    if max(height, width) < SMALL_SIDE:
        scale = SMALL_SIDE / max(height, width)
    if min(height, width) * scale < LEAST_SIDE:  # a strip that no line of text has room in
        return []
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = (
        pixels if scale == 1.0 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
    )
    found = detector(small)
    if found.boxes is None:
        return []
    return [
        np.clip(quad / scale, 0, [width - 1, height - 1]).astype(np.float32) for quad in found.boxes
    ]


def _shares(
    quads: Sequence[Array], others: Sequence[Array], size: tuple[int, int]
) -> list[tuple[Array, float]]:
    """Each with the share of its length, along its middle, that lies in one of the others."""
    scale = LOOK_SIDE / max(size)
    mask = np.zeros([int(side * scale) + 2 for side in size], np.uint8)
    for quad in others:
        cv2.fillConvexPoly(mask, np.round(quad * scale).astype(np.int32), 1)
    shares = []
    for quad in quads:
        a, b, c, d = quad * scale
        across, down = sides(quad)
        start, end = ((a + d) / 2, (b + c) / 2) if across >= down else ((a + b) / 2, (c + d) / 2)
        x, y = np.round(np.linspace(start, end, PLACES)).astype(int).T
        shares.append((quad, float(mask[y, x].mean())))
    return shares


def sides(quad: Array) -> tuple[float, float]:
    """Lengths of a quadrangle's upper and left side, in pixels."""
    return float(np.linalg.norm(quad[0] - quad[1])), float(np.linalg.norm(quad[0] - quad[3]))


def as_bgr(image: Image) -> Array:
    """The page as OpenCV wants it; contiguous, for else each crop would copy the page."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def crop(pixels: Array, quad: Array) -> Array:
    """The line inside the quadrangle, levelled."""
    image: Array = get_rotate_crop_image(pixels, quad.copy())
    return image


def bounds(quad: Array) -> Box:
    """The upright rectangle that a quadrangle leans about: a skewed line does not reach into its neighbours."""
    left, right = float(quad[[0, 3], 0].mean()), float(quad[[1, 2], 0].mean())
    top, bottom = float(quad[[0, 1], 1].mean()), float(quad[[2, 3], 1].mean())
    return Box(left, top, right, bottom)
