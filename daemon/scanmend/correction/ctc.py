"""What an engine saw where it was not sure, and how likely that is, were another text on the paper.

An engine tells for each step in time which characters may be there; a text's probability is that of all ways through
the steps that write it (connectionist temporal classification, Graves et al. 2006).
"""

import heapq
import math
from collections.abc import Iterable, Sequence

from scanmend.page import CharAlternatives

UNSEEN = 1e-4  # probability of a character where the engine saw none of it
LEAST, MOST = -10.0, 6.0  # logarithms: beyond, nothing is told
SEVERAL = 40  # texts that are followed, of all that may be there
LONGEST = 160  # characters and doubts that are looked at together: the work grows with their square
LITTLE = 1e-99  # probability that is not told from none
FAINT = 1e-4  # the least probability of one, beside the likeliest

Steps = Sequence[dict[str, float]]


def seen(
    doubts: Sequence[CharAlternatives], start: int, end: int, read: str, others: Iterable[str]
) -> list[float]:
    """Of each other text from ``start`` to ``end`` of the line, how many times likelier it is than what was read there.

    As logarithms (base e), from LEAST, which all have where nothing was doubted, to MOST. ``read``: the line.
    """
    steps = _steps(doubts, start, end, read)
    if steps is None:
        return [LEAST for _ in others]
    own = math.log(max(_likely(steps, read[start:end]), LITTLE))
    found = (math.log(max(_likely(steps, other), LITTLE)) for other in others)
    return [min(MOST, max(LEAST, one - own)) for one in found]


def readings(doubts: Sequence[CharAlternatives], start: int, end: int, read: str) -> list[str]:
    """What may be there from ``start`` to ``end`` of the line besides what was read, the likelier first."""
    steps = _steps(doubts, start, end, read)
    if steps is None:
        return []
    found = {"": 1.0}
    for step in steps:
        more: dict[str, float] = {}
        for text, probability in found.items():
            for character, p in step.items():
                more[text + character] = more.get(text + character, 0.0) + probability * p
        most = max(more.values())
        best = heapq.nlargest(SEVERAL, more, key=more.__getitem__)
        found = {text: more[text] for text in best if more[text] >= FAINT * most}
    return [text for text in found if text != read[start:end]]


def _steps(doubts: Sequence[CharAlternatives], start: int, end: int, read: str) -> Steps | None:
    """What was seen from ``start`` to ``end``; None: just what was read, or too much to be looked at."""
    there = [d for d in doubts if start <= d.at < end or (d.at == end and d.between)]
    if not there or end - start + len(there) > LONGEST:
        return None
    steps = []
    for place in range(start, end + 1):
        between = [d.saw for d in there if d.at == place and d.between]
        if start < place < end and read[place] == read[place - 1] and not between:
            between = [{"": 1.0}]  # else it were one character
        steps += between
        if place < end:
            saw = next((d.saw for d in there if d.at == place and not d.between), None)
            steps.append(saw or {read[place]: 1.0})
    return steps


def _likely(steps: Steps, text: str) -> float:
    """The probability of a text."""
    path = [""]  # nothing, character, nothing, …
    for character in text:
        path += (character, "")
    leap = [n > 2 and n % 2 == 1 and path[n] != path[n - 2] for n in range(len(path))]
    there = [1.0, *([0.0] * (len(path) - 1))]
    for number, step in enumerate(steps):
        if number:
            there = [
                here
                + (there[n - 1] if n else 0.0)
                + (there[n - 2] if leap[n] else 0.0)
                for n, here in enumerate(there)
            ]  # fmt: skip
        elif text:
            there[1] = 1.0
        there = [here and here * step.get(c, UNSEEN) for here, c in zip(there, path, strict=True)]
    return there[-1] + (there[-2] if text else 0.0)
