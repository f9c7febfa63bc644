"""Give form fields and notes without an appearance one, so that their text becomes part of the page.

qpdf makes the appearance of a form field in Latin letters only, and writes a question mark for any other. Such a form
is left to PDFium, which draws it, and its text is recognised. A free-text note gets its appearance here.
"""

import re
from contextlib import suppress
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

FONT_SIZE = 12.0  # points, where the note does not tell
LEADING = 1.2  # times the font size, from one line to the next
LETTER_WIDTH = 0.5  # em, on average
MARGIN = 2.0  # points within the note's rectangle
MAX_NOTE_CHARACTERS = 10_000
MAX_FIELDS = 10_000
_FONT_SIZE_OPERATOR = re.compile(r"([\d.]+)\s+Tf")
_ENCODING = "cp1252"  # WinAnsiEncoding, in which the appearances are written


def is_latin(text: str) -> bool:
    """Return whether the text can be written in the encoding of the appearances."""
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
    all_anew = bool(form.get("/NeedAppearances", False))
    waiting = list(form.get("/Fields", []))
    for _ in range(MAX_FIELDS):
        if not waiting:
            break
        field = waiting.pop()
        waiting += list(field.get("/Kids", []))
        value = field.get("/V")
        foreign = isinstance(value, pikepdf.String) and not is_latin(str(value))
        if foreign and (all_anew or "/AP" not in field):
            return False
    return True


def draw_notes(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Give each free-text note of the page that has no appearance one: its text, wrapped to its rectangle."""
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
    """Return the font size in points that a /DA string sets."""
    found = _FONT_SIZE_OPERATOR.search(default_appearance)
    return float(found[1]) if found and float(found[1]) > 0 else FONT_SIZE


def wrapped(line: str, columns: int) -> list[str]:
    """Return a line as rows of at most ``columns`` characters, cut between words; a longer word has a row of its own."""
    rows = [""]
    for word in line.split(" "):
        if rows[-1] and len(rows[-1]) + 1 + len(word) > max(1, columns):
            rows.append(word)
        else:
            rows[-1] = f"{rows[-1]} {word}".strip() if rows[-1] else word
    return rows


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
