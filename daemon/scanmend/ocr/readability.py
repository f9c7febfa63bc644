"""Judge whether a page is in a script that its engine can't read.

An engine that does not know a script does not say so. RapidOCR's recogniser skips most letters of Cyrillic, Korean and
Arabic in silence and is sure of the digits between them, and takes Hebrew, Georgian or Thai for other letters without
confidence. Greek it knows in part. So three signs count for a line: ink to which no character belongs, a low
confidence, and letters of a script that the engine knows in part only.

Poor print looks alike in one way: its confidences are low. But then those of the page's other lines are low, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from scanmend.languages import listed
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import Box
from scanmend.scripts import COMMON, script_of

# Measured on 24 scripts and languages (clean, small and worn print), 63 scanned pages and receipts, and these worn in
# three degrees. Share of the width of all lines that was not read: at least 0.4 in unreadable scripts but Greek, at most
# 0.13 on readable pages, 0.37 on those that are worn.
MIN_LINE_WIDTH = 3.0  # in heights, of a line that counts; shorter ones are marks, logos, numbers
MIN_TOTAL_WIDTH = 12.0  # in heights, of all lines together; less is too little to judge
MIN_UNREAD_LINES = 2
MIN_UNREAD_SHARE_OF_POOR_PRINT = 0.6
MIN_SKIPPED_SHARE = 0.3  # of a line's ink
# distance from the nearest character, in heights, beyond which ink belongs to none; letters are at most 1.5 wide
CHARACTER_REACH = 0.75
MIN_PARTLY_KNOWN_SHARE, MIN_PARTLY_KNOWN_LETTERS = 0.5, 4
INK_ROWS = (
    0.15,
    0.85,
)  # of a crop's height, that are searched for ink: not the neighbours' ascenders
MIN_INK_SHARE = 0.06  # of these rows, in a column with ink

UNREADABLE_SCRIPT = "unreadable-script"  # begins the warning; the sidecar has a field, too


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """The limits that tell whether an engine read a line.

    ``line``: confidence of a line that was read. ``good_print``: mean confidence of these on a page that is not worn.
    ``unread_share``: of the lines' width, that was not read on a page in good print with an unreadable script.
    ``partly_known``: scripts of which the engine lacks letters.
    """

    line: float
    good_print: float
    unread_share: float
    partly_known: frozenset[str] = frozenset()


LIMITS_OF_RAPIDOCR = ScriptLimits(0.8, 0.95, 0.2, frozenset({"GREEK"}))
# Tesseract is less sure: lines below 0.6 are at most a third of a receipt, and nine tenths of a page in another script.
LIMITS_OF_TESSERACT = ScriptLimits(0.6, 0.85, 0.4)


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that the detector found on a page, and what the recogniser made of it.

    ``width``, ``height``: of its picture, in pixels. ``skipped``: start and end of each stretch with ink but without a
    character, as shares of the width.
    """

    text: str
    confidence: float
    width: float
    height: float
    limits: ScriptLimits
    skipped: tuple[tuple[float, float], ...] = ()

    @property
    def is_unread(self) -> bool:
        """Return whether most of the line was not read."""
        return self.is_mangled or self.skips_much or self._is_partly_known

    @property
    def is_mangled(self) -> bool:
        """Return whether its text, if any, is nothing that stands there."""
        return not self.text or self.confidence < self.limits.line

    @property
    def skips_much(self) -> bool:
        """Return whether characters are missing for much of the line."""
        return sum(end - start for start, end in self.skipped) >= MIN_SKIPPED_SHARE

    @property
    def _is_partly_known(self) -> bool:
        scripts = [script for c in self.text if (script := script_of(c)) != COMMON]
        known = sum(script in self.limits.partly_known for script in scripts)
        return known >= max(MIN_PARTLY_KNOWN_LETTERS, MIN_PARTLY_KNOWN_SHARE * len(scripts))


def is_unreadable(lines: Sequence[FoundLine]) -> bool:
    """Return whether much of a page is in a script that was not read."""
    counted = [line for line in lines if line.width >= MIN_LINE_WIDTH * line.height]
    unread = [line for line in counted if line.is_unread]
    total = sum(line.width for line in counted)
    if len(unread) < MIN_UNREAD_LINES:
        return False
    if sum(line.width / line.height for line in counted) < MIN_TOTAL_WIDTH:
        return False
    share = sum(line.width for line in unread) / total
    if share >= MIN_UNREAD_SHARE_OF_POOR_PRINT:
        return True
    read = [line for line in counted if not line.is_unread]
    confidence = sum(line.confidence * line.width for line in read) / sum(one.width for one in read)
    limits = unread[0].limits
    return share >= limits.unread_share and confidence >= limits.good_print


def warning_of(engine: str, languages: Sequence[str]) -> str:
    """Return the warning for a page in a script that the engine does not read."""
    return (
        f"{UNREADABLE_SCRIPT}: much of this page is in a script that {engine} does not read with ocr.languages"
        f" {listed(languages)}, or in very poor print; name the page's language in ocr.languages"
    )


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


def places_left_out(line: FoundLine, box: Box) -> list[Box]:
    """Return the parts of a line's box of which no text is published: all of it, or what was skipped."""
    if line.is_mangled:
        return [box]
    return [
        Box(box.x0 + start * box.width, box.y0, box.x0 + end * box.width, box.y1)
        for start, end in line.skipped
    ]
