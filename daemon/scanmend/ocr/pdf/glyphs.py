"""The glyphs of a PDF page: text, drawing and width."""

import enum
import math
from dataclasses import dataclass

from scanmend.page import Box

# a smaller box has no ink: PDFium's numbers are not exact enough, and no dash is so thin
MIN_INK_EM = 0.005
UNMAPPED = "\ufffd"  # the text of a glyph for which the PDF has none
INVISIBLE_MODES = (3, 7)  # text rendering modes that draw nothing (ISO 32000-1, table 106)
LINE_HEIGHT_EM = 1.15  # ascent and descent of most fonts


class GlyphGap(enum.IntEnum):
    """The separator that PDFium put between two characters."""

    NONE = 0
    SPACE = 1
    BREAK = 2


@dataclass(frozen=True, slots=True)
class TextObject:
    """A text object of a page: how it draws its characters.

    ``address``: of the object in PDFium, valid while its page is open. ``font``: the name of its font. ``face``: name
    and size in bytes of the font's program, which tell fonts of one name apart. ``embedded``: the PDF holds that
    program. ``mode``: text rendering mode. ``size``: one em in pixels. ``angle``: of the baseline, in degrees
    anti-clockwise from left-to-right on the upright page. ``mirrored``: it is drawn as in a mirror.
    ``in_optional_layer``: it stands in marked content of an optional layer (/OC).
    """

    address: int
    font: str
    face: str
    embedded: bool
    mode: int
    size: float
    angle: float
    mirrored: bool
    in_optional_layer: bool


@dataclass(frozen=True, slots=True)
class Glyph:
    """One drawn glyph and its text, in pixels of the upright page.

    ``index``: of its first character in PDFium's text. ``x``, ``y``: its origin on the baseline. ``box`` encloses its
    ink, ``cell`` its advance and the font's height. ``gap``: what stands before it in PDFium's text. ``number``: its
    index among the glyphs of the page.
    """

    text: str
    index: int
    x: float
    y: float
    box: Box
    cell: Box
    gap: GlyphGap
    text_object: TextObject
    number: int = -1

    @property
    def blank(self) -> bool:
        """Return whether its font draws nothing for it."""
        return not has_ink(self.box, self.text_object.size)


def has_ink(box: Box, em: float) -> bool:
    """Return whether a box of ink has an area; ``em`` in pixels."""
    return min(box.width, box.height) > MIN_INK_EM * em


def advance(glyph: Glyph) -> float:
    """Return the advance width of a glyph in pixels.

    Of a slanted glyph only the bounds of its cell are known, which are wider than the cell. So compute the cell's width
    from its height; the height follows from both sides of the bounds, or is taken to be ``LINE_HEIGHT_EM``.
    """
    cell, size = glyph.cell, glyph.text_object.size
    angle = math.radians(glyph.text_object.angle)
    along, across = abs(math.cos(angle)), abs(math.sin(angle))
    if across < 0.05:
        return cell.width
    if along < 0.05:
        return cell.height
    height = LINE_HEIGHT_EM * size
    if abs(along**2 - across**2) > 0.3:  # near 45 degrees, the two sides don't determine it
        height = (cell.height * along - cell.width * across) / (along**2 - across**2)
    width = (
        (cell.width - height * across) / along
        if along > across
        else (cell.height - height * along) / across
    )
    return min(max(width, 0.2 * size), 1.5 * size)
