"""Characters into runs of text on one baseline, in the direction and the order in which a reader reads them.

PDFium tells the spaces between characters that follow each other in the file. Where a page writes each letter by
itself, turned, or in another order than it stands, places decide: glyphs on one baseline are one run, a gap wider
than a word space parts two. Right-to-left text is put into logical order from where it stands.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from statistics import median

from scanmend.ocr.bidi import logical, reads_from_right
from scanmend.ocr.pdf.characters import Gap, Glyph
from scanmend.ocr.pdf.frames import Frame, turned_by
from scanmend.ocr.pdf.overprints import advance, once
from scanmend.page import Box

# in ems
WIDE = 1.0  # a gap that parts two runs, as between the cells of a table
BACK = 0.4  # how far the pen may step back within a run: kerning
RAISED, RAISED_SMALL = (
    0.5,
    0.7,
)  # how far a glyph, and a smaller one, may stand off the baseline: superscripts
SMALLER = 0.85  # of the larger one's size
BASELINE = 0.3  # by how much baselines of one line may differ
SPACE = 0.15  # a gap that is a space, where PDFium does not tell
SPACE_WIDE = 0.5  # the same between Chinese or Japanese characters
COLLIDES = 0.5  # share of a glyph's width: two that overlap more were drawn over each other
TURN = 2.0  # degrees by which directions of one run may differ
COLUMNS = 0.5  # share of steps from sign to sign that lead down in vertical writing
CURVE = 20.0  # degrees between neighbours of a curved text
COLUMN = Frame(-90.0)  # of vertical writing, as in Chinese or Japanese: down, from right to left


@dataclass(slots=True)
class _Placed:
    """A glyph in its frame: from ``u0`` to ``u1`` along the baseline ``w``."""

    glyph: Glyph
    u0: float
    u1: float
    w: float
    size: float
    column: bool = False  # it stands in a column of vertical writing


class _Chain:
    """Glyphs that follow each other in the file and on the page; from ``u0`` to ``u1``."""

    def __init__(self, first: _Placed) -> None:
        self.frame = _frame_of(first)
        self.glyphs = [first]
        self.u0, self.u1 = first.u0, first.u1

    def add(self, glyphs: Sequence[_Placed]) -> None:
        """Take in more glyphs."""
        self.glyphs += glyphs
        self.u0 = min(self.u0, *(p.u0 for p in glyphs))
        self.u1 = max(self.u1, *(p.u1 for p in glyphs))

    def moved(self, frame: Frame) -> "_Chain":
        """Return the chain as it stands in a frame that hardly differs from its own."""
        if frame == self.frame:
            return self
        first, *others = (_placed(p.glyph, frame) for p in self.glyphs)
        chain = _Chain(first)
        if others:
            chain.add(others)
        return chain

    @property
    def w(self) -> float:
        return median(p.w for p in self.glyphs)

    @property
    def size(self) -> float:
        return median(p.size for p in self.glyphs)


@dataclass(frozen=True)
class Run:
    """A piece of text on one baseline. ``box`` in its frame: one em high about the line."""

    text: str
    frame: Frame
    box: Box
    glyphs: tuple[Glyph, ...]

    @property
    def column(self) -> bool:
        """Whether it is a column of vertical writing, whose signs stand upright."""
        return self.frame == COLUMN and not self.glyphs[0].paint.angle

    @cached_property
    def page_box(self) -> Box:
        """The bounds on the page, in pixels."""
        return self.frame.page_box(self.box)


def runs(glyphs: Sequence[Glyph]) -> list[Run]:
    """Return the runs of text that the glyphs of a page form, in no order; O(n log n)."""
    frames: dict[Frame, list[_Chain]] = defaultdict(list)
    for chain in _chains([_placed(glyph) for glyph in once(glyphs)]):
        frame = next((f for f in frames if f.nearly(chain.frame, TURN)), chain.frame)
        frames[frame].append(chain.moved(frame))
    return [
        _run(line, frame)
        for frame, chains in frames.items()
        for baseline in _baselines(chains)
        for line in _lines(baseline)
    ]


def _placed(glyph: Glyph, frame: Frame | None = None) -> _Placed:
    paint = glyph.paint
    frame = frame or Frame(paint.angle, paint.mirrored)
    if turned_by(frame.angle, paint.angle) > 45:
        cell = frame.box(glyph.cell)
        return _Placed(glyph, cell.x0, cell.x1, (cell.y0 + cell.y1) / 2, _size(glyph), True)
    u, w = frame.place(glyph.x, glyph.y)
    return _Placed(glyph, u, u + advance(glyph), w, _size(glyph))


def _size(glyph: Glyph) -> float:
    """Return the em in pixels; where the font's own is no measure of its letters, their height."""
    size = glyph.paint.size
    high = min(glyph.cell.height, glyph.cell.width) if glyph.paint.angle % 90 == 0 else size
    tall = max(glyph.box.height, glyph.box.width)
    if tall > 1.8 * size and glyph.text.isalnum():
        return tall
    return size if high < 3 * size else high


def _chains(placed: Iterable[_Placed]) -> list[_Chain]:
    """Return the glyphs in stretches that follow each other, in the file's order."""
    chains: list[_Chain] = []
    for one in _vertical(list(placed)):
        chain = chains[-1] if chains else None
        if chain is not None and _follows(chain, one):
            last = chain.glyphs[-1]
            if last.u0 < one.u0 < last.u1:
                last.u1 = one.u0
            chain.add([one])
        else:
            chains.append(_Chain(one))
    return chains


def _frame_of(one: _Placed) -> Frame:
    paint = one.glyph.paint
    return COLUMN if one.column else Frame(paint.angle, paint.mirrored)


def _vertical(placed: list[_Placed]) -> list[_Placed]:
    """Return the glyphs, those that stand in columns as in Chinese or Japanese in the frame of such a column."""
    found: list[_Placed] = []
    for _, group in groupby(
        placed, key=lambda p: (p.glyph.paint.face, p.size, _may_stand(p.glyph))
    ):
        stretch = list(group)
        down = sum(_below(one, other) for one, other in pairwise(stretch))
        if _may_stand(stretch[0].glyph) and down > COLUMNS * (len(stretch) - 1):
            stretch = [_placed(one.glyph, COLUMN) for one in stretch]
        found += stretch
    return found


def _may_stand(glyph: Glyph) -> bool:
    """Return whether a glyph may stand in a column: a Chinese or Japanese one that is not turned."""
    return _wide(glyph.text) and not glyph.paint.angle


def _below(one: _Placed, other: _Placed) -> bool:
    """Return whether a glyph stands right below another."""
    step_x = _middle_x(other.glyph.cell) - _middle_x(one.glyph.cell)
    step_y = other.glyph.cell.y0 - one.glyph.cell.y0
    return abs(step_x) < 0.3 * one.size and 0.5 * one.size < step_y < 2 * one.size


def _middle_x(box: Box) -> float:
    return (box.x0 + box.x1) / 2


def _wide(text: str) -> bool:
    return unicodedata.east_asian_width(text[0]) in "WF"


def _follows(chain: _Chain, one: _Placed) -> bool:
    """Return whether a glyph goes on where the chain ends."""
    last = chain.glyphs[-1]
    if chain.frame.mirrored != one.glyph.paint.mirrored or last.column != one.column:
        return False
    turned = turned_by(last.glyph.paint.angle, one.glyph.paint.angle)
    if turned > TURN:  # a curve: from letter to letter only, and never over a word's end
        reach = math.dist((last.glyph.x, last.glyph.y), (one.glyph.x, one.glyph.y))
        return turned <= CURVE and reach <= 1.2 * last.size and one.glyph.gap != Gap.BREAK
    here, before = one, last
    if turned and not one.column:
        frame = Frame(last.glyph.paint.angle, chain.frame.mirrored)
        here, before = _placed(one.glyph, frame), _placed(last.glyph, frame)
    size = max(last.size, one.size)
    raised = RAISED if min(last.size, one.size) > SMALLER * size else RAISED_SMALL
    if abs(here.w - before.w) > raised * size:
        return False
    told = last.glyph.paint is one.glyph.paint and one.glyph.number == last.glyph.number + 1
    if told and one.glyph.gap != Gap.BREAK and 0 <= here.u0 - before.u0 <= WIDE * size + before.u1 - before.u0:  # fmt: skip
        return (
            True  # within one text object PDFium knows how far the pen moves; the cell may be wider
        )
    if -BACK * size <= here.u0 - before.u1 <= WIDE * size:
        return True
    backwards = reads_from_right(last.glyph.text) or reads_from_right(one.glyph.text)
    return backwards and -BACK * size <= before.u0 - here.u1 <= WIDE * size


def _baselines(chains: list[_Chain]) -> list[list[_Chain]]:
    """Return the chains of a frame by their baseline."""
    found: list[list[_Chain]] = []
    at, high = -math.inf, 0.0
    for chain in sorted(chains, key=lambda c: c.w):
        w, size = chain.w, chain.size
        if w - at > BASELINE * min(size, high or size):
            found.append([])
            at, high = w, size
        found[-1].append(chain)
    return found


def _lines(baseline: list[_Chain]) -> list[list[_Placed]]:
    """Return what stands together on a baseline, each with its glyphs in the order of their places."""
    lines: list[_Chain] = []
    for chain in sorted(baseline, key=lambda c: c.u0):
        line = next((c for c in reversed(lines[-3:]) if _joins(c, chain)), None)
        if line is None:
            lines.append(chain)
        else:
            line.add(chain.glyphs)
    for line in lines:
        line.glyphs.sort(key=lambda p: p.u0)
    return [line.glyphs for line in lines]


def _joins(line: _Chain, chain: _Chain) -> bool:
    size = max(line.size, chain.size)
    start, end = chain.u0, line.u1
    if start - end > WIDE * size:
        return False
    if start > end - BACK * size:
        return True
    within = [p for p in line.glyphs if p.u1 > start and p.u0 < chain.u1]
    both = sorted([*within, *chain.glyphs], key=lambda p: p.u0)
    collisions = sum(
        a.u1 - b.u0 > COLLIDES * max(0.01, min(a.u1 - a.u0, b.u1 - b.u0)) for a, b in pairwise(both)
    )
    return collisions == 0


def _run(line: list[_Placed], frame: Frame) -> Run:
    """Return the text of a line's glyphs, which stand from left to right in the frame."""
    first = line[0]
    size = median(p.size for p in line)
    gaps = [max(0.0, b.u0 - a.u1) / size for a, b in pairwise(line)]
    usual = median(gaps) if gaps else 0.0
    pieces = [first.glyph.text]
    for (a, b), gap in zip(pairwise(line), gaps, strict=True):
        if _spaced(a, b, gap, usual if len(gaps) > 3 else 0.0):
            pieces.append(" ")
        pieces.append(b.glyph.text)
    text = unicodedata.normalize("NFC", "".join(logical(pieces)))
    above, below = (0.5, 0.5) if first.column else (0.75, 0.25)
    w = median(p.w for p in line)
    box = Box(min(p.u0 for p in line), w - above * size, max(p.u1 for p in line), w + below * size)
    return Run(text, frame, box, tuple(p.glyph for p in line))


def _spaced(a: _Placed, b: _Placed, gap: float, usual: float) -> bool:
    """Return whether a space stands between two glyphs; ``gap`` and ``usual``, the line's middling one, in ems."""
    told = Gap.BREAK
    # PDFium measures from one text object to the next as if both stood upright
    if a.glyph.paint is b.glyph.paint or not (a.glyph.paint.angle or b.glyph.paint.angle):
        if b.glyph.number == a.glyph.number + 1:
            told = b.glyph.gap
        elif a.glyph.number == b.glyph.number + 1:
            told = a.glyph.gap
    if told != Gap.BREAK:
        return told == Gap.SPACE
    if _wide(a.glyph.text) and _wide(b.glyph.text):
        return gap > SPACE_WIDE
    return gap > max(SPACE, usual + 0.12 if usual > 0.05 else 0.0)
