"""Draw form fields and notes that have no appearance, so that their text becomes part of the page.

qpdf draws form fields in Latin letters only, and a question mark for any other letter. PDFium draws a form with other
letters, and the engine recognises its text. This module draws free-text notes.
"""

import re
from contextlib import suppress
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

DEFAULT_FONT_SIZE = 12.0  # points, for a note without a size
LEADING = 1.2  # font sizes from one line to the next
LETTER_WIDTH = 0.5  # em, on average
MARGIN = 2.0  # points inside the note's rectangle
MAX_NOTE_CHARACTERS = 10_000
MAX_FIELDS = 10_000
_FONT_SIZE_OPERATOR = re.compile(r"([\d.]+)\s+Tf")
_ENCODING = "cp1252"  # WinAnsiEncoding, in which the appearances are written


def is_latin(text: str) -> bool:
    """Return whether the appearances' encoding has all characters of the text."""
    try:
        text.encode(_ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def fields_are_latin(document: pikepdf.Pdf) -> bool:
    """Return whether qpdf can write the values of all fields that have no appearance yet."""
    form = document.Root.get("/AcroForm")
    if form is None:
        return True
    all_redrawn = bool(form.get("/NeedAppearances", False))
    waiting = list(form.get("/Fields", []))
    for _ in range(MAX_FIELDS):
        if not waiting:
            break
        field = waiting.pop()
        waiting += list(field.get("/Kids", []))
        value = field.get("/V")
        foreign = isinstance(value, pikepdf.String) and not is_latin(str(value))
        if foreign and (all_redrawn or "/AP" not in field):
            return False
    return True


def draw_notes(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Draw each free-text note of the page that has no appearance, with its text wrapped to its rectangle."""
    for annotation in page.obj.get("/Annots", []):
        with suppress(pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError):
            undrawn = annotation.get("/Subtype") == Name.FreeText and "/AP" not in annotation
            text = str(annotation.get("/Contents", ""))[:MAX_NOTE_CHARACTERS] if undrawn else ""
            if text and is_latin(text):
                annotation.AP = Dictionary(N=_appearance(document, annotation, text))


def _appearance(document: pikepdf.Pdf, annotation: Any, text: str) -> pikepdf.Stream:
    """Return a form XObject that shows the text in Helvetica."""
    left, bottom, right, top = (float(side) for side in annotation.Rect)
    width, height = abs(right - left), abs(top - bottom)
    size = _font_size(str(annotation.get("/DA", "")))
    columns = int((width - 2 * MARGIN) / (LETTER_WIDTH * size))
    rows = [row for line in re.split(r"\r\n|\r|\n", text) for row in wrapped(line, columns)]
    shown = " T* ".join(f"({_escaped(row)}) Tj" for row in rows)
    start = f"{MARGIN} {height - MARGIN - size} Td"
    content = f"BT /Helv {size} Tf {LEADING * size} TL {start} {shown} ET"
    stream = pikepdf.Stream(document, content.encode(_ENCODING))
    stream.Type, stream.Subtype = Name.XObject, Name.Form
    stream.BBox = pikepdf.Array([0, 0, width, height])
    font = Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
    )
    stream.Resources = Dictionary(Font=Dictionary(Helv=font))
    return stream


def _font_size(default_appearance: str) -> float:
    """Return the font size of a /DA string, in points."""
    match = _FONT_SIZE_OPERATOR.search(default_appearance)
    return float(match[1]) if match and float(match[1]) > 0 else DEFAULT_FONT_SIZE


def wrapped(line: str, columns: int) -> list[str]:
    """Return a line as rows of at most ``columns`` characters, cut between words. A longer word is a row of its own."""
    rows = [""]
    for word in line.split(" "):
        if rows[-1] and len(rows[-1]) + 1 + len(word) > max(1, columns):
            rows.append(word)
        else:
            rows[-1] = f"{rows[-1]} {word}".strip() if rows[-1] else word
    return rows


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
