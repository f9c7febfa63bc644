"""An open page of a PDF: its size, and its picture with all text, without some text, or in grey."""

import math
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pypdfium2
from PIL import Image
from pypdfium2 import raw as pdfium

from scanmend.errors import Damaged, TooBig
from scanmend.ocr.pdf import qpdf
from scanmend.ocr.pdf.document import open_pdf
from scanmend.ocr.pdf.geometry import POINTS_PER_INCH, PageGeometry
from scanmend.ocr.pdf.glyphs import INVISIBLE_MODES
from scanmend.ocr.pdf.objects import show_text
from scanmend.ocr.pictures import Rendered, name_of
from scanmend.ocr.tones import as_grey_or_rgb
from scanmend.workers.protocol import PageRequest

MIN_PAGE_DPI = 100  # a page that exceeds the pixel limit at this resolution is refused
# bounds for a scan that is used as it is; a coarser or finer scan is rendered at ocr.dpi
SCAN_DPI = 50, 650
MIN_PHOTO_PX = 1200  # longer side from which a picture at one pixel per point counts as a photo
COMPARED_SIDE_PX = 640  # longer side for the comparison of a page with its only picture
COMPARED_TILE_PX = 16  # side of the tiles whose mean grey levels are compared
MAX_TILE_DIFFERENCE = 40.0  # grey levels; PDFium and Pillow draw thin lines differently
MAX_RATIO_DIFFERENCE = 0.02  # between the aspect ratios of a page and of its only picture


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page that is open in PDFium. ``geometry``: of the page rendered at ``dpi``."""

    page: pypdfium2.PdfPage
    geometry: PageGeometry
    dpi: float
    max_pixels: int

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        width, height = self.geometry.size
        return max(1, round(width)), max(1, round(height))

    def render(self) -> Rendered:
        """Return the page's picture: the scan itself if the page shows only that, else the rendered page."""
        show_text(self.page)
        scan = _scan_as_it_is(self.page, self.max_pixels, self.geometry, self.dpi)
        if scan is not None:
            dpi = round(scan.width / self.geometry.size[0] * self.dpi, 1)
            return Rendered(scan.width, scan.height, dpi, scan)
        return self._rendered()

    def render_without(self, text_objects: Collection[int]) -> Rendered:
        """Return the page rendered without the text objects at these addresses."""
        show_text(self.page, without=text_objects)
        return self._rendered()

    def render_grey(self, factor: float) -> Any:
        """Return the page with its text as grey pixels, (height, width) uint8, ``factor`` times its size."""
        show_text(self.page)
        pixels = self.page.render(scale=self.geometry.scale * factor, grayscale=True).to_numpy()
        return np.ascontiguousarray(pixels[:, :, 0] if pixels.ndim == 3 else pixels)

    def _rendered(self) -> Rendered:
        image = as_grey_or_rgb(self.page.render(scale=self.geometry.scale).to_pil())
        return Rendered(image.width, image.height, self.dpi, image)


@contextmanager
def open_pdf_page(request: PageRequest) -> Iterator[OpenPage]:
    """Yield a page as a PDF viewer shows it, with its fields and notes.

    Raise Damaged, Encrypted or TooBig, or an OSError, which is the machine's fault.
    """
    with ExitStack() as stack:
        document, _ = stack.enter_context(open_pdf(request.path, request.passwords))
        page = document[request.index]
        stack.callback(page.close)
        if qpdf.has_shown_annotations(page):
            page = _flattened(stack, request) or page
        unit = qpdf.user_unit(request.path, request.passwords, request.index)
        dpi = _fitting_dpi(page, unit, request)
        geometry = PageGeometry.of(page, unit * dpi / POINTS_PER_INCH)
        yield OpenPage(page, geometry, dpi, request.max_pixels)


def _flattened(stack: ExitStack, request: PageRequest) -> pypdfium2.PdfPage | None:
    """Return the page with its annotations and filled fields in its contents; None if qpdf can't do that."""
    flattened = qpdf.flattened(request.path, request.passwords, request.index)
    if flattened is None:
        return None
    data, index = flattened
    try:
        document = pypdfium2.PdfDocument(data)
        stack.callback(document.close)
        page = document[index]
    except pypdfium2.PdfiumError:
        return None
    stack.callback(page.close)
    return page


def _fitting_dpi(page: pypdfium2.PdfPage, unit: float, request: PageRequest) -> float:
    """Return ``ocr.dpi``, or the highest resolution that the pixel limit allows. ``unit``: points per unit.

    Raise Damaged for a page without a size, and TooBig for one that does not fit the limit even at 100 dpi.
    """
    name = name_of(request.path)
    width, height = PageGeometry.of(page, unit).size
    if width <= 0 or height <= 0:
        raise Damaged(f"{name}: page {request.index + 1} has no size", "export it again")
    highest = POINTS_PER_INCH * (request.max_pixels / (width * height)) ** 0.5
    if highest < MIN_PAGE_DPI and not _scan_fits(page, request.max_pixels):
        raise TooBig(
            f"{name}: page {request.index + 1} of {width:.0f} × {height:.0f} points needs more than"
            f" {request.max_pixels:,} pixels (limits.pixels)"
        )
    wanted = _dpi_of_photo(page, unit) or request.dpi
    return float(min(request.dpi, max(1, int(highest)), wanted))


def _dpi_of_photo(page: pypdfium2.PdfPage, unit: float) -> float | None:
    """Return the resolution of a page that is a photo at one pixel per point; None for any other page."""
    picture = _only_picture(page)
    if picture is None:
        return None
    longer = max(picture.get_px_size())
    pixels_per_point = longer / max(PageGeometry.of(page, unit).size)
    is_photo = 0.95 < pixels_per_point < 1.05 and longer > MIN_PHOTO_PX
    return POINTS_PER_INCH * pixels_per_point if is_photo else None


def _scan_fits(page: pypdfium2.PdfPage, max_pixels: int) -> bool:
    """Return whether the page is one picture within the pixel limit."""
    picture = _only_picture(page)
    return picture is not None and 0 < math.prod(picture.get_px_size()) <= max_pixels


def _only_picture(page: pypdfium2.PdfPage) -> Any:
    """Return the page's picture, if the page draws nothing else but invisible text; else None."""
    drawn = [
        item
        for item in page.get_objects(max_depth=1)
        if item.type != pdfium.FPDF_PAGEOBJ_TEXT
        or pdfium.FPDFTextObj_GetTextRenderMode(item) not in INVISIBLE_MODES
    ]
    return drawn[0] if len(drawn) == 1 and drawn[0].type == pdfium.FPDF_PAGEOBJ_IMAGE else None


def _scan_as_it_is(
    page: pypdfium2.PdfPage, max_pixels: int, geometry: PageGeometry, dpi: float
) -> Image.Image | None:
    """Return the unchanged scan, if the page is one picture and shows exactly that; else None."""
    picture = _only_picture(page)
    if picture is None:
        return None
    page_width, page_height = geometry.right - geometry.left, geometry.top - geometry.bottom
    width, height = picture.get_px_size()
    if not width or not height:
        return None
    scan_dpi = width / (page_width * geometry.scale / dpi)
    page_ratio = page_width / page_height
    same_ratio = abs(width / height - page_ratio) < MAX_RATIO_DIFFERENCE * page_ratio
    coarsest, finest = SCAN_DPI
    if width * height > max_pixels or not coarsest <= scan_dpi <= finest or not same_ratio:
        return None
    try:
        scan = as_grey_or_rgb(picture.get_bitmap(render=False).to_pil())
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return None  # the page is rendered instead
    if geometry.rotation:
        scan = scan.rotate(-geometry.rotation, expand=True)
    scale = COMPARED_SIDE_PX / max(page_width, page_height)
    shown = page.render(scale=scale).to_pil().convert("L")
    return scan if _looks_like(scan, shown) else None


def _looks_like(scan: Image.Image, shown: Image.Image) -> bool:
    """Return whether the page shows the scan as it is: not cropped, clipped, masked, inverted or drawn over.

    ``shown``: the rendered page in grey.
    """
    small = scan.convert("L").resize(shown.size, Image.Resampling.BOX)
    difference = np.abs(_tile_means(small) - _tile_means(shown))
    return float(difference.max()) < MAX_TILE_DIFFERENCE


def _tile_means(grey: Image.Image) -> Any:
    """Return the mean grey of each tile of 16 × 16 pixels: (rows, columns) float64."""
    columns, rows = (max(1, side // COMPARED_TILE_PX) for side in grey.size)
    return np.asarray(grey.resize((columns, rows), Image.Resampling.BOX), dtype=float)
