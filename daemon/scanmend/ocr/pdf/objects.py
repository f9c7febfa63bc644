"""Find the text objects of a page, and show or hide them."""

import ctypes
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.glyphs import Glyph
from scanmend.page import Box

# side of a grid cell; a text object's double is searched in the neighbouring cells
GRID_POINTS = 20.0
MAX_FORM_DEPTH = 16  # forms within forms
MAX_DOUBLE_SIZE_DIFFERENCE = 0.2  # in heights, between a text and its double
MAX_DOUBLE_SHIFT = 0.5  # in heights, as of a shadow


def text_objects(page: pypdfium2.PdfPage) -> Iterator[Any]:
    """Yield the handle of each text object of the page and of the forms in it."""
    yield from _text_objects(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, 0)


def _text_objects(
    holder: Any, count: Callable[[Any], int], get: Callable[[Any, int], Any], depth: int
) -> Iterator[Any]:
    for number in range(count(holder)):
        handle = get(holder, number)
        object_type = pdfium.FPDFPageObj_GetType(handle)
        if object_type == pdfium.FPDF_PAGEOBJ_TEXT:
            yield handle
        elif object_type == pdfium.FPDF_PAGEOBJ_FORM and depth < MAX_FORM_DEPTH:
            yield from _text_objects(
                handle, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, depth + 1
            )


def show_text(page: pypdfium2.PdfPage, without: Collection[int] = ()) -> None:
    """Let PDFium draw the page's text from now on, except for the text objects at these addresses."""
    for handle in text_objects(page):
        pdfium.FPDFPageObj_SetIsActive(handle, _address(handle) not in without)


def addresses_of(page: pypdfium2.PdfPage, glyphs: Sequence[Glyph]) -> frozenset[int]:
    """Return the addresses of the glyphs' text objects, and of their doubles, which PDFium leaves out.

    Any other text object without a glyph counts as a drawing, since PDFium has no character for it.
    """
    known = {glyph.text_object.address for glyph in glyphs}
    bounds = {
        address: box
        for handle in text_objects(page)
        if (address := _address(handle)) and (box := _bounds(handle))
    }
    grid: dict[tuple[int, int], list[Box]] = defaultdict(list)
    for address in known & bounds.keys():
        grid[_grid_cell(bounds[address])].append(bounds[address])
    doubles = {
        address
        for address, box in bounds.items()
        if address not in known and any(_are_doubles(box, other) for other in _nearby(grid, box))
    }
    return frozenset(known | doubles)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _bounds(handle: Any) -> Box | None:
    """Return the bounds of a page object, in points of its form; None if it has none."""
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(handle, *sides):
        return None
    left, bottom, right, top = bounds = [side.value for side in sides]
    return Box(left, bottom, right, top) if all(map(math.isfinite, bounds)) else None


def _grid_cell(box: Box) -> tuple[int, int]:
    return int(box.x0 / GRID_POINTS), int(box.y0 / GRID_POINTS)


def _nearby(grid: Mapping[tuple[int, int], list[Box]], box: Box) -> Iterator[Box]:
    column, row = _grid_cell(box)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            yield from grid.get((column + dx, row + dy), ())


def _are_doubles(first: Box, second: Box) -> bool:
    """Return whether two texts have the same size and position, up to the shift of a shadow."""
    height = max(first.height, second.height)
    difference, shift = MAX_DOUBLE_SIZE_DIFFERENCE * height, MAX_DOUBLE_SHIFT * height
    return (
        abs(first.width - second.width) < difference
        and abs(first.height - second.height) < difference
        and abs(first.x0 - second.x0) < shift
        and abs(first.y0 - second.y0) < shift
    )
