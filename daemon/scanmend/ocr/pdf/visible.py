"""What of a page's characters the page shows: told by their ink, not by their place in the file.

The page is rendered twice at low resolution, with its text and without. Where the two pictures differ a character
is drawn; where they don't it is white, clipped, covered, switched off or invisible, whatever the reason. What a
character that is not drawn lies upon decides further: over ink of a picture it may be the text that an OCR program
read in it, over blank paper it is hidden.
"""

import ctypes
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.characters import INVISIBLE_MODES, Glyph, Paint
from scanmend.ocr.pdf.doubles import printed_twice
from scanmend.ocr.pdf.objects import addresses, show_text
from scanmend.page import Box, HiddenReason

Grey = NDArray[np.uint8]

LEAST_EM = 7.0  # pixels that the page's small print takes in the pictures
SIDE = 960, 2400  # pixels of their longer side
INK = 10  # grey levels by which a character must change the page to be seen
CONTRAST = 40  # grey levels between paper and ink under a character that is not drawn
OVERLAP = 0.3  # share of a glyph that another one covers: then both are looked at
LARGER = 2.5  # times the size: a watermark
MOST_CONTESTED = 24  # text objects that are looked at one by one
TINY = 2.0  # pixels of a glyph's side: its ink may fall beside its box


@dataclass(frozen=True, slots=True)
class Hidden:
    """A character that the page does not show, and why: "off-page", "layer-off", "invisible" or "unseen"."""

    glyph: Glyph
    reason: HiddenReason


@dataclass(frozen=True, slots=True)
class Seen:
    """A page's characters, parted by what the page shows, and the page without them.

    ``drawn`` leave ink; ``missing`` would, but no font of this machine has their shape; ``over`` leave none and
    lie on the ink of a picture. ``rest``: the page without its text ``objects`` (addresses), grey, ``scale`` times the glyphs' pixels.
    """

    drawn: tuple[Glyph, ...]
    missing: tuple[Glyph, ...]
    over: tuple[Glyph, ...]
    hidden: tuple[Hidden, ...]
    rest: Grey
    scale: float
    objects: frozenset[int]


def see(
    page: pypdfium2.PdfPage, glyphs: Sequence[Glyph], size: tuple[float, float], scale: float
) -> Seen:
    """Part the glyphs by what the page shows.

    ``size``: of the page in the glyphs' pixels, of which ``scale`` make a point. Leaves the page's text undrawn.
    """
    factor = _factor(glyphs, size)
    full = _grey(page, scale * factor)
    covered = _covered(page, glyphs, full, scale * factor, factor)
    objects = addresses(page, glyphs)
    show_text(page, without=objects)
    rest = _grey(page, scale * factor)
    ink = _Count(np.abs(full.astype(np.int16) - rest) > INK)
    contrast = _Contrast(rest)
    drawn: list[Glyph] = []
    missing: list[Glyph] = []
    over: list[Glyph] = []
    hidden: list[Hidden] = []
    for glyph, lies in zip(glyphs, _lying(glyphs, contrast, factor), strict=True):
        if not _on_page(glyph, size):
            hidden.append(Hidden(glyph, HiddenReason.OFF_PAGE))
        elif not glyph.blank and ink.any(glyph.box, factor) and glyph.index not in covered:
            drawn.append(glyph)
        elif _missing(glyph):
            missing.append(glyph)
        elif lies and glyph.index not in covered:
            over.append(glyph)
        else:
            hidden.append(Hidden(glyph, why_hidden(glyph)))
    return Seen(tuple(drawn), tuple(missing), tuple(over), tuple(hidden), rest, factor, objects)


def _covered(
    page: pypdfium2.PdfPage, glyphs: Sequence[Glyph], full: Grey, scale: float, factor: float
) -> set[int]:
    """Return the indices of glyphs that stand where others do, and leave no ink of their own.

    Each text object that others overlap is left out once: what then stays as it was is clipped or covered.
    """
    covered: set[int] = set()
    contested, twins = _contested(glyphs)
    if len(contested) > MOST_CONTESTED:
        return covered
    for address in contested:
        handle = ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)
        pdfium.FPDFPageObj_SetIsActive(handle, False)
        own = _Count(np.abs(full.astype(np.int16) - _grey(page, scale)) > INK)
        pdfium.FPDFPageObj_SetIsActive(handle, True)
        covered |= {
            glyph.index
            for glyph in glyphs
            if glyph.paint.address == address and not own.any(glyph.box, factor)
        } - twins
    return covered


def _contested(glyphs: Sequence[Glyph]) -> tuple[set[int], set[int]]:
    """Return the text objects over whose glyphs those of others stand, and the indices of letters printed twice."""
    contested: set[int] = set()
    twins: set[int] = set()
    grid: dict[tuple[int, int], list[Glyph]] = defaultdict(list)
    cell = max(1.0, max((g.paint.size for g in glyphs), default=1.0) / 2)
    for glyph in glyphs:
        if glyph.blank or glyph.paint.mode in INVISIBLE_MODES:
            continue
        x = int((glyph.box.x0 + glyph.box.x1) / 2 / cell)
        y = int((glyph.box.y0 + glyph.box.y1) / 2 / cell)
        near = (o for dx in (-1, 0, 1) for dy in (-1, 0, 1) for o in grid.get((x + dx, y + dy), ()))
        for other in near:
            if other.paint is glyph.paint:
                continue
            if printed_twice(other, glyph):
                twins |= {other.index, glyph.index}
            elif _alike(other.paint, glyph.paint) and _overlap(other.box, glyph.box):
                contested |= {glyph.paint.address, other.paint.address}
        grid[x, y].append(glyph)
    return contested, twins


def _alike(one: Paint, other: Paint) -> bool:
    """Return whether two texts may be cells of one table; a watermark lies over text that is meant to be read."""
    return one.angle == other.angle and 1 / LARGER < one.size / other.size < LARGER


def _overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes share a good part of the smaller one."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    smaller = min(one.width * one.height, other.width * other.height)
    return wide > 0 and high > 0 and wide * high > OVERLAP * smaller


def _factor(glyphs: Sequence[Glyph], size: tuple[float, float]) -> float:
    """Return how large the low resolution is, of the glyphs' pixels: small print must leave a trace in it."""
    longer = max(size)
    ems = sorted(g.paint.size for g in glyphs)
    small = max(0.5, ems[len(ems) // 20]) if ems else LEAST_EM
    return min(1.0, max(LEAST_EM / small, SIDE[0] / longer), SIDE[1] / longer)


def _grey(page: pypdfium2.PdfPage, scale: float) -> Grey:
    pixels: Grey = page.render(scale=scale, grayscale=True, may_draw_forms=True).to_numpy()
    return pixels[:, :, 0] if pixels.ndim == 3 else pixels


def _on_page(glyph: Glyph, size: tuple[float, float]) -> bool:
    box = glyph.cell if glyph.blank else glyph.box
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return 0 <= x <= size[0] and 0 <= y <= size[1]


def _missing(glyph: Glyph) -> bool:
    """Return whether the glyph would be drawn, had this machine a font with its shape."""
    paint = glyph.paint
    return (
        not paint.embedded and paint.mode not in INVISIBLE_MODES and glyph.blank and not paint.layer
    )


def why_hidden(glyph: Glyph) -> HiddenReason:
    """Return the reason that is told for a glyph without ink."""
    if glyph.paint.mode in INVISIBLE_MODES:
        return HiddenReason.INVISIBLE
    return HiddenReason.LAYER_OFF if glyph.paint.layer else HiddenReason.UNSEEN


def _lying(glyphs: Sequence[Glyph], contrast: "_Contrast", factor: float) -> list[bool]:
    """Return for each glyph whether it lies on ink, as most of its neighbours in the same text do."""
    found = [contrast.at(glyph.cell, factor) for glyph in glyphs]
    start = 0
    while start < len(glyphs):
        end = start + 1
        while end < len(glyphs) and glyphs[end].paint is glyphs[start].paint:
            end += 1
        most = 2 * sum(found[start:end]) >= end - start
        found[start:end] = [most] * (end - start)
        start = end
    return found


def _span(box: Box, factor: float, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return rows and columns of a box, at least one pixel each; None outside the picture."""
    x0, x1 = int(box.x0 * factor), int(np.ceil(box.x1 * factor))
    y0, y1 = int(box.y0 * factor), int(np.ceil(box.y1 * factor))
    x0, y0 = max(0, x0), max(0, y0)
    x1, y1 = min(shape[1], max(x1, x0 + 1)), min(shape[0], max(y1, y0 + 1))
    return (y0, y1, x0, x1) if x0 < x1 and y0 < y1 else None


class _Count:
    """Counts of marked pixels in boxes, by a summed-area table."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._shape = mask.shape
        self._sum = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
        np.cumsum(np.cumsum(mask, 0, dtype=np.int64), 1, out=self._sum[1:, 1:])

    def any(self, box: Box, factor: float) -> bool:
        """Return whether a pixel of the box is marked."""
        if min(box.width, box.height) * factor < TINY:
            by = 1 / factor
            box = Box(box.x0 - by, box.y0 - by, box.x1 + by, box.y1 + by)
        span = _span(box, factor, self._shape)
        if span is None:
            return False
        y0, y1, x0, x1 = span
        table = self._sum
        return bool(table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0] > 0)


class _Contrast:
    """Whether ink and paper meet in a box."""

    def __init__(self, pixels: Grey) -> None:
        self._pixels = pixels

    def at(self, box: Box, factor: float) -> bool:
        """Return whether light and dark pixels stand in the box."""
        span = _span(box, factor, self._pixels.shape)
        if span is None:
            return False
        y0, y1, x0, x1 = span
        part = self._pixels[y0:y1, x0:x1]
        return int(part.max()) - int(part.min()) > CONTRAST
