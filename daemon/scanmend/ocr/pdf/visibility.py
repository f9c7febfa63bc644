"""Find out which glyphs a page shows: by their ink, not by the PDF's operators.

The page is rendered twice at low resolution, with its text and without. A glyph is drawn if the two pictures differ at
its place. If they don't, it is white, clipped, covered, switched off or invisible. A glyph without ink is judged by
what is under it: over the ink of a picture, it may be text that an OCR program read there; over blank paper, it is
hidden.
"""

import ctypes
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.geometry import PageGeometry
from scanmend.ocr.pdf.glyphs import INVISIBLE_MODES, Glyph, TextObject
from scanmend.ocr.pdf.objects import addresses_of, show_text
from scanmend.ocr.pdf.overprints import is_overprint
from scanmend.page import Box, HiddenReason

Grey = NDArray[np.uint8]  # (height, width)

MIN_EM_PX = 7.0  # em of the page's small print in the two pictures
MIN_PICTURE_SIDE_PX, MAX_PICTURE_SIDE_PX = 960, 2400  # of the pictures' longer side
MIN_INK_CHANGE = 10  # grey levels by which a glyph must change the page to count as drawn
MIN_CONTRAST_UNDER_GLYPH = 40  # grey levels between paper and ink under a glyph without ink
MIN_OVERLAP = 0.3  # share of a glyph that another one covers, from which both are examined
MAX_SIZE_RATIO = 2.5  # between two texts that may cover each other; larger text is a watermark
MAX_CONTESTED = 24  # overlapping text objects that are examined one by one
MIN_BOX_PX = 2.0  # side of a box; the ink of a smaller box may fall beside it


@dataclass(frozen=True, slots=True)
class HiddenGlyph:
    """A glyph that the page does not show, and why."""

    glyph: Glyph
    reason: HiddenReason


@dataclass(frozen=True, slots=True)
class Visibility:
    """The glyphs of a page by their visibility, and the page's picture without them.

    ``drawn`` have ink. ``fontless`` would have ink if a font of this machine had their shapes. ``over_ink`` have none
    and lie over the ink of a picture. ``background``: the page without the text objects at the addresses
    ``text_objects``; one pixel of the glyphs' coordinates takes ``scale`` pixels of it.
    """

    drawn: tuple[Glyph, ...]
    fontless: tuple[Glyph, ...]
    over_ink: tuple[Glyph, ...]
    hidden: tuple[HiddenGlyph, ...]
    background: Grey
    scale: float
    text_objects: frozenset[int]


def visibility_of(
    page: pypdfium2.PdfPage, glyphs: Sequence[Glyph], geometry: PageGeometry
) -> Visibility:
    """Return the page's glyphs by their visibility. Afterwards PDFium draws the page without them."""
    size = geometry.size
    factor = _low_resolution(glyphs, size)
    with_text = _rendered(page, geometry.scale * factor)
    covered = _covered(page, glyphs, with_text, geometry.scale * factor, factor)
    objects = addresses_of(page, glyphs)
    show_text(page, without=objects)
    background = _rendered(page, geometry.scale * factor)
    ink = _MarkedPixels(_differs(with_text, background))
    drawn: list[Glyph] = []
    fontless: list[Glyph] = []
    over_ink: list[Glyph] = []
    hidden: list[HiddenGlyph] = []
    on_ink = _lie_on_ink(glyphs, background, factor)
    for glyph, lies_on_ink in zip(glyphs, on_ink, strict=True):
        if not _is_on_page(glyph, size):
            hidden.append(HiddenGlyph(glyph, HiddenReason.OFF_PAGE))
        elif not glyph.blank and ink.in_box(glyph.box, factor) and glyph.index not in covered:
            drawn.append(glyph)
        elif _lacks_font(glyph):
            fontless.append(glyph)
        elif lies_on_ink and glyph.index not in covered:
            over_ink.append(glyph)
        else:
            hidden.append(HiddenGlyph(glyph, hidden_reason(glyph)))
    return Visibility(
        tuple(drawn), tuple(fontless), tuple(over_ink), tuple(hidden), background, factor, objects
    )


def _low_resolution(glyphs: Sequence[Glyph], size: tuple[float, float]) -> float:
    """Return the pictures' scale, relative to the glyphs' pixels, at which small print is still visible."""
    longer = max(size)
    ems = sorted(g.text_object.size for g in glyphs)
    small = max(0.5, ems[len(ems) // 20]) if ems else MIN_EM_PX
    return min(
        1.0, max(MIN_EM_PX / small, MIN_PICTURE_SIDE_PX / longer), MAX_PICTURE_SIDE_PX / longer
    )


def _rendered(page: pypdfium2.PdfPage, scale: float) -> Grey:
    pixels: Grey = page.render(scale=scale, grayscale=True, may_draw_forms=True).to_numpy()
    return pixels[:, :, 0] if pixels.ndim == 3 else pixels


def _differs(first: Grey, second: Grey) -> NDArray[np.bool_]:
    difference: NDArray[np.bool_] = np.abs(first.astype(np.int16) - second) > MIN_INK_CHANGE
    return difference


def _is_on_page(glyph: Glyph, size: tuple[float, float]) -> bool:
    box = glyph.cell if glyph.blank else glyph.box
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return 0 <= x <= size[0] and 0 <= y <= size[1]


def _lacks_font(glyph: Glyph) -> bool:
    """Return whether the glyph has no ink only because this machine has no font for it."""
    text_object = glyph.text_object
    return (
        not text_object.embedded
        and text_object.mode not in INVISIBLE_MODES
        and glyph.blank
        and not text_object.in_optional_layer
    )


def hidden_reason(glyph: Glyph) -> HiddenReason:
    """Return why a glyph on the page has no ink."""
    if glyph.text_object.mode in INVISIBLE_MODES:
        return HiddenReason.INVISIBLE
    return HiddenReason.LAYER_OFF if glyph.text_object.in_optional_layer else HiddenReason.UNSEEN


def _lie_on_ink(glyphs: Sequence[Glyph], background: Grey, factor: float) -> list[bool]:
    """Return for each glyph whether it lies on ink, by the majority of the glyphs in its text object."""
    on_ink = [_has_contrast(glyph.cell, background, factor) for glyph in glyphs]
    start = 0
    while start < len(glyphs):
        end = start + 1
        while end < len(glyphs) and glyphs[end].text_object is glyphs[start].text_object:
            end += 1
        most_lie_on_ink = 2 * sum(on_ink[start:end]) >= end - start
        on_ink[start:end] = [most_lie_on_ink] * (end - start)
        start = end
    return on_ink


# text that covers text ----------------------------------------------------------------------------


def _covered(
    page: pypdfium2.PdfPage, glyphs: Sequence[Glyph], with_text: Grey, scale: float, factor: float
) -> set[int]:
    """Return the indices of glyphs that other glyphs overlap, and that have no ink of their own.

    Render the page once without each overlapping text object: those of its glyphs that change nothing are clipped or
    covered. ``scale``: of the rendering. ``factor``: from the glyphs' pixels to the picture's.
    """
    covered: set[int] = set()
    contested, overprints = _contested(glyphs)
    if len(contested) > MAX_CONTESTED:
        return covered
    for address in contested:
        handle = ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)
        pdfium.FPDFPageObj_SetIsActive(handle, False)
        own_ink = _MarkedPixels(_differs(with_text, _rendered(page, scale)))
        pdfium.FPDFPageObj_SetIsActive(handle, True)
        covered |= {
            glyph.index
            for glyph in glyphs
            if glyph.text_object.address == address and not own_ink.in_box(glyph.box, factor)
        } - overprints
    return covered


def _contested(glyphs: Sequence[Glyph]) -> tuple[set[int], set[int]]:
    """Return the addresses of text objects that overlap others, and the indices of characters printed twice."""
    contested: set[int] = set()
    overprints: set[int] = set()
    grid: dict[tuple[int, int], list[Glyph]] = defaultdict(list)
    cell = max(1.0, max((g.text_object.size for g in glyphs), default=1.0) / 2)
    for glyph in glyphs:
        if glyph.blank or glyph.text_object.mode in INVISIBLE_MODES:
            continue
        x = int((glyph.box.x0 + glyph.box.x1) / 2 / cell)
        y = int((glyph.box.y0 + glyph.box.y1) / 2 / cell)
        neighbours = (
            neighbour
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for neighbour in grid.get((x + dx, y + dy), ())
        )
        for neighbour in neighbours:
            if neighbour.text_object is glyph.text_object:
                continue
            if is_overprint(neighbour, glyph):
                overprints |= {neighbour.index, glyph.index}
            elif _may_cover(neighbour.text_object, glyph.text_object) and _overlap(
                neighbour.box, glyph.box
            ):
                contested |= {glyph.text_object.address, neighbour.text_object.address}
        grid[x, y].append(glyph)
    return contested, overprints


def _may_cover(first: TextObject, second: TextObject) -> bool:
    """Return whether one text may cover the other, as cells of a table may; a watermark leaves text readable."""
    ratio = first.size / second.size
    return first.angle == second.angle and 1 / MAX_SIZE_RATIO < ratio < MAX_SIZE_RATIO


def _overlap(first: Box, second: Box) -> bool:
    """Return whether two boxes share more than ``MIN_OVERLAP`` of the smaller one."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min(first.width * first.height, second.width * second.height)
    return width > 0 and height > 0 and width * height > MIN_OVERLAP * smaller


# pixels -------------------------------------------------------------------------------------------


def _span(box: Box, factor: float, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the box in pixels (y0, y1, x0, x1; ends exclusive), at least one pixel each; None outside the picture."""
    x0, x1 = int(box.x0 * factor), int(np.ceil(box.x1 * factor))
    y0, y1 = int(box.y0 * factor), int(np.ceil(box.y1 * factor))
    x0, y0 = max(0, x0), max(0, y0)
    x1, y1 = min(shape[1], max(x1, x0 + 1)), min(shape[0], max(y1, y0 + 1))
    return (y0, y1, x0, x1) if x0 < x1 and y0 < y1 else None


def _has_contrast(box: Box, pixels: Grey, factor: float) -> bool:
    """Return whether the box has both light and dark pixels."""
    span = _span(box, factor, pixels.shape)
    if span is None:
        return False
    y0, y1, x0, x1 = span
    part = pixels[y0:y1, x0:x1]
    return int(part.max()) - int(part.min()) > MIN_CONTRAST_UNDER_GLYPH


class _MarkedPixels:
    """Marked pixels of a picture, counted in any box in constant time by a summed-area table (Crow 1984)."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._shape = mask.shape
        self._sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
        np.cumsum(np.cumsum(mask, 0, dtype=np.int64), 1, out=self._sums[1:, 1:])

    def in_box(self, box: Box, factor: float) -> bool:
        """Return whether a pixel of the box is marked."""
        if min(box.width, box.height) * factor < MIN_BOX_PX:
            pixel = 1 / factor
            box = Box(box.x0 - pixel, box.y0 - pixel, box.x1 + pixel, box.y1 + pixel)
        span = _span(box, factor, self._shape)
        if span is None:
            return False
        y0, y1, x0, x1 = span
        sums = self._sums
        return bool(sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0] > 0)
