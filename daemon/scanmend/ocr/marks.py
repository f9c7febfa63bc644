"""Take the tick boxes off a page before it is recognised, and put them into the lines as ☒ and ☐ afterwards.

The recogniser reads a box as 1, O, 口 or nothing. So each box is painted over, and becomes a segment of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanmend.ocr.detection import as_bgr
from scanmend.ocr.engines.base import Segment, UprightPage
from scanmend.ocr.frames import UPRIGHT
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.tick_boxes import TickBox, erased, find_tick_boxes, inside
from scanmend.page import Box
from scanmend.scripts import COMMON, HAN, script_of

TICKED, EMPTY = "☒", "☐"
# what the recogniser reads for boxes; the second ones count only on a page on which tick boxes were found
_SIGNS = {"☐": EMPTY, "☑": TICKED, "☒": TICKED}
_SIGNS_BESIDE_BOXES = {
    **dict.fromkeys("□▢口", EMPTY),
    **dict.fromkeys("区冈国図回因囚田", TICKED),
}
NEIGHBOURHOOD = (
    8.0  # in sides, left and right of a square, where Chinese characters show that it is one
)
_BESIDE_HAN = (HAN, "HIRAGANA", "KATAKANA")
SURE_OF_LETTER = (
    0.9  # confidence of a letter or a digit, so that a square or what stands in it is no mark
)
SMALL_SIDE_PX = 16  # side of a square that may be a letter of a word
SURE_OF_WORD = 0.8  # confidence of this word; a table's rule may be read as a part of it
WORD_REACH = 3.0  # in sides, left and right of it, in which the word is read
TICK_LETTERS = frozenset(
    "XxVvYyKkJjWwNMZz"
)  # a tick, a cross or a scribble may be read as one of these
STROKES = frozenset("1lI")  # a stroke that leans may be read as one of these
MIN_LEAN = 0.4  # width over height of a stroke that is a tick; the figure 1 is slenderer
MIN_SHARED_HEIGHT_OF_MARK = 0.3  # of the lower one of box and segment, in the same line
MAX_SPACE_DISTANCE = 2.0  # in sides of the box, from its middle to the space in its place
PAPER_PERCENTILE = 70  # of the grey levels around a box, that its paper has
DARKER_THAN_PAPER = 40  # grey levels of ink


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page without its tick boxes, and these boxes with the places where they were painted over."""

    page: UprightPage
    marks: tuple[TickBox, ...] = ()
    places: tuple[Box, ...] = ()


def without_marks(page: UprightPage, models: LineModels) -> MarkedPage:
    """Return a page without its tick boxes. The recogniser tells which squares are letters, or hold some."""
    grey = np.asarray(page.image.convert("L"))
    found = find_tick_boxes(grey)
    if not found:
        return MarkedPage(page)
    marks = [
        m for m, is_text in zip(found, _hold_text(grey, found, models), strict=True) if not is_text
    ]
    if not marks:
        return MarkedPage(page)
    painted = np.asarray(page.image).copy()
    places = []
    for x0, y0, x1, y1 in erased(grey, marks):
        left, top = max(0, x0), max(0, y0)
        around = painted[max(0, top - 3) : y1 + 3, max(0, left - 3) : x1 + 3]
        painted[top:y1, left:x1] = np.percentile(around, PAPER_PERCENTILE, axis=(0, 1))
        places.append(Box(float(left), float(top), float(x1), float(y1)))
    image = Image.fromarray(painted)
    return MarkedPage(replace(page, image=image), tuple(marks), tuple(places))


def with_marks(segments: Sequence[Segment], marked: MarkedPage) -> tuple[Segment, ...]:
    """Return the segments that were read on the page without its boxes, and one for each box."""
    segments = [_with_signs(segment, bool(marked.marks)) for segment in segments]
    if not marked.marks:
        return tuple(segments)
    ink = np.asarray(marked.page.image.convert("L"))
    kept = list(segments)
    for place in marked.places:
        kept = [part for segment in kept for part in _around_mark(segment, place, ink)]
    return (*kept, *(_segment_of(mark) for mark in marked.marks))


def _with_signs(segment: Segment, beside_boxes: bool) -> Segment:
    """Return a segment in which the signs that the recogniser reads for a box are ☒ and ☐, where they stand alone."""
    if not any(c in _SIGNS or c in _SIGNS_BESIDE_BOXES for c in segment.text):
        return segment
    words = segment.text.split(" ")
    signs = [
        _SIGNS.get(word) or (_SIGNS_BESIDE_BOXES.get(word) if beside_boxes else None)
        for word in words
    ]
    return replace(
        segment, text=" ".join(sign or word for sign, word in zip(signs, words, strict=True))
    )


def _segment_of(mark: TickBox) -> Segment:
    return Segment(TICKED if mark.ticked else EMPTY, mark.box, None, unsure=(), doubts=())


def _around_mark(segment: Segment, place: Box, ink: NDArray[np.uint8]) -> list[Segment]:
    """Return a segment without the place of a box: cut off at its end, or parted in the middle."""
    box = segment.box
    shared = min(box.y1, place.y1) - max(box.y0, place.y0)
    if segment.frame != UPRIGHT or box.x1 <= place.x0 or place.x1 <= box.x0:
        return [segment]
    if shared < MIN_SHARED_HEIGHT_OF_MARK * min(box.height, place.height):
        return [segment]
    columns = _inked_columns(ink, box)
    before = columns[columns < place.x0]
    behind = columns[columns >= place.x1]
    if not len(before) and len(behind):
        return [replace(segment, box=replace(box, x0=float(behind[0])))]
    if not len(behind) and len(before):
        return [replace(segment, box=replace(box, x1=float(before[-1]) + 1))]
    if not len(before):
        return [segment]
    return _parted(segment, place, float(before[-1]) + 1, float(behind[0]))


def _parted(segment: Segment, place: Box, end: float, start: float) -> list[Segment]:
    """Return a segment in two parts, the first up to ``end``, the second from ``start``."""
    middle = (place.x0 + place.x1) / 2
    offsets = [n for n, c in enumerate(segment.text) if c == " "]
    if len(offsets) != len(segment.spaces) or not offsets:
        return [segment]
    nearest = min(range(len(offsets)), key=lambda n: abs(segment.spaces[n][0] - middle))
    if abs(segment.spaces[nearest][0] - middle) > MAX_SPACE_DISTANCE * place.width:
        return [segment]
    at = offsets[nearest]
    return [
        segment.part(0, at, replace(segment.box, x1=end), segment.spaces[:nearest]),
        segment.part(
            at + 1,
            len(segment.text),
            replace(segment.box, x0=start),
            segment.spaces[nearest + 1 :],
        ),
    ]


def _inked_columns(grey: NDArray[np.uint8], box: Box) -> NDArray[np.int64]:
    """Return the x of the columns of a box that have ink."""
    left = round(box.x0)
    patch = grey[round(box.y0) : round(box.y1), left : round(box.x1)]
    if not patch.size:
        return np.empty(0, np.int64)
    paper = np.percentile(patch, PAPER_PERCENTILE)
    return np.flatnonzero((patch < paper - DARKER_THAN_PAPER).any(axis=0)) + left


def _hold_text(grey: NDArray[np.uint8], marks: Sequence[TickBox], models: LineModels) -> list[bool]:
    """Return for each square whether it is a letter, or holds a letter or a digit.

    A box may be read as the Chinese character 口; it is that character where others stand beside it.
    """
    crops = [as_bgr(Image.fromarray(_whole(grey, mark))) for mark in marks]
    wholes = models.recognise(crops)
    ticked = [mark for mark in marks if mark.ticked]
    inner = iter(
        models.recognise([as_bgr(Image.fromarray(_framed(inside(grey, m)))) for m in ticked])
    )
    verdicts = []
    for mark, whole in zip(marks, wholes, strict=True):
        is_text = _is_sure_text(whole.text, whole.confidence) or _is_in_word(grey, mark, models)
        if _is_han(whole.text):
            is_text = any(_is_han(line.text) for line in models.recognise(_beside(grey, mark)))
        if mark.ticked:
            line = next(inner)
            if line.text in STROKES and line.confidence >= SURE_OF_LETTER:
                is_text |= not _leans(inside(grey, mark))
            else:
                is_text |= _is_sure_text(line.text, line.confidence)
        verdicts.append(is_text)
    return verdicts


def _is_in_word(grey: NDArray[np.uint8], mark: TickBox, models: LineModels) -> bool:
    """Return whether a small square is a letter of a word: a typewriter's P looks like one."""
    box = mark.box
    if box.width >= SMALL_SIDE_PX:
        return False
    reach, pad = round(WORD_REACH * box.width), round(box.height / 3)
    left = max(0, round(box.x0) - reach)
    strip = grey[max(0, round(box.y0) - pad) : round(box.y1) + pad, left : round(box.x1) + reach]
    (line,) = models.recognise([as_bgr(Image.fromarray(strip))])
    middle = ((box.x0 + box.x1) / 2 - left) / strip.shape[1]
    offsets = [at for at, character in enumerate(line.text) if character != " "]
    if line.confidence < SURE_OF_WORD or not offsets or len(line.places) != len(offsets):
        return False
    nearest = min(range(len(offsets)), key=lambda n: abs(line.places[n] - middle))
    at = offsets[nearest]
    if not line.text[at].isalpha():
        return False
    return any(c.isalpha() for c in line.text[max(0, at - 1) : at] + line.text[at + 1 : at + 2])


def _is_han(text: str) -> bool:
    """Return whether most letters of a text are Chinese or Japanese."""
    scripts = [script for c in text if (script := script_of(c)) != COMMON]
    return 2 * sum(script in _BESIDE_HAN for script in scripts) > len(scripts)


def _beside(grey: NDArray[np.uint8], mark: TickBox) -> list[Pixels]:
    """Return the pictures of what stands left and right of a square."""
    box = mark.box
    top, bottom = max(0, round(box.y0 - box.height / 4)), round(box.y1 + box.height / 4)
    reach = round(NEIGHBOURHOOD * box.width)
    left, right = round(box.x0), round(box.x1)
    strips = (
        grey[top:bottom, max(0, left - reach) : left],
        grey[top:bottom, right : right + reach],
    )
    return [as_bgr(Image.fromarray(strip)) for strip in strips if strip.shape[1] >= strip.shape[0]]


def _is_sure_text(text: str, confidence: float) -> bool:
    """Return whether one letter or digit was surely read that no tick looks like; a box itself may be read as 口."""
    if confidence < SURE_OF_LETTER or not text.isascii() or len(text) > 2:
        return False
    return text.isalnum() and not set(text) <= TICK_LETTERS | STROKES


def _whole(grey: NDArray[np.uint8], mark: TickBox) -> NDArray[np.uint8]:
    box = mark.box
    pad = max(2, round(box.width / 6))
    return grey[
        max(0, round(box.y0) - pad) : round(box.y1) + pad,
        max(0, round(box.x0) - pad) : round(box.x1) + pad,
    ]


def _framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with a frame of paper around it."""
    pad = max(2, len(picture) // 3)
    paper = int(np.percentile(picture, 90))
    framed: NDArray[np.uint8] = cv2.copyMakeBorder(
        picture, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(paper,)
    ).astype(np.uint8)
    return framed


def _leans(picture: NDArray[np.uint8]) -> bool:
    """Return whether a stroke is too broad for the figure 1."""
    dark = picture < np.percentile(picture, 90) - DARKER_THAN_PAPER
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not len(rows):
        return True
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return bool(width >= MIN_LEAN * height)
