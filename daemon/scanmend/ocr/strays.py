"""Drop characters that are none: a rule read as a minus or an underscore, and a picture's detail read as 水.

A minus is a short stroke by itself. What belongs to a line that goes on past the text, or to an axis, is a rule or a tick
of it. A lone character of a script that the page does not use is a picture's detail, unless the engine is sure of it and
it is as high as the text.
"""

from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.engines.base import Segment, UprightPage
from scanmend.ocr.frames import UPRIGHT
from scanmend.page import Box
from scanmend.scripts import COMMON, HAN, script_of

DASHES = frozenset("-–—−_¯~|")  # a rule may be read as one of these
_STRIPPED = "".join(DASHES) + " "
# in heights of the line
END_REACH = 0.8  # from the end of a line inwards, in which its last character stands
OUTSIDE = 0.3  # beyond the end, as boxes are not exact
WINDOW = 3.0  # around the end, in which a rule shows
MAX_DASH_LENGTH = 1.25  # a minus and a dash are shorter, a rule is longer
MAX_DASH_HEIGHT = 1.2  # a vertical stroke of a line is lower, a grid line is higher
# of a dash by itself: its height, and its length over its height
MAX_STROKE_HEIGHT, MIN_STROKE_SLENDERNESS = 0.35, 1.6
DARKER = 40  # grey levels of ink below the paper
EAST_ASIAN = frozenset({HAN, "HIRAGANA", "KATAKANA"})
EAST_ASIAN_LANGUAGES = frozenset({"zh", "ja", "ko"})
MAX_STRAY_SHARE = (
    0.05  # of the page's letters, that East Asian characters are on a page in another script
)
SURE_OF_LONE_CHARACTER = 0.95
MIN_RELATIVE_HEIGHT, MAX_RELATIVE_HEIGHT = 0.6, 1.7  # of such a character, over the median line


def without_strays(
    segments: Sequence[Segment], page: UprightPage, languages: Sequence[str]
) -> tuple[Segment, ...]:
    """Return the segments of a page without rules and details of pictures that were read as characters."""
    kept = _without_lone_characters(segments, languages)
    if not any(_has_dash_at_end(segment) for segment in kept):
        return tuple(kept)
    grey = np.asarray(page.image.convert("L"))
    cut = (
        _without_rules(segment, grey) if _has_dash_at_end(segment) else segment for segment in kept
    )
    return tuple(segment for segment in cut if segment.text)


# rules --------------------------------------------------------------------------------------------


def _has_dash_at_end(segment: Segment) -> bool:
    return segment.frame == UPRIGHT and (segment.text[:1] in DASHES or segment.text[-1:] in DASHES)


def _without_rules(segment: Segment, grey: NDArray[np.uint8]) -> Segment:
    """Return a segment without the dashes at its ends that are parts of rules."""
    text = segment.text
    behind = len(text) - len(text.rstrip(_STRIPPED))
    before = len(text) - len(text.lstrip(_STRIPPED))
    drop = _rules_at(segment.box, grey, _dashes(text[len(text) - behind :]), right=True)
    if drop and behind < len(text):
        segment = _cut(segment, 0, _nth_dash(text, drop, range(len(text) - 1, -1, -1)))
    drop = _rules_at(segment.box, grey, _dashes(text[:before]), right=False)
    if drop:
        segment = _cut(segment, _nth_dash(text, drop, range(len(text))) + 1, len(segment.text))
    return segment


def _dashes(text: str) -> int:
    return sum(c in DASHES for c in text)


def _nth_dash(text: str, number: int, positions: range) -> int:
    """Return the position of the dash with this number, in the order of the positions."""
    return [at for at in positions if text[at] in DASHES][number - 1]


def _cut(segment: Segment, start: int, end: int) -> Segment:
    """Return the characters from ``start`` to ``end`` without the spaces around them."""
    text = segment.text[start:end]
    start += len(text) - len(text.lstrip())
    end -= len(text) - len(text.rstrip())
    spaces = segment.spaces
    if len(spaces) == segment.text.count(" "):
        first = segment.text[:start].count(" ")
        spaces = spaces[first : first + segment.text[start:end].count(" ")]
    return segment.part(start, max(start, end), segment.box, spaces)


def _rules_at(box: Box, grey: NDArray[np.uint8], read: int, *, right: bool) -> int:
    """Return how many of the ``read`` dashes at one end of a line are parts of rules.

    A stroke by itself is a dash. If there are fewer of them than were read, and a rule is there, it was read as one.
    """
    height = max(4, round(box.height))
    window = round(WINDOW * height)
    end = round(box.x1 if right else box.x0)
    left, top = max(0, end - window), max(0, round(box.y0) - window)
    patch = grey[top : round(box.y1) + window, left : end + window]
    if not read or not patch.size:
        return 0
    ink = (patch < np.percentile(patch, 75) - DARKER).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    inside, outside = round(END_REACH * height * read), round(OUTSIDE * height)
    x0, x1 = (end - inside, end + outside) if right else (end - outside, end + inside)
    row0, row1 = round(box.y0) - top, round(box.y1) - top
    region = labels[row0 : row1 + 1, max(0, x0 - left) : max(0, x1 - left)]
    strokes = rules = 0
    for label in np.unique(region[region > 0]).tolist():
        _, _, length, tall, _ = stats[label].tolist()
        if length > MAX_DASH_LENGTH * height or tall > MAX_DASH_HEIGHT * height:
            rules += 1
        elif tall <= MAX_STROKE_HEIGHT * height and length >= MIN_STROKE_SLENDERNESS * tall:
            strokes += 1
    return max(0, read - strokes) if rules else 0


# details of pictures ------------------------------------------------------------------------------


def _without_lone_characters(
    segments: Sequence[Segment], languages: Sequence[str]
) -> list[Segment]:
    """Return the segments without lone East Asian characters, if the page is in another script."""
    if EAST_ASIAN_LANGUAGES & {code.partition("-")[0] for code in languages}:
        return list(segments)
    scripts = [script for s in segments for c in s.text if (script := script_of(c)) != COMMON]
    strays = sum(script in EAST_ASIAN for script in scripts)
    if not strays or strays > MAX_STRAY_SHARE * len(scripts):
        return list(segments)
    height = median(segment.box.height for segment in segments)
    kept = []
    for segment in segments:
        if _is_lone(segment.text):
            relative = segment.box.height / height
            is_sure = (segment.confidence or 0.0) >= SURE_OF_LONE_CHARACTER
            if is_sure and MIN_RELATIVE_HEIGHT <= relative <= MAX_RELATIVE_HEIGHT:
                kept.append(segment)
        else:
            kept.append(_without_unsure_words(segment))
    return kept


def _is_lone(text: str) -> bool:
    letters = [c for c in text if script_of(c) != COMMON]
    return len(letters) == 1 and len(text) <= 2 and script_of(letters[0]) in EAST_ASIAN


def _without_unsure_words(segment: Segment) -> Segment:
    """Return a segment without the lone East Asian characters at its ends that the engine was not sure of."""
    doubted = {
        d.at
        for d in segment.doubts or ()
        if not d.between and d.saw.get(segment.text[d.at : d.at + 1], 0) < SURE_OF_LONE_CHARACTER
    }
    words = segment.text.split(" ")
    if len(words) > 1 and _is_lone(words[-1]) and len(segment.text) - 1 in doubted:
        return _cut(segment, 0, len(segment.text) - len(words[-1]))
    if len(words) > 1 and _is_lone(words[0]) and 0 in doubted:
        return _cut(segment, len(words[0]), len(segment.text))
    return segment
