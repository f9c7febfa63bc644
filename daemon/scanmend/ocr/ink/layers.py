"""Find the letters of a page in two layers of its picture, and tell which of them no line covers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.ink.rows import InkRow, letter_like, rows_of_ink
from scanmend.ocr.ink.shapes import Grey, Shapes, ink_of, shapes_of
from scanmend.page import Box

MAX_SEARCHED_PIXELS = 4_500_000  # a page of more is searched at half its size …
MIN_HALVED_LINE_PX = 20.0  # … unless it has lines that are lower, as a screenshot with thumbnails,
MAX_WHOLE_PIXELS = 12_000_000  # and no more pixels than that
HUGE_REDUCTION = 8  # of the searched picture, in which huge letters are found
MIN_HUGE_PX = 12  # height of a huge letter there; smaller ones are found in the searched picture
MIN_HUGE_FILL = 0.08  # share of ink in the bounds of a huge letter; a frame has less
# of a line's height, by which its box is enlarged to cover its accents, commas and skewed ends
COVER_MARGIN = 0.2
MIN_COVERED = 0.5  # of the bounds of a shape, from which it is covered
LONG_RULE_PX = 60  # length from which a straight line is a rule and no part of a letter
# in heights of a row: width of the strips around it that are free of other ink around text
STRIP = 0.3
# ink in a strip, as share of the ink in the row: in the emptier one of two opposite strips, and in the fuller one
# width over height of a dash, and its width in pixels at most
STROKE_SLENDERNESS, MAX_STROKE_PX = (1.5, 8.0), 50
MAX_EMPTIER, MAX_FULLER = 0.3, 1.0


@dataclass(frozen=True, slots=True)
class InkLayer:
    """Shapes that may be letters, in a copy of the page that is ``reduction`` times as small.

    ``strokes``: flat shapes that may be dashes. ``dark`` and ``light``: masks of its ink (0 or 255); None if it has no
    dark paper.
    """

    shapes: Shapes
    strokes: Shapes
    dark: Grey
    light: Grey | None
    reduction: float

    def uncovered(self, boxes: Sequence[Box]) -> list[InkRow]:
        """Return the rows of the shapes that no box covers. Boxes are in pixels of the page."""
        shapes = self.shapes.chosen(self._share_covered(boxes) < MIN_COVERED)
        rows: list[InkRow] = []
        for one_kind in (shapes.chosen(~shapes.light), shapes.chosen(shapes.light)):
            rows += rows_of_ink(one_kind, self.dark.shape)
        return [row.enlarged(self.reduction) for row in self._standing_free(rows)]

    def _share_covered(self, boxes: Sequence[Box]) -> NDArray[Any]:
        """Return for each shape which share of its bounds the boxes cover."""
        mask = np.zeros(self.dark.shape, np.uint8)
        for box in boxes:
            margin = COVER_MARGIN * min(box.width, box.height)
            corners = (box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)
            x0, y0, x1, y1 = (int(corner / self.reduction) for corner in corners)
            cv2.rectangle(mask, (x0, y0), (x1, y1), 1, -1)
        total = cv2.integral(mask)
        left, top, right, bottom = self.shapes.bounds
        covered = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        share: NDArray[Any] = covered / np.maximum(1, self.shapes.width * self.shapes.height)
        return share

    def _standing_free(self, rows: Sequence[InkRow]) -> list[InkRow]:
        """Return the rows with paper around them, as text has; what photos and drawings contain has more ink there."""
        if not rows:
            return []
        dark = cv2.integral(_without_rules(self.dark) // 255)
        light = dark if self.light is None else cv2.integral(self.light // 255)
        return [
            row for row in rows if _stands_free(row, light if row.letters.light.all() else dark)
        ]


def _without_rules(ink: Grey) -> Grey:
    """Return the ink without long straight lines, across and down."""
    rules = [
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(size, np.uint8))
        for size in ((1, LONG_RULE_PX), (LONG_RULE_PX, 1))
    ]
    rest: Grey = cv2.subtract(ink, cv2.dilate(rules[0] | rules[1], np.ones((3, 3), np.uint8)))
    return rest


def _stands_free(row: InkRow, total: NDArray[Any]) -> bool:
    """Return whether the strips above and below a row, and those at its sides, have little ink.

    ``total``: integral image of the ink.
    """
    height, width = total.shape
    box = row.box
    strip = max(2, round(STRIP * row.letter_height))
    x0, y0, x1, y1 = int(box.x0), int(box.y0), int(box.x1), int(box.y1)

    def density(left: int, top: int, right: int, bottom: int) -> float:
        left, right = max(0, left), min(width - 1, right)
        top, bottom = max(0, top), min(height - 1, bottom)
        if right <= left or bottom <= top:
            return 0.0
        ink = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return float(ink) / ((right - left) * (bottom - top))

    inside = max(1e-6, density(x0, y0, x1, y1))
    pairs = (
        (density(x0, y0 - strip, x1, y0), density(x0, y1, x1, y1 + strip)),
        (density(x0 - strip, y0, x0, y1), density(x1, y0, x1 + strip, y1)),
    )
    return all(
        min(pair) <= MAX_EMPTIER * inside and max(pair) <= MAX_FULLER * inside for pair in pairs
    )


def _stroke_like(shapes: Shapes) -> NDArray[np.bool_]:
    """Return which shapes are dark, short and flat."""
    slenderness = shapes.width / np.maximum(1, shapes.height)
    lowest, highest = STROKE_SLENDERNESS
    like: NDArray[np.bool_] = (
        ~shapes.light
        & (slenderness >= lowest)
        & (slenderness <= highest)
        & (shapes.width <= MAX_STROKE_PX)
    )
    return like


def ink_layers(grey: Grey, low_line: float = math.inf) -> list[InkLayer]:
    """Return the layer of the letters of a page, and that of the huge letters. ``grey``: (height, width) uint8.

    ``low_line``: height in pixels of the page's lower lines.
    """
    reduction = 1.0
    limit = MAX_SEARCHED_PIXELS if low_line >= MIN_HALVED_LINE_PX else MAX_WHOLE_PIXELS
    if grey.size > limit:
        reduction = 2.0
        grey = _reduced(grey, 2)
    dark, light = ink_of(grey)
    shapes = shapes_of(dark, light)
    strokes = shapes.chosen(_stroke_like(shapes))
    layers = [InkLayer(shapes.chosen(letter_like(shapes)), strokes, dark, light, reduction)]
    if min(grey.shape) > HUGE_REDUCTION * MIN_HUGE_PX:
        dark, light = ink_of(_reduced(grey, HUGE_REDUCTION))
        shapes = shapes_of(dark, light)
        fill = shapes.area / np.maximum(1, shapes.width * shapes.height)
        huge = letter_like(shapes) & (shapes.height >= MIN_HUGE_PX) & (fill >= MIN_HUGE_FILL)
        none = shapes.chosen(np.zeros(len(shapes), bool))
        layers.append(InkLayer(shapes.chosen(huge), none, dark, light, reduction * HUGE_REDUCTION))
    return layers


def _reduced(grey: Grey, factor: int) -> Grey:
    size = max(1, grey.shape[1] // factor), max(1, grey.shape[0] // factor)
    reduced: Grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return reduced
