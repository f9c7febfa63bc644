"""Find the rules of a page: the drawn lines of tables, frames and forms, solid, dashed or dotted.

A horizontal rule is a dark stripe with lighter paper on both sides that goes on for several lines' heights. Averaging
the page along the rule turns dashes and dots into a grey stripe, and text into bands that are too thick for a rule.
Vertical rules are found in the same way on the transposed page.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from scanmend.page import Box

# of the page's shorter side: thickness of the thickest rule, and the step of averaging; 8 pixels of A4 at 200 dpi
THICKNESS_SHARE = 1 / 207
MIN_STEP_PX = 4
SEARCHED_SIDE_PX = (
    1654  # shorter side of a page, of which a larger one is searched in a smaller copy
)
MIN_RULE_STEPS = 7  # length of the shortest rule; longer than the strokes of letters
MIN_SLENDERNESS_OF_RULE = 14  # length over thickness; the strokes of large letters have less
MIN_CONTRAST = 14  # grey levels between a rule and the paper on both of its sides
MAX_RISE_PX = 4  # across a rule; one that is tilted more is returned in pieces
MAX_SLOPE = 0.04  # of a tilted rule: 2.3 degrees
MAX_STRIPES = 4  # that are searched in one patch, such as a rule with text on it
MIN_STRIPE_SHARE = 0.8  # of a stripe's length, that is dark
# dark share of a rule's length; one with less is dashed, dotted or worn
MIN_SOLID_SHARE = 0.93
# share of a solid rule's dark pixels that have paper beside them, and of a broken one's that have paper as far as a step
MIN_CLEAR_SHARE, MIN_CLEAR_SHARE_OF_BROKEN = 0.5, 0.85
# thickness and length of a broken rule in steps; a line of small print is thicker, letters above each other are shorter
MAX_BROKEN_STEPS, MIN_BROKEN_STEPS = 0.65, 18
BARCODE_RULES = 5  # parallel rules of about one length, close together: a barcode or hatching
BARCODE_STEPS = 2.5  # between them


@dataclass(frozen=True, slots=True)
class Rulings:
    """The rules of a page as thin boxes, in pixels. A tilted rule consists of several boxes, end to end."""

    horizontal: tuple[Box, ...] = ()
    vertical: tuple[Box, ...] = ()


def rules_of(image: Image) -> Rulings:
    """Return the rules of a page, given as a picture in any mode."""
    return find_rulings(np.asarray(image.convert("L")))


def find_rulings(grey: NDArray[np.uint8]) -> Rulings:
    """Return the rules of a page, each as long as it is drawn. ``grey``: (height, width), dark on light."""
    if min(grey.shape) < MIN_STEP_PX * MIN_RULE_STEPS:
        return Rulings()
    scale = max(1, round(min(grey.shape) / SEARCHED_SIDE_PX))
    if scale > 1:
        size = grey.shape[1] // scale, grey.shape[0] // scale
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    horizontal = [[edge * scale for edge in ends] for ends in _horizontal(grey)]
    vertical = [[edge * scale for edge in ends] for ends in _horizontal(cv2.transpose(grey))]
    return Rulings(
        tuple(Box(a, b, c, d) for a, b, c, d in horizontal),
        tuple(Box(b, a, d, c) for a, b, c, d in vertical),
    )


_Ends = tuple[int, int, int, int]  # x0, y0, x1, y1


def _horizontal(grey: NDArray[Any]) -> list[_Ends]:
    """Return the horizontal rules from the top down."""
    height, width = grey.shape
    step = max(MIN_STEP_PX, round(min(height, width) * THICKNESS_SHARE))
    columns = max(1, width // step)
    averaged = cv2.resize(grey, (columns, height), interpolation=cv2.INTER_AREA)
    stripe = cv2.getStructuringElement(cv2.MORPH_RECT, (1, step + 1))
    contrast = cv2.morphologyEx(averaged, cv2.MORPH_BLACKHAT, stripe)
    dark = (contrast >= MIN_CONTRAST).astype(np.uint8)
    # a gap between dashes may be a whole step
    dark = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8))
    # a tilted rule steps from row to row
    thick = cv2.dilate(dark, np.ones((3, 1), np.uint8))
    run = np.ones((1, min(MIN_RULE_STEPS, columns)), np.uint8)
    rules = cv2.morphologyEx(thick, cv2.MORPH_OPEN, run) & dark
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rules, connectivity=8)
    found: list[_Ends] = []
    for label in range(1, count):
        left, top, length, rise, area = stats[label].tolist()
        if length < MIN_RULE_STEPS or length**2 * step < MIN_SLENDERNESS_OF_RULE * area:
            continue
        mask = labels[top : top + rise, left : left + length] == label
        for pieces in _stripes(mask, left, top, width / columns):
            ends = pieces[-1][2] - pieces[0][0], sum(p[3] - p[1] for p in pieces) / len(pieces)
            if ends[0] >= MIN_SLENDERNESS_OF_RULE * ends[1] and _is_rule(grey, pieces, step):
                found += _to_ends(grey, pieces, step)
    return _without_barcodes(sorted(found, key=lambda ends: (ends[1], ends[0])), step)


def _stripes(mask: NDArray[Any], left: int, top: int, step: float) -> list[list[_Ends]]:
    """Return the straight stripes in a patch of dark steps, each as boxes end to end: one, unless it is tilted.

    A rule and text that stands on it are one patch. ``mask``: by rows and steps; ``left``, ``top``: of it on the page.
    """
    if len(mask) <= MAX_RISE_PX:
        return [[_ends(mask, left, top, step)]]
    rows, columns = np.nonzero(mask)
    middle = (mask.shape[1] - 1) / 2
    steepest = MAX_SLOPE * step
    count = 2 * math.ceil(steepest * middle) + 1
    # the least steep first, so that it wins where several are equal
    leans = np.array(sorted(np.linspace(-steepest, steepest, count), key=abs))
    stripes: list[list[_Ends]] = []
    for _ in range(MAX_STRIPES):
        level = np.rint(rows - leans[:, None] * (columns - middle)).astype(int)
        level -= level.min()
        levels = int(level.max()) + 1
        flat = (level + levels * np.arange(count)[:, None]).ravel()
        counts = np.bincount(flat, minlength=count * levels).reshape(count, levels)
        number, peak = divmod(int(counts.argmax()), levels)
        first, last = _around(counts[number], peak)
        inside = (level[number] >= first - 1) & (level[number] <= last + 1)
        used = np.unique(columns[inside])
        if len(used) < MIN_RULE_STEPS:
            break
        patch = np.zeros_like(mask)
        patch[rows[inside], columns[inside]] = True
        span = int(used[-1] - used[0]) + 1
        if len(used) >= MIN_STRIPE_SHARE * span:
            rise = abs(float(leans[number])) * span
            stripes.append(_pieces(patch, left, top, step, 1 + int(rise / MAX_RISE_PX)))
        rows, columns = rows[~inside], columns[~inside]
        if len(rows) < MIN_RULE_STEPS:
            break
    return stripes


def _around(counts: NDArray[Any], peak: int) -> tuple[int, int]:
    """Return the first and the last index around a peak where there is at least half as much."""
    low = np.flatnonzero(counts < counts[peak] / 2)
    before, after = low[low < peak], low[low > peak]
    first = int(before[-1]) + 1 if len(before) else 0
    return first, int(after[0]) - 1 if len(after) else len(counts) - 1


def _pieces(mask: NDArray[Any], left: int, top: int, step: float, count: int) -> list[_Ends]:
    """Return a stripe as so many boxes, end to end."""
    used = np.flatnonzero(mask.any(axis=0))
    edges = np.linspace(used[0], used[-1] + 1, min(count, len(used)) + 1).astype(int).tolist()
    return [
        _ends(mask[:, start:end], left + start, top, step)
        for start, end in pairwise(edges)
        if mask[:, start:end].any()
    ]


def _ends(mask: NDArray[Any], left: int, top: int, step: float) -> _Ends:
    rows = np.flatnonzero(mask.any(axis=1))
    right = left + mask.shape[1]
    return round(left * step), top + int(rows[0]), round(right * step), top + int(rows[-1]) + 1


def _is_rule(grey: NDArray[Any], pieces: list[_Ends], step: int) -> bool:
    """Return whether a dark stripe is a rule: text leaves gaps in the stripe, and its strokes go on beside it."""
    dark_count = near_count = far_count = length = 0
    for x0, y0, x1, y1 in pieces:
        inside = grey[y0:y1, x0:x1].min(axis=0)
        above = grey[max(0, y0 - step) : max(1, y0 - 2), x0:x1]
        below = grey[min(len(grey) - 1, y1 + 2) : y1 + step, x0:x1]
        # not the darkest pixel: a darker rule may cross this one
        ink = int(np.partition(inside, len(inside) // 5)[len(inside) // 5])
        middle = (ink + int(np.median(np.maximum(above[-1], below[0])))) // 2
        dark = inside < middle
        length += x1 - x0
        dark_count += int(dark.sum())
        near_count += int((dark & (above[-1] > middle) & (below[0] > middle)).sum())
        far_count += int((dark & (above.min(axis=0) > middle) & (below.min(axis=0) > middle)).sum())
    if dark_count >= MIN_SOLID_SHARE * length:
        return near_count >= MIN_CLEAR_SHARE * dark_count
    thickness = sum(y1 - y0 for _, y0, _, y1 in pieces) / len(pieces)
    if thickness > MAX_BROKEN_STEPS * step or length < MIN_BROKEN_STEPS * step:
        return False
    return 0 < MIN_CLEAR_SHARE_OF_BROKEN * dark_count <= far_count


def _to_ends(grey: NDArray[Any], pieces: list[_Ends], step: int) -> list[_Ends]:
    """Return a rule's boxes, the first and the last one lengthened to the pixel where it begins or ends."""
    x0, y0, x1, y1 = pieces[0]
    before = grey[y0:y1, max(0, x0 - step) : x0 + step].min(axis=0)
    pieces[0] = x0 - min(x0, step) + _first_dark(before), y0, x1, y1
    x0, y0, x1, y1 = pieces[-1]
    after = grey[y0:y1, x1 - step : x1 + step].min(axis=0)
    pieces[-1] = x0, y0, x1 - step + len(after) - _first_dark(after[::-1]), y1
    return pieces


def _first_dark(pixels: NDArray[Any]) -> int:
    """Return the first index from which pixels are dark to the end, by the level halfway between the extremes."""
    darkest, lightest = int(pixels.min()), int(pixels.max())
    if lightest - darkest < MIN_CONTRAST:
        return 0
    light = np.flatnonzero(pixels[: len(pixels) // 2] > (darkest + lightest) // 2)
    return int(light[-1]) + 1 if len(light) else 0


def _without_barcodes(rules: list[_Ends], step: int) -> list[_Ends]:
    """Return the rules, from the top down, without those in groups of many close together."""
    kept: list[_Ends] = []
    group: list[_Ends] = []
    for rule in [*rules, None]:
        if rule and group and _is_next_bar(group[-1], rule, step):
            group.append(rule)
            continue
        if len(group) < BARCODE_RULES:
            kept += group
        group = [rule] if rule else []
    return kept


def _is_next_bar(above: _Ends, below: _Ends, step: int) -> bool:
    """Return whether two rules lie close together and begin and end at the same places."""
    same_ends = max(abs(above[0] - below[0]), abs(above[2] - below[2])) <= 2 * step
    return same_ends and 0 < below[1] - above[1] <= BARCODE_STEPS * step
