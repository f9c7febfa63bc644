"""Measure by how much the lines of a page slope, and turn its picture so that they are level.

Rows of a table, tiles, rules and gutters are then at right angles to the picture's sides, whatever the tilt of the
scanner's glass or of the camera was.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from scanmend.ocr import quads as geometry
from scanmend.ocr.detection import Quad
from scanmend.ocr.engines.base import Straightening
from scanmend.ocr.rapidocr_internals import Pixels

MIN_TILT_DEGREES = (
    1.4  # from which a page is straightened; below it, the rows of tables hold together
)
MIN_SLENDERNESS_OF_SAMPLE = 1.8  # length over height of a line whose slope counts
MAX_TILT_SPREAD = 2.0  # degrees from the median, within which lines agree
MIN_AGREEING_SHARE = 0.5  # of all lines' length


def tilt_of(quads: Sequence[Quad]) -> float:
    """Return the slope of a page's lines against its sides: degrees anti-clockwise, -45 to 45.

    It is 0 if the slopes differ too much, or if the page is level.
    """
    slender = [q for q in quads if geometry.slenderness(q) >= MIN_SLENDERNESS_OF_SAMPLE]
    if not slender:
        return 0.0
    leans = np.array([_lean(quad) for quad in slender])
    lengths = np.array([geometry.length(quad) for quad in slender])
    order = np.argsort(leans)
    middle = np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)
    tilt = float(leans[order[middle]])
    agreeing = lengths[np.abs(leans - tilt) <= MAX_TILT_SPREAD].sum()
    if abs(tilt) < MIN_TILT_DEGREES or agreeing < MIN_AGREEING_SHARE * lengths.sum():
        return 0.0
    return tilt


def _lean(quad: Quad) -> float:
    angle = geometry.axis_angle(quad)
    return angle - 90 if geometry.is_steep(angle) else angle


def straightened(image: Image.Image, tilt: float) -> tuple[Image.Image, Straightening]:
    """Return a page whose lines slope by ``tilt`` degrees anti-clockwise with level lines, on a larger canvas."""
    width, height = image.size
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -tilt, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos)
    matrix[0, 2] += (size[0] - width) / 2
    matrix[1, 2] += (size[1] - height) / 2
    pixels = np.asarray(image)
    turned = cv2.warpAffine(
        pixels,
        matrix,
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_colour_of_border(pixels),
    )
    back = cv2.invertAffineTransform(matrix)
    rows = (tuple(map(float, back[0])), tuple(map(float, back[1])))
    return Image.fromarray(turned), Straightening(tilt, image.size, rows)


def _colour_of_border(pixels: Pixels) -> tuple[float, ...]:
    """Return the median colour along the four sides of a page."""
    sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    values = np.atleast_1d(np.median(np.concatenate(sides), axis=0))
    return tuple(float(value) for value in values)
