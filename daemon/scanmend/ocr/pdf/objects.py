"""The text objects of a page, and drawing the page with and without them."""

import ctypes
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.glyphs import Glyph
from scanmend.page import Box

# side of a grid cell, within whose neighbours a text object's double is searched
GRID_POINTS = 20.0
MAX_FORM_DEPTH = 16  # forms within forms
DOUBLE_SIZE_DIFFERENCE = 0.2  # of the height, between two texts that are doubles
DOUBLE_SHIFT = 0.5  # of the height, such as a shadow's


def text_objects(page: pypdfium2.PdfPage) -> Iterator[Any]:
    """Yield the handle of each text object of the page, also within forms."""
    yield from _text_objects(page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, 0)


def _text_objects(
    holder: Any, count: Callable[[Any], int], get: Callable[[Any, int], Any], depth: int
) -> Iterator[Any]:
    for number in range(count(holder)):
        handle = get(holder, number)
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            yield handle
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < MAX_FORM_DEPTH:
            yield from _text_objects(
                handle, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, depth + 1
            )


def show_text(page: pypdfium2.PdfPage, without: Collection[int] = ()) -> None:
    """Let PDFium draw the page's text from now on, except for the text objects at these addresses."""
    for handle in text_objects(page):
        pdfium.FPDFPageObj_SetIsActive(handle, _address(handle) not in without)


def addresses_of(page: pypdfium2.PdfPage, glyphs: Sequence[Glyph]) -> frozenset[int]:
    """Return the addresses of the glyphs' text objects, and of the doubles of these that PDFium leaves out.

    Any other text object without a glyph counts as a drawing: PDFium knows no character of it.
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
    """Return the bounds of a page object, in points of the form that it stands in; None if it has none."""
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


def _are_doubles(one: Box, other: Box) -> bool:
    """Return whether two texts are equally large and have one position, up to the breadth of a shadow."""
    height = max(one.height, other.height)
    difference, shift = DOUBLE_SIZE_DIFFERENCE * height, DOUBLE_SHIFT * height
    return (
        abs(one.width - other.width) < difference
        and abs(one.height - other.height) < difference
        and abs(one.x0 - other.x0) < shift
        and abs(one.y0 - other.y0) < shift
    )
