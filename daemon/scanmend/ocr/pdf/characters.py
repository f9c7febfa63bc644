"""The characters of a PDF page, each taken once and by index from PDFium, with its place and its paint.

PDFium writes one text for a page: it adds spaces and line breaks where it sees gaps, splits ligatures and marks
hyphens at line ends. A ``Glyph`` is what one drawn sign stands for: its text, its places on the upright page, and
what PDFium put before it. Whether the page shows it is decided elsewhere (``visible``).
"""

import ctypes
import enum
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.page import Box

MOST = 200_000  # characters: no print holds more, and the daemon would have them in its memory
NO_AREA = 0.005  # of an em: PDFium's numbers are no more exact, and no dash is as thin
UNMAPPED = "\ufffd"  # a glyph whose meaning the PDF does not tell
INVISIBLE_MODES = (3, 7)  # text rendering modes that draw nothing (ISO 32000-1, table 106)
_SOFT_HYPHEN = "\u00ad"
_HYPHENS = frozenset({0x02, 0xFFFE})  # PDFium's sign for a hyphen at a line's end
_STEERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
# private use of the Symbol and Wingdings fonts, as office programs write bullets and boxes
_ACCENTS = {
    "\u00b4": "\u0301", "`": "\u0300", "\u00a8": "\u0308", "\u02c6": "\u0302", "\u02dc": "\u0303", "\u02c7": "\u030c", "\u00b8": "\u0327",
    "\u02da": "\u030a", "\u02d9": "\u0307", "\u02d8": "\u0306", "\u02dd": "\u030b", "\u00af": "\u0304", "\u02db": "\u0328",
}  # fmt: skip
_SYMBOL_FONT = re.compile(r"(?i)symbol|wingding|webding|dingbat")
_SYMBOLS = {0xB7: "•", 0xA7: "▪", 0xA8: "◻", 0x6F: "☐", 0xFC: "✓", 0xFE: "☑", 0xFD: "☒", 0xD8: "➢", 0x76: "❖"}  # fmt: skip


class Gap(enum.IntEnum):
    """What PDFium put between two characters."""

    NONE = 0
    SPACE = 1
    BREAK = 2


@dataclass(frozen=True, slots=True)
class Paint:
    """How a text object draws its characters.

    ``font``: the name of its font; ``face`` tells it from others of this name, by its program's size; ``size``: one em in pixels; ``angle``: of the baseline, in degrees
    anti-clockwise from left-to-right on the upright page; ``mirrored``: as in a mirror; ``layer``: it stands in
    marked content of an optional layer; ``address``: of the object, while its page is open.
    """

    address: int
    font: str
    face: str
    embedded: bool
    mode: int
    size: float
    angle: float
    mirrored: bool
    layer: bool


@dataclass(frozen=True, slots=True)
class Glyph:
    """One drawn sign and its text, in pixels of the upright page.

    ``x``, ``y``: where the pen stands before it is drawn. ``box`` encloses its ink, ``cell`` its advance and the
    font's height. ``gap``: what stood before it in PDFium's text. ``index``: of its first character there; ``number``: among
    the glyphs of the page.
    """

    text: str
    index: int
    x: float
    y: float
    box: Box
    cell: Box
    gap: Gap
    paint: Paint
    number: int = -1

    @property
    def blank(self) -> bool:
        """Whether its font draws nothing for it."""
        return not _has_area(self.box, self.paint.size)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a page lies: its box in points before /Rotate, and how many pixels one point takes."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int
    scale: float

    @classmethod
    def of(cls, page: pypdfium2.PdfPage, scale: float) -> "Sheet":
        """Return the sheet of a page; its box is what PDFium draws: CropBox within MediaBox."""
        left, bottom, right, top = page.get_bbox()
        return cls(left, bottom, right, top, page.get_rotation(), scale)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels, upright."""
        wide, high = self.right - self.left, self.top - self.bottom
        if self.rotation in (90, 270):
            wide, high = high, wide
        return wide * self.scale, high * self.scale

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page's space in pixels, origin top left."""
        wide, high = self.right - self.left, self.top - self.bottom
        x, y = x - self.left, y - self.bottom
        turned = {0: (x, high - y), 90: (y, x), 180: (wide - x, y), 270: (high - y, wide - x)}
        x, y = turned[self.rotation]
        return x * self.scale, y * self.scale

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return a rectangle of the page's space as a box in pixels."""
        (a, b), (c, d) = self.point(left, bottom), self.point(right, top)
        return Box(min(a, c), min(b, d), max(a, c), max(b, d))


class Reader:
    """Takes the characters of one open text page."""

    def __init__(self, text: pypdfium2.PdfTextPage, sheet: Sheet) -> None:
        self._raw = text.raw
        self._sheet = sheet
        self._paints: dict[int, Paint] = {}
        self._fonts: dict[int, tuple[str, str, bool]] = {}
        self._numbers = [ctypes.c_double() for _ in range(6)]
        self._references = [ctypes.byref(number) for number in self._numbers]
        self._rectangle = pdfium.FS_RECTF()

    def glyphs(self) -> Iterator[Glyph]:
        """Yield each character that is drawn, in PDFium's order; spaces and breaks become the next one's gap."""
        gap = Gap.NONE
        last: Glyph | None = None
        first_half = 0  # of a character beyond the first 65,536, which PDFium gives in two
        for index in range(pdfium.FPDFText_CountChars(self._raw)):
            code = pdfium.FPDFText_GetUnicode(self._raw, index)
            if code in (0x0A, 0x0D):
                gap = Gap.BREAK
                continue
            if 0xD800 <= code < 0xDC00:
                first_half = code
                continue
            if 0xDC00 <= code < 0xE000 and first_half:
                code = 0x10000 + ((first_half - 0xD800) << 10) + code - 0xDC00
            first_half = 0
            character = chr(code) if code <= 0x10FFFF else UNMAPPED
            if character.isspace():
                gap = max(gap, Gap.SPACE)
                continue
            glyph = self._glyph(index, code, character, gap)
            if glyph is not None:
                gap = Gap.NONE
                yield _apart(last, glyph)
                last = glyph

    def _glyph(self, index: int, code: int, character: str, gap: Gap) -> Glyph | None:
        handle = pdfium.FPDFText_GetTextObject(self._raw, index)
        address = ctypes.cast(handle, ctypes.c_void_p).value
        if not address:  # PDFium's own addition
            return None
        left, right, bottom, top, x, y = self._references
        pdfium.FPDFText_GetCharBox(self._raw, index, left, right, bottom, top)
        pdfium.FPDFText_GetCharOrigin(self._raw, index, x, y)
        pdfium.FPDFText_GetLooseCharBox(self._raw, index, self._rectangle)
        a, b, c, d, across, up = (number.value for number in self._numbers)
        loose = self._rectangle
        if not all(map(math.isfinite, (a, b, c, d, across, up, loose.left, loose.top, loose.right, loose.bottom))):  # fmt: skip
            return None
        paint = self._paints.get(address)
        if paint is None:
            paint = self._paints[address] = self._paint(handle, index)
        box = self._sheet.box(a, c, b, d)
        hyphen = bool(pdfium.FPDFText_IsHyphen(self._raw, index))
        text = _text(code, character, hyphen=hyphen, drawn=_has_area(box, paint.size))
        if text == UNMAPPED:
            text = _symbol(code, paint.font)
        elif _strange(text) and pdfium.FPDFText_HasUnicodeMapError(self._raw, index):
            text = UNMAPPED  # PDFium's guess: the number of the glyph taken for a character
        if not text:
            return None
        cell = self._sheet.box(loose.left, loose.bottom, loose.right, loose.top)
        return Glyph(text, index, *self._sheet.point(across, up), box, cell, gap, paint)

    def _paint(self, handle: Any, index: int) -> Paint:
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(self._raw, index, matrix)
        font, face, embedded = self._font(pdfium.FPDFTextObj_GetFont(handle))
        # the height of an em as drawn: the matrix's second row; where it is degenerate, its first
        height = math.hypot(matrix.c, matrix.d) or math.hypot(matrix.a, matrix.b) or 1.0
        size = pdfium.FPDFText_GetFontSize(self._raw, index) * height * self._sheet.scale
        angle = math.degrees(math.atan2(matrix.b, matrix.a)) - self._sheet.rotation
        if size < 0:
            angle += 180
        return Paint(
            ctypes.cast(handle, ctypes.c_void_p).value or 0,
            font,
            face,
            embedded,
            pdfium.FPDFTextObj_GetTextRenderMode(handle),
            abs(size),
            (angle + 180) % 360 - 180,
            matrix.a * matrix.d - matrix.b * matrix.c < 0 and matrix.a < 0,
            _in_layer(handle),
        )

    def _font(self, font: Any) -> tuple[str, str, bool]:
        """Return name and face of a font, and whether the PDF holds it."""
        address = ctypes.cast(font, ctypes.c_void_p).value or 0
        if address not in self._fonts:
            name = ctypes.create_string_buffer(256)
            pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
            called = name.value.decode("utf-8", "replace")
            program = ctypes.c_size_t()
            pdfium.FPDFFont_GetFontData(font, None, 0, program)
            embedded = bool(pdfium.FPDFFont_GetIsEmbedded(font))
            self._fonts[address] = called, f"{called} {program.value}", embedded
        return self._fonts[address]


def _has_area(box: Box, em: float) -> bool:
    return min(box.width, box.height) > NO_AREA * em


def _apart(last: Glyph | None, glyph: Glyph) -> Glyph:
    """Return the glyph with a place of its own: letters of an /ActualText all stand where the first one does."""
    if last is None or (last.x, last.y) != (glyph.x, glyph.y) or last.box == glyph.box:
        return glyph
    if last.paint is not glyph.paint:
        return glyph
    cell = glyph.cell
    places = {
        0: (cell.x0, glyph.y),
        90: (glyph.x, cell.y1),
        180: (cell.x1, glyph.y),
        -90: (glyph.x, cell.y0),
    }
    place = places.get(round(glyph.paint.angle), (glyph.x, glyph.y))
    return replace(glyph, x=place[0], y=place[1])


def _in_layer(handle: Any) -> bool:
    """Return whether a page object stands in marked content of an optional layer (/OC)."""
    name = (ctypes.c_ushort * 16)()
    length = ctypes.c_ulong()
    for number in range(pdfium.FPDFPageObj_CountMarks(handle)):
        mark = pdfium.FPDFPageObj_GetMark(handle, number)
        told = pdfium.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), length)
        if told and bytes(name)[: length.value].decode("utf-16-le", "replace").rstrip("\0") == "OC":
            return True
    return False


def _text(code: int, character: str, *, hyphen: bool, drawn: bool) -> str:
    """Return what a character code of PDFium stands for in print; "" for what only steers a program."""
    if hyphen or code in _HYPHENS:
        return "-"
    if character == _SOFT_HYPHEN:
        return "-" if drawn else ""
    category = unicodedata.category(character)
    if category in ("Cc", "Co", "Cn", "Cs"):
        return UNMAPPED if drawn else ""
    if unicodedata.bidirectional(character) in _STEERING or category == "Cf":
        return ""
    if 0xFB00 <= code <= 0xFDFF or 0xFE70 <= code <= 0xFEFC:  # ligatures, forms of Arabic letters
        return unicodedata.normalize("NFKC", character)
    return character


def _strange(text: str) -> bool:
    """Return whether a character is no Latin letter, which PDFium guesses well and a picture can confirm."""
    return not text.isascii() and not unicodedata.name(text[0], "").startswith("LATIN")


def _symbol(code: int, font: str) -> str:
    """Return what a private character of a symbol font stands for."""
    if 0xF000 <= code <= 0xF0FF and _SYMBOL_FONT.search(font):
        return _SYMBOLS.get(code & 0xFF, UNMAPPED)
    return UNMAPPED


def joined(glyphs: Iterator[Glyph]) -> list[Glyph]:
    """Return the glyphs with the letters of a ligature as one, and marks and accents with their letter."""
    found: list[Glyph] = []
    for glyph in glyphs:
        last = found[-1] if found else None
        one = _one_sign(last, glyph) if last is not None and glyph.gap == Gap.NONE else None
        if one is None:
            found.append(glyph)
        else:
            found[-1] = one
    return [replace(glyph, number=number) for number, glyph in enumerate(found)]


def _one_sign(last: Glyph, glyph: Glyph) -> Glyph | None:
    """Return two glyphs as one: further letters of the same drawn sign, a mark upon a letter; else None."""
    same_place = (last.x, last.y, last.box) == (glyph.x, glyph.y, glyph.box)
    if same_place and last.paint is glyph.paint and not glyph.blank:
        return replace(last, text=last.text + glyph.text)
    if unicodedata.combining(glyph.text[0]):
        return replace(last, text=last.text + glyph.text) if _over(last.cell, glyph.box) else None
    if unicodedata.combining(last.text[0]) and _over(glyph.cell, last.box):
        return replace(glyph, text=glyph.text + last.text, gap=last.gap, index=last.index)
    for letter, accent in ((glyph, last), (last, glyph)):  # as TeX sets them: one upon the other
        mark = _ACCENTS.get(accent.text)
        if (
            mark
            and letter.text.isalpha()
            and abs(letter.x - accent.x) < 0.3 * letter.paint.size
            and _over(letter.cell, accent.box)
        ):
            composed = unicodedata.normalize("NFC", letter.text + mark)
            if len(composed) == len(letter.text):
                return replace(letter, text=composed, gap=last.gap, index=last.index)
    return None


def _over(cell: Box, mark: Box) -> bool:
    middle = (mark.x0 + mark.x1) / 2
    return cell.x0 - cell.width / 2 <= middle <= cell.x1 + cell.width / 2
