"""Opening a file: what it holds, and one page of it as a picture or as the text that it carries.

The kind of a file is told by its bytes. Limits are checked on what the headers say, before anything is
decoded. One page is in memory at a time.
"""

import importlib.metadata

import numpy as np
import pypdfium2
from PIL import Image
from pypdfium2 import raw as pdfium

from scanmend.errors import Damaged, TooBig
from scanmend.ocr.pdf.document import is_pdf, open_pdf
from scanmend.ocr.pdf.repair import is_rebuilt, warnings_of
from scanmend.ocr.pdf.whole import missing_in
from scanmend.ocr.pdftext import text_layer
from scanmend.ocr.pictures import (
    Rendered,
    check_pixels,
    name_of,
    opened,
    picture_page,
    plain_of,
    webp_size,
)
from scanmend.values import Contents, ContentsRequest, EngineInfo, PageRequest

MOST_DPI = 650  # a scan that is finer is rendered at ocr.dpi
PROBE = 640  # pixels of the longer side at which a page is compared with its only picture
ALIKE = 40.0  # grey levels by which a tile of 16 pixels may differ: thin lines come out differently
LEAST_DPI = 100  # a PDF page that only fits the pixel limit below this is refused


TEXT_LAYER = EngineInfo("pdf-text", importlib.metadata.version("pypdfium2"))


def contents(request: ContentsRequest) -> Contents:
    """What the file holds. Raises Damaged, Encrypted, TooBig or Unsupported; OSError is the machine's."""
    name = name_of(request.path)
    if is_pdf(request.path):
        with open_pdf(request.path, request.passwords) as (document, locked):
            pages = len(document)
        opened_by = (f"{name} is encrypted; opened with a password of pdf.passwords",)
        notes = (*(opened_by if locked else ()), *_lost(request, pages))
        found = Contents("application/pdf", pages, notes)
    else:
        found = _picture_contents(request, name)
    if not found.pages:
        raise Damaged(f"{name}: it has no pages; scan or export it again")
    if found.pages > request.max_pages:
        raise TooBig(f"{name}: {found.pages} pages, more than {request.max_pages} (limits.pages)")
    return found


def _lost(request: ContentsRequest, pages: int) -> tuple[str, ...]:
    """Return what was repaired, and what is missing all the same; Damaged when the file may be unfinished."""
    repairs = warnings_of(request.path)
    if not request.doubtful and not is_rebuilt(request.path):
        return repairs
    missing = missing_in(request.path, request.passwords, pages)
    if missing and request.doubtful:
        raise Damaged(f"{name_of(request.path)}: {missing}; scan or copy it again")
    return (*repairs, missing) if missing else repairs


def open_page(request: PageRequest) -> Rendered:
    """One page; the same errors as ``contents``."""
    if is_pdf(request.path):
        return _pdf_page(request)
    return picture_page(request)


def _picture_contents(request: ContentsRequest, name: str) -> Contents:
    # Pillow sets the whole canvas of a WebP aside when it opens it
    check_pixels(webp_size(request.path), request.max_pixels, name)
    with opened(request.path) as image:
        pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        check_pixels(image.size, request.max_pixels, name)
        notes: tuple[str, ...] = ()
        if getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "WEBP"):
            notes = (f"{name} is animated; only its first picture is read",)
        return Contents(Image.MIME.get(image.format or "", "image/unknown"), pages, notes)


# PDF ----------------------------------------------------------------------------------------------


def _pdf_page(request: PageRequest) -> Rendered:
    name = name_of(request.path)
    with open_pdf(request.path, request.passwords) as (document, _):
        page = _flat(document, request.index)
        try:
            width, height = page.get_size()
            dpi = _fitting_dpi(width, height, request, name)
            scale = dpi / 72
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            if request.pdf_text == "auto":
                text = text_layer(page, scale)
                if text is not None:
                    return Rendered(*size, dpi, None, text)
            scan = _only_picture(page, request.max_pixels)
            if scan is not None:
                return Rendered(scan.width, scan.height, round(scan.width / width * 72, 1), scan)
            plain = plain_of(page.render(scale=scale).to_pil())
        finally:
            page.close()
    return Rendered(plain.width, plain.height, dpi, plain)


def _flat(document: pypdfium2.PdfDocument, index: int) -> pypdfium2.PdfPage:
    """The page with its annotations and filled form fields as part of it, as a reader sees it."""
    page = document[index]
    if pdfium.FPDFPage_GetAnnotCount(page) > 0:
        pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
        page.close()
        page = document[index]
    return page


def _fitting_dpi(width: float, height: float, request: PageRequest, name: str) -> float:
    """``ocr.dpi``, or what the pixel limit allows."""
    if width <= 0 or height <= 0:
        raise Damaged(f"{name}: page {request.index + 1} has no size; export it again")
    most = 72 * (request.max_pixels / (width * height)) ** 0.5
    if most < LEAST_DPI:
        raise TooBig(
            f"{name}: page {request.index + 1} of {width:.0f} × {height:.0f} points needs more than"
            f" {request.max_pixels:,} pixels (limits.pixels)"
        )
    return float(min(request.dpi, int(most)))


def _only_picture(page: pypdfium2.PdfPage, max_pixels: int) -> Image.Image | None:
    """The scan itself, when the page is one upright picture and shows just that: no resampling."""
    objects = list(page.get_objects(max_depth=1))
    if len(objects) != 1 or objects[0].type != pdfium.FPDF_PAGEOBJ_IMAGE or page.get_rotation():
        return None
    picture = objects[0]
    width, height = page.get_size()
    wide, high = picture.get_px_size()
    if not wide or not high:
        return None
    dpi = wide / width * 72
    same_ratio = abs(wide / high - width / height) < 0.02 * width / height
    if wide * high > max_pixels or not LEAST_DPI <= dpi <= MOST_DPI or not same_ratio:
        return None
    try:
        scan = plain_of(picture.get_bitmap(render=False).to_pil())
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return None  # then the page is rendered
    shown = page.render(scale=PROBE / max(width, height)).to_pil().convert("L")
    return scan if _looks_like(scan, shown) else None


def _looks_like(scan: Image.Image, shown: Image.Image) -> bool:
    """Whether the picture is what the page shows: not cropped, clipped, masked, inverted or drawn over."""
    small = scan.convert("L").resize(shown.size, Image.Resampling.BOX)
    tiles = (max(1, shown.width // 16), max(1, shown.height // 16))
    ours, theirs = (
        np.asarray(i.resize(tiles, Image.Resampling.BOX), dtype=float) for i in (small, shown)
    )
    return float(np.abs(ours - theirs).max()) < ALIKE
