"""Put shapes of ink that may be letters into rows, as the letters of words and lines stand."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.ink.shapes import Shapes
from scanmend.ocr.pdf.geometry import scaled
from scanmend.page import Box

# pixels of the searched picture
LETTER_HEIGHT_PX = 3, 130  # bounds of a letter's height
MIN_LETTER_AREA_PX = 5
MAX_LETTER_WIDTH = 4.0  # in heights; letters of a word that touch are wider than one
# in heights: width of a word of tiny print, whose letters touch, and pixels up to which print is tiny
MAX_TINY_WIDTH, TINY_PX = 14.0, 8
MAX_LETTER_SLENDERNESS = 12.0  # height over width, of an l or a 1
# in heights of a letter: how far it reaches on each side to the next letter of its row
REACH = 0.6
# of a row's median height, within which a shape counts as one of its letters
LETTER_HEIGHTS = 0.45, 1.9
MAX_ROW_SHAPES = 40_000  # shapes that are put into rows; a page with more is noise, and its smallest are left out


@dataclass(frozen=True, slots=True)
class InkRow:
    """Shapes side by side, which may be a word or a line.

    ``box``: their bounds in pixels of the page. ``letters``: those of about the median height, in pixels of the searched
    picture, which is ``scale`` times as small as the page. ``shapes``: number of all shapes in the row.
    """

    box: Box
    letters: Shapes
    shapes: int
    scale: float = 1.0

    @property
    def letter_height(self) -> float:
        """Return the median height of the letters, in pixels of the page."""
        return float(np.median(self.letters.height)) * self.scale

    def enlarged(self, scale: float) -> "InkRow":
        """Return the row of a picture that is ``scale`` times as small as the page, in pixels of the page."""
        return replace(self, box=scaled(self.box, scale), scale=scale)


def letter_like(shapes: Shapes) -> NDArray[np.bool_]:
    """Return which shapes have the size and the proportions of a letter, a digit or a few letters that touch."""
    width, height = shapes.width, shapes.height
    lowest, highest = LETTER_HEIGHT_PX
    like: NDArray[np.bool_] = (
        (height >= lowest)
        & (height <= highest)
        & (width <= np.where(height <= TINY_PX, MAX_TINY_WIDTH, MAX_LETTER_WIDTH) * height)
        & (height <= MAX_LETTER_SLENDERNESS * width)
        & (shapes.area >= MIN_LETTER_AREA_PX)
    )
    return like


def rows_of_ink(shapes: Shapes, size: tuple[int, ...]) -> list[InkRow]:
    """Return the rows that the shapes form. ``size``: height and width of the searched picture."""
    if not len(shapes):
        return []
    if len(shapes) > MAX_ROW_SHAPES:
        shapes = shapes.chosen(np.argsort(-shapes.height, kind="stable")[:MAX_ROW_SHAPES])
    reached = np.zeros(size[:2], np.uint8)
    bounds = zip(*(side.tolist() for side in shapes.bounds), strict=True)
    for left, top, right, bottom in bounds:
        reach, inset = int(REACH * (bottom - top)) + 1, (bottom - top) // 4
        cv2.rectangle(
            reached, (left - reach, top + inset), (right + reach, bottom - inset - 1), 1, -1
        )
    _, labels = cv2.connectedComponents(reached, connectivity=8)
    y = np.clip((shapes.top + shapes.bottom) // 2, 0, size[0] - 1)
    x = np.clip((shapes.left + shapes.right) // 2, 0, size[1] - 1)
    label = labels[y, x]
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    return [_row(shapes.chosen(members)) for members in np.split(order, starts[1:])]


def _row(shapes: Shapes) -> InkRow:
    # of two heights the upper one: one of two shapes may be a dot
    height = np.sort(shapes.height)[len(shapes) // 2]
    lowest, highest = LETTER_HEIGHTS
    letters = shapes.chosen(
        (shapes.height >= lowest * height) & (shapes.height <= highest * height)
    )
    return InkRow(bounds_of(shapes), letters, len(shapes))


def bounds_of(shapes: Shapes) -> Box:
    """Return the bounds of all shapes together."""
    return Box(
        int(shapes.left.min()),
        int(shapes.top.min()),
        int(shapes.right.max()),
        int(shapes.bottom.max()),
    )
