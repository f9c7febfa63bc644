"""Chain the glyphs that follow each other in the file and on the page; find columns of vertical writing."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from scanmend.ocr.bidi import is_right_to_left
from scanmend.ocr.pdf.frames import Frame, angle_between
from scanmend.ocr.pdf.glyphs import Glyph, GlyphGap, advance

# in ems
MAX_GAP = 1.0  # within a run; a wider one parts two runs, as between the cells of a table
MAX_BACKSTEP = 0.4  # within a run: kerning
# off the baseline, of a glyph and of a smaller one: superscripts
MAX_RAISE, MAX_RAISE_SMALL = 0.5, 0.7
MAX_CURVE_STEP = 1.2  # from letter to letter of a curved text
# other units
SMALLER = 0.85  # share of the larger glyph's size below which a glyph counts as smaller
MAX_TURN = 2.0  # degrees between the directions of one run
MAX_CURVE = 20.0  # degrees between neighbours in a curved text
MIN_DOWNWARD = 0.5  # share of steps from glyph to glyph that lead down in vertical writing
TALL = 1.8  # times the font's size: the height of ink from which the ink is the measure
OVERSIZED = 3.0  # times the font's size: the height of a cell from which the cell is the measure
# the frame of vertical writing, as in Chinese or Japanese: down, columns from right to left
COLUMN = Frame(-90.0)


@dataclass(slots=True)
class FramedGlyph:
    """A glyph in a frame: from ``u0`` to ``u1`` along the baseline ``w``, in pixels; ``size``: its em.

    ``column``: it stands in a column of vertical writing.
    """

    glyph: Glyph
    u0: float
    u1: float
    w: float
    size: float
    column: bool = False


class Chain:
    """Glyphs that follow each other in the file and on the page, from ``u0`` to ``u1`` in their frame."""

    def __init__(self, first: FramedGlyph) -> None:
        """Begin with one glyph."""
        text_object = first.glyph.text_object
        self.frame = COLUMN if first.column else Frame(text_object.angle, text_object.mirrored)
        self.glyphs = [first]
        self.u0, self.u1 = first.u0, first.u1

    def add(self, glyphs: Sequence[FramedGlyph]) -> None:
        """Add more glyphs."""
        self.glyphs += glyphs
        self.u0 = min(self.u0, *(one.u0 for one in glyphs))
        self.u1 = max(self.u1, *(one.u1 for one in glyphs))

    def in_frame(self, frame: Frame) -> "Chain":
        """Return the chain in a frame that hardly differs from its own."""
        if frame == self.frame:
            return self
        first, *others = (framed(one.glyph, frame) for one in self.glyphs)
        chain = Chain(first)
        if others:
            chain.add(others)
        return chain

    @property
    def w(self) -> float:
        """Return the baseline: the median of its glyphs'."""
        return median(one.w for one in self.glyphs)

    @property
    def size(self) -> float:
        """Return the em in pixels: the median of its glyphs'."""
        return median(one.size for one in self.glyphs)


def chains_of(glyphs: Iterable[Glyph]) -> list[Chain]:
    """Return the glyphs in chains, in the file's order."""
    chains: list[Chain] = []
    for one in _with_columns([framed(glyph) for glyph in glyphs]):
        chain = chains[-1] if chains else None
        if chain is not None and _follows(chain, one):
            last = chain.glyphs[-1]
            if last.u0 < one.u0 < last.u1:
                last.u1 = one.u0
            chain.add([one])
        else:
            chains.append(Chain(one))
    return chains


def framed(glyph: Glyph, frame: Frame | None = None) -> FramedGlyph:
    """Return the glyph in a frame, by default that of its text object.

    A glyph that is turned by more than 45 degrees against the frame stands upright in a column.
    """
    text_object = glyph.text_object
    frame = frame or Frame(text_object.angle, text_object.mirrored)
    if angle_between(frame.angle, text_object.angle) > 45:
        cell = frame.from_page(glyph.cell)
        middle = (cell.y0 + cell.y1) / 2
        return FramedGlyph(glyph, cell.x0, cell.x1, middle, _size(glyph), column=True)
    u, w = frame.point(glyph.x, glyph.y)
    return FramedGlyph(glyph, u, u + advance(glyph), w, _size(glyph))


def is_wide(text: str) -> bool:
    """Return whether a character is a full-width one, as in Chinese or Japanese."""
    return unicodedata.east_asian_width(text[0]) in "WF"


def _size(glyph: Glyph) -> float:
    """Return the em in pixels: the font's size, or the height of its glyphs where that is far larger."""
    size = glyph.text_object.size
    upright = glyph.text_object.angle % 90 == 0
    cell_height = min(glyph.cell.height, glyph.cell.width) if upright else size
    ink_height = max(glyph.box.height, glyph.box.width)
    if ink_height > TALL * size and glyph.text.isalnum():
        return ink_height
    return size if cell_height < OVERSIZED * size else cell_height


def _with_columns(glyphs: list[FramedGlyph]) -> list[FramedGlyph]:
    """Return the glyphs; those that stand in columns of vertical writing, in the frame of a column."""
    found: list[FramedGlyph] = []
    for _, group in groupby(glyphs, key=_column_key):
        stretch = list(group)
        downward = sum(_is_below(one, other) for one, other in pairwise(stretch))
        may_stand = _may_stand_in_column(stretch[0].glyph)
        if may_stand and downward > MIN_DOWNWARD * (len(stretch) - 1):
            stretch = [framed(one.glyph, COLUMN) for one in stretch]
        found += stretch
    return found


def _column_key(one: FramedGlyph) -> tuple[str, float, bool]:
    return one.glyph.text_object.face, one.size, _may_stand_in_column(one.glyph)


def _may_stand_in_column(glyph: Glyph) -> bool:
    """Return whether a glyph is a Chinese or Japanese one that is not turned."""
    return is_wide(glyph.text) and not glyph.text_object.angle


def _is_below(one: FramedGlyph, other: FramedGlyph) -> bool:
    """Return whether the other glyph stands right below the first one."""
    cell, next_cell = one.glyph.cell, other.glyph.cell
    step_x = (next_cell.x0 + next_cell.x1 - cell.x0 - cell.x1) / 2
    step_y = next_cell.y0 - cell.y0
    return abs(step_x) < 0.3 * one.size and 0.5 * one.size < step_y < 2 * one.size


def _follows(chain: Chain, one: FramedGlyph) -> bool:
    """Return whether a glyph continues the chain."""
    last = chain.glyphs[-1]
    if chain.frame.mirrored != one.glyph.text_object.mirrored or last.column != one.column:
        return False
    turn = angle_between(last.glyph.text_object.angle, one.glyph.text_object.angle)
    if turn > MAX_TURN:  # a curved text: from letter to letter only, never over a word's end
        step = math.dist((last.glyph.x, last.glyph.y), (one.glyph.x, one.glyph.y))
        close = step <= MAX_CURVE_STEP * last.size
        return turn <= MAX_CURVE and close and one.glyph.gap != GlyphGap.BREAK
    here, before = one, last
    if turn and not one.column:
        frame = Frame(last.glyph.text_object.angle, chain.frame.mirrored)
        here, before = framed(one.glyph, frame), framed(last.glyph, frame)
    size = max(last.size, one.size)
    max_raise = MAX_RAISE if min(last.size, one.size) > SMALLER * size else MAX_RAISE_SMALL
    if abs(here.w - before.w) > max_raise * size:
        return False
    # within a text object PDFium knows how far the pen moves; the cell may be wider
    max_step = MAX_GAP * size + before.u1 - before.u0
    if _adjoins_in_text(last.glyph, one.glyph) and 0 <= here.u0 - before.u0 <= max_step:
        return True
    if -MAX_BACKSTEP * size <= here.u0 - before.u1 <= MAX_GAP * size:
        return True
    backwards = is_right_to_left(last.glyph.text) or is_right_to_left(one.glyph.text)
    return backwards and -MAX_BACKSTEP * size <= before.u0 - here.u1 <= MAX_GAP * size


def _adjoins_in_text(last: Glyph, glyph: Glyph) -> bool:
    """Return whether a glyph follows the last one in its text object, without a line break between them."""
    return (
        last.text_object is glyph.text_object
        and glyph.number == last.number + 1
        and glyph.gap != GlyphGap.BREAK
    )
