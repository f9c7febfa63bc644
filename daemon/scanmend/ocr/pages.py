"""Opening a file: what it holds, and one page of it as a picture or as the text that it carries.

The kind of a file is told by its bytes. Limits are checked on what the headers say, before anything is
decoded. One page is in memory at a time.
"""

import errno
import importlib.metadata
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pypdfium2
from PIL import Image, ImageOps, UnidentifiedImageError
from pypdfium2 import raw as pdfium

from scanmend.errors import Damaged, Encrypted, TooBig, Unsupported
from scanmend.ocr.engine import Segment
from scanmend.ocr.pdftext import text_layer
from scanmend.values import Contents, ContentsRequest, EngineInfo, PageRequest, show

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000")
READABLE = "PDF, JPEG, PNG, TIFF, WebP, GIF, BMP, JPEG 2000"
A4_INCHES = 11.7  # the longer side that a scan without a sane resolution is taken to have
MOST_DPI = 650  # a scan that is finer is rendered at ocr.dpi
PROBE = 640  # pixels of the longer side at which a page is compared with its only picture
ALIKE = 40.0  # grey levels by which a tile of 16 pixels may differ: thin lines come out differently
LEAST_DPI = 100  # a PDF page that only fits the pixel limit below this is refused

Image.MAX_IMAGE_PIXELS = None  # the limit is ours: a clear error, not a warning


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page: its picture (mode L or RGB, as it lies in the file but for EXIF and /Rotate) or its own text.

    ``text``: what a PDF page carries; None when it is to be recognised. The picture is then not rendered.
    """

    width: int
    height: int
    dpi: float
    image: Image.Image | None
    text: tuple[Segment, ...] | None = None


TEXT_LAYER = EngineInfo("pdf-text", importlib.metadata.version("pypdfium2"))


def contents(request: ContentsRequest) -> Contents:
    """What the file holds. Raises Damaged, Encrypted, TooBig or Unsupported; OSError is the machine's."""
    name = _name(request.path)
    if _is_pdf(request.path):
        with _pdf(request.path) as document:
            pages = len(document)
        found = Contents("application/pdf", pages)
    else:
        with _image(request.path) as image:
            pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            _check_pixels(image.size, request.max_pixels, name)
            notes: tuple[str, ...] = ()
            if getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "WEBP"):
                notes = (f"{name} is animated; only its first picture is read",)
            found = Contents(Image.MIME.get(image.format or "", "image/unknown"), pages, notes)
    if not found.pages:
        raise Damaged(f"{name}: it has no pages; scan or export it again")
    if found.pages > request.max_pages:
        raise TooBig(f"{name}: {found.pages} pages, more than {request.max_pages} (limits.pages)")
    return found


def open_page(request: PageRequest) -> Rendered:
    """One page; the same errors as ``contents``."""
    if _is_pdf(request.path):
        return _pdf_page(request)
    return _image_page(request)


# pictures -----------------------------------------------------------------------------------------


@contextmanager
def _image(path: str) -> Iterator[Image.Image]:
    """The opened picture; Pillow's many errors as ours, but a failing disk as what it is."""
    name = _name(path)
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = Image.open(file, formats=FORMATS)
            except UnidentifiedImageError:
                file.seek(0)
                head = file.read(16)
                if not head.strip(b"\0"):
                    raise Damaged(
                        f"{name}: the file holds only zeros; scan or copy it again"
                    ) from None
                raise Unsupported(f"{name}: not a kind that is read here ({READABLE})") from None
            with image:
                yield image
    except (Damaged, TooBig, Unsupported):
        raise
    except OSError as error:
        if error.errno is not None and error.errno != errno.EINVAL:
            raise
        raise Damaged(
            f"{name}: the picture can't be decoded ({error}); scan or copy it again"
        ) from None
    except (
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
        ArithmeticError,
    ) as error:
        raise Damaged(
            f"{name}: the picture can't be decoded ({error}); scan or copy it again"
        ) from None


def _image_page(request: PageRequest) -> Rendered:
    with _image(request.path) as image:
        if request.index:
            image.seek(request.index)
        _check_pixels(image.size, request.max_pixels, _name(request.path))
        image.load()
        dpi = _dpi(image)
        plain = _square(_plain(ImageOps.exif_transpose(image)), image, request)
    return Rendered(plain.width, plain.height, dpi, plain)


def _square(plain: Image.Image, image: Image.Image, request: PageRequest) -> Image.Image:
    """Square pixels: a fax of 204 × 98 dpi is stretched."""
    x, y = _resolutions(image)
    if not (x and y) or 0.95 < x / y < 1.05:
        return plain
    most = max(x, y)
    size = (round(plain.width * most / x), round(plain.height * most / y))
    _check_pixels(size, request.max_pixels, _name(request.path))
    return plain.resize(size, Image.Resampling.BICUBIC)


def _check_pixels(size: tuple[int, int], limit: int, name: str) -> None:
    if size[0] * size[1] > limit:
        raise TooBig(
            f"{name}: a page of {size[0]} × {size[1]} pixels, more than {limit:,} (limits.pixels)"
        )


def _plain(image: Image.Image) -> Image.Image:
    """Mode L or RGB; what is transparent is paper."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        white = 255.0 if grey.max(initial=0) <= 255 else 65535.0
        if image.mode == "F":
            white = float(grey.max(initial=1)) or 1.0
        return Image.fromarray(np.clip(grey / white * 255, 0, 255).astype(np.uint8))
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _dpi(image: Image.Image) -> float:
    """The resolution that the file tells, when it is sane; else that of an A4 page of this size."""
    dpi = max(_resolutions(image))
    if dpi:
        return round(dpi, 1)
    return float(min(600, max(72, round(max(image.size) / A4_INCHES))))


def _resolutions(image: Image.Image) -> tuple[float, float]:
    """Across and down, as the file tells them; 0 where that makes no sense."""
    try:
        x, y = (float(value) for value in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    return (x, y) if min(x, y) > 72 and max(x, y) <= 2400 else (0.0, 0.0)


# PDF ----------------------------------------------------------------------------------------------


_PICTURES = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*", b"GIF8", b"RIFF", b"BM", b"\0\0\0\x0cjP")


def _is_pdf(path: str) -> bool:
    """By the rule of PDF readers: the mark within the first 1024 bytes; but not in a picture's metadata."""
    with open(path, "rb") as file:
        head = file.read(1024)
    return b"%PDF-" in head and not head.startswith(_PICTURES)


@contextmanager
def _pdf(path: str) -> Iterator[pypdfium2.PdfDocument]:
    name = _name(path)
    os.stat(path)  # a file that is gone is not damaged
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if (
            getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD
            or "password" in str(error).lower()
        ):
            raise Encrypted(
                f"{name}: protected by a password; remove it, as with qpdf --decrypt, and drop it again"
            ) from None
        raise Damaged(
            f"{name}: the PDF can't be opened ({error}); export or scan it again"
        ) from None
    try:
        if document.get_formtype():
            document.init_forms()  # else what was filled in is not drawn
        yield document
    except pypdfium2.PdfiumError as error:
        raise Damaged(
            f"{name}: a page of the PDF can't be read ({error}); export or scan it again"
        ) from None
    finally:
        document.close()


def _pdf_page(request: PageRequest) -> Rendered:
    name = _name(request.path)
    with _pdf(request.path) as document:
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
            plain = _plain(page.render(scale=scale).to_pil())
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
    dpi = wide / width * 72
    same_ratio = abs(wide / high - width / height) < 0.02 * width / height
    if wide * high > max_pixels or not LEAST_DPI <= dpi <= MOST_DPI or not same_ratio:
        return None
    try:
        scan = _plain(picture.get_bitmap(render=False).to_pil())
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


def _name(path: str) -> str:
    return show(os.fsencode(os.path.basename(path)))
