"""A quick look at a checkpoint, without the gate: what its greedy output does to lines that it never saw.

    python evaluate.py CHECKPOINT.pt PAIRS… [--lines 400] [--margins 0 1 2 4] [--show 20]

Says for each file and margin: the character error rate before and after, lines better and worse, and the share
of clean lines that are touched. ¬ and the hyphen count as one: the truth writes ¬ whatever was printed.
"""

import argparse
import random
from pathlib import Path

import torch
from rapidfuzz.distance import Levenshtein

from data.noise import raw
from greedy import correct
from train import Corrector, Shape

AT_ONCE = 32  # lines


def loaded(checkpoint: Path) -> Corrector:
    """The model of a checkpoint."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Corrector(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    return model.eval()


def sample(file: Path, count: int) -> list[tuple[str, str]]:
    """Lines of a file; the longest are left out, as the worker parts them."""
    found = [(a.replace("¬", "-"), b.replace("¬", "-")) for a, b in raw(file)]
    found = [(a, b) for a, b in found if 4 <= len(a) <= 200 and b]
    random.Random(1).shuffle(found)
    return sorted(found[:count], key=lambda pair: len(pair[0]))


def figures(pairs: list[tuple[str, str]], said: list[str]) -> str:
    """One row of the table."""
    before = [Levenshtein.distance(a, b) for a, b in pairs]
    after = [Levenshtein.distance(x, b) for x, (_, b) in zip(said, pairs, strict=True)]
    length = sum(len(b) for _, b in pairs)
    clean = [n for n, (a, b) in enumerate(pairs) if a == b]
    touched = sum(after[n] > 0 for n in clean) / max(1, len(clean))
    better = sum(x < y for x, y in zip(after, before, strict=True))
    worse = sum(x > y for x, y in zip(after, before, strict=True))
    digits = sum(_digits(x) != _digits(a) for x, (a, _) in zip(said, pairs, strict=True))
    return (
        f"CER {sum(before) / length:.4f} -> {sum(after) / length:.4f} ({1 - sum(after) / max(1, sum(before)):+.1%}),"
        f" {better} better, {worse} worse of {len(pairs)}, {touched:.1%} of {len(clean)} clean touched,"
        f" digits changed in {digits}"
    )


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--margins", type=float, nargs="*", default=[0, 1, 2, 4])
    parser.add_argument("--show", type=int, default=0, help="so many lines that got worse")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = loaded(options.checkpoint)
    for file in options.pairs:
        pairs = sample(file, options.lines)
        for margin in options.margins:
            said = []
            for start in range(0, len(pairs), AT_ONCE):
                said += correct(model, [a for a, _ in pairs[start : start + AT_ONCE]], margin)
            print(f"{file.name}, margin {margin:g}: {figures(pairs, said)}", flush=True)
        for (ocr, truth), x in list(zip(pairs, said, strict=True)) if options.show else []:
            if (
                Levenshtein.distance(x, truth) > Levenshtein.distance(ocr, truth)
                and options.show > 0
            ):
                options.show -= 1
                print(f"  ocr   {ocr}\n  said  {x}\n  truth {truth}")


if __name__ == "__main__":
    main()
