"""Read the characters of a PDF page from PDFium, each once, as glyphs.

PDFium returns one text for a page: it adds spaces and line breaks at gaps, splits ligatures and marks hyphens at line
ends. A ``Glyph`` is one drawn shape with its text. ``visibility`` decides whether the page shows it.
"""

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.pdf.geometry import PageGeometry
from scanmend.ocr.pdf.glyphs import UNMAPPED, Glyph, GlyphGap, TextObject, has_ink
from scanmend.page import Box

MAX_CHARACTERS = 200_000  # on a page: no print has more, and the daemon would hold them in memory
_SOFT_HYPHEN = "\u00ad"
_HYPHENS = frozenset({0x02, 0xFFFE})  # PDFium's codes for a hyphen at a line's end
_BIDI_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_SYMBOL_FONT = re.compile(r"(?i)symbol|wingding|webding|dingbat")
# the private-use codes of these fonts, less 0xF000, for the bullets and boxes of office programs
_SYMBOLS = dict(zip(b"\xb7\xa7\xa8\x6f\xfc\xfe\xfd\xd8\x76", "•▪◻☐✓☑☒➢❖", strict=True))


class GlyphReader:
    """Reads the glyphs of one open text page."""

    def __init__(self, text: pypdfium2.PdfTextPage, geometry: PageGeometry) -> None:
        """Read from ``text``; convert into pixels by ``geometry``."""
        self._raw = text.raw
        self._geometry = geometry
        self._text_objects: dict[int, TextObject] = {}
        self._fonts: dict[int, tuple[str, str, bool]] = {}
        # PDFium writes its numbers into these
        self._numbers = [ctypes.c_double() for _ in range(6)]
        self._references = [ctypes.byref(number) for number in self._numbers]
        self._rectangle = pdfium.FS_RECTF()

    def glyphs(self) -> Iterator[Glyph]:
        """Yield each drawn glyph in PDFium's order; spaces and breaks become the gap of the next glyph."""
        gap = GlyphGap.NONE
        last: Glyph | None = None
        high_surrogate = 0  # PDFium gives a character beyond U+FFFF as two surrogates
        for index in range(pdfium.FPDFText_CountChars(self._raw)):
            code = pdfium.FPDFText_GetUnicode(self._raw, index)
            if code in (0x0A, 0x0D):
                gap = GlyphGap.BREAK
                continue
            if 0xD800 <= code < 0xDC00:
                high_surrogate = code
                continue
            if 0xDC00 <= code < 0xE000 and high_surrogate:
                code = 0x10000 + ((high_surrogate - 0xD800) << 10) + code - 0xDC00
            high_surrogate = 0
            character = chr(code) if code <= 0x10FFFF else UNMAPPED
            if character.isspace():
                gap = max(gap, GlyphGap.SPACE)
                continue
            glyph = self._glyph(index, code, character, gap)
            if glyph is not None:
                gap = GlyphGap.NONE
                yield _apart(last, glyph)
                last = glyph

    def _glyph(self, index: int, code: int, character: str, gap: GlyphGap) -> Glyph | None:
        """Return the glyph of a character; None if PDFium added it, or if it is a control character without ink."""
        handle = pdfium.FPDFText_GetTextObject(self._raw, index)
        address = ctypes.cast(handle, ctypes.c_void_p).value
        if not address:  # PDFium added the character
            return None
        left, right, bottom, top, x, y = self._references
        pdfium.FPDFText_GetCharBox(self._raw, index, left, right, bottom, top)
        pdfium.FPDFText_GetCharOrigin(self._raw, index, x, y)
        pdfium.FPDFText_GetLooseCharBox(self._raw, index, self._rectangle)
        a, b, c, d, across, up = numbers = [number.value for number in self._numbers]
        loose = self._rectangle
        numbers += [loose.left, loose.bottom, loose.right, loose.top]
        if not all(map(math.isfinite, numbers)):
            return None
        text_object = self._text_objects.get(address)
        if text_object is None:
            text_object = self._text_objects[address] = self._text_object(handle, index)
        box = self._geometry.box(a, c, b, d)
        text = self._text(index, code, character, box, text_object)
        if not text:
            return None
        cell = self._geometry.box(loose.left, loose.bottom, loose.right, loose.top)
        origin = self._geometry.point(across, up)
        return Glyph(text, index, *origin, box, cell, gap, text_object)

    def _text(
        self, index: int, code: int, character: str, box: Box, text_object: TextObject
    ) -> str:
        """Return the text of a glyph: UNMAPPED if it is unknown, "" for a control character."""
        hyphen = bool(pdfium.FPDFText_IsHyphen(self._raw, index))
        text = _printed(code, character, hyphen=hyphen, drawn=has_ink(box, text_object.size))
        if text == UNMAPPED:
            return _symbol(code, text_object.font)
        if _may_be_guessed(text) and pdfium.FPDFText_HasUnicodeMapError(self._raw, index):
            return UNMAPPED  # PDFium has used the number of the glyph as a character
        return text

    def _text_object(self, handle: Any, index: int) -> TextObject:
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(self._raw, index, matrix)
        font, face, embedded = self._font(pdfium.FPDFTextObj_GetFont(handle))
        # the height of an em as drawn: the matrix's second row; if that is degenerate, its first
        height = math.hypot(matrix.c, matrix.d) or math.hypot(matrix.a, matrix.b) or 1.0
        size = pdfium.FPDFText_GetFontSize(self._raw, index) * height * self._geometry.scale
        angle = math.degrees(math.atan2(matrix.b, matrix.a)) - self._geometry.rotation
        if size < 0:
            angle += 180
        return TextObject(
            address=ctypes.cast(handle, ctypes.c_void_p).value or 0,
            font=font,
            face=face,
            embedded=embedded,
            mode=pdfium.FPDFTextObj_GetTextRenderMode(handle),
            size=abs(size),
            angle=(angle + 180) % 360 - 180,
            mirrored=matrix.a * matrix.d - matrix.b * matrix.c < 0 and matrix.a < 0,
            in_optional_layer=_in_optional_layer(handle),
        )

    def _font(self, font: Any) -> tuple[str, str, bool]:
        """Return name and face of a font, and whether the PDF embeds it."""
        address = ctypes.cast(font, ctypes.c_void_p).value or 0
        if address not in self._fonts:
            buffer = ctypes.create_string_buffer(256)
            pdfium.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
            name = buffer.value.decode("utf-8", "replace")
            program_size = ctypes.c_size_t()
            pdfium.FPDFFont_GetFontData(font, None, 0, program_size)
            embedded = bool(pdfium.FPDFFont_GetIsEmbedded(font))
            self._fonts[address] = name, f"{name} {program_size.value}", embedded
        return self._fonts[address]


def _apart(last: Glyph | None, glyph: Glyph) -> Glyph:
    """Return the glyph with its own origin: PDFium gives all characters of an /ActualText the first one's."""
    if last is None or (last.x, last.y) != (glyph.x, glyph.y) or last.box == glyph.box:
        return glyph
    if last.text_object is not glyph.text_object:
        return glyph
    cell = glyph.cell
    origins = {
        0: (cell.x0, glyph.y),
        90: (glyph.x, cell.y1),
        180: (cell.x1, glyph.y),
        -90: (glyph.x, cell.y0),
    }
    x, y = origins.get(round(glyph.text_object.angle), (glyph.x, glyph.y))
    return replace(glyph, x=x, y=y)


def _in_optional_layer(handle: Any) -> bool:
    """Return whether a page object is in the marked content of an optional layer (/OC)."""
    name = (ctypes.c_ushort * 16)()
    length = ctypes.c_ulong()
    for number in range(pdfium.FPDFPageObj_CountMarks(handle)):
        mark = pdfium.FPDFPageObj_GetMark(handle, number)
        known = pdfium.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), length)
        if (
            known
            and bytes(name)[: length.value].decode("utf-16-le", "replace").rstrip("\0") == "OC"
        ):
            return True
    return False


def _printed(code: int, character: str, *, hyphen: bool, drawn: bool) -> str:
    """Return the printed text of a character code of PDFium; "" for a control character.

    ``drawn``: the glyph has ink.
    """
    if hyphen or code in _HYPHENS:
        return "-"
    if character == _SOFT_HYPHEN:
        return "-" if drawn else ""
    category = unicodedata.category(character)
    if category in ("Cc", "Co", "Cn", "Cs"):
        return UNMAPPED if drawn else ""
    if unicodedata.bidirectional(character) in _BIDI_CONTROLS or category == "Cf":
        return ""
    if 0xFB00 <= code <= 0xFDFF or 0xFE70 <= code <= 0xFEFC:  # ligatures, forms of Arabic letters
        return unicodedata.normalize("NFKC", character)
    return character


def _may_be_guessed(text: str) -> bool:
    """Return whether the character is not Latin: PDFium guesses Latin letters well, and a picture can confirm them."""
    return not text.isascii() and not unicodedata.name(text[0], "").startswith("LATIN")


def _symbol(code: int, font: str) -> str:
    """Return the text of a private-use character of a symbol font; UNMAPPED if it is unknown."""
    if 0xF000 <= code <= 0xF0FF and _SYMBOL_FONT.search(font):
        return _SYMBOLS.get(code & 0xFF, UNMAPPED)
    return UNMAPPED
