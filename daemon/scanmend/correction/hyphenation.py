"""Find words that are divided at a line's end. The lines themselves stay as printed."""

import re
from collections.abc import Sequence

from scanmend.page import Hyphenated, Line

# The head starts where a word starts: without that, matching a line of one long word would take
# time that is quadratic in its length.
_HEAD = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,}(?=[-‐])|[^\W\d_]+(?=[¬\u00ad]))([-‐¬\u00ad])\s*$")
_TAIL = re.compile(r"\s*([^\W\d_]+)")
# words behind a hyphen that replaces half of a compound: Ein- und Ausgang, pre- and post-war
_AFTER_SUSPENDED_HYPHEN = frozenset(
    "und oder bzw and or et ou y o e ed en of to".split()  # noqa: SIM905
)


def hyphenated(lines: Sequence[Line], texts: Sequence[str]) -> tuple[Hyphenated, ...]:
    """Return the divided words of a page.

    ``lines`` are the page's lines as read, ``texts`` the same lines as published. A word keeps its
    hyphen if the page also has it with the hyphen elsewhere.
    """
    found = []
    for number in range(len(texts) - 1):
        head, tail = _HEAD.search(texts[number]), _TAIL.match(texts[number + 1])
        if not head or not tail or lines[number].block != lines[number + 1].block:
            continue
        continues = tail[1][0].islower() or (tail[1].isupper() and head[1].isupper())
        if not continues or tail[1].casefold() in _AFTER_SUSPENDED_HYPHEN:
            continue
        joined = head[1] + tail[1]
        with_hyphen = f"{head[1]}-{tail[1]}"
        is_hyphen = head[2] in "-‐"
        if is_hyphen and any(with_hyphen.casefold() in text.casefold() for text in texts):
            joined = with_hyphen
        found.append(Hyphenated(number, (head[1] + head[2], tail[1]), joined))
    return tuple(found)
