"""Remove spaces that the recogniser reads between a word's capital and its next letter, as in "C hildren".

PP-OCR is sure of such a space where the capital has wide side bearings: on 94 public pages it tore 150 words so. The
white gap in the picture tells them apart. On 9 of these pages and 4 others, 137 false gaps measured at most 0.22 of the
line's height and 0.80 of the line's median space, 23 real ones (A, I, and symbols) at least 0.32 and 0.88.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import cv2
import numpy as np

from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels

MAX_FALSE_GAP = 0.26  # of the line's height
MAX_FALSE_GAP_RATIO = 0.85  # of the line's median space
MIN_SPACES_FOR_MEDIAN = 2
MIN_MEASURABLE_GAP = 0.06  # of the line's height; where spaces measure less, dirt hides them
# shares of the line's height between which ink is measured: letters have some there, a rule below the line has none
BAND = 0.2, 0.8
# percentile of the ink in a line's columns up to which a column counts as white
WHITE_PERCENTILE = 5
# capitals that are words by themselves, in the languages of the recogniser
LETTER_WORDS = frozenset("AEIOUYÀÁÈÉÍÓÚØÖÅ")

# a letter with no letter or digit before it, and a space and a letter behind it
_TORN_CAPITAL = re.compile(r"(?<![^\W_])([^\W\d_])(?= [^\W\d_])")


def without_torn_capitals(line: RecognisedLine, crop: Pixels) -> RecognisedLine:
    """Return the line without spaces behind a lone capital whose gap in the picture (BGR) is no space."""
    candidates = [match for match in _TORN_CAPITAL.finditer(line.text) if _is_suspicious(match)]
    if not candidates or line.text.count(" ") != len(line.spaces):
        return line
    gaps = _gaps(line, crop)
    spaces_at = [at for at, character in enumerate(line.text) if character == " "]
    others = [gap for at, gap in zip(spaces_at, gaps, strict=True) if _is_between_words(line, at)]
    false = {
        match.end()
        for match in candidates
        if _is_false(gaps[spaces_at.index(match.end())], others, match[1])
    }
    return _without(line, false) if false else line


def _is_suspicious(match: "re.Match[str]") -> bool:
    """Return whether the lone letter is a capital before a small letter."""
    return match[1].isupper() and match.string[match.end() + 1].islower()


def _is_between_words(line: RecognisedLine, at: int) -> bool:
    """Return whether the space has words of two characters or more on both sides."""
    before, after = line.text[:at].rpartition(" ")[2], line.text[at + 1 :].partition(" ")[0]
    return len(before) > 1 and len(after) > 1


def _is_false(gap: float, others: Sequence[float], capital: str) -> bool:
    """Return whether a gap behind a capital is no space. ``others``: the line's gaps between words; in line heights."""
    usual = median(others) if len(others) >= MIN_SPACES_FOR_MEDIAN else None
    if (gap if usual is None else usual) < MIN_MEASURABLE_GAP:  # the picture does not tell
        return capital not in LETTER_WORDS
    return gap < MAX_FALSE_GAP and (usual is None or gap < MAX_FALSE_GAP_RATIO * usual)


def _gaps(line: RecognisedLine, crop: Pixels) -> list[float]:
    """Return the widest white gap at each space of the line, in line heights."""
    height, width = crop.shape[:2]
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    _, ink = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    if 2 * int(ink.sum()) > ink.size:  # white on black
        ink = 1 - ink
    amounts = ink[round(BAND[0] * height) : round(BAND[1] * height)].sum(axis=0, dtype=np.int64)
    white = amounts <= np.percentile(amounts, WHITE_PERCENTILE)
    gaps = []
    for middle, share in line.spaces:
        start, end = int((middle - share / 2) * width) - 1, int((middle + share / 2) * width) + 2
        gaps.append(_longest_run(white[max(0, start) : end]) / height)
    return gaps


def _longest_run(white: Pixels) -> int:
    """Return the length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], white.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _without(line: RecognisedLine, at: set[int]) -> RecognisedLine:
    """Return the line without the spaces at these offsets."""

    def moved(offset: int) -> int:
        return offset - sum(removed < offset for removed in at)

    numbers = [offset for offset, character in enumerate(line.text) if character == " "]
    return replace(
        line,
        text="".join(c for offset, c in enumerate(line.text) if offset not in at),
        unsure=tuple(moved(offset) for offset in line.unsure if offset not in at),
        spaces=tuple(s for s, offset in zip(line.spaces, numbers, strict=True) if offset not in at),
        doubts=tuple(d.moved(moved(d.at) - d.at) for d in line.doubts if d.at not in at),
    )
