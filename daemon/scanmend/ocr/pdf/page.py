"""One page of a PDF, opened: its size, its picture, the picture without its text."""

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
from scanmend.ocr.pdf.characters import INVISIBLE_MODES, Sheet
from scanmend.ocr.pdf.document import open_pdf
from scanmend.ocr.pdf.objects import show_text
from scanmend.ocr.pictures import Rendered, name_of, plain_of
from scanmend.workers.protocol import PageRequest

MOST_DPI = 650  # a scan that is finer is rendered at ocr.dpi
PROBE = 640  # pixels of the longer side at which a page is compared with its only picture
ALIKE = 40.0  # grey levels by which a tile of 16 pixels may differ: thin lines come out differently
LEAST_DPI = 100  # a PDF page that only fits the pixel limit below this is refused
PHOTO = 1200  # pixels of the longer side from which a picture at one pixel a point is a photo
COARSE_DPI = 50  # a scan that is coarser is rendered at ocr.dpi


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page that is open in PDFium. ``sheet`` places its points on the page as it is rendered at ``dpi``."""

    page: pypdfium2.PdfPage
    sheet: Sheet
    dpi: float
    max_pixels: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        wide, high = self.sheet.size
        return max(1, round(wide)), max(1, round(high))

    def picture(self) -> Rendered:
        """Return what the page shows: the scan itself where it is nothing else, else the page rendered."""
        show_text(self.page)
        scan = _only_picture(self.page, self.max_pixels, self.sheet, self.dpi)
        if scan is not None:
            return Rendered(
                scan.width, scan.height, round(scan.width / self.sheet.size[0] * self.dpi, 1), scan
            )
        return self._rendered()

    def without(self, objects: Collection[int]) -> Rendered:
        """Return the page rendered without the text objects at these addresses."""
        show_text(self.page, without=objects)
        return self._rendered()

    def grey(self, factor: float) -> Any:
        """Return the page with its text in grey pixels, ``factor`` times its size."""
        show_text(self.page)
        pixels = self.page.render(scale=self.sheet.scale * factor, grayscale=True).to_numpy()
        return np.ascontiguousarray(pixels[:, :, 0] if pixels.ndim == 3 else pixels)

    def _rendered(self) -> Rendered:
        plain = plain_of(self.page.render(scale=self.sheet.scale).to_pil())
        return Rendered(plain.width, plain.height, self.dpi, plain)


@contextmanager
def opened_page(request: PageRequest) -> Iterator[OpenPage]:
    """Open a page as a viewer shows it, fields and notes among it; the errors are those of ``contents``."""
    name = name_of(request.path)
    with ExitStack() as stack:
        document, _ = stack.enter_context(open_pdf(request.path, request.passwords))
        page = document[request.index]
        stack.callback(page.close)
        if qpdf.has_shown_annotations(page):
            page = _flat(stack, request) or page
        unit = qpdf.user_unit(request.path, request.passwords, request.index)
        dpi = _fitting_dpi(page, unit, request, name)
        yield OpenPage(page, Sheet.of(page, unit * dpi / 72), dpi, request.max_pixels)


def _flat(stack: ExitStack, request: PageRequest) -> pypdfium2.PdfPage | None:
    """Return the page with its annotations and filled fields as part of it; None when that can't be done."""
    made = qpdf.flattened(request.path, request.passwords, request.index)
    if made is None:
        return None
    data, index = made
    try:
        document = pypdfium2.PdfDocument(data)
        stack.callback(document.close)
        page = document[index]
    except pypdfium2.PdfiumError:
        return None
    stack.callback(page.close)
    return page


def _fitting_dpi(page: pypdfium2.PdfPage, unit: float, request: PageRequest, name: str) -> float:
    """Return ``ocr.dpi``, or what the pixel limit allows."""
    width, height = Sheet.of(page, unit).size
    if width <= 0 or height <= 0:
        raise Damaged(f"{name}: page {request.index + 1} has no size; export it again")
    most = 72 * (request.max_pixels / (width * height)) ** 0.5
    if most < LEAST_DPI and not _scan_fits(page, request.max_pixels):
        raise TooBig(
            f"{name}: page {request.index + 1} of {width:.0f} × {height:.0f} points needs more than"
            f" {request.max_pixels:,} pixels (limits.pixels)"
        )
    return float(min(request.dpi, max(1, int(most)), _dpi_of_photo(page, unit) or request.dpi))


def _dpi_of_photo(page: pypdfium2.PdfPage, unit: float) -> float | None:
    """Return the resolution of a photo at one pixel a point, which a finer rendering only makes larger."""
    picture = _scan(page)
    if picture is None:
        return None
    wide, high = picture.get_px_size()
    width, height = Sheet.of(page, unit).size
    per_point = max(wide, high) / max(width, height)
    return 72 * per_point if 0.95 < per_point < 1.05 and max(wide, high) > PHOTO else None


def _scan_fits(page: pypdfium2.PdfPage, max_pixels: int) -> bool:
    """Return whether the page is one picture, within the limit: a photo at one pixel a point."""
    picture = _scan(page)
    return picture is not None and 0 < math.prod(picture.get_px_size()) <= max_pixels


def _scan(page: pypdfium2.PdfPage) -> Any:
    """Return the only thing that the page draws, if it is a picture; the unseen text upon it does not count."""
    drawn = [
        thing
        for thing in page.get_objects(max_depth=1)
        if thing.type != pdfium.FPDF_PAGEOBJ_TEXT
        or pdfium.FPDFTextObj_GetTextRenderMode(thing) not in INVISIBLE_MODES
    ]
    return drawn[0] if len(drawn) == 1 and drawn[0].type == pdfium.FPDF_PAGEOBJ_IMAGE else None


def _only_picture(
    page: pypdfium2.PdfPage, max_pixels: int, sheet: Sheet, dpi: float
) -> Image.Image | None:
    """Return the scan itself, when the page is one picture and shows just that: no resampling."""
    picture = _scan(page)
    if picture is None:
        return None
    width, height = sheet.right - sheet.left, sheet.top - sheet.bottom
    wide, high = picture.get_px_size()
    if not wide or not high:
        return None
    coarse = wide / (width * sheet.scale / dpi)
    same_ratio = abs(wide / high - width / height) < 0.02 * width / height
    if wide * high > max_pixels or not COARSE_DPI <= coarse <= MOST_DPI or not same_ratio:
        return None
    try:
        scan = plain_of(picture.get_bitmap(render=False).to_pil())
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return None  # then the page is rendered
    if sheet.rotation:
        scan = scan.rotate(-sheet.rotation, expand=True)
    shown = page.render(scale=PROBE / max(width, height)).to_pil().convert("L")
    return scan if _looks_like(scan, shown) else None


def _looks_like(scan: Image.Image, shown: Image.Image) -> bool:
    """Return whether the picture is what the page shows: not cropped, clipped, masked, inverted or drawn over."""
    small = scan.convert("L").resize(shown.size, Image.Resampling.BOX)
    tiles = (max(1, shown.width // 16), max(1, shown.height // 16))
    ours, theirs = (
        np.asarray(i.resize(tiles, Image.Resampling.BOX), dtype=float) for i in (small, shown)
    )
    return float(np.abs(ours - theirs).max()) < ALIKE
