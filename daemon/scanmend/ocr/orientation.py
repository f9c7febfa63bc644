"""Find out which way up a page lies, from its text: for the page as a whole, never line by line.

The detector tells whether the lines run across or down. The recogniser reads some of them both ways round; the way with
the higher confidence is up. In doubt the page stays as it is, and it is turned only toward a reading that is itself good:
of 32 pages in scripts that the engine can't read, the better way of lines without figures had .84 at most (Greek).

The models are RapidOCR's, whatever engine reads the page: of 15 pages (receipts, typed and drawn ones) in each of the
four directions they turned all 60 upright, Tesseract's own orientation detection (OSD) 47.
"""

import cv2
from PIL.Image import Image, Transpose

from scanmend.ocr.detection import Quad, as_bgr, sides
from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.quads import axis_angle, crop_along, is_steep
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.straightening import straightened, tilt_of

SAMPLED_LINES, SAMPLED_LINES_IN_DOUBT = 6, 24  # that the recogniser reads
SURE_OF_DIRECTION = 0.9  # confidence from which the lines are not read the other way round
MIN_DIRECTION_CONFIDENCE = 0.85  # of the way to which a page is turned
MIN_DIRECTION_MARGIN = 0.1  # between the confidences of the two ways round
MIN_SLENDERNESS = 2.0  # length over height of a line that shows a direction
MIN_SIDEWAYS_SHARE = 0.7  # of all lines' length that runs down the page if it lies on its side
MIN_DIRECTION_CHARACTERS = 8  # letters and digits that must be recognised that way

# the methods that turn an image clockwise by these degrees
_TRANSPOSED = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}


def upright(image: Image, dpi: float, models: LineModels) -> UprightPage:
    """Return the page turned so that its text is upright, and straightened so that its lines are level."""
    pixels = as_bgr(image)
    lines = models.find_lines(pixels)
    turn = _turn(models, pixels, lines)
    tilt = tilt_of(lines)
    if turn:
        image = image.transpose(_TRANSPOSED[turn])
    if tilt:
        level, straightening = straightened(image, tilt)
        return UprightPage(level, dpi, turn, straightening=straightening)
    return UprightPage(image, dpi, turn, coarse_lines=None if turn else lines)


def _turn(models: LineModels, pixels: Pixels, lines: list[Quad]) -> int:
    """Return the degrees clockwise by which to turn the page: 0, 90, 180 or 270."""
    lines = [quad for quad in lines if _is_slender(quad)]
    if not lines:
        return 0
    down = sum(_length(quad) for quad in lines if _runs_down(quad))
    sideways = down > MIN_SIDEWAYS_SHARE * sum(map(_length, lines))
    chosen = [quad for quad in lines if _runs_down(quad) == sideways]
    for count in (SAMPLED_LINES, SAMPLED_LINES_IN_DOUBT):
        crops = [_crop(pixels, quad) for quad in _sample(chosen, count)]
        as_is, characters = _confidence(models, crops)
        if not sideways and as_is >= SURE_OF_DIRECTION:
            return 0
        around = [cv2.rotate(picture, cv2.ROTATE_180) for picture in crops]
        turned, characters_turned = _confidence(models, around)
        best, best_characters = max((as_is, characters), (turned, characters_turned))
        if best < MIN_DIRECTION_CONFIDENCE or best_characters < MIN_DIRECTION_CHARACTERS:
            return 0
        if abs(turned - as_is) >= MIN_DIRECTION_MARGIN:
            is_around = turned > as_is
            if sideways:
                return 90 if is_around else 270
            return 180 if is_around else 0
    return 0


def _crop(pixels: Pixels, quad: Quad) -> Pixels:
    """Return the picture of a line. A line that runs down the page is turned to the left."""
    axis = axis_angle(quad)
    return crop_along(pixels, quad, axis + 180.0 if is_steep(axis) else axis)


def _confidence(models: LineModels, crops: list[Pixels]) -> tuple[float, int]:
    """Return the mean confidence in the crops, weighted by letters and digits, and the number of these."""
    lines = models.recognise(crops)
    lengths = [sum(c.isalnum() for c in line.text) for line in lines]
    total = sum(lengths)
    weighted = sum(line.confidence * length for line, length in zip(lines, lengths, strict=True))
    return (weighted / total if total else 0.0), total


def _sample(quads: list[Quad], count: int) -> list[Quad]:
    """Return ``count`` of the longer lines, spread over their lengths: short lines show little, long ones take time."""
    ranked = sorted(quads, key=_length)
    longer = ranked[len(ranked) // 3 :] or ranked
    step = max(1, len(longer) // count)
    return longer[::step][:count]


def _length(quad: Quad) -> float:
    return max(sides(quad))


def _is_slender(quad: Quad) -> bool:
    across, down = sides(quad)
    return max(across, down) >= MIN_SLENDERNESS * min(across, down)


def _runs_down(quad: Quad) -> bool:
    return is_steep(axis_angle(quad))
