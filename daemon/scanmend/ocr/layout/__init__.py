"""Put the segments of a page into reading order, and its lines into text that keeps columns and indents.

The arrangement goes from large to small: frames, columns and blocks side by side (``blocks``), rows (``rows``), and the
text of the rows (``paragraphs``, ``stops``). A page that reads from right to left is arranged as its mirror image.
"""

from collections.abc import Sequence
from dataclasses import replace

from scanmend.ocr.bidi import reads_from_right
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.blocks import blocks_of
from scanmend.ocr.layout.cells import cut_at_rules
from scanmend.ocr.layout.paragraphs import lines_of
from scanmend.ocr.layout.rows import mirrored, mirrored_box
from scanmend.ocr.rulings import Rulings
from scanmend.page import Line

NO_RULES = Rulings()
MIN_SPREAD_RATIO = 1.15  # width over height of a page that may show two facing pages


def arrange(
    segments: Sequence[Segment],
    rules: Rulings = NO_RULES,
    size: tuple[float, float] | None = None,
) -> tuple[Line, ...]:
    """Return the lines of a page in reading order; ``block`` counts columns, paragraphs and tables.

    ``rules``: in the same pixels as the segments. ``size``: width and height of the page; None if it is not known or no
    whole page.
    """
    if not segments:
        return ()
    region = cut_at_rules(segments, rules)
    is_spread = size is not None and size[0] >= MIN_SPREAD_RATIO * size[1]
    if not reads_from_right("".join(s.text for s in segments)):
        blocks = blocks_of(region, rules, is_spread=is_spread)
        return tuple(_lines(blocks, rules, from_right=False))
    region, rules = [mirrored(s) for s in region], _mirrored_rules(rules)
    blocks = blocks_of(region, rules, is_spread=is_spread)
    lines = _lines(blocks, rules, from_right=True)
    return tuple(replace(line, box=mirrored_box(line.box)) for line in lines)


def _lines(blocks: Sequence[Sequence[Segment]], rules: Rulings, *, from_right: bool) -> list[Line]:
    """Return the lines of blocks. ``from_right``: the blocks are the mirror image of a page.

    A block that reads in the other direction than its page is mirrored once more.
    """
    lines: list[Line] = []
    for block in blocks:
        text = "".join(s.text for s in block)
        own = reads_from_right(text) if any(map(str.isalpha, text)) else from_right
        first = lines[-1].block + 1 if lines else 0
        if own == from_right:
            lines += lines_of(block, first, rules, from_right=own)
        else:
            flipped = [mirrored(s) for s in block]
            lines += [
                replace(line, box=mirrored_box(line.box))
                for line in lines_of(flipped, first, _mirrored_rules(rules), from_right=own)
            ]
    return lines


def _mirrored_rules(rules: Rulings) -> Rulings:
    return Rulings(
        tuple(map(mirrored_box, rules.horizontal)), tuple(map(mirrored_box, rules.vertical))
    )
