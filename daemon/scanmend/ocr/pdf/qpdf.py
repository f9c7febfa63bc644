"""Use qpdf for what PDFium can't do: read a page's unit, and flatten annotations and fields into the pages.

PDFium's own flattening empties pages that inherit their resources, and crops pages that inherit their box; qpdf's does
neither. It works on a copy in memory, never on the original.
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

from scanmend.ocr.input_file import InputFile
from scanmend.ocr.pdf.appearance import draw_notes, fields_are_latin
from scanmend.ocr.pdf.repair import Version, version_of

logging.getLogger("pikepdf").setLevel(logging.CRITICAL)  # it warns of every oddity of a file

# what pikepdf raises for broken files and objects
BROKEN = (
    pikepdf.PdfError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
MAX_FLATTENED_WHOLE_BYTES = 32 * 2**20  # of a file all of whose pages are flattened at once
MAX_USER_UNIT = 75_000  # points: Acrobat's limit
_NOT_DRAWN = frozenset({pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP})
_HIDDEN_FLAGS = 1 << 1 | 1 << 5  # annotation flags: hidden, no view (ISO 32000-1, table 165)


@contextmanager
def open_or_none(path: str, passwords: Sequence[str]) -> Iterator[pikepdf.Pdf | None]:
    """Yield the document; None if qpdf can't open it. Raise OSError if a read failed."""
    with InputFile(path) as source, io.BufferedReader(source) as file:
        pdf = _open_or_none(file, passwords)
        try:
            yield pdf
        finally:
            if pdf is not None:
                pdf.close()


def _open_or_none(file: BinaryIO, passwords: Sequence[str]) -> pikepdf.Pdf | None:
    for password in ("", *_encodings(passwords)):
        try:
            file.seek(0)
            # read, not mapped: a failed read of a mapped file is a SIGBUS
            stream = pikepdf.AccessMode.stream
            return pikepdf.open(file, password=password, access_mode=stream)
        except pikepdf.PasswordError:
            continue
        except BROKEN:
            return None
    return None


def _encodings(passwords: Sequence[str]) -> Iterator[str | bytes]:
    """Yield each password as text, which qpdf encodes, and in the two encodings that programs use."""
    for password in passwords:
        yield password
        if not password.isascii():
            yield password.encode()
            yield password.encode("latin-1", "replace")


def user_unit(path: str, passwords: Sequence[str], index: int) -> float:
    """Return the page's unit in points: its /UserUnit, else 1."""
    return _user_units(version_of(path), tuple(passwords)).get(index, 1.0)


@functools.lru_cache(maxsize=4)
def _user_units(file: Version, passwords: tuple[str, ...]) -> dict[int, float]:
    """Return the units of the pages that have one of their own, in points, by page index."""
    units: dict[int, float] = {}
    with open_or_none(file[0], passwords) as document, suppress(Exception):
        for index, page in enumerate(document.pages if document else ()):
            unit = page.obj.get("/UserUnit")
            if unit is not None and 0 < float(unit) <= MAX_USER_UNIT:
                units[index] = float(unit)
    return units


def has_shown_annotations(page: pypdfium2.PdfPage) -> bool:
    """Return whether the page shows fields, notes or stamps, which are not in its contents."""
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            subtype = pdfium.FPDFAnnot_GetSubtype(annotation)
            if (
                subtype not in _NOT_DRAWN
                and not pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS
            ):
                return True
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return False


def flattened(path: str, passwords: Sequence[str], index: int) -> tuple[bytes, int] | None:
    """Return a PDF with fields and annotations in the contents of its pages, and the page's index in it.

    Return None if qpdf can't make one. Raise OSError.
    """
    file = version_of(path)
    if file[2] <= MAX_FLATTENED_WHOLE_BYTES:
        whole = _flattened(file, tuple(passwords), None)
        return (whole, index) if whole else None
    single = _flattened(file, tuple(passwords), index)
    return (single, 0) if single else None


@functools.lru_cache(maxsize=2)
def _flattened(file: Version, passwords: tuple[str, ...], index: int | None) -> bytes | None:
    """Return the flattened PDF: all pages, or only the page at ``index``."""
    with open_or_none(file[0], passwords) as document, warnings.catch_warnings():
        if document is None:
            return None
        warnings.simplefilter("ignore")  # qpdf draws a widget without its form, too
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
