"""Opening a PDF with PDFium: passwords, damage, reads that fail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.pictures import MARKS, name_of
from scanmend.ocr.source import ForPdfium, Source


def is_pdf(path: str) -> bool:
    """Return whether the first 1024 bytes hold the PDF mark, outside a picture's metadata."""
    with open(path, "rb") as file:
        head = file.read(1024)
    return b"%PDF-" in head and not head.startswith(MARKS)


@contextmanager
def open_pdf(path: str, passwords: Sequence[str]) -> Iterator[tuple[pypdfium2.PdfDocument, bool]]:
    """Yield the document, and whether one of the passwords was needed; OSError when a read failed."""
    name = name_of(path)
    with ForPdfium(path) as source, _unlocked(source, name, passwords) as unlocked:
        yield unlocked


@contextmanager
def _unlocked(
    source: Source, name: str, passwords: Sequence[str]
) -> Iterator[tuple[pypdfium2.PdfDocument, bool]]:
    document = None
    for password in (None, *passwords):
        document = _tried(source, name, password)
        if document is not None:
            break
    if document is None:
        tried = (
            f"none of the {len(passwords)} in pdf.passwords opens it"
            if passwords
            else "none is known"
        )
        raise Encrypted(
            f"{name}: protected by a password, and {tried}; add it to pdf.passwords and run scanmend retry,"
            " or remove it, as with qpdf --decrypt, and drop the file again"
        )
    try:
        if document.get_formtype():
            document.init_forms()  # else what was filled in is not drawn
        yield document, password is not None
    except pypdfium2.PdfiumError as error:
        raise Damaged(
            f"{name}: a page of the PDF can't be read ({error}); export or scan it again"
        ) from None
    finally:
        document.close()


def _tried(source: Source, name: str, password: str | None) -> pypdfium2.PdfDocument | None:
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
