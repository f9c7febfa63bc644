"""Recognise excerpts of a text layer in the picture of their page."""

from collections.abc import Sequence

import cv2
import numpy as np

from scanmend.ocr.line_models import LineModels
from scanmend.ocr.pdf.excerpts import Excerpt, ExcerptReading
from scanmend.ocr.pdf.geometry import scaled
from scanmend.ocr.pdf.open_page import OpenPage
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import Box

EXCERPT_DPI = 200  # at which excerpts are recognised
EXCERPT_EM_PX = 28.0  # size of an em to which excerpts of small text are enlarged
# around an excerpt's box, as shares of its height
PADDING_BESIDE, PADDING_ABOVE, PADDING_BELOW = 0.2, 0.15, 0.1


class ExcerptReader:
    """Reads excerpts of one page. It renders the page's picture once, at the first use."""

    def __init__(self, page: OpenPage, models: LineModels) -> None:
        """Read excerpts of this page with these models."""
        self._page = page
        self._models = models
        self._picture: tuple[Pixels, float] | None = None

    def read(self, excerpts: Sequence[Excerpt]) -> list[ExcerptReading]:
        """Return the reading of each excerpt."""
        if self._picture is None:
            ems = sorted(e.run.glyphs[0].text_object.size for e in excerpts)
            em = max(1.0, ems[len(ems) // 2])
            factor = min(1.0, max(EXCERPT_DPI / self._page.dpi, EXCERPT_EM_PX / em))
            self._picture = self._page.render_grey(factor), factor
        pixels, factor = self._picture
        lines = self._models.recognise([_crop(excerpt, pixels, factor) for excerpt in excerpts])
        return [ExcerptReading(line.text, line.confidence) for line in lines]


def _crop(excerpt: Excerpt, pixels: Pixels, factor: float) -> Pixels:
    """Return the excerpt's part of the picture, turned upright, as (height, width, 3) uint8, BGR.

    ``pixels``: grey, (height, width) uint8, at ``factor`` times the page's size.
    """
    frame, box = excerpt.run.frame, excerpt.box
    padded = Box(
        box.x0 - PADDING_BESIDE * box.height,
        box.y0 - PADDING_ABOVE * box.height,
        box.x1 + PADDING_BESIDE * box.height,
        box.y1 + PADDING_BELOW * box.height,
    )
    area = scaled(frame.to_page(padded), factor)
    rows, columns = pixels.shape
    y0, y1 = max(0, int(area.y0)), min(rows, int(area.y1) + 1)
    x0, x1 = max(0, int(area.x0)), min(columns, int(area.x1) + 1)
    part = pixels[y0:y1, x0:x1]
    if part.size == 0:
        part = np.full((8, 8), 255, np.uint8)
    part = np.rot90(part, -round(frame.angle / 90) % 4)
    colour: Pixels = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_GRAY2BGR)
    return colour
