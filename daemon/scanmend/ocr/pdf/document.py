"""Opening a PDF with PDFium: passwords, damage and its repair, reads that fail."""

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.complete import is_headless_pdf
from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.pdf.repair import Version, repaired, version_of
from scanmend.ocr.pictures import MARKS, name_of
from scanmend.ocr.source import ForPdfium, Source

Opened = tuple[pypdfium2.PdfDocument, bool]
SEARCHED = 4096 + 9  # bytes at the end in which PDFium looks for the cross reference
REMEMBERED = 64  # files of which it is known whether PDFium opens them by itself
CHECKED = 20_000  # pages that are looked at before a document counts as one whose pages all load
_sound: dict[Version, bool] = {}


def is_pdf(path: str) -> bool:
    """Return whether the first 1024 bytes hold the PDF mark, outside a picture's metadata, or what stood there is lost."""
    with open(path, "rb") as file:
        head = file.read(1024)
        if head.startswith(MARKS):
            return False
        return b"%PDF-" in head or is_headless_pdf(file, os.fstat(file.fileno()).st_size)


@contextmanager
def open_pdf(path: str, passwords: Sequence[str]) -> Iterator[Opened]:
    """Yield the document, and whether one of the passwords was needed; OSError when a read failed.

    Where PDFium does not open it, or does not load all of its pages, it is the copy that qpdf repaired.
    """
    name = name_of(path)
    version = version_of(path)
    if _sound.get(version, True):
        with ForPdfium(path) as source:
            stale = _ends_in_objects(source)
            found = None if stale else _sound_or_none(source, name, passwords)
            if found:
                _remember(version, True)
                with _reading(found[0], name):
                    yield found
                return
    with _repaired(path, name, passwords) as (document, locked):
        _remember(version, False)
        yield document, locked


def _remember(version: Version, sound: bool) -> None:
    while len(_sound) >= REMEMBERED:
        _sound.pop(next(iter(_sound)))
    _sound[version] = sound


def _sound_or_none(source: Source, name: str, passwords: Sequence[str]) -> Opened | None:
    """Return the document when it has pages and PDFium loads them all; Encrypted."""
    try:
        document, locked = _unlocked(source, name, passwords)
    except Damaged:
        return None
    if _loads(document):
        return document, locked
    document.close()
    return None


def _ends_in_objects(source: Source) -> bool:
    """Return whether objects follow the cross reference that PDFium takes: it would show an earlier revision."""
    size = source.seek(0, 2)
    source.seek(max(0, size - SEARCHED))
    tail = source.read(SEARCHED)
    source.seek(0)
    last = tail.rfind(b"startxref")
    return last >= 0 and re.search(rb"\d\s+\d+\s+obj\b", tail[last:]) is not None


def _loads(document: pypdfium2.PdfDocument) -> bool:
    """Return whether each page can be loaded; its contents are not looked at, so it is quick."""
    pages = len(document)
    size = pdfium.FS_SIZEF()
    return pages > 0 and all(
        pdfium.FPDF_GetPageSizeByIndexF(document, index, size)
        for index in range(min(pages, CHECKED))
    )


@contextmanager
def _repaired(path: str, name: str, passwords: Sequence[str]) -> Iterator[Opened]:
    """Yield the repaired copy, which needs no password any more."""
    copy = repaired(path, passwords)
    document, _ = _unlocked(io.BytesIO(copy.data), name, ())
    with _reading(document, name):
        yield document, copy.locked


def _unlocked(source: BinaryIO, name: str, passwords: Sequence[str]) -> Opened:
    """Return the opened document, and whether a password was needed; Damaged, Encrypted."""
    for password in (None, *passwords):
        document = _tried(source, name, password)
        if document is not None:
            return document, password is not None
    tried = (
        f"none of the {len(passwords)} in pdf.passwords opens it" if passwords else "none is known"
    )
    raise Encrypted(
        f"{name}: protected by a password, and {tried}; add it to pdf.passwords and run scanmend retry,"
        " or remove it, as with qpdf --decrypt, and drop the file again"
    )


@contextmanager
def _reading(document: pypdfium2.PdfDocument, name: str) -> Iterator[None]:
    """Close the document at the end; PDFium's errors meanwhile are the file's damage."""
    try:
        if document.get_formtype():
            document.init_forms()  # else what was filled in is not drawn
        yield
    except pypdfium2.PdfiumError as error:
        raise Damaged(
            f"{name}: a page of the PDF can't be read ({error}); export or scan it again"
        ) from None
    finally:
        document.close()


def _tried(source: BinaryIO, name: str, password: str | None) -> pypdfium2.PdfDocument | None:
    """Return the document; None when it takes another password."""
    _forget()
    try:
        return pypdfium2.PdfDocument(source, password)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == pdfium.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            return None
        raise Damaged(
            f"{name}: the PDF can't be opened ({error}); export or scan it again"
        ) from None


def _forget() -> None:
    """Reset PDFium's last error: otherwise a file could fail for the reason of the file before."""
    nothing = b"none"
    pdfium.FPDF_LoadMemDocument(nothing, len(nothing), None)  # sets the plainest one
