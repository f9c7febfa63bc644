"""Join glyphs that follow each other in the file and on the page into chains; find columns of vertical writing."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from scanmend.ocr.bidi import is_right_to_left
from scanmend.ocr.frames import Frame, angle_between
from scanmend.ocr.pdf.glyphs import Glyph, GlyphGap, advance

# in ems
MAX_GAP = 1.0  # within a run; a wider gap separates two runs, such as the cells of a table
MAX_BACKSTEP = 0.4  # from one glyph back to the next, by kerning
# off the baseline: of a glyph, and of a smaller one such as a superscript
MAX_RAISE, MAX_RAISE_SMALL = 0.5, 0.7
MAX_CURVE_STEP = 1.2  # from letter to letter of a curved text
# other units
MAX_SMALLER_SHARE = 0.85  # of the larger glyph's size, up to which a glyph counts as smaller
MAX_TURN = 2.0  # degrees between the directions of glyphs in one run
MAX_CURVE = 20.0  # degrees between two neighbours in a curved text
MIN_DOWNWARD_SHARE = 0.5  # of the steps from glyph to glyph that lead down in vertical writing
MIN_TALL_INK = 1.8  # font sizes: height of the ink from which the ink gives the em
MIN_OVERSIZED_CELL = 3.0  # font sizes: height of a cell from which the cell gives the em
# the frame of vertical writing, as in Chinese or Japanese: down the page, columns from right to left
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
        self.u0 = min(self.u0, *(framed_glyph.u0 for framed_glyph in glyphs))
        self.u1 = max(self.u1, *(framed_glyph.u1 for framed_glyph in glyphs))

    def in_frame(self, frame: Frame) -> "Chain":
        """Return the chain converted into a frame that differs little from its own."""
        if frame == self.frame:
            return self
        first, *others = (framed(framed_glyph.glyph, frame) for framed_glyph in self.glyphs)
        chain = Chain(first)
        if others:
            chain.add(others)
        return chain

    @property
    def w(self) -> float:
        """Return the baseline: the median of its glyphs' ``w``."""
        return median(framed_glyph.w for framed_glyph in self.glyphs)

    @property
    def size(self) -> float:
        """Return the em in pixels: the median of its glyphs' ``size``."""
        return median(framed_glyph.size for framed_glyph in self.glyphs)


def chains_of(glyphs: Iterable[Glyph]) -> list[Chain]:
    """Return the glyphs in chains, in the file's order."""
    chains: list[Chain] = []
    for framed_glyph in _with_columns([framed(glyph) for glyph in glyphs]):
        chain = chains[-1] if chains else None
        if chain is not None and _follows(chain, framed_glyph):
            last = chain.glyphs[-1]
            if last.u0 < framed_glyph.u0 < last.u1:
                last.u1 = framed_glyph.u0
            chain.add([framed_glyph])
        else:
            chains.append(Chain(framed_glyph))
    return chains


def framed(glyph: Glyph, frame: Frame | None = None) -> FramedGlyph:
    """Return the glyph in a frame; the default is the frame of its text object.

    A glyph that is turned by more than 45 degrees against the frame counts as upright in a column.
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
    """Return the em in pixels: the font's size, or the height of the glyph if that is far larger."""
    size = glyph.text_object.size
    upright = glyph.text_object.angle % 90 == 0
    cell_height = min(glyph.cell.height, glyph.cell.width) if upright else size
    ink_height = max(glyph.box.height, glyph.box.width)
    if ink_height > MIN_TALL_INK * size and glyph.text.isalnum():
        return ink_height
    return size if cell_height < MIN_OVERSIZED_CELL * size else cell_height


def _with_columns(glyphs: list[FramedGlyph]) -> list[FramedGlyph]:
    """Return the glyphs, with those in columns of vertical writing converted into the frame of a column."""
    result: list[FramedGlyph] = []
    for _, group in groupby(glyphs, key=_column_key):
        stretch = list(group)
        downward = sum(
            _is_below(framed_glyph, following) for framed_glyph, following in pairwise(stretch)
        )
        may_stand = _may_stand_in_column(stretch[0].glyph)
        if may_stand and downward > MIN_DOWNWARD_SHARE * (len(stretch) - 1):
            stretch = [framed(framed_glyph.glyph, COLUMN) for framed_glyph in stretch]
        result += stretch
    return result


def _column_key(framed_glyph: FramedGlyph) -> tuple[str, float, bool]:
    return (
        framed_glyph.glyph.text_object.face,
        framed_glyph.size,
        _may_stand_in_column(framed_glyph.glyph),
    )


def _may_stand_in_column(glyph: Glyph) -> bool:
    """Return whether a glyph is Chinese or Japanese and not turned."""
    return is_wide(glyph.text) and not glyph.text_object.angle


def _is_below(upper: FramedGlyph, lower: FramedGlyph) -> bool:
    """Return whether ``lower`` stands right below ``upper``."""
    cell, next_cell = upper.glyph.cell, lower.glyph.cell
    step_x = (next_cell.x0 + next_cell.x1 - cell.x0 - cell.x1) / 2
    step_y = next_cell.y0 - cell.y0
    return abs(step_x) < 0.3 * upper.size and 0.5 * upper.size < step_y < 2 * upper.size


def _follows(chain: Chain, framed_glyph: FramedGlyph) -> bool:
    """Return whether a glyph continues the chain."""
    last = chain.glyphs[-1]
    if (
        chain.frame.mirrored != framed_glyph.glyph.text_object.mirrored
        or last.column != framed_glyph.column
    ):
        return False
    turn = angle_between(last.glyph.text_object.angle, framed_glyph.glyph.text_object.angle)
    if turn > MAX_TURN:  # a curved text, which a chain follows within a word only
        step = math.dist((last.glyph.x, last.glyph.y), (framed_glyph.glyph.x, framed_glyph.glyph.y))
        close = step <= MAX_CURVE_STEP * last.size
        return turn <= MAX_CURVE and close and framed_glyph.glyph.gap != GlyphGap.BREAK
    current, previous = framed_glyph, last
    if turn and not framed_glyph.column:
        frame = Frame(last.glyph.text_object.angle, chain.frame.mirrored)
        current, previous = framed(framed_glyph.glyph, frame), framed(last.glyph, frame)
    size = max(last.size, framed_glyph.size)
    max_raise = (
        MAX_RAISE
        if min(last.size, framed_glyph.size) > MAX_SMALLER_SHARE * size
        else MAX_RAISE_SMALL
    )
    if abs(current.w - previous.w) > max_raise * size:
        return False
    # within a text object, PDFium knows the distance between two origins; the cell may be wider
    max_step = MAX_GAP * size + previous.u1 - previous.u0
    if (
        _adjoins_in_text(last.glyph, framed_glyph.glyph)
        and 0 <= current.u0 - previous.u0 <= max_step
    ):
        return True
    if -MAX_BACKSTEP * size <= current.u0 - previous.u1 <= MAX_GAP * size:
        return True
    backwards = is_right_to_left(last.glyph.text) or is_right_to_left(framed_glyph.glyph.text)
    return backwards and -MAX_BACKSTEP * size <= previous.u0 - current.u1 <= MAX_GAP * size


def _adjoins_in_text(last: Glyph, glyph: Glyph) -> bool:
    """Return whether a glyph follows the last one in its text object, without a line break between them."""
    return (
        last.text_object is glyph.text_object
        and glyph.number == last.number + 1
        and glyph.gap != GlyphGap.BREAK
    )
