"""Letters that are printed twice, to look bold or to throw a shadow, and how wide a letter is."""

import math
from collections import defaultdict
from collections.abc import Sequence

from scanmend.ocr.pdf.characters import Glyph

DOUBLE = 0.5  # share of its width within which the same glyph again was printed twice
NEAR = 0.2  # the same in ems, for wide glyphs


def once(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return each glyph once: the same one again at the same place makes a bold letter or a shadow."""
    kept: list[Glyph] = []
    grid: dict[tuple[str, int, int], list[Glyph]] = defaultdict(list)
    for glyph in glyphs:
        reach = max(1.0, glyph.paint.size * 0.5)
        column, row = int(glyph.x / reach), int(glyph.y / reach)
        near = (
            other
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for other in grid.get((glyph.text, column + dx, row + dy), ())
        )
        if any(printed_twice(other, glyph) for other in near):
            continue
        grid[glyph.text, column, row].append(glyph)
        kept.append(glyph)
    return kept


def printed_twice(one: Glyph, other: Glyph) -> bool:
    """Return whether two glyphs are one letter, printed again to look bold or to throw a shadow."""
    if one.text != other.text:
        return False
    size = one.paint.size
    if not 0.8 < other.paint.size / size < 1.25:
        return False
    wide = max(one.cell.width, one.cell.height) if one.paint.angle % 90 else advance(one)
    return math.dist((one.x, one.y), (other.x, other.y)) < min(DOUBLE * wide, NEAR * size)


def advance(glyph: Glyph) -> float:
    """Return how far the pen moves with the glyph, in pixels; a slanted cell's bounds are wider than the cell."""
    cell, angle = glyph.cell, math.radians(glyph.paint.angle)
    along, across = abs(math.cos(angle)), abs(math.sin(angle))
    if across < 0.05:
        return cell.width
    if along < 0.05:
        return cell.height
    high = 1.15 * glyph.paint.size  # ascent and descent of most fonts
    if abs(along**2 - across**2) > 0.3:
        high = (cell.height * along - cell.width * across) / (along**2 - across**2)
    wide = (
        (cell.width - high * across) / along
        if along > across
        else (cell.height - high * along) / across
    )
    return min(max(wide, 0.2 * glyph.paint.size), 1.5 * glyph.paint.size)
