"""Evaluate a checkpoint quickly, without the gate: its greedy output on lines that it never saw.

    python evaluate.py CHECKPOINT.pt PAIRS… [--lines 400] [--margins 0 1 2 4] [--show 20]

For each file and margin it prints the character error rate before and after, the numbers of lines that became better and worse,
and the share of clean lines that were changed. ¬ and the hyphen count as equal: the truth has ¬ for either.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from rapidfuzz.distance import Levenshtein

from architecture import Corrector, from_checkpoint
from data.noise import raw
from examples import Pair
from greedy import correct

LINES_AT_ONCE = 32
MIN_CHARACTERS, MAX_CHARACTERS = 4, 200  # the product splits longer lines into pieces


def sample(file: Path, count: int) -> list[Pair]:
    """Return up to ``count`` random pairs of a file, sorted by length; the same ones each time."""
    found = [(a.replace("¬", "-"), b.replace("¬", "-")) for a, b in raw(file)]
    found = [(a, b) for a, b in found if MIN_CHARACTERS <= len(a) <= MAX_CHARACTERS and b]
    random.Random(1).shuffle(found)
    return sorted(found[:count], key=lambda pair: len(pair[0]))


def figures(pairs: Sequence[Pair], corrected: Sequence[str]) -> str:
    """Return the figures for one row of the table."""
    before = [Levenshtein.distance(a, b) for a, b in pairs]
    after = [Levenshtein.distance(x, b) for x, (_, b) in zip(corrected, pairs, strict=True)]
    length = sum(len(b) for _, b in pairs)
    clean = [n for n, (a, b) in enumerate(pairs) if a == b]
    touched = sum(after[n] > 0 for n in clean) / max(1, len(clean))
    better = sum(x < y for x, y in zip(after, before, strict=True))
    worse = sum(x > y for x, y in zip(after, before, strict=True))
    digits = sum(_digits(x) != _digits(a) for x, (a, _) in zip(corrected, pairs, strict=True))
    return (
        f"CER {sum(before) / length:.4f} -> {sum(after) / length:.4f} ({1 - sum(after) / max(1, sum(before)):+.1%}),"
        f" {better} better, {worse} worse of {len(pairs)}, {touched:.1%} of {len(clean)} clean touched,"
        f" digits changed in {digits}"
    )


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def corrected_lines(model: Corrector, pairs: Sequence[Pair], margin: float) -> list[str]:
    """Return the model's correction of each pair's OCR line."""
    found: list[str] = []
    for start in range(0, len(pairs), LINES_AT_ONCE):
        ocr = [a for a, _ in pairs[start : start + LINES_AT_ONCE]]
        found += correct(model, ocr, margin)
    return found


def show_worse(pairs: Sequence[Pair], corrected: Sequence[str], count: int) -> int:
    """Print up to ``count`` lines that the model made worse; return their total number."""
    shown = 0
    for (ocr, truth), text in zip(pairs, corrected, strict=True):
        worse = Levenshtein.distance(text, truth) > Levenshtein.distance(ocr, truth)
        if worse and shown < count:
            print(f"  ocr   {ocr}\n  said  {text}\n  truth {truth}")
            shown += 1
    return shown


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--margins", type=float, nargs="*", default=[0, 1, 2, 4])
    parser.add_argument("--show", type=int, default=0, help="so many lines that got worse")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = from_checkpoint(options.checkpoint)
    left = options.show
    for file in options.pairs:
        pairs = sample(file, options.lines)
        corrected: list[str] = []
        for margin in options.margins:
            corrected = corrected_lines(model, pairs, margin)
            print(f"{file.name}, margin {margin:g}: {figures(pairs, corrected)}", flush=True)
        left -= show_worse(pairs, corrected, left)


if __name__ == "__main__":
    main()
