"""Open a file: find out what it holds, and return a page of it as a picture.

A file's type follows from its bytes. Limits are checked on the headers, before anything is decoded. Only one page is in
memory at a time.
"""

from PIL import Image

from scanmend import file_types
from scanmend.document import Contents
from scanmend.errors import Damaged, TooBig
from scanmend.ocr.pdf.document import is_pdf, open_pdf
from scanmend.ocr.pdf.missing_objects import describe_missing
from scanmend.ocr.pdf.open_page import open_pdf_page
from scanmend.ocr.pdf.repair import is_rebuilt, warnings_of
from scanmend.ocr.pictures import (
    Rendered,
    check_pixels,
    count_pages,
    is_tiff,
    name_of,
    open_picture,
    picture_page,
    webp_size,
)
from scanmend.workers.protocol import ContentsRequest, PageRequest

_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # Pillow's formats


def contents(request: ContentsRequest) -> Contents:
    """Return what the file holds.

    Raise Damaged, Encrypted, TooBig or Unsupported, or an OSError, which is the machine's fault.
    """
    name = name_of(request.path)
    if is_pdf(request.path):
        return _pdf_contents(request, name)
    picture_contents = _picture_contents(request, name)
    _check_pages(picture_contents.pages, request, name)
    return picture_contents


def open_page(request: PageRequest) -> Rendered:
    """Return the picture of one page. Raise the errors of ``contents``."""
    if is_pdf(request.path):
        with open_pdf_page(request) as page:
            return page.render()
    return picture_page(request)


def _picture_contents(request: ContentsRequest, name: str) -> Contents:
    if is_tiff(request.path):
        pages = count_pages(request.path, request.max_pixels)
        return Contents(file_types.TIFF.media_type, pages)
    # Pillow allocates the whole canvas of a WebP when it opens the file
    check_pixels(webp_size(request.path), request.max_pixels, name)
    with open_picture(request.path) as image:
        check_pixels(image.size, request.max_pixels, name)
        notes = _note_of_frames(image, name)
        return Contents(_media_type(image.format or ""), 1, notes)


def _note_of_frames(image: Image.Image, name: str) -> tuple[str, ...]:
    """Return a warning if the file has more pictures than the one that is read."""
    if getattr(image, "n_frames", 1) <= 1:
        return ()
    if image.format in _ANIMATED:
        return (f"{name} is animated; only its first picture is read",)
    if image.format == "HEIF":
        return (f"{name} holds {image.n_frames} pictures; only the main one is read",)  # type: ignore[attr-defined]
    return ()


def _media_type(pillow_format: str) -> str:
    """Return the media type of a format of Pillow, such as "MPO" for a phone's JPEG of several pictures."""
    file_type = file_types.by_pillow_format(pillow_format)
    return file_type.media_type if file_type else Image.MIME.get(pillow_format, "image/unknown")


def _pdf_contents(request: ContentsRequest, name: str) -> Contents:
    from scanmend.ocr.pdf.offpages import off_pages  # noqa: PLC0415 - loads pikepdf

    with open_pdf(request.path, request.passwords) as (document, locked):
        pages = len(document)
        _check_pages(pages, request, name)
        warnings, parts = off_pages(request, document)
    unlocked = (f"{name} is encrypted; opened with a password of pdf.passwords",)
    notes = (*(unlocked if locked else ()), *_repairs(request, pages))
    return Contents(file_types.PDF.media_type, pages, notes, warnings, parts)


def _repairs(request: ContentsRequest, pages: int) -> tuple[str, ...]:
    """Return warnings about repairs and missing pages. Raise Damaged if the file may still be unfinished."""
    repairs = warnings_of(request.path)
    if not request.doubtful and not is_rebuilt(request.path):
        return repairs
    missing = describe_missing(request.path, request.passwords, pages)
    if missing and request.doubtful:
        raise Damaged(f"{name_of(request.path)}: {missing}", "scan or copy it again")
    return (*repairs, missing) if missing else repairs


def _check_pages(pages: int, request: ContentsRequest, name: str) -> None:
    if not pages:
        raise Damaged(f"{name}: it has no pages", "scan or export it again")
    if pages > request.max_pages:
        raise TooBig(f"{name}: {pages} pages, more than {request.max_pages} (limits.pages)")
