"""Align a proposed line with its OCR text, word by word, and return what differs."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from rapidfuzz.distance import Levenshtein

from scanmend.correction.protected import WORD

# A differing run of more words is one difference, too large for the gate to accept: the time to
# align a run grows with the square of its length.
MAX_ALIGNED_WORDS = 60

# Alignment costs, in character edits. A dropped or added word costs less than its letters, so that
# two words with little in common are not paired.
_UNPAIRED_COST_PER_CHARACTER = 0.7
_UNPAIRED_COST = 1.0
_JOIN_COST = 0.5

# how many OCR words may become how many proposed words; on equal cost the first wins
_WORD_COUNTS = ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (1, 0), (0, 1))


class WordRun(NamedTuple):
    """A run of OCR words and the run of proposed words that replaces it: word indices, ends exclusive."""

    start: int
    end: int
    new_start: int
    new_end: int

    def moved(self, by: Self) -> "WordRun":
        """Return this run, which counts from the start of ``by``, with indices that count from 0."""
        return WordRun(
            by.start + self.start,
            by.start + self.end,
            by.new_start + self.new_start,
            by.new_start + self.new_end,
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Words of the OCR text (``before``), and the proposal's words in their place (``after``).

    Either may be empty. ``start`` is an offset into the OCR text, ``after_start`` one into the
    proposal, both in code points.
    """

    start: int
    before: str
    after_start: int
    after: str

    @property
    def end(self) -> int:
        """Return the offset of the end of ``before`` in the OCR text."""
        return self.start + len(self.before)


def differences(text: str, proposal: str) -> list[Difference]:
    """Return the differences between the OCR text and the proposal, from left to right.

    >>> [(d.before, d.after) for d in differences("the modem house rnade", "the modern house made")]
    [('modem', 'modern'), ('rnade', 'made')]
    """
    read, proposed = list(WORD.finditer(text)), list(WORD.finditer(proposal))
    old_words, new_words = [match[0] for match in read], [match[0] for match in proposed]
    found = []
    for differing in _differing_runs(old_words, new_words):
        old_run = old_words[differing.start : differing.end]
        new_run = new_words[differing.new_start : differing.new_end]
        for aligned in _align_words(old_run, new_run):
            run = aligned.moved(differing)
            start = read[run.start].start() if run.start < len(read) else len(text)
            at_end = run.new_start == len(proposed)
            after_start = len(proposal) if at_end else proposed[run.new_start].start()
            before = text[start : read[run.end - 1].end()] if run.end > run.start else ""
            after = " ".join(new_words[run.new_start : run.new_end])
            if before != after:
                found.append(Difference(start, before, after_start, after))
    return found


def _differing_runs(old: list[str], new: list[str]) -> list[WordRun]:
    """Return the runs of words that differ; adjacent operations form one run."""
    runs: list[WordRun] = []
    for code in Levenshtein.opcodes(old, new):
        if code.tag == "equal":
            continue
        run = WordRun(code.src_start, code.src_end, code.dest_start, code.dest_end)
        if runs and (runs[-1].end, runs[-1].new_end) == (run.start, run.new_start):
            previous = runs.pop()
            run = run._replace(start=previous.start, new_start=previous.new_start)
        runs.append(run)
    return runs


def _align_words(old: list[str], new: list[str]) -> list[WordRun]:
    """Return which old words became which new words, at the lowest total cost.

    A word is kept, joined with its neighbours, split, dropped or added.
    """
    if len(old) == len(new) == 1 or max(len(old), len(new)) > MAX_ALIGNED_WORDS:
        return [WordRun(0, len(old), 0, len(new))]
    # for the first i old and the first j new words: the lowest cost, and its last step
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(old) + 1):
        for j in range(len(new) + 1):
            for di, dj in _WORD_COUNTS:
                if i >= di and j >= dj and (i - di, j - dj) in best:
                    cost = best[i - di, j - dj][0] + _cost(old[i - di : i], new[j - dj : j])
                    if (i, j) not in best or cost < best[i, j][0]:
                        best[i, j] = (cost, (di, dj))
    aligned, i, j = [], len(old), len(new)
    while i or j:
        di, dj = best[i, j][1]
        aligned.append(WordRun(i - di, i, j - dj, j))
        i, j = i - di, j - dj
    return aligned[::-1]


def _cost(old: list[str], new: list[str]) -> float:
    """Return the cost, in character edits, of turning the words ``old`` into ``new``."""
    if not old or not new:
        return _UNPAIRED_COST_PER_CHARACTER * len("".join(old + new)) + _UNPAIRED_COST
    changes = Levenshtein.distance("".join(old), "".join(new))
    return changes + (_JOIN_COST if len(old) != len(new) else 0.0)
