"""Align a proposed line with its OCR text, word by word, and return what differs."""

import re
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

# words of a differing run that are aligned one by one; a longer run is one difference, and no
# correction
MAX_ALIGNED_WORDS = 60

# Alignment costs, in character edits. A dropped or new word costs less than its letters,
# so that words are not aligned which have little in common.
_UNPAIRED_COST_PER_CHARACTER = 0.7
_UNPAIRED_COST = 1.0
_JOIN_COST = 0.5

# how many OCR words may become how many proposed words; on equal cost the first wins
_WORD_COUNTS = ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (1, 0), (0, 1))

_WORD = re.compile(r"\S+")

Run = tuple[int, int, int, int]  # OCR words from, to; proposed words from, to


@dataclass(frozen=True, slots=True)
class Difference:
    """A run of words of the OCR text and what the proposal has instead; one of the two may be
    empty.

    ``start`` is an offset into the OCR text, ``after_start`` one into the proposal, both in code
    points.
    """

    start: int
    before: str
    after_start: int
    after: str

    @property
    def end(self) -> int:
        """The offset of the end of ``before`` in the OCR text."""
        return self.start + len(self.before)


def differences(text: str, proposal: str) -> list[Difference]:
    """Return what differs between the OCR text and the proposal, from left to right.

    >>> [(d.before, d.after) for d in differences("the modem house rnade", "the modern house made")]
    [('modem', 'modern'), ('rnade', 'made')]
    """
    ours, theirs = list(_WORD.finditer(text)), list(_WORD.finditer(proposal))
    words, their_words = [m[0] for m in ours], [m[0] for m in theirs]
    found = []
    for i1, i2, j1, j2 in _differing_runs(words, their_words):
        for a, b, c, d in _align_words(words[i1:i2], their_words[j1:j2]):
            before, after = ours[i1 + a : i1 + b], theirs[j1 + c : j1 + d]
            start = ours[i1 + a].start() if i1 + a < len(ours) else len(text)
            after_start = theirs[j1 + c].start() if j1 + c < len(theirs) else len(proposal)
            old = text[start : before[-1].end()] if before else ""
            new = " ".join(m[0] for m in after)
            if old != new:
                found.append(Difference(start, old, after_start, new))
    return found


def _differing_runs(ours: list[str], theirs: list[str]) -> list[Run]:
    """Return the runs of words that differ; adjacent operations form one run."""
    runs: list[Run] = []
    for code in Levenshtein.opcodes(ours, theirs):
        if code.tag == "equal":
            continue
        if runs and runs[-1][1] == code.src_start and runs[-1][3] == code.dest_start:
            i, _, j, _ = runs.pop()
            runs.append((i, code.src_end, j, code.dest_end))
        else:
            runs.append((code.src_start, code.src_end, code.dest_start, code.dest_end))
    return runs


def _align_words(ours: list[str], theirs: list[str]) -> list[Run]:
    """Return which of our words became which of theirs, at the least total cost.

    A word is kept, joined with its neighbours, split, dropped or new.
    """
    if len(ours) == len(theirs) == 1 or max(len(ours), len(theirs)) > MAX_ALIGNED_WORDS:
        return [(0, len(ours), 0, len(theirs))]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(ours) + 1):
        for j in range(len(theirs) + 1):
            for di, dj in _WORD_COUNTS:
                if i >= di and j >= dj and (i - di, j - dj) in best:
                    cost = best[i - di, j - dj][0] + _cost(ours[i - di : i], theirs[j - dj : j])
                    if (i, j) not in best or cost < best[i, j][0]:
                        best[i, j] = (cost, (di, dj))
    aligned, i, j = [], len(ours), len(theirs)
    while i or j:
        di, dj = best[i, j][1]
        aligned.append((i - di, i, j - dj, j))
        i, j = i - di, j - dj
    return aligned[::-1]


def _cost(ours: list[str], theirs: list[str]) -> float:
    """Return what it costs, in character edits, that ``ours`` became ``theirs``."""
    if not ours or not theirs:
        return _UNPAIRED_COST_PER_CHARACTER * len("".join(ours + theirs)) + _UNPAIRED_COST
    changes = Levenshtein.distance("".join(ours), "".join(theirs))
    return changes + (_JOIN_COST if len(ours) != len(theirs) else 0.0)
