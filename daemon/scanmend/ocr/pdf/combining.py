"""Join glyphs that form one character: the letters of a ligature; a letter with its marks and accents."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from scanmend.ocr.pdf.glyphs import Glyph, GlyphGap
from scanmend.page import Box

# between the origins of a letter and an accent that is printed over it
MAX_ACCENT_SHIFT_EM = 0.3
# spacing accents, as TeX prints them over a letter, and their combining marks
_ACCENTS = dict(
    zip(
        "\u00b4`\u00a8\u02c6\u02dc\u02c7\u00b8\u02da\u02d9\u02d8\u02dd\u00af\u02db",
        "\u0301\u0300\u0308\u0302\u0303\u030c\u0327\u030a\u0307\u0306\u030b\u0304\u0328",
        strict=True,
    )
)


def combined(glyphs: Iterator[Glyph]) -> list[Glyph]:
    """Return the glyphs with their numbers, after joining those that form one character."""
    result: list[Glyph] = []
    for glyph in glyphs:
        last = result[-1] if result else None
        joined = _joined(last, glyph) if last is not None and glyph.gap == GlyphGap.NONE else None
        if joined is None:
            result.append(glyph)
        else:
            result[-1] = joined
    return [replace(glyph, number=number) for number, glyph in enumerate(result)]


def _joined(last: Glyph, glyph: Glyph) -> Glyph | None:
    """Return two glyphs as one if they are letters of a ligature, or a letter and its mark; else None."""
    is_one_shape = (last.x, last.y, last.box) == (glyph.x, glyph.y, glyph.box)
    if is_one_shape and last.text_object is glyph.text_object and not glyph.blank:
        return replace(last, text=last.text + glyph.text)
    if unicodedata.combining(glyph.text[0]):
        return replace(last, text=last.text + glyph.text) if _over(last.cell, glyph.box) else None
    if unicodedata.combining(last.text[0]) and _over(glyph.cell, last.box):
        return replace(glyph, text=glyph.text + last.text, gap=last.gap, index=last.index)
    return _accented(last, glyph)


def _accented(last: Glyph, glyph: Glyph) -> Glyph | None:
    """Return a letter and the spacing accent that is printed over it, in either order, as one glyph; else None."""
    for letter, accent in ((glyph, last), (last, glyph)):
        mark = _ACCENTS.get(accent.text)
        if (
            mark
            and letter.text.isalpha()
            and abs(letter.x - accent.x) < MAX_ACCENT_SHIFT_EM * letter.text_object.size
            and _over(letter.cell, accent.box)
        ):
            composed = unicodedata.normalize("NFC", letter.text + mark)
            if len(composed) == len(letter.text):
                return replace(letter, text=composed, gap=last.gap, index=last.index)
    return None


def _over(cell: Box, mark: Box) -> bool:
    """Return whether a mark stands over or under a letter's cell."""
    middle = (mark.x0 + mark.x1) / 2
    return cell.x0 - cell.width / 2 <= middle <= cell.x1 + cell.width / 2
