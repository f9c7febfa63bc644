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


def arrange(segments: Sequence[Segment], rules: Rulings = NO_RULES) -> tuple[Line, ...]:
    """Return the lines of a page in reading order; ``block`` counts columns, paragraphs and tables.

    ``rules``: in the same pixels as the segments.
    """
    if not segments:
        return ()
    region = cut_at_rules(segments, rules)
    if not reads_from_right("".join(s.text for s in segments)):
        return tuple(_lines(blocks_of(region, rules), from_right=False))
    blocks = blocks_of([mirrored(s) for s in region], _mirrored_rules(rules))
    return tuple(
        replace(line, box=mirrored_box(line.box)) for line in _lines(blocks, from_right=True)
    )


def _lines(blocks: Sequence[Sequence[Segment]], *, from_right: bool) -> list[Line]:
    """Return the lines of blocks. ``from_right``: the blocks are the mirror image of a page.

    A block that reads in the other direction than its page is mirrored once more.
    """
    lines: list[Line] = []
    for block in blocks:
        text = "".join(s.text for s in block)
        own = reads_from_right(text) if any(map(str.isalpha, text)) else from_right
        first = lines[-1].block + 1 if lines else 0
        if own == from_right:
            lines += lines_of(block, first, from_right=own)
        else:
            flipped = lines_of([mirrored(s) for s in block], first, from_right=own)
            lines += [replace(line, box=mirrored_box(line.box)) for line in flipped]
    return lines


def _mirrored_rules(rules: Rulings) -> Rulings:
    return Rulings(
        tuple(map(mirrored_box, rules.horizontal)), tuple(map(mirrored_box, rules.vertical))
    )
