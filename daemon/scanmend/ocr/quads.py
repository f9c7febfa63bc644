"""Measure the quadrangles that the detector returns, and cut out their pictures along a direction."""

import math

import cv2
import numpy as np

from scanmend.ocr.detection import Quad, sides
from scanmend.ocr.frames import Frame
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import Box

STEEP_DEGREES = 45.0  # from the horizontal, beyond which a line runs up or down the page


def axis_angle(quad: Quad) -> float:
    """Return the angle of a line's longer side: degrees anti-clockwise from the horizontal, in (-45, 135]."""
    across, down = sides(quad)
    if across >= down:
        x, y = (quad[1] - quad[0]) + (quad[2] - quad[3])
    else:
        x, y = (quad[3] - quad[0]) + (quad[2] - quad[1])
    angle = math.degrees(math.atan2(-y, x)) % 180
    return angle - 180 if angle > 180 - STEEP_DEGREES else angle


def is_steep(angle: float) -> bool:
    """Return whether a line of this axis runs up or down the page."""
    return angle > STEEP_DEGREES


def length(quad: Quad) -> float:
    """Return the length of a line in pixels."""
    return max(sides(quad))


def thickness(quad: Quad) -> float:
    """Return the height of a line's text in pixels, with the detector's margin."""
    return max(1.0, min(sides(quad)))


def slenderness(quad: Quad) -> float:
    """Return the length of a line over its height."""
    return length(quad) / thickness(quad)


def level_box(quad: Quad, frame: Frame) -> Box:
    """Return the bounds of a line in a frame."""
    us, ws = zip(*(frame.point(float(x), float(y)) for x, y in quad), strict=True)
    return Box(min(us), min(ws), max(us), max(ws))


def crop_along(pixels: Pixels, quad: Quad, angle: float) -> Pixels:
    """Return the picture of a line, turned so that text that runs at ``angle`` is upright.

    ``angle``: of the baseline, in degrees anti-clockwise.
    """
    turn = math.radians(angle)
    along = np.array([math.cos(turn), -math.sin(turn)])
    edges = np.roll(quad, -1, axis=0) - quad
    first = int(np.argmax(edges @ along / np.maximum(1e-6, np.linalg.norm(edges, axis=1))))
    corners = np.roll(quad, -first, axis=0).astype(np.float32)
    width, height = (max(1, round(side)) for side in sides(corners))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    image: Pixels = cv2.warpPerspective(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return image
