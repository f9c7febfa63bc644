"""Remove characters that a page prints several times, for bold text or a shadow."""

import math
from collections import defaultdict
from collections.abc import Sequence

from scanmend.ocr.pdf.glyphs import Glyph, advance

# between two prints of one character: shares of the glyph's width, and ems for wide glyphs
MAX_SHIFT_WIDTH = 0.5
MAX_SHIFT_EM = 0.2
SIZE_RATIO = 0.8, 1.25  # bounds of the ratio of their sizes


def without_overprints(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return the glyphs without repeated prints of the same character."""
    kept: list[Glyph] = []
    grid: dict[tuple[str, int, int], list[Glyph]] = defaultdict(list)
    for glyph in glyphs:
        cell = max(1.0, glyph.text_object.size * 0.5)
        column, row = int(glyph.x / cell), int(glyph.y / cell)
        neighbours = (
            neighbour
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for neighbour in grid.get((glyph.text, column + dx, row + dy), ())
        )
        if any(is_overprint(neighbour, glyph) for neighbour in neighbours):
            continue
        grid[glyph.text, column, row].append(glyph)
        kept.append(glyph)
    return kept


def is_overprint(first: Glyph, second: Glyph) -> bool:
    """Return whether two glyphs are prints of the same character."""
    if first.text != second.text:
        return False
    size = first.text_object.size
    smallest, largest = SIZE_RATIO
    if not smallest < second.text_object.size / size < largest:
        return False
    slanted = first.text_object.angle % 90
    width = max(first.cell.width, first.cell.height) if slanted else advance(first)
    shift = math.dist((first.x, first.y), (second.x, second.y))
    return shift < min(MAX_SHIFT_WIDTH * width, MAX_SHIFT_EM * size)
