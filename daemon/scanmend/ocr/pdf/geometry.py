"""Convert the coordinates of a PDF page into pixels, by its box, rotation and scale."""

from dataclasses import dataclass

import pypdfium2

from scanmend.page import Box

POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """The geometry of a page: its box in points before /Rotate, its rotation, and its scale."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int  # degrees clockwise: 0, 90, 180 or 270
    scale: float  # pixels per point

    @classmethod
    def of(cls, page: pypdfium2.PdfPage, scale: float) -> "PageGeometry":
        """Return the geometry of a page. Its box is the area that PDFium draws: the CropBox within the MediaBox."""
        left, bottom, right, top = page.get_bbox()
        return cls(left, bottom, right, top, page.get_rotation(), scale)

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height in pixels, after /Rotate."""
        width, height = self.right - self.left, self.top - self.bottom
        if self.rotation in (90, 270):
            width, height = height, width
        return width * self.scale, height * self.scale

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page's own space in pixels from the top left, after /Rotate."""
        width, height = self.right - self.left, self.top - self.bottom
        x, y = x - self.left, y - self.bottom
        turned = {0: (x, height - y), 90: (y, x), 180: (width - x, y), 270: (height - y, width - x)}
        x, y = turned[self.rotation]
        return x * self.scale, y * self.scale

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return a rectangle of the page's own space as a box in pixels."""
        (a, b), (c, d) = self.point(left, bottom), self.point(right, top)
        return Box(min(a, c), min(b, d), max(a, c), max(b, d))


def scaled(box: Box, factor: float) -> Box:
    """Return the same box in a picture that is ``factor`` times as large."""
    return Box(box.x0 * factor, box.y0 * factor, box.x1 * factor, box.y1 * factor)


def turned(box: Box, turn: int, size: tuple[float, float]) -> Box:
    """Return the box after its page was turned clockwise by 0, 90, 180 or 270 degrees.

    ``size``: width and height of the page before it was turned, in the unit of the box.
    """
    width, height = size
    if turn == 90:
        return Box(height - box.y1, box.x0, height - box.y0, box.x1)
    if turn == 180:
        return Box(width - box.x1, height - box.y1, width - box.x0, height - box.y0)
    if turn == 270:
        return Box(box.y0, width - box.x1, box.y1, width - box.x0)
    return box
