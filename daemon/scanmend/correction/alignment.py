"""What differs between a line as OCRed and as proposed: the smallest stretches of whole words."""

import re
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

MOST_WORDS = 60  # of a differing stretch: beyond, it is no correction

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the OCR text and what is proposed for it; the offsets count in the one and the other."""

    start: int
    before: str
    after_start: int
    after: str


def spans(text: str, proposal: str) -> list[Span]:
    """The differing stretches, from the left.

    >>> [(s.before, s.after) for s in spans("the modem house rnade", "the modern house made")]
    [('modem', 'modern'), ('rnade', 'made')]
    """
    ours, theirs = list(_WORD.finditer(text)), list(_WORD.finditer(proposal))
    words, their_words = [m[0] for m in ours], [m[0] for m in theirs]
    found = []
    for code in _stretches(words, their_words):
        i1, i2, j1, j2 = code
        for a, b, c, d in _pairs(words[i1:i2], their_words[j1:j2]):
            before, after = ours[i1 + a : i1 + b], theirs[j1 + c : j1 + d]
            start = ours[i1 + a].start() if i1 + a < len(ours) else len(text)
            after_start = theirs[j1 + c].start() if j1 + c < len(theirs) else len(proposal)
            old = text[start : before[-1].end()] if before else ""
            new = " ".join(m[0] for m in after)
            if old != new:
                found.append(Span(start, old, after_start, new))
    return found


def _stretches(ours: list[str], theirs: list[str]) -> list[tuple[int, int, int, int]]:
    """Runs of words that differ: neighbouring operations of a cheapest alignment are one."""
    runs: list[tuple[int, int, int, int]] = []
    for code in Levenshtein.opcodes(ours, theirs):
        if code.tag == "equal":
            continue
        if runs and runs[-1][1] == code.src_start and runs[-1][3] == code.dest_start:
            i, _, j, _ = runs.pop()
            runs.append((i, code.src_end, j, code.dest_end))
        else:
            runs.append((code.src_start, code.src_end, code.dest_start, code.dest_end))
    return runs


def _pairs(ours: list[str], theirs: list[str]) -> list[tuple[int, int, int, int]]:
    """Which of our words became which of theirs: one to one, joined, split, or none; cheapest first."""
    if len(ours) == len(theirs) == 1 or len(ours) > MOST_WORDS or len(theirs) > MOST_WORDS:
        return [(0, len(ours), 0, len(theirs))]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(ours) + 1):
        for j in range(len(theirs) + 1):
            for di, dj in ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (1, 0), (0, 1)):
                if i >= di and j >= dj and (i - di, j - dj) in best:
                    cost = best[i - di, j - dj][0] + _cost(ours[i - di : i], theirs[j - dj : j])
                    if (i, j) not in best or cost < best[i, j][0]:
                        best[i, j] = (cost, (di, dj))
    out, i, j = [], len(ours), len(theirs)
    while i or j:
        di, dj = best[i, j][1]
        out.append((i - di, i, j - dj, j))
        i, j = i - di, j - dj
    return out[::-1]


def _cost(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return 0.7 * len("".join(ours + theirs)) + 1
    joined = len(ours) != len(theirs)
    return Levenshtein.distance("".join(ours), "".join(theirs)) + 0.5 * joined
