"""Opening a PDF with PDFium: passwords, damage and its repair, reads that fail."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.errors import Damaged, Encrypted
from scanmend.intake.completeness import is_headless_pdf
from scanmend.ocr.input_file import ForPdfium
from scanmend.ocr.pdf.file_structure import is_being_revised
from scanmend.ocr.pdf.repair import Version, repaired, version_of
from scanmend.ocr.pictures import MARKS, name_of

Opened = tuple[pypdfium2.PdfDocument, bool]
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

    Where PDFium does not open it, or does not load all of its pages, it is a repaired copy.
    """
    name = name_of(path)
    version = version_of(path)
    with ForPdfium(path) as source:
        found = _found(source, name, passwords, _sound.get(version))
        sound = found is not None
        if not found:
            try:
                found = _repaired(path, passwords)
            except Damaged:
                found, sound = _partly(source, name, passwords), True
                if not found:
                    raise
        _remember(version, sound)
        with _reading(found[0], name):
            yield found


def _found(
    source: ForPdfium, name: str, passwords: Sequence[str], sound: bool | None
) -> Opened | None:
    """Return what PDFium opens by itself; ``sound``: whether that is known to be right, None: look."""
    if sound:
        return _unlocked(source, name, passwords)
    if sound is None and not is_being_revised(source):
        return _sound_or_none(source, name, passwords)
    return None


def _partly(source: ForPdfium, name: str, passwords: Sequence[str]) -> Opened | None:
    """Return a document of which PDFium loads some pages, after the repair failed; None when it opens none."""
    try:
        document, locked = _unlocked(source, name, passwords)
    except Damaged:
        return None
    if len(document):
        return document, locked
    document.close()
    return None


def _remember(version: Version, sound: bool) -> None:
    while len(_sound) >= REMEMBERED:
        _sound.pop(next(iter(_sound)))
    _sound[version] = sound


def _sound_or_none(source: BinaryIO, name: str, passwords: Sequence[str]) -> Opened | None:
    """Return the document when it has pages and PDFium loads them all; Encrypted."""
    try:
        document, locked = _unlocked(source, name, passwords)
    except Damaged:
        return None
    if _loads(document):
        return document, locked
    document.close()
    return None


def _loads(document: pypdfium2.PdfDocument) -> bool:
    """Return whether each page can be loaded; its contents are not looked at, so it is quick."""
    pages = len(document)
    size = pdfium.FS_SIZEF()
    return pages > 0 and all(
        pdfium.FPDF_GetPageSizeByIndexF(document, index, size)
        for index in range(min(pages, CHECKED))
    )


def _repaired(path: str, passwords: Sequence[str]) -> Opened:
    """Return the repaired copy, which needs a password only where qpdf was not needed; Damaged."""

    def opens(file: BinaryIO, name: str) -> bool:
        found = _sound_or_none(file, name, passwords)
        if found:
            found[0].close()
        return found is not None

    copy = repaired(path, passwords, opens)
    document, locked = _unlocked(io.BytesIO(copy.data), name_of(path), passwords)
    if not _loads(document):
        document.close()
        raise Damaged(
            f"{name_of(path)}: not all pages of the PDF can be loaded; scan or export it again"
        )
    return document, locked or copy.locked


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
