"""Which way up a page lies, from its text: for the page as a whole, never line by line.

The detector tells whether the lines run across or up and down; the recogniser, shown some of them both ways
round, tells which way is up. In doubt a page is left as it is.
"""

import cv2
from PIL.Image import Image

from scanmend.ocr.detection import Array, as_bgr, crop, sides
from scanmend.ocr.engines.base import Upright
from scanmend.ocr.engines.rapid import Rapid

SAMPLE = 6  # lines that are read
SURE = 0.9  # confidence of lines that need not be tried the other way round
MARGIN = 0.1  # by how much the other way round must be more confident
SLENDER = 2.0  # times as long as high: a line that shows a direction
SIDEWAYS = 0.7  # share of all lines' length that runs up and down when a page lies on its side
LEAST_CHARACTERS = 8  # that must be read for a page to be turned


def upright(image: Image, dpi: float) -> Upright:
    """The page turned so that its text is upright."""
    rapid = Rapid(())
    pixels = as_bgr(image)
    lines = rapid.look(pixels)
    turn = _turn(rapid, pixels, lines)
    if turn:
        return Upright(image.rotate(-turn, expand=True), dpi, turn)
    return Upright(image, dpi, lines=lines)


def _turn(rapid: Rapid, pixels: Array, lines: list[Array]) -> int:
    lines = [quad for quad in lines if _slender(quad)]
    if not lines:
        return 0
    down = sum(_length(quad) for quad in lines if _runs_down(quad))
    sideways = down > SIDEWAYS * sum(map(_length, lines))
    chosen = _sample([quad for quad in lines if _runs_down(quad) == sideways])
    crops = [crop(pixels, quad) for quad in chosen]  # turned to the left where they run down
    as_is, characters = _confidence(rapid, crops)
    if not sideways and as_is >= SURE:
        return 0
    turned, characters_turned = _confidence(rapid, [cv2.rotate(c, cv2.ROTATE_180) for c in crops])
    if max(characters, characters_turned) < LEAST_CHARACTERS or abs(turned - as_is) < MARGIN:
        return 0
    if sideways:
        return 270 if as_is > turned else 90
    return 180 if turned > as_is else 0


def _confidence(rapid: Rapid, crops: list[Array]) -> tuple[float, int]:
    """The mean confidence of the crops' characters, and how many letters and digits these are."""
    lines = rapid.recognise(crops)
    lengths = [sum(c.isalnum() for c in line.text) for line in lines]
    total = sum(lengths)
    sure = sum(line.confidence * length for line, length in zip(lines, lengths, strict=True))
    return (sure / total if total else 0.0), total


def _sample(quads: list[Array]) -> list[Array]:
    """Lines of middling length: long ones cost time, short ones say little; from all over the page."""
    ranked = sorted(quads, key=_length)
    middle = ranked[len(ranked) // 3 :] or ranked
    step = max(1, len(middle) // SAMPLE)
    return middle[::step][:SAMPLE]


def _length(quad: Array) -> float:
    return max(sides(quad))


def _slender(quad: Array) -> bool:
    across, down = sides(quad)
    return max(across, down) >= SLENDER * min(across, down)


def _runs_down(quad: Array) -> bool:
    across, down = sides(quad)
    return down > across
