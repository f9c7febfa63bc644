"""Open a PDF with PDFium: try passwords, repair damage, and raise failed reads as OSError."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend import file_types
from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.input_file import PdfiumInputFile
from scanmend.ocr.pdf.file_structure import MAX_FILE_BYTES, has_unfinished_revision
from scanmend.ocr.pdf.page_tree import has_lost_its_tree
from scanmend.ocr.pdf.repair import EXPORT_AGAIN, Version, repaired, version_of
from scanmend.ocr.pictures import name_of

OpenedPdf = tuple[pypdfium2.PdfDocument, bool]  # the document; whether a password was needed
REMEMBERED_FILES = 64  # in ``_opens_unrepaired``
PARSED_PAGES = 3  # of the default size, to find out whether they are pages
_DEFAULT_SIZE = (612.0, 792.0)  # in points
CHECKED_PAGES = 20_000  # at most, that must load for a document to count as sound
_opens_unrepaired: dict[Version, bool] = {}


def is_pdf(path: str) -> bool:
    """Return whether a file is a PDF, by its first 1024 bytes, or a PDF that lost its header.

    A picture's metadata may contain the mark of a PDF, but a file that begins like a picture is a picture.
    """
    with open(path, "rb") as file:
        file_type = file_types.by_marks(file.read(file_types.HEAD_BYTES))
        if file_type is not None:
            return file_type is file_types.PDF

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        return file_types.is_headless_pdf(read, os.fstat(file.fileno()).st_size)


@contextmanager
def open_pdf(path: str, passwords: Sequence[str]) -> Iterator[OpenedPdf]:
    """Yield the document, and whether one of the passwords was needed.

    If PDFium does not open the file, or does not load all of its pages, the document is a repaired copy. Raise Damaged
    or Encrypted, or OSError if a read failed.
    """
    name = name_of(path)
    version = version_of(path)
    with PdfiumInputFile(path) as source:
        opened = _open_unrepaired(source, name, passwords, _opens_unrepaired.get(version))
        opens_unrepaired = opened is not None
        if not opened:
            try:
                opened = _open_repaired(path, passwords)
            except Damaged:
                opened, opens_unrepaired = _open_in_part(source, name, passwords), True
                if not opened:
                    raise
        _remember(version, opens_unrepaired)
        with _pdfium_errors(opened[0], name):
            yield opened


def _open_unrepaired(
    source: PdfiumInputFile, name: str, passwords: Sequence[str], known: bool | None
) -> OpenedPdf | None:
    """Return the document as PDFium opens it; None if the file needs a repair.

    ``known``: whether it opens without a repair; None if that is unknown.
    """
    if known:
        return _unlocked(source, name, passwords)
    if known is None and not has_unfinished_revision(source):
        return _sound_or_none(source, name, passwords)
    return None


def _open_in_part(source: PdfiumInputFile, name: str, passwords: Sequence[str]) -> OpenedPdf | None:
    """Return a document that can't be repaired, if PDFium loads some of its pages; else None."""
    try:
        document, locked = _unlocked(source, name, passwords)
    except Damaged:
        return None
    if len(document):
        return document, locked
    document.close()
    return None


def _remember(version: Version, opens_unrepaired: bool) -> None:
    while len(_opens_unrepaired) >= REMEMBERED_FILES:
        _opens_unrepaired.pop(next(iter(_opens_unrepaired)))
    _opens_unrepaired[version] = opens_unrepaired


def _sound_or_none(source: BinaryIO, name: str, passwords: Sequence[str]) -> OpenedPdf | None:
    """Return the document if it has pages and PDFium loads them all; else None. Raise Encrypted."""
    try:
        document, locked = _unlocked(source, name, passwords)
    except Damaged:
        return None
    if _all_pages_load(document) and not _may_have_lost_pages(document, source):
        return document, locked
    document.close()
    return None


def _may_have_lost_pages(document: pypdfium2.PdfDocument, source: BinaryIO) -> bool:
    """Return whether the only page is PDFium's own blank one, which stands for a page tree that is not there."""
    if len(document) != 1 or _default_size_pages(document) != [0]:
        return False
    if any(document[0].get_objects(max_depth=1)):
        return False
    source.seek(0)
    return has_lost_its_tree(source.read(MAX_FILE_BYTES))


def _default_size_pages(document: pypdfium2.PdfDocument) -> list[int]:
    """Return the indices of the pages that have the size of a page without any: US letter, as many pages have, too."""
    size = pdfium.FS_SIZEF()
    return [
        index
        for index in range(min(len(document), CHECKED_PAGES))
        if pdfium.FPDF_GetPageSizeByIndexF(document, index, size)
        and (size.width, size.height) == _DEFAULT_SIZE
    ]


def _is_a_page(document: pypdfium2.PdfDocument, index: int) -> bool:
    page = pdfium.FPDF_LoadPage(document, index)
    if page:
        pdfium.FPDF_ClosePage(page)
    return bool(page)


def _all_pages_load(document: pypdfium2.PdfDocument) -> bool:
    """Return whether each page object can be loaded.

    The contents are parsed only of a few pages of US letter size: PDFium gives that size to what is no page.
    """
    pages = len(document)
    size = pdfium.FS_SIZEF()
    have_size = pages > 0 and all(
        pdfium.FPDF_GetPageSizeByIndexF(document, index, size)
        for index in range(min(pages, CHECKED_PAGES))
    )
    if not have_size:
        return False
    return all(_is_a_page(document, i) for i in _default_size_pages(document)[:PARSED_PAGES])


def _open_repaired(path: str, passwords: Sequence[str]) -> OpenedPdf:
    """Return the repaired copy. Raise Damaged. Only a copy that qpdf did not write still needs its password."""

    def opens(file: BinaryIO, name: str) -> bool:
        opened = _sound_or_none(file, name, passwords)
        if opened:
            opened[0].close()
        return opened is not None

    copy = repaired(path, passwords, opens)
    document, locked = _unlocked(io.BytesIO(copy.data), name_of(path), passwords)
    if not _all_pages_load(document):
        document.close()
        raise Damaged(
            f"{name_of(path)}: not all pages of the PDF can be loaded", "scan or export it again"
        )
    return document, locked or copy.locked


def _unlocked(source: BinaryIO, name: str, passwords: Sequence[str]) -> OpenedPdf:
    """Return the opened document, and whether a password was needed. Raise Damaged or Encrypted."""
    for password in (None, *passwords):
        document = _open_or_none(source, name, password)
        if document is not None:
            return document, password is not None
    tried = (
        f"none of the {len(passwords)} in pdf.passwords opens it" if passwords else "none is known"
    )
    raise Encrypted(
        f"{name}: protected by a password, and {tried}",
        "add it to pdf.passwords and run scanmend retry,"
        " or remove it, as with qpdf --decrypt, and drop the file again",
    )


def _open_or_none(
    source: BinaryIO, name: str, password: str | None
) -> pypdfium2.PdfDocument | None:
    """Return the document; None if it needs another password. Raise Damaged."""
    _reset_last_error()
    try:
        return pypdfium2.PdfDocument(source, password)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == pdfium.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            return None
        raise Damaged(f"{name}: the PDF can't be opened ({error})", EXPORT_AGAIN) from None


def _reset_last_error() -> None:
    """Reset PDFium's last error, so that the error of an earlier file is not reported.

    PDFium sets no error for a document without pages.
    """
    no_pdf = b"none"
    # fails, and sets the error for a wrong format
    pdfium.FPDF_LoadMemDocument(no_pdf, len(no_pdf), None)


@contextmanager
def _pdfium_errors(document: pypdfium2.PdfDocument, name: str) -> Iterator[None]:
    """Raise PDFium's errors as Damaged, and close the document at the end."""
    try:
        if document.get_formtype():
            document.init_forms()  # else PDFium does not draw what was filled in
        yield
    except pypdfium2.PdfiumError as error:
        raise Damaged(f"{name}: a page of the PDF can't be read ({error})", EXPORT_AGAIN) from None
    finally:
        document.close()
