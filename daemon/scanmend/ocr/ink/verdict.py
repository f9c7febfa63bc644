"""Tell ink that looks like text from rules, barcodes, photos, signatures and dust, by the shapes of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.ink.rows import InkRow
from scanmend.page import Box

MIN_LETTERS_IN_ROW = 5  # letters that stand in a row without another sign of text
MIN_LETTERS_FOUND = 2  # letters of a row in which a detector found a line
MIN_LETTERS_SEARCHED = 3  # letters of a row from which it is searched for a line
MIN_READ_PX = 5.0  # height of a few letters that may be read
MIN_STRICT_PX = (
    6.0  # height of letters in a row without another sign of text; less are dots and dashes
)
# height of the dots and dashes of a dotted rule, and the share of ink in their bounds; that of tiny letters is less
MAX_DOT_PX, MAX_TINY_FILL = 7.0, 0.62
MIN_TINY_PX, MIN_TINY_LETTERS = 3.0, 5  # height and number of letters in a row of tiny print
# median width over height from which shapes in a row are dashes, and below which they are bars
DASH_RATIO, BAR_RATIO = 1.7, 0.25
MIN_BARS = 6
MAX_LETTER_RATIO = 1.2  # median width over height of letters in a row
# of the height of the line at its side: a single shape of another height is dust or a drawing
SINGLE_HEIGHTS = 0.35, 1.05
# share of ink in a shape's bounds: a single shape that may be a character, and the median of letters in a row
MIN_SINGLE_FILL = 0.1
LETTER_FILLS = 0.2, 0.75
MAX_HEIGHT_SPREAD = 0.2  # median deviation of letters' heights over their median
MAX_BASELINE_SPREAD = (
    0.15  # median distance of letters' feet from a straight line, over their height
)
MAX_UNEVEN_BASELINE = 0.6  # the same of handwriting; drawings and barcodes have more
MIN_LETTER_SHARE = 0.7  # of a row's shapes
# height of a line that a detector found, in letter heights, at most, and the share of its width that a row fills
MAX_FOUND_SCALE = (
    4.0  # reduction of the page, from which letters are huge, and drawings are found as lines
)
MAX_FOUND_HEIGHT, MIN_FOUND_WIDTH = 4.0, 0.4
MAX_MERGED_AREA = 2.0  # of the box around two boxes, over their own areas


@dataclass(frozen=True, slots=True)
class LineContext:
    """The lines of a page that were read, as arrays of their left, top, right and bottom edges in pixels."""

    boxes: NDArray[Any]  # (lines, 4)

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> Self:
        """Return the context of these lines."""
        return cls(np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes], float).reshape(-1, 4))

    def may_be_text(self, row: InkRow) -> bool:
        """Return whether a row is worth recognising."""
        if _is_too_small(row) or _is_rule_or_barcode(row):
            return False
        if len(row.letters) > 1:
            return True
        fill = float(_fills(row).max())
        return fill >= MIN_SINGLE_FILL and self.has_beside(row.box, row.letter_height)

    def has_beside(self, box: Box, letter_height: float) -> bool:
        """Return whether a line stands beside a place with one or two characters, and is of their height: a table."""
        left, top, right, bottom = self.boxes.T
        middle = (box.y0 + box.y1) / 2
        beside = (top <= middle) & (middle <= bottom)
        across = bottom - top < right - left
        lowest, highest = SINGLE_HEIGHTS
        ratio = letter_height / np.maximum(1.0, bottom - top)
        return bool(np.any(beside & across & (lowest <= ratio) & (ratio <= highest)))


def may_be_line(row: InkRow, found: Sequence[Box]) -> bool:
    """Return whether a row is worth a search for lines. ``found``: lines that the engine could not read."""
    if _is_too_small(row) or _is_rule_or_barcode(row):
        return False
    letters = len(row.letters)
    if letters >= MIN_LETTERS_FOUND and _is_found(row, found):
        return True
    if row.letter_height < MAX_DOT_PX and float(np.median(_fills(row))) > MAX_TINY_FILL:
        return False
    return (
        letters >= max(MIN_LETTERS_SEARCHED, MIN_LETTER_SHARE * row.shapes)
        and _baseline_spread(row) <= MAX_UNEVEN_BASELINE
    )


def is_text_like(row: InkRow, found: Sequence[Box]) -> bool:
    """Return whether a row that has no text looks like text. ``found``: lines that the engine could not read."""
    if _is_too_small(row) or _is_rule_or_barcode(row):
        return False
    letters = row.letters
    is_huge = row.scale > MAX_FOUND_SCALE
    if len(letters) >= MIN_LETTERS_FOUND and not is_huge and _is_found(row, found):
        return _baseline_spread(row) <= MAX_UNEVEN_BASELINE
    if row.letter_height < MIN_STRICT_PX or len(letters) < max(
        MIN_LETTERS_IN_ROW, MIN_LETTER_SHARE * row.shapes
    ):
        return False
    if (
        len(letters)
        and float(np.median(letters.width / np.maximum(1, letters.height))) > MAX_LETTER_RATIO
    ):
        return False
    height = row.letter_height
    spread = float(np.median(np.abs(letters.height * row.scale - height))) / height
    lowest, highest = LETTER_FILLS
    return (
        spread <= MAX_HEIGHT_SPREAD
        and lowest <= float(np.median(_fills(row))) <= highest
        and _baseline_spread(row) <= MAX_BASELINE_SPREAD
    )


def _is_found(row: InkRow, found: Sequence[Box]) -> bool:
    """Return whether a detector found a line here that runs as the row does and is not much higher or longer."""
    height, width = MAX_FOUND_HEIGHT * row.letter_height, row.box.width / MIN_FOUND_WIDTH
    return any(
        _holds(box, row.box) and box.height <= height and box.width <= width for box in found
    )


def _fills(row: InkRow) -> NDArray[Any]:
    """Return the share of ink in each letter's bounds."""
    letters = row.letters
    fills: NDArray[Any] = letters.area / np.maximum(1, letters.width * letters.height)
    return fills


def _is_too_small(row: InkRow) -> bool:
    few = len(row.letters) < MIN_TINY_LETTERS
    return row.letter_height < (MIN_READ_PX if few else MIN_TINY_PX)


def _is_rule_or_barcode(row: InkRow) -> bool:
    ratios = row.letters.width / np.maximum(1, row.letters.height)
    ratio = float(np.median(ratios))
    return ratio > DASH_RATIO or (len(ratios) >= MIN_BARS and ratio < BAR_RATIO)


def _baseline_spread(row: InkRow) -> float:
    """Return the median distance of the letters' feet from the best straight line, in letter heights."""
    letters = row.letters
    x = (letters.left + letters.right) / 2
    feet = letters.bottom.astype(float)
    x -= x.mean()
    feet -= feet.mean()
    slope = float((x * feet).sum() / max(1.0, float((x * x).sum())))
    residue = np.abs(feet - slope * x)
    return float(np.median(residue)) * row.scale / row.letter_height


def _holds(outer: Box, inner: Box) -> bool:
    """Return whether the middle of one box lies in the other."""
    x, y = (inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2
    return outer.x0 <= x <= outer.x1 and outer.y0 <= y <= outer.y1


def merged(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return the boxes with those that touch or lie close together as one, from the top of the page."""
    areas = list(boxes)
    joined = True
    while joined:
        joined = False
        rest: list[Box] = []
        for box in areas:
            near = next((n for n, other in enumerate(rest) if _are_near(box, other)), None)
            if near is None:
                rest.append(box)
            else:
                rest[near] = _hull(box, rest[near])
                joined = True
        areas = rest
    return tuple(sorted(areas, key=lambda box: (box.y0, box.x0)))


def _are_near(a: Box, b: Box) -> bool:
    """Return whether two boxes are closer than the lower one is high, and fill most of the place around both."""
    reach = min(a.height, b.height)
    close = (
        a.x0 <= b.x1 + reach
        and b.x0 <= a.x1 + reach
        and a.y0 <= b.y1 + reach
        and b.y0 <= a.y1 + reach
    )
    hull = _hull(a, b)
    areas = a.width * a.height + b.width * b.height
    return close and hull.width * hull.height <= MAX_MERGED_AREA * areas


def _hull(a: Box, b: Box) -> Box:
    return Box(min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1))
