"""Characters that a page prints twice, to look bold or to throw a shadow."""

import math
from collections import defaultdict
from collections.abc import Sequence

from scanmend.ocr.pdf.glyphs import Glyph, advance

# share of its width by which the same glyph may be shifted to count as printed twice
MAX_SHIFT = 0.5
MAX_SHIFT_EM = 0.2  # the same in ems, for wide glyphs
SIZE_RATIO = 0.8, 1.25  # between the two


def without_overprints(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return each glyph once, whose character the page prints several times."""
    kept: list[Glyph] = []
    grid: dict[tuple[str, int, int], list[Glyph]] = defaultdict(list)
    for glyph in glyphs:
        cell = max(1.0, glyph.text_object.size * 0.5)
        column, row = int(glyph.x / cell), int(glyph.y / cell)
        near = (
            other
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for other in grid.get((glyph.text, column + dx, row + dy), ())
        )
        if any(is_overprint(other, glyph) for other in near):
            continue
        grid[glyph.text, column, row].append(glyph)
        kept.append(glyph)
    return kept


def is_overprint(one: Glyph, other: Glyph) -> bool:
    """Return whether two glyphs are one character that is printed twice."""
    if one.text != other.text:
        return False
    size = one.text_object.size
    smallest, largest = SIZE_RATIO
    if not smallest < other.text_object.size / size < largest:
        return False
    slanted = one.text_object.angle % 90
    width = max(one.cell.width, one.cell.height) if slanted else advance(one)
    shift = math.dist((one.x, one.y), (other.x, other.y))
    return shift < min(MAX_SHIFT * width, MAX_SHIFT_EM * size)
