"""Opening a file: what it holds, and one page of it as a picture.

The kind of a file is told by its bytes. Limits are checked on what the headers say, before anything is
decoded. One page is in memory at a time.
"""

from PIL import Image

from scanmend.document import Contents
from scanmend.errors import Damaged, TooBig
from scanmend.ocr.pdf.document import is_pdf, open_pdf
from scanmend.ocr.pdf.page import opened_page
from scanmend.ocr.pdf.repair import is_rebuilt, warnings_of
from scanmend.ocr.pdf.whole import missing_in
from scanmend.ocr.pictures import Rendered, check_pixels, name_of, opened, picture_page, webp_size
from scanmend.workers.protocol import ContentsRequest, PageRequest


def contents(request: ContentsRequest) -> Contents:
    """What the file holds. Raises Damaged, Encrypted, TooBig or Unsupported; OSError is the machine's."""
    name = name_of(request.path)
    if is_pdf(request.path):
        return _pdf_contents(request, name)
    found = _picture_contents(request, name)
    _check_pages(found.pages, request, name)
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
    """Return the picture of one page; the same errors as ``contents``."""
    if is_pdf(request.path):
        with opened_page(request) as page:
            return page.picture()
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


def _check_pages(pages: int, request: ContentsRequest, name: str) -> None:
    if not pages:
        raise Damaged(f"{name}: it has no pages; scan or export it again")
    if pages > request.max_pages:
        raise TooBig(f"{name}: {pages} pages, more than {request.max_pages} (limits.pages)")


# PDF ----------------------------------------------------------------------------------------------


def _pdf_contents(request: ContentsRequest, name: str) -> Contents:
    from scanmend.ocr.pdf.offpages import off_pages  # noqa: PLC0415 - pikepdf, for PDFs alone

    with open_pdf(request.path, request.passwords) as (document, locked):
        pages = len(document)
        _check_pages(pages, request, name)
        warnings, parts = off_pages(request, document)
    opened_by = (f"{name} is encrypted; opened with a password of pdf.passwords",)
    notes = (*(opened_by if locked else ()), *_lost(request, pages))
    return Contents("application/pdf", pages, notes, warnings, parts)
