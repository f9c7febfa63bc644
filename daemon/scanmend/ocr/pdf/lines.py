"""Characters into runs of text on one baseline, in the direction and the order in which a reader reads them.

PDFium tells the spaces between characters that follow each other in the file. Where a page writes each letter by
itself, turned, or in another order than it stands, places decide: glyphs on one baseline are one run, a gap wider
than a word space parts two. Right-to-left text is put into logical order from where it stands.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from statistics import median

from scanmend.ocr.bidi import logical, reads_from_right
from scanmend.ocr.pdf.characters import Gap, Glyph
from scanmend.values import Box

# in ems
WIDE = 1.0  # a gap that parts two runs, as between the cells of a table
BACK = 0.4  # how far the pen may step back within a run: kerning
RAISED = 0.5  # how far a glyph may stand off the baseline: superscripts
BASELINE = 0.3  # by how much baselines of one line may differ
SPACE = 0.15  # a gap that is a space, where PDFium does not tell
SPACE_WIDE = 0.5  # the same between Chinese or Japanese characters
COLLIDES = 0.5  # share of a glyph's width: two that overlap more were drawn over each other
DOUBLE = 0.5  # the same glyph again within this share of its width was printed twice
TURN = 2.0  # degrees by which directions of one run may differ
CURVE = 20.0  # degrees between neighbours of a curved text


@dataclass(frozen=True, slots=True)
class Frame:
    """A direction of reading: ``u`` runs along the baseline, ``w`` from one line to the next.

    ``angle``: of the baseline, in degrees anti-clockwise; ``mirrored``: lines follow each other the other way round.
    """

    angle: float
    mirrored: bool = False

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page (pixels, y down) as ``u`` and ``w``."""
        turn = math.radians(self.angle)
        u = x * math.cos(turn) - y * math.sin(turn)
        w = x * math.sin(turn) + y * math.cos(turn)
        return u, -w if self.mirrored else w

    def box(self, box: Box) -> Box:
        """Return the bounds of a page's box in this frame."""
        corners = [self.place(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
        us, ws = zip(*corners, strict=True)
        return Box(min(us), min(ws), max(us), max(ws))

    def page_box(self, box: Box) -> Box:
        """Return the bounds on the page of a box of this frame."""
        turn = math.radians(self.angle)
        corners = []
        for u in (box.x0, box.x1):
            for w in (box.y0, box.y1):
                down = -w if self.mirrored else w
                corners.append(
                    (
                        u * math.cos(turn) + down * math.sin(turn),
                        down * math.cos(turn) - u * math.sin(turn),
                    )
                )
        xs, ys = zip(*corners, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


@dataclass(slots=True)
class _Placed:
    """A glyph in its frame: from ``u0`` to ``u1`` along the baseline ``w``."""

    glyph: Glyph
    number: int  # among the glyphs of the page, in PDFium's order
    u0: float
    u1: float
    w: float
    size: float


@dataclass(slots=True)
class _Chain:
    """Glyphs that follow each other in the file and on the page."""

    frame: Frame
    glyphs: list[_Placed] = field(default_factory=list)

    @property
    def u0(self) -> float:
        return min(p.u0 for p in self.glyphs)

    @property
    def u1(self) -> float:
        return max(p.u1 for p in self.glyphs)

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

    @cached_property
    def page_box(self) -> Box:
        """The bounds on the page, in pixels."""
        return self.frame.page_box(self.box)


def runs(glyphs: Sequence[Glyph]) -> list[Run]:
    """Return the runs of text that the glyphs of a page form, in no order; O(n log n)."""
    frames: dict[tuple[float, bool], list[_Chain]] = defaultdict(list)
    for chain in _chains(_once(glyphs)):
        key = next((k for k in frames if k[1] == chain.frame.mirrored and _turned(k[0], chain.frame.angle) <= TURN), None)  # fmt: skip
        frames[key or (chain.frame.angle, chain.frame.mirrored)].append(chain)
    return [
        _run(line)
        for chains in frames.values()
        for baseline in _baselines(chains)
        for line in _lines(baseline)
    ]


def _once(glyphs: Sequence[Glyph]) -> list[_Placed]:
    """Return each glyph once: the same one again at the same place makes a bold letter or a shadow."""
    kept: list[_Placed] = []
    grid: dict[tuple[str, int, int], list[Glyph]] = defaultdict(list)
    for number, glyph in enumerate(glyphs):
        reach = max(1.0, glyph.paint.size * 0.5)
        column, row = int(glyph.x / reach), int(glyph.y / reach)
        near = (
            other
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for other in grid.get((glyph.text, column + dx, row + dy), ())
        )
        if any(printed_twice(other, glyph) for other in near):
            continue
        grid[glyph.text, column, row].append(glyph)
        kept.append(_placed(glyph, number))
    return kept


def printed_twice(one: Glyph, other: Glyph) -> bool:
    """Return whether two glyphs are one letter, printed again to look bold or to throw a shadow."""
    if one.text != other.text:
        return False
    size = one.paint.size
    if not 0.8 < other.paint.size / size < 1.25:
        return False
    wide = max(one.cell.width, one.cell.height) if one.paint.angle % 90 else _advance(one)
    return math.dist((one.x, one.y), (other.x, other.y)) < min(DOUBLE * wide, 0.2 * size)


def _advance(glyph: Glyph) -> float:
    """Return how far the pen moves with the glyph, in pixels; a slanted cell's bounds are wider than the cell."""
    cell, angle = glyph.cell, math.radians(glyph.paint.angle)
    along, across = abs(math.cos(angle)), abs(math.sin(angle))
    if across < 0.05:
        return cell.width
    if along < 0.05:
        return cell.height
    high = 1.15 * glyph.paint.size  # ascent and descent of most fonts
    if abs(along**2 - across**2) > 0.3:
        high = (cell.height * along - cell.width * across) / (along**2 - across**2)
    wide = (
        (cell.width - high * across) / along
        if along > across
        else (cell.height - high * along) / across
    )
    return min(max(wide, 0.2 * glyph.paint.size), 1.5 * glyph.paint.size)


def _placed(glyph: Glyph, number: int, frame: Frame | None = None) -> _Placed:
    paint = glyph.paint
    frame = frame or Frame(paint.angle, paint.mirrored)
    if _turned(frame.angle, paint.angle) > 45:  # a column of vertical writing
        cell = frame.box(glyph.cell)
        return _Placed(glyph, number, cell.x0, cell.x1, (cell.y0 + cell.y1) / 2, _size(glyph))
    u, w = frame.place(glyph.x, glyph.y)
    return _Placed(glyph, number, u, u + _advance(glyph), w, _size(glyph))


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
            chain.glyphs.append(one)
        else:
            chains.append(_Chain(_frame_of(one), [one]))
    return chains


def _frame_of(one: _Placed) -> Frame:
    paint = one.glyph.paint
    return Frame(-90.0) if _is_column(one) else Frame(paint.angle, paint.mirrored)


def _is_column(one: _Placed) -> bool:
    return (
        one.w
        != Frame(one.glyph.paint.angle, one.glyph.paint.mirrored).place(one.glyph.x, one.glyph.y)[1]
    )


def _vertical(placed: list[_Placed]) -> list[_Placed]:
    """Return the glyphs, those that stand in columns as in Chinese or Japanese in the frame of such a column."""
    down = [False] * (len(placed) + 1)
    for number, (one, other) in enumerate(pairwise(placed)):
        if (
            not (_wide(one.glyph.text) and _wide(other.glyph.text))
            or one.glyph.paint.angle
            or other.glyph.paint.angle
        ):
            continue
        step_x = _middle_x(other.glyph.cell) - _middle_x(one.glyph.cell)
        step_y = other.glyph.cell.y0 - one.glyph.cell.y0
        if abs(step_x) < 0.3 * one.size and 0.5 * one.size < step_y < 2 * one.size:
            down[number] = down[number + 1] = True
    return [
        _placed(one.glyph, one.number, Frame(-90.0)) if column else one
        for one, column in zip(placed, down, strict=False)
    ]


def _middle_x(box: Box) -> float:
    return (box.x0 + box.x1) / 2


def _wide(text: str) -> bool:
    return unicodedata.east_asian_width(text[0]) in "WF"


def _turned(one: float, other: float) -> float:
    """Return by how many degrees two directions differ."""
    return abs((one - other + 180) % 360 - 180)


def _follows(chain: _Chain, one: _Placed) -> bool:
    """Return whether a glyph goes on where the chain ends."""
    last = chain.glyphs[-1]
    if chain.frame.mirrored != one.glyph.paint.mirrored or _is_column(last) != _is_column(one):
        return False
    turned = _turned(last.glyph.paint.angle, one.glyph.paint.angle)
    if turned > TURN:  # a curve: from letter to letter only, and never over a word's end
        reach = math.dist((last.glyph.x, last.glyph.y), (one.glyph.x, one.glyph.y))
        return turned <= CURVE and reach <= 1.2 * last.size and one.glyph.gap != Gap.BREAK
    frame = chain.frame if _is_column(one) else Frame(last.glyph.paint.angle, chain.frame.mirrored)
    here = _placed(one.glyph, one.number, frame)
    before = _placed(last.glyph, last.number, frame)
    size = max(last.size, one.size)
    if abs(here.w - before.w) > RAISED * size:
        return False
    told = last.glyph.paint is one.glyph.paint and one.number == last.number + 1
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
            lines.append(_Chain(chain.frame, list(chain.glyphs)))
        else:
            line.glyphs += chain.glyphs
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


def _run(line: list[_Placed]) -> Run:
    """Return the text of a line's glyphs, which stand from left to right."""
    first = line[0]
    frame = (
        _frame_of(first)
        if _is_column(first)
        else Frame(first.glyph.paint.angle, first.glyph.paint.mirrored)
    )
    size = median(p.size for p in line)
    gaps = [max(0.0, b.u0 - a.u1) / size for a, b in pairwise(line)]
    usual = median(gaps) if gaps else 0.0
    pieces = [first.glyph.text]
    for (a, b), gap in zip(pairwise(line), gaps, strict=True):
        if _spaced(a, b, gap, usual if len(gaps) > 3 else 0.0):
            pieces.append(" ")
        pieces.append(b.glyph.text)
    text = unicodedata.normalize("NFC", "".join(logical(pieces)))
    above, below = (0.5, 0.5) if _is_column(first) else (0.75, 0.25)
    w = median(p.w for p in line)
    box = Box(min(p.u0 for p in line), w - above * size, max(p.u1 for p in line), w + below * size)
    return Run(text, frame, box, tuple(p.glyph for p in line))


def _spaced(a: _Placed, b: _Placed, gap: float, usual: float) -> bool:
    """Return whether a space stands between two glyphs; ``gap`` and ``usual``, the line's middling one, in ems."""
    told = Gap.BREAK
    # PDFium measures from one text object to the next as if both stood upright
    if a.glyph.paint is b.glyph.paint or not (a.glyph.paint.angle or b.glyph.paint.angle):
        if b.number == a.number + 1:
            told = b.glyph.gap
        elif a.number == b.number + 1:
            told = a.glyph.gap
    if told != Gap.BREAK:
        return told == Gap.SPACE
    if _wide(a.glyph.text) and _wide(b.glyph.text):
        return gap > SPACE_WIDE
    return gap > max(SPACE, usual + 0.12 if usual > 0.05 else 0.0)
