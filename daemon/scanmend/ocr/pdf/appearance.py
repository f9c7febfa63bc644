"""What a viewer draws for fields and notes that have no appearance of their own.

qpdf makes the appearance of a form field in Latin letters alone, and writes a question mark for any other; then PDFium
draws the form, and its text is recognised. A free-text note without an appearance gets one here.
"""

import re
from contextlib import suppress
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

_SIZE = re.compile(r"([\d.]+)\s+Tf")
SIZE = 12.0  # points, where the note does not tell
LEADING = 1.2  # times the size
WIDTH = 0.5  # ems that a letter takes on the average
MARGIN = 2.0  # points within the note's rectangle
MOST = 10_000  # characters of a note
MOST_FIELDS = 10_000


def latin(text: str) -> bool:
    """Return whether the text can be written in the encoding that appearances are made in."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def fields_are_latin(document: pikepdf.Pdf) -> bool:
    """Return whether qpdf can write the values of all fields that have no appearance yet."""
    form = document.Root.get("/AcroForm")
    if form is None:
        return True
    anew = bool(form.get("/NeedAppearances", False))
    waiting = list(form.get("/Fields", []))
    for _ in range(MOST_FIELDS):
        if not waiting:
            break
        field = waiting.pop()
        waiting += list(field.get("/Kids", []))
        value = field.get("/V")
        if (
            isinstance(value, pikepdf.String)
            and not latin(str(value))
            and (anew or "/AP" not in field)
        ):
            return False
    return True


def draw_notes(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Give each free-text note of a page that has none an appearance: its text, in lines that fit its rectangle."""
    for annotation in page.obj.get("/Annots", []):
        with suppress(pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError):
            free = annotation.get("/Subtype") == Name.FreeText and "/AP" not in annotation
            text = str(annotation.get("/Contents", ""))[:MOST] if free else ""
            if text and latin(text):
                annotation.AP = Dictionary(N=_appearance(document, annotation, text))


def _appearance(document: pikepdf.Pdf, annotation: Any, text: str) -> pikepdf.Stream:
    left, bottom, right, top = (float(side) for side in annotation.Rect)
    wide, high = abs(right - left), abs(top - bottom)
    told = _SIZE.search(str(annotation.get("/DA", "")))
    size = float(told[1]) if told and float(told[1]) > 0 else SIZE
    rows = [
        row
        for line in re.split(r"\r\n|\r|\n", text)
        for row in wrapped(line, int((wide - 2 * MARGIN) / (WIDTH * size)))
    ]
    drawn = " T* ".join(f"({_escaped(row)}) Tj" for row in rows)
    content = (
        f"BT /Helv {size} Tf {LEADING * size} TL {MARGIN} {high - MARGIN - size} Td {drawn} ET"
    )
    stream = pikepdf.Stream(document, content.encode("cp1252"))
    stream.Type, stream.Subtype = Name.XObject, Name.Form
    stream.BBox = pikepdf.Array([0, 0, wide, high])
    font = Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
    )
    stream.Resources = Dictionary(Font=Dictionary(Helv=font))
    return stream


def wrapped(line: str, most: int) -> list[str]:
    """Return a line in rows of at most so many characters, cut between words where that can be."""
    rows = [""]
    for word in line.split(" "):
        if rows[-1] and len(rows[-1]) + 1 + len(word) > max(1, most):
            rows.append(word)
        else:
            rows[-1] = f"{rows[-1]} {word}".strip() if rows[-1] else word
    return rows


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
