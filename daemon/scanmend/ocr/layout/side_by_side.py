"""Find blocks that stand side by side without a frame: a white gutter or a vertical rule runs between their lines."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

from scanmend.ocr.layout.cuts import Cut, Sides, cut_at
from scanmend.ocr.layout.pairing import MIN_NUMBERS, share_of_numbers, stand_apart
from scanmend.ocr.layout.rows import Region, bottom, middle_x, middle_y, rows_of, top
from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

MIN_BLOCK_SEGMENTS = 5  # on both sides together
MIN_SCORE = 4.0  # of a cut, as in ``Cut``
MIN_CANDIDATE_WIDTH = 0.8  # line heights of a gutter that is tried
MAX_GUTTERS = 24  # that are tried
MAX_TRIES = 3000  # gutters times segments, so that the time does not grow with the square of a page's pieces
MIN_BAND_GAP = 0.9  # line heights of white across a region that ends the blocks above
EXTRA_BAND_GAP = 0.5  # line heights of such white more than between two lines of a side
MIN_GAPS = 3  # of a side whose gaps are usual
MIN_RULE_SHARE = 0.6  # of a band's height along which a rule runs that separates its sides
MAX_CROSSING_RULES = 0.34  # rules across a gutter, per line, from which both sides are one table


def block_cut(region: Region, height: float, rules: Rulings) -> Cut | None:
    """Return the best cut of a region into blocks side by side; None if there are none."""
    if len(region) < MIN_BLOCK_SEGMENTS:
        return None
    best: Cut | None = None
    for x in _candidates(region, height, rules):

        def parting(sides: Sides, x: float = x) -> list[tuple[Region, ...]]:
            return _blocks(sides, x, height, rules)

        cut = cut_at(region, x, height, parting)
        if cut and cut.score > (best.score if best else MIN_SCORE):
            best = cut
    return best


def _candidates(region: Region, height: float, rules: Rulings) -> list[float]:
    """Return the x of possible gutters: where more rows are white than just left and right, and vertical rules."""
    left, right = min(s.box.x0 for s in region), max(s.box.x1 for s in region)
    steps: dict[float, int] = defaultdict(int)
    for row in rows_of(region):
        reached = left
        for segment in [*row, None]:
            start = segment.box.x0 if segment else right
            if start - reached >= MIN_CANDIDATE_WIDTH * height:
                steps[reached] += 1
                steps[start] -= 1
            reached = max(reached, segment.box.x1 if segment else right)
    places = sorted(steps)
    depths = list(accumulate(steps[x] for x in places))
    found: list[tuple[int, float]] = []
    for number in range(1, len(places) - 1):
        is_top = depths[number] >= depths[number - 1] and depths[number] > depths[number + 1]
        if is_top:
            found.append((-depths[number], (places[number] + places[number + 1]) / 2))
    candidates = [x for _, x in sorted(found)[: max(1, min(MAX_GUTTERS, MAX_TRIES // len(region)))]]
    return candidates + [(r.x0 + r.x1) / 2 for r in rules.vertical if left < r.x0 and r.x1 < right]


def _bands(sides: Sides, height: float, edges: Sequence[float]) -> list[Region]:
    """Return the segments beside a gutter between the white that goes across both sides, from the top down.

    ``edges``: the y of rules that go across them, too.
    """
    ordered = sorted([*sides[0], *sides[1]], key=lambda s: s.box.y0)
    limit = MIN_BAND_GAP * height
    limit = max([limit, *(_usual_gap(side) + EXTRA_BAND_GAP * height for side in sides)])
    bands: list[Region] = []
    reached = middle = float("-inf")
    for segment in ordered:
        is_ruled = any(middle < y < middle_y(segment) for y in edges)
        if not bands or segment.box.y0 - reached > limit or is_ruled:
            bands.append([])
        bands[-1].append(segment)
        reached, middle = max(reached, segment.box.y1), middle_y(segment)
    return bands


def _usual_gap(side: Region) -> float:
    """Return the median white between the lines of a side, in pixels; 0 if these are few."""
    rows = rows_of(side)
    gaps = [top(low) - bottom(up) for up, low in pairwise(rows)]
    return median(gaps) if len(gaps) >= MIN_GAPS else 0.0


def _blocks(sides: Sides, x: float, height: float, rules: Rulings) -> list[tuple[Region, ...]]:
    """Return a band's parts: sides that stand apart, and the rest; [] if none stand apart."""
    band = [*sides[0], *sides[1]]
    rule = _rule_between(sides, rules)
    parts: list[tuple[Region, ...]] = []
    found = False
    edges = [r.y0 for r in rules.horizontal if r.x0 < x - height and r.x1 > x + height]
    for part in [band] if rule else _bands(sides, height, edges):
        left = [s for s in part if middle_x(s) < x]
        right = [s for s in part if middle_x(s) >= x]
        if left and right and _apart(left, right, height, rules, has_rule=rule is not None):
            parts.append((left, right))
            found = True
        else:
            parts.append((part,))
    return parts if found else []


def _apart(left: Region, right: Region, height: float, rules: Rulings, *, has_rule: bool) -> bool:
    """Return whether the sides of a gutter are two blocks."""
    rows = rows_of(left), rows_of(right)
    upper, lower = max(top(left), top(right)), min(bottom(left), bottom(right))
    if lower - upper < height:
        return False
    gutter = max(s.box.x1 for s in left), min(s.box.x0 for s in right)
    crossing = [
        r
        for r in rules.horizontal
        if r.x0 < gutter[0] - height and r.x1 > gutter[1] + height and upper < r.y0 < lower
    ]
    if len(crossing) >= MAX_CROSSING_RULES * min(map(len, rows)):
        return False
    if has_rule and not crossing and min(map(len, rows)) > 1:
        numbers = share_of_numbers([row[0] for row in rows[1]])
        return numbers < MIN_NUMBERS or stand_apart(*rows, height)
    return stand_apart(*rows, height)


def _rule_between(sides: Sides, rules: Rulings) -> Box | None:
    """Return a vertical rule that runs between two sides along most of their common height."""
    left, right = sides
    upper, lower = max(top(left), top(right)), min(bottom(left), bottom(right))
    if lower <= upper:
        return None
    for rule in rules.vertical:
        shared = min(rule.y1, lower) - max(rule.y0, upper)
        if shared < MIN_RULE_SHARE * (lower - upper):
            continue
        if _is_clear(rule, left, on_left=True) and _is_clear(rule, right, on_left=False):
            return rule
    return None


def _is_clear(rule: Box, side: Region, *, on_left: bool) -> bool:
    """Return whether a side's segments that are level with a vertical rule stand left, or right, of it."""
    beside = (s for s in side if rule.y0 < middle_y(s) < rule.y1)
    return all((middle_x(s) < rule.x0) == on_left for s in beside)


def beside_each_other(cells: Sequence[Region], height: float) -> bool:
    """Return whether the cells of a grid's row hold blocks: each next to another one stands apart from it."""
    pairs = [(rows_of(left), rows_of(right)) for left, right in pairwise(cells) if left and right]
    return bool(pairs) and all(stand_apart(*pair, height) for pair in pairs)
