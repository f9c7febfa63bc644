"""The text objects of a page, and drawing the page with and without them."""

import ctypes
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.characters import Glyph
from scanmend.page import Box

NEAR = 20.0  # points in which the double of a text is looked for
MOST_DEPTH = 16  # forms within forms


def text_objects(page: pypdfium2.PdfPage) -> Iterator[Any]:
    """Yield the handle of each text object of the page, also within forms."""
    yield from _texts(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, 0)


def _texts(holder: Any, count: Any, get: Any, depth: int) -> Iterator[Any]:
    for number in range(count(holder)):
        handle = get(holder, number)
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            yield handle
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < MOST_DEPTH:
            yield from _texts(
                handle, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, depth + 1
            )


def show_text(page: pypdfium2.PdfPage, without: Collection[int] = ()) -> None:
    """Draw the page's text from the next rendering on, but for the text objects at these addresses."""
    for handle in text_objects(page):
        pdfium.FPDFPageObj_SetIsActive(handle, _address(handle) not in without)


def addresses(page: pypdfium2.PdfPage, glyphs: Sequence[Glyph]) -> frozenset[int]:
    """Return the text objects that the glyphs are of, and those that PDFium passes over as their doubles.

    Any other object without a glyph is text of which PDFium knows no character: a drawing to us.
    """
    told = {glyph.paint.address for glyph in glyphs}
    bounds = {
        address: box
        for handle in text_objects(page)
        if (address := _address(handle)) and (box := _bounds(handle))
    }
    near: dict[tuple[int, int], list[Box]] = defaultdict(list)
    for address in told & bounds.keys():
        near[_cell(bounds[address])].append(bounds[address])
    doubles = {
        address
        for address, box in bounds.items()
        if address not in told and any(_double(box, other) for other in _around(near, box))
    }
    return frozenset(told | doubles)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _bounds(handle: Any) -> Box | None:
    """Return the bounds of a page object, in points of the form that it stands in; None when it has none."""
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(handle, *sides):
        return None
    left, bottom, right, top = (side.value for side in sides)
    return (
        Box(left, bottom, right, top)
        if all(map(math.isfinite, (left, bottom, right, top)))
        else None
    )


def _cell(box: Box) -> tuple[int, int]:
    return int(box.x0 / NEAR), int(box.y0 / NEAR)


def _around(near: Mapping[tuple[int, int], list[Box]], box: Box) -> Iterator[Box]:
    column, row = _cell(box)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            yield from near.get((column + dx, row + dy), ())


def _double(one: Box, other: Box) -> bool:
    """Return whether two texts are as large and stand at the same place, but for a shadow's breadth."""
    high = max(one.height, other.height)
    alike = (
        abs(one.width - other.width) < 0.2 * high and abs(one.height - other.height) < 0.2 * high
    )
    return alike and abs(one.x0 - other.x0) < 0.5 * high and abs(one.y0 - other.y0) < 0.5 * high
