"""Put glyphs together to runs of text on one baseline, in the direction and order in which a reader reads them.

PDFium tells the spaces between characters that follow each other in the file. Where a page writes each letter by
itself, turned, or out of order, positions decide: glyphs on one baseline are one run, a gap wider than a word space
parts two. Right-to-left text is put into logical order by its positions.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from scanmend.ocr.bidi import logical_order
from scanmend.ocr.pdf.chains import (
    COLUMN,
    MAX_BACKSTEP,
    MAX_GAP,
    MAX_TURN,
    Chain,
    FramedGlyph,
    chains_of,
    is_wide,
)
from scanmend.ocr.pdf.frames import Frame
from scanmend.ocr.pdf.glyphs import Glyph, GlyphGap
from scanmend.ocr.pdf.overprints import without_overprints
from scanmend.page import Box

# in ems
MAX_BASELINE_STEP = 0.3  # between the baselines of one line
MIN_SPACE_EM = 0.15  # a gap that is a space, where PDFium does not tell
MIN_SPACE_WIDE_EM = 0.5  # the same between Chinese or Japanese characters
SPACED_OUT = 0.05  # a line's median gap from which its letters are spaced out
SPACE_BEYOND_MEDIAN = 0.12  # a gap is a space of a spaced-out line if it exceeds the median by this
# share of a glyph's width; glyphs that overlap more are printed over each other
MAX_COLLISION = 0.5
NEARBY_LINES = 3  # to the left on a baseline, which a chain may continue


@dataclass(frozen=True)
class Run:
    """A piece of text on one baseline. ``box``: in its frame, one em high about the baseline."""

    text: str
    frame: Frame
    box: Box
    glyphs: tuple[Glyph, ...]

    @property
    def column(self) -> bool:
        """Return whether it is a column of vertical writing, whose characters stand upright."""
        return self.frame == COLUMN and not self.glyphs[0].text_object.angle

    @cached_property
    def page_box(self) -> Box:
        """Return the bounds on the page, in pixels."""
        return self.frame.to_page(self.box)


def runs_of(glyphs: Sequence[Glyph]) -> list[Run]:
    """Return the runs of text that the glyphs of a page form, in no order; O(n log n)."""
    frames: dict[Frame, list[Chain]] = defaultdict(list)
    for chain in chains_of(without_overprints(glyphs)):
        frame = next((f for f in frames if f.is_near(chain.frame, MAX_TURN)), chain.frame)
        frames[frame].append(chain.in_frame(frame))
    return [
        _run(line, frame)
        for frame, chains in frames.items()
        for baseline in _baselines(chains)
        for line in _lines(baseline)
    ]


def _baselines(chains: list[Chain]) -> list[list[Chain]]:
    """Return the chains of a frame, grouped by their baselines."""
    found: list[list[Chain]] = []
    last_w, last_size = -math.inf, 0.0
    for chain in sorted(chains, key=lambda c: c.w):
        w, size = chain.w, chain.size
        if w - last_w > MAX_BASELINE_STEP * min(size, last_size or size):
            found.append([])
            last_w, last_size = w, size
        found[-1].append(chain)
    return found


def _lines(baseline: list[Chain]) -> list[list[FramedGlyph]]:
    """Return the lines of a baseline: the glyphs of chains that continue each other, in order of position."""
    lines: list[Chain] = []
    for chain in sorted(baseline, key=lambda c: c.u0):
        nearby = reversed(lines[-NEARBY_LINES:])
        line = next((candidate for candidate in nearby if _continues(candidate, chain)), None)
        if line is None:
            lines.append(chain)
        else:
            line.add(chain.glyphs)
    for line in lines:
        line.glyphs.sort(key=lambda one: one.u0)
    return [line.glyphs for line in lines]


def _continues(line: Chain, chain: Chain) -> bool:
    """Return whether a chain continues a line, or fills its gaps without being printed over it."""
    size = max(line.size, chain.size)
    start, end = chain.u0, line.u1
    if start - end > MAX_GAP * size:
        return False
    if start > end - MAX_BACKSTEP * size:
        return True
    beside = [one for one in line.glyphs if one.u1 > start and one.u0 < chain.u1]
    both = sorted([*beside, *chain.glyphs], key=lambda one: one.u0)
    return not any(_collide(a, b) for a, b in pairwise(both))


def _collide(a: FramedGlyph, b: FramedGlyph) -> bool:
    narrower = max(0.01, min(a.u1 - a.u0, b.u1 - b.u0))
    return a.u1 - b.u0 > MAX_COLLISION * narrower


def _run(line: list[FramedGlyph], frame: Frame) -> Run:
    """Return the run of a line's glyphs, given from left to right in the frame."""
    first = line[0]
    size = median(one.size for one in line)
    gaps = [max(0.0, b.u0 - a.u1) / size for a, b in pairwise(line)]
    usual = median(gaps) if len(gaps) > 3 else 0.0
    pieces = [first.glyph.text]
    for (a, b), gap in zip(pairwise(line), gaps, strict=True):
        if _is_spaced(a, b, gap, usual):
            pieces.append(" ")
        pieces.append(b.glyph.text)
    text = unicodedata.normalize("NFC", "".join(logical_order(pieces)))
    above, below = (0.5, 0.5) if first.column else (0.75, 0.25)
    w = median(one.w for one in line)
    left, right = min(one.u0 for one in line), max(one.u1 for one in line)
    box = Box(left, w - above * size, right, w + below * size)
    return Run(text, frame, box, tuple(one.glyph for one in line))


def _is_spaced(a: FramedGlyph, b: FramedGlyph, gap: float, usual: float) -> bool:
    """Return whether a space stands between two glyphs. ``gap``, and the line's median ``usual``, in ems."""
    known = _gap_in_text(a.glyph, b.glyph)
    if known != GlyphGap.BREAK:
        return known == GlyphGap.SPACE
    if is_wide(a.glyph.text) and is_wide(b.glyph.text):
        return gap > MIN_SPACE_WIDE_EM
    return gap > max(MIN_SPACE_EM, usual + SPACE_BEYOND_MEDIAN if usual > SPACED_OUT else 0.0)


def _gap_in_text(a: Glyph, b: Glyph) -> GlyphGap:
    """Return what PDFium put between two glyphs; BREAK if it does not tell.

    Between two text objects PDFium measures as if both stood upright.
    """
    turned = a.text_object.angle or b.text_object.angle
    if a.text_object is not b.text_object and turned:
        return GlyphGap.BREAK
    if b.number == a.number + 1:
        return b.gap
    return a.gap if a.number == b.number + 1 else GlyphGap.BREAK
