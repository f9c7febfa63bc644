"""Cut the picture of a very long line at gaps between words, and join what was recognised in its parts.

The recogniser needs memory that grows with the square of a line's length: 7 GB for one of 30,000 × 40 pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import CharAlternatives

MAX_LINE_RATIO = 80.0  # width over height of a line that is recognised as a whole
PART_RATIO = 40.0  # width over height of a part, about
# in heights: distance from the wanted place within which a gap is looked for
GAP_REACH = 8.0
MIN_SPACE_WIDTH = 0.15  # in heights: width of a gap that is a space
# distance from the nearest character, in heights, beyond which ink belongs to none; letters are at most 1.5 wide
CHARACTER_REACH = 0.75
INK_ROWS = (
    0.15,
    0.85,
)  # of a crop's height, that are searched for ink: not the neighbours' ascenders
MIN_INK_SHARE = 0.06  # of these rows, in a column with ink
MIN_COLUMN_CONTRAST = 0.25  # share of the line's strongest contrast that a column with ink has


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """One recognised line.

    ``confidence``: 0..1. ``unsure``: offsets of unsure characters. ``spaces``: middle and width of each space, as
    shares of the crop's width. ``doubts``: the alternatives to what was read, from left to right. ``places``: middle of
    each character but spaces, as a share of the crop's width. ``skipped``: start and end of each stretch with ink but
    without a character, as such shares.
    """

    text: str
    confidence: float
    unsure: tuple[int, ...] = ()
    spaces: tuple[tuple[float, float], ...] = ()
    doubts: tuple[CharAlternatives, ...] = ()
    places: tuple[float, ...] = ()
    skipped: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class LinePart:
    """A part of a line's picture. ``start`` and ``end``: shares of the line's width. ``gap``: it begins after a gap."""

    pixels: Pixels
    start: float
    end: float
    gap: bool


def parts_of(crop: Pixels) -> list[LinePart]:
    """Return the parts in which a line is recognised, from the left: the line itself, unless it is very long."""
    height, width = crop.shape[:2]
    if width <= MAX_LINE_RATIO * height:
        return [LinePart(crop, 0.0, 1.0, gap=True)]
    count = round(width / (PART_RATIO * height))
    blank = _blank_columns(crop)
    inner = (_cut(blank, round(width * number / count), height) for number in range(1, count))
    cuts = [(0, True), *inner, (width, True)]
    return [
        LinePart(np.ascontiguousarray(crop[:, x0:x1]), x0 / width, x1 / width, gap)
        for (x0, gap), (x1, _) in pairwise(cuts)
        if x1 > x0
    ]


def _blank_columns(crop: Pixels) -> Pixels:
    """Return whether each column of the picture is without ink: (width,) bool."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    contrast = grey.max(axis=0).astype(int) - grey.min(axis=0)
    blank: Pixels = contrast < MIN_COLUMN_CONTRAST * contrast.max()
    return blank


def _cut(blank: Pixels, near: int, height: int) -> tuple[int, bool]:
    """Return the middle of the widest gap near a column, and whether it is as wide as a space."""
    reach = round(GAP_REACH * height)
    first, last = max(0, near - reach), min(len(blank), near + reach)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], blank[first:last].astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return near, False
    widest = int((ends - starts).argmax())
    middle = first + int(starts[widest] + ends[widest]) // 2
    return middle, bool(ends[widest] - starts[widest] >= MIN_SPACE_WIDTH * height)


def skipped_ink(crop: Pixels, places: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Return the stretches of a line's picture that have ink but no character, as shares of its width.

    ``places``: the middle of each character that was read, as a share of the width, from the left.
    """
    height, width = crop.shape[:2]
    reach = CHARACTER_REACH * height / width
    edges = [0.0, *(edge for place in places for edge in (place - reach, place + reach)), 1.0]
    gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    if not gaps:
        return ()
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    darkest, paper = np.percentile(grey, (2, 90))
    first, last = (round(height * share) for share in INK_ROWS)
    dark = grey[first : max(last, first + 1)] < (darkest + paper) / 2
    inked = dark.mean(axis=0) >= MIN_INK_SHARE
    skipped = []
    for start, end in gaps:
        used = np.flatnonzero(inked[round(start * width) : round(end * width)])
        if len(used):
            left = round(start * width) + int(used[0])
            skipped.append((left / width, (left + int(used[-1] - used[0]) + 1) / width))
    return tuple(skipped)


def joined_line(parts: Sequence[LinePart], lines: Sequence[RecognisedLine]) -> RecognisedLine:
    """Return the line that these parts make up, given what was recognised in each."""
    whole = RecognisedLine("", 0.0)
    weight = 0
    for part, line in zip(parts, lines, strict=True):
        if not line.text:
            continue
        share = part.end - part.start
        spaces = tuple(
            (part.start + middle * share, width * share) for middle, width in line.spaces
        )
        text = whole.text
        if text and part.gap:
            text += " "
            spaces = ((part.start, MIN_SPACE_WIDTH * share / PART_RATIO), *spaces)
        start = len(text)
        length = len(line.text)
        confidence = (whole.confidence * weight + line.confidence * length) / (weight + length)
        weight += length
        whole = replace(
            whole,
            text=text + line.text,
            confidence=confidence,
            unsure=whole.unsure + tuple(start + n for n in line.unsure),
            spaces=whole.spaces + spaces,
            doubts=whole.doubts + tuple(doubt.moved(start) for doubt in line.doubts),
            places=whole.places + tuple(part.start + place * share for place in line.places),
        )
    return whole
