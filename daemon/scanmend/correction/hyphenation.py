"""Words that the end of a line parts. The lines stay as printed; the joined word stands beside them."""

import re
from collections.abc import Sequence

from scanmend.page import Hyphenated, Line

# begins where a word begins: else a line of one long word would take the square of its length
_HEAD = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,}(?=[-‐])|[^\W\d_]+(?=[¬\u00ad]))([-‐¬\u00ad])\s*$")
_TAIL = re.compile(r"\s*([^\W\d_]+)")
# after a hyphen that stands for a word's second half: Ein- und Ausgang, pre- and post-war
_SUSPENDED = frozenset("und oder bzw and or et ou y o e ed en of to".split())  # noqa: SIM905


def hyphenated(lines: Sequence[Line], texts: Sequence[str]) -> tuple[Hyphenated, ...]:
    """The parted words of a page, whose ``texts`` are as published.

    A word that is written with its hyphen elsewhere on the page keeps it.
    """
    found = []
    for number in range(len(texts) - 1):
        head, tail = _HEAD.search(texts[number]), _TAIL.match(texts[number + 1])
        if not head or not tail or lines[number].block != lines[number + 1].block:
            continue
        goes_on = tail[1][0].islower() or (tail[1].isupper() and head[1].isupper())
        if not goes_on or tail[1].casefold() in _SUSPENDED:
            continue
        joined = head[1] + tail[1]
        kept = f"{head[1]}-{tail[1]}"
        if head[2] in "-‐" and any(kept.casefold() in text.casefold() for text in texts):
            joined = kept
        found.append(Hyphenated(number, (head[1] + head[2], tail[1]), joined))
    return tuple(found)
