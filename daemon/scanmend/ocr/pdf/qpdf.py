"""What qpdf knows of a PDF that PDFium does not tell, and the page as a viewer shows it, with its fields filled in.

PDFium's own flattening empties pages that inherit their resources and crops those that inherit their box; qpdf's,
on a copy in memory, does neither. The original is never changed.
"""

import functools
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import pikepdf
import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.input_file import Source
from scanmend.ocr.pdf.appearance import draw_notes, fields_are_latin
from scanmend.ocr.pdf.repair import Version, version_of

logging.getLogger("pikepdf").setLevel(logging.CRITICAL)  # each oddity of a file is a warning

BROKEN = (  # what pikepdf raises for files and objects that are not as they should be
    pikepdf.PdfError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


WHOLE = 32 * 2**20  # bytes of a file that is flattened as a whole, once for all its pages
_PASSIVE = frozenset({pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP})
_NOT_SHOWN = 1 << 1 | 1 << 5  # annotation flags: hidden, no view (ISO 32000-1, table 165)


@contextmanager
def opened(path: str, passwords: Sequence[str]) -> Iterator[pikepdf.Pdf | None]:
    """Yield the document; None when qpdf can't open it. OSError when a read failed."""
    with Source(path) as source, io.BufferedReader(source) as file:
        pdf = _tried(file, passwords)
        try:
            yield pdf
        finally:
            if pdf is not None:
                pdf.close()


def _tried(file: BinaryIO, passwords: Sequence[str]) -> pikepdf.Pdf | None:
    for password in ("", *_encodings(passwords)):
        try:
            file.seek(0)
            # read, not mapped: a mapped file that fails would be a SIGBUS
            stream = pikepdf.AccessMode.stream
            return pikepdf.open(file, password=password, access_mode=stream)
        except pikepdf.PasswordError:
            continue
        except BROKEN:
            return None
    return None


def _encodings(passwords: Sequence[str]) -> Iterator[str | bytes]:
    """Yield each password as qpdf takes it, then in the two encodings that writers use."""
    for password in passwords:
        yield password
        if not password.isascii():
            yield password.encode()
            yield password.encode("latin-1", "replace")


def user_unit(path: str, passwords: Sequence[str], index: int) -> float:
    """Return how many points one unit of the page takes: /UserUnit, else 1."""
    return _user_units(version_of(path), tuple(passwords)).get(index, 1.0)


@functools.lru_cache(maxsize=4)
def _user_units(file: Version, passwords: tuple[str, ...]) -> dict[int, float]:
    """Return the pages of the file whose unit is no point."""
    found: dict[int, float] = {}
    with opened(file[0], passwords) as document, suppress(Exception):
        for number, page in enumerate(document.pages if document else ()):
            unit = page.obj.get("/UserUnit")
            if unit is not None and 0 < float(unit) <= 75_000:
                found[number] = float(unit)
    return found


def has_shown_annotations(page: pypdfium2.PdfPage) -> bool:
    """Return whether the page has fields, notes or stamps, which are no part of its content yet."""
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if kind not in _PASSIVE and not pdfium.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN:
                return True
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return False


def flattened(path: str, passwords: Sequence[str], index: int) -> tuple[bytes, int] | None:
    """Return a PDF in which fields and annotations are part of the pages, and the page's index in it.

    None when qpdf can't do it.
    """
    file = version_of(path)
    if file[2] <= WHOLE:
        whole = _flattened(file, tuple(passwords), None)
        return (whole, index) if whole else None
    single = _flattened(file, tuple(passwords), index)
    return (single, 0) if single else None


@functools.lru_cache(maxsize=2)
def _flattened(file: Version, passwords: tuple[str, ...], index: int | None) -> bytes | None:
    with opened(file[0], passwords) as document, warnings.catch_warnings():
        if document is None:
            return None
        warnings.simplefilter("ignore")  # a widget without its form is drawn all the same
        with suppress(*BROKEN):
            if not fields_are_latin(document):
                return None
            copy: Any = document
            if index is not None:
                copy = pikepdf.new()
                copy.pages.append(document.pages[index])
            for page in copy.pages:
                draw_notes(copy, page)
            copy.generate_appearance_streams()
            copy.flatten_annotations("screen")
            out = io.BytesIO()
            copy.save(out, encryption=False)
            return out.getvalue()
    return None
