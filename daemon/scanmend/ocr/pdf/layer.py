"""The text layer of a page, as far as the page shows it and agrees with it.

A layer is evidence, not the page. Of its characters those count that are drawn, and those that an OCR program laid
over a picture in which the same can be read. What the page shows besides is told to the caller, to be recognised.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from scanmend.ocr.eyes import Array, Eyes
from scanmend.ocr.pdf.agreement import UNLIKE, Piece, drawn_disagrees, earlier_disagrees, fonts_of
from scanmend.ocr.pdf.characters import MOST, UNMAPPED, Gap, Glyph, Reader, joined
from scanmend.ocr.pdf.coverage import lines_in, share_on, uncovered
from scanmend.ocr.pdf.frames import turned_by
from scanmend.ocr.pdf.lines import Run, runs
from scanmend.ocr.pdf.page import OpenPage
from scanmend.ocr.pdf.repair import version_of
from scanmend.ocr.pdf.visible import Hidden as HiddenGlyph
from scanmend.ocr.pdf.visible import Seen, see, why_hidden
from scanmend.page import Box, Hidden, HiddenReason

PIECE_DPI = 200  # at which pieces are recognised
PIECE_EM = 28.0  # pixels of an em for which that is enough
NEARLY = 15.0  # degrees by which text of the page's direction may lean
MANY_SIGNS = 0.25  # share of the characters of a text object that mean nothing: it is no text
ON_LINES = 0.5  # share of an OCR program's text that must lie on lines of the picture
MOST_HIDDEN = 100  # stretches of hidden text that are told
MOST_HIDDEN_CHARACTERS = 500  # of one of them


@dataclass(frozen=True, slots=True)
class Layer:
    """What of a text layer counts.

    ``more``: the page also shows lines that none of it covers. ``objects``: addresses of the layer's text objects.
    """

    drawn: tuple[Run, ...] = ()
    earlier: tuple[Run, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    warnings: tuple[str, ...] = ()
    more: bool = True
    objects: frozenset[int] = frozenset()

    @property
    def runs(self) -> tuple[Run, ...]:
        """All text that counts."""
        return self.drawn + self.earlier


def trusted(page: OpenPage) -> Layer:
    """Return the layer without a look at the page's picture."""
    glyphs = _glyphs(page) or []
    wide, high = page.sheet.size
    inside = [g for g in glyphs if 0 <= g.cell.x0 < wide and g.cell.y1 >= 0 and g.cell.y0 < high]
    return Layer(tuple(runs(inside)), more=False)


def checked(page: OpenPage, path: str, eyes: Eyes | None) -> Layer:
    """Return what of the layer the page shows and agrees with; ``eyes`` None: nothing can be compared."""
    everything = _glyphs(page)
    if everything is None:
        return too_long(Layer(), f"it has more than {MOST:,} characters")
    glyphs = _with_meaning(everything)
    notes = [_sign_warning(len(everything) - len(glyphs))] if len(glyphs) < len(everything) else []
    if not glyphs:
        return Layer(warnings=tuple(notes))
    seen = see(page.page, glyphs, page.sheet.size, page.sheet.scale)
    notes += _missing_warnings(seen.missing)
    exact = sorted((*seen.drawn, *seen.missing), key=lambda g: g.index)
    drawn = tuple(runs(exact))
    compare = _Comparison(page, eyes)
    why = ""
    if eyes is not None:
        why = drawn_disagrees(_drawn_only(drawn), fonts_of(version_of(path)), compare.read)
    if why:
        return _layer(seen, seen.hidden, [*notes, _disagreement(why)])
    earlier = tuple(runs(seen.over))
    if eyes is None:
        return _layer(seen, seen.hidden, notes, drawn, earlier, more=False)
    lines = lines_in(seen.rest, eyes.look)
    hidden = list(seen.hidden)
    if earlier:
        why, share = earlier_disagrees(earlier, compare.read)
        behind = share_on(lines, _boxes(earlier, seen.scale)) < ON_LINES or share < UNLIKE
        if behind:  # no OCR program wrote this: it lies behind a picture
            hidden += [HiddenGlyph(glyph, why_hidden(glyph)) for glyph in seen.over]
        elif why:
            notes.append(_disagreement(why))
        if behind or why:
            earlier = ()
    more = bool(uncovered(lines, _boxes(drawn + earlier, seen.scale)))
    return _layer(seen, hidden, notes, drawn, earlier, more=more)


def _layer(
    seen: Seen,
    hidden: Sequence[HiddenGlyph],
    notes: Sequence[str],
    drawn: tuple[Run, ...] = (),
    earlier: tuple[Run, ...] = (),
    *,
    more: bool = True,
) -> Layer:
    warnings = ([_hidden_warning(hidden)] if hidden else []) + list(notes)
    return Layer(drawn, earlier, _told(hidden), tuple(warnings), more, seen.objects)


def too_long(layer: Layer, why: str) -> Layer:
    """Return a layer that is no print, so that the page is recognised: what is hidden, and a warning."""
    warning = f"the text layer is no print: {why}; the page was recognised"
    return Layer(hidden=layer.hidden, warnings=(*layer.warnings, warning))


def _glyphs(page: OpenPage) -> list[Glyph] | None:
    """Return the characters of the page; None when they are too many."""
    text = page.page.get_textpage()
    try:
        if text.count_chars() > MOST:
            return None
        return joined(Reader(text, page.sheet).glyphs())
    finally:
        text.close()


def _with_meaning(glyphs: list[Glyph]) -> list[Glyph]:
    """Return the glyphs without the text objects that hold signs without meaning within words, or many of them.

    Such an object is a drawing: it stays in the picture of the page without its text, and is recognised there. A sign
    that stands alone among words, as a bullet, is left out.
    """
    all_signs = Counter(g.paint.address for g in glyphs)
    signs = Counter(g.paint.address for g in glyphs if g.text == UNMAPPED)
    drawings = {
        a
        for a, count in signs.items()
        if count == all_signs[a] or (count > 1 and count > MANY_SIGNS * all_signs[a])
    }
    for last, glyph in pairwise(glyphs):
        joined_up = last.paint is glyph.paint and glyph.gap == Gap.NONE
        if joined_up and UNMAPPED in (last.text, glyph.text):
            drawings.add(glyph.paint.address)
    return [g for g in glyphs if g.paint.address not in drawings and g.text != UNMAPPED]


def _drawn_only(found: Sequence[Run]) -> list[Run]:
    """Return the runs without those that this machine has no font for: nothing is to be seen of them."""
    return [run for run in found if not any(glyph.blank for glyph in run.glyphs)]


def _boxes(found: Sequence[Run], scale: float) -> list[Box]:
    return [scaled(run.page_box, scale) for run in found]


def scaled(box: Box, by: float) -> Box:
    """Return a box of a picture that is ``by`` times as large."""
    return Box(box.x0 * by, box.y0 * by, box.x1 * by, box.y1 * by)


# comparison ---------------------------------------------------------------------------------------


class _Comparison:
    """Reads pieces of the layer from the page's picture, which is rendered once, when it is needed."""

    def __init__(self, page: OpenPage, eyes: Eyes | None) -> None:
        self._page = page
        self._eyes = eyes
        self._pixels: Array | None = None
        self._factor = 1.0

    def read(self, pieces: Sequence[Piece]) -> list[tuple[str, float]]:
        """Return what is read of each piece, and how surely."""
        assert self._eyes is not None
        if self._pixels is None:
            em = sorted(p.run.glyphs[0].paint.size for p in pieces)[len(pieces) // 2]
            self._factor = min(1.0, max(PIECE_DPI / self._page.dpi, PIECE_EM / max(1.0, em)))
            self._pixels = self._page.grey(self._factor)
        return self._eyes.read([self._crop(piece) for piece in pieces])

    def _crop(self, piece: Piece) -> Array:
        assert self._pixels is not None
        frame = piece.run.frame
        high = piece.box.height
        around = Box(
            piece.box.x0 - 0.2 * high,
            piece.box.y0 - 0.15 * high,
            piece.box.x1 + 0.2 * high,
            piece.box.y1 + 0.1 * high,
        )
        box = scaled(frame.page_box(around), self._factor)
        rows, columns = self._pixels.shape
        y0, y1 = max(0, int(box.y0)), min(rows, int(box.y1) + 1)
        x0, x1 = max(0, int(box.x0)), min(columns, int(box.x1) + 1)
        part = self._pixels[y0:y1, x0:x1]
        if part.size == 0:
            part = np.full((8, 8), 255, np.uint8)
        part = np.rot90(part, -round(frame.angle / 90) % 4)
        colour: Array = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_GRAY2BGR)
        return colour


# what is told -------------------------------------------------------------------------------------


def _told(hidden: Sequence[HiddenGlyph]) -> tuple[Hidden, ...]:
    """Return the hidden characters as stretches of text with their boxes."""
    by_reason: dict[HiddenReason, list[Glyph]] = defaultdict(list)
    for one in hidden:
        by_reason[one.reason].append(one.glyph)
    found = [
        Hidden(run.text[:MOST_HIDDEN_CHARACTERS], run.page_box, reason)
        for reason, glyphs in by_reason.items()
        for run in runs(glyphs)
    ]
    found.sort(key=lambda h: (h.box.y0, h.box.x0))
    return tuple(found[:MOST_HIDDEN])


def _hidden_warning(hidden: Sequence[HiddenGlyph]) -> str:
    reasons = sorted({one.reason for one in hidden})
    return f"the page carries {len(hidden)} characters that it does not show ({', '.join(reasons)}); they are not published"


def _missing_warnings(missing: Sequence[Glyph]) -> list[str]:
    fonts: dict[str, int] = defaultdict(int)
    for glyph in missing:
        fonts[glyph.paint.font] += 1
    return [
        f"the font {font or 'without a name'} is not in the PDF and no font of this machine replaces it:"
        f" {count} characters were taken from the text layer unseen"
        for font, count in fonts.items()
    ]


def _sign_warning(count: int) -> str:
    return f"{count} characters of the text layer have no meaning, or stand with such; they are left to recognition"


def _disagreement(why: str) -> str:
    return f"the text layer is not what the page shows: {why}; it was recognised"


def turned(box: Box, turn: int, size: tuple[float, float]) -> Box:
    """Return a box of a page of this size after the page was turned clockwise by 0, 90, 180 or 270 degrees."""
    wide, high = size
    if turn == 90:
        return Box(high - box.y1, box.x0, high - box.y0, box.x1)
    if turn == 180:
        return Box(wide - box.x1, high - box.y1, wide - box.x0, high - box.y0)
    if turn == 270:
        return Box(box.y0, wide - box.x1, box.y1, wide - box.x0)
    return box


def main_turn(found: Sequence[Run]) -> int:
    """Return by how many degrees clockwise the page is to be turned for most of its text to be upright."""
    letters: dict[int, int] = defaultdict(int)
    for run in found:
        angle = 0 if run.column else round(run.frame.angle / 90) * 90 % 360
        if not run.frame.mirrored and turned_by(run.frame.angle, angle) < NEARLY:
            letters[angle] += len(run.glyphs)
    return max(letters, key=lambda angle: (letters[angle], angle == 0), default=0)
