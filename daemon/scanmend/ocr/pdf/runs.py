"""Join glyphs into runs of text on one baseline, in the direction and order of reading.

PDFium reports the spaces between characters that follow each other in the file. If a page writes each letter by itself,
turned, or out of order, positions decide: glyphs on one baseline form a run, and a gap wider than a word space
separates two. Right-to-left text is put into logical order by its positions.
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
from scanmend.ocr.frames import Frame
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
from scanmend.ocr.pdf.glyphs import Glyph, GlyphGap
from scanmend.ocr.pdf.overprints import without_overprints
from scanmend.page import Box

# in ems
MAX_BASELINE_STEP = 0.3  # between the baselines of one line
MIN_SPACE_EM = 0.15  # a gap from which it is a space, if PDFium does not report that
MIN_SPACE_WIDE_EM = 0.5  # the same between Chinese or Japanese characters
MIN_SPACED_OUT_GAP = 0.05  # a line's median gap, from which its letters are spaced out
SPACE_BEYOND_MEDIAN = 0.12  # by which a space exceeds the median gap of a spaced-out line
# share of a glyph's width; glyphs that overlap more are printed over each other
MAX_COLLISION = 0.5
NEARBY_LINES = 3  # on a baseline to the left, which a chain may continue


@dataclass(frozen=True)
class Run:
    """A piece of text on one baseline. ``box``: in its frame, one em high around the baseline."""

    text: str
    frame: Frame
    box: Box
    glyphs: tuple[Glyph, ...]

    @property
    def column(self) -> bool:
        """Return whether this is a column of vertical writing, in which characters stand upright."""
        return self.frame == COLUMN and not self.glyphs[0].text_object.angle

    @cached_property
    def page_box(self) -> Box:
        """Return the bounds on the page, in pixels."""
        return self.frame.to_page(self.box)


def runs_of(glyphs: Sequence[Glyph]) -> list[Run]:
    """Return the runs of a page's glyphs, in no order, in O(n log n)."""
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
    baselines: list[list[Chain]] = []
    last_w, last_size = -math.inf, 0.0
    for chain in sorted(chains, key=lambda c: c.w):
        w, size = chain.w, chain.size
        if w - last_w > MAX_BASELINE_STEP * min(size, last_size or size):
            baselines.append([])
            last_w, last_size = w, size
        baselines[-1].append(chain)
    return baselines


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
        line.glyphs.sort(key=lambda framed_glyph: framed_glyph.u0)
    return [line.glyphs for line in lines]


def _continues(line: Chain, chain: Chain) -> bool:
    """Return whether a chain continues a line, or fits into its gaps without collisions."""
    size = max(line.size, chain.size)
    start, end = chain.u0, line.u1
    if start - end > MAX_GAP * size:
        return False
    if start > end - MAX_BACKSTEP * size:
        return True
    overlapping = [
        framed_glyph
        for framed_glyph in line.glyphs
        if framed_glyph.u1 > start and framed_glyph.u0 < chain.u1
    ]
    all_glyphs = sorted([*overlapping, *chain.glyphs], key=lambda framed_glyph: framed_glyph.u0)
    return not any(_collide(left, right) for left, right in pairwise(all_glyphs))


def _collide(left: FramedGlyph, right: FramedGlyph) -> bool:
    narrower = max(0.01, min(left.u1 - left.u0, right.u1 - right.u0))
    return left.u1 - right.u0 > MAX_COLLISION * narrower


def _run(line: list[FramedGlyph], frame: Frame) -> Run:
    """Return the run of a line's glyphs, given from left to right in the frame."""
    first = line[0]
    size = median(framed_glyph.size for framed_glyph in line)
    gaps = [
        max(0.0, right_glyph.u0 - left_glyph.u1) / size
        for left_glyph, right_glyph in pairwise(line)
    ]
    median_gap = median(gaps) if len(gaps) > 3 else 0.0
    pieces = [first.glyph.text]
    for (left_glyph, right_glyph), gap in zip(pairwise(line), gaps, strict=True):
        if _is_spaced(left_glyph, right_glyph, gap, median_gap):
            pieces.append(" ")
        pieces.append(right_glyph.glyph.text)
    text = unicodedata.normalize("NFC", "".join(logical_order(pieces)))
    above, below = (0.5, 0.5) if first.column else (0.75, 0.25)
    w = median(framed_glyph.w for framed_glyph in line)
    left, right = (
        min(framed_glyph.u0 for framed_glyph in line),
        max(framed_glyph.u1 for framed_glyph in line),
    )
    box = Box(left, w - above * size, right, w + below * size)
    return Run(text, frame, box, tuple(framed_glyph.glyph for framed_glyph in line))


def _is_spaced(left: FramedGlyph, right: FramedGlyph, gap: float, median_gap: float) -> bool:
    """Return whether a space stands between two glyphs. ``gap``, and the line's median ``usual``, in ems."""
    known = _gap_in_text(left.glyph, right.glyph)
    if known != GlyphGap.BREAK:
        return known == GlyphGap.SPACE
    if is_wide(left.glyph.text) and is_wide(right.glyph.text):
        return gap > MIN_SPACE_WIDE_EM
    return gap > max(
        MIN_SPACE_EM, median_gap + SPACE_BEYOND_MEDIAN if median_gap > MIN_SPACED_OUT_GAP else 0.0
    )


def _gap_in_text(first: Glyph, second: Glyph) -> GlyphGap:
    """Return PDFium's separator between two glyphs; BREAK if it has none.

    Between two text objects, PDFium measures as if both were upright.
    """
    turned = first.text_object.angle or second.text_object.angle
    if first.text_object is not second.text_object and turned:
        return GlyphGap.BREAK
    if second.number == first.number + 1:
        return second.gap
    return first.gap if first.number == second.number + 1 else GlyphGap.BREAK
