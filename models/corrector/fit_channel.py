"""Count what engines read in place of what was printed, and write the costs to models/channel.json.

    python fit_channel.py PAIRS ... --out ../channel.json

PAIRS are ``overproof-train.jsonl.gz``, whose documents hold a transcription as read and as it should be, or JSON lines of
``data.render``: [read, printed]. A misreading is a piece of at most two characters that was read as another piece of at most
two. Its cost is the negative natural logarithm of its share among the piece's occurrences. ``scanmend.correction.channel``
uses the costs.
"""

import argparse
import gzip
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rapidfuzz.distance import Levenshtein

FORMAT = "scanmend channel 1"
MAX_DISTANCE = (
    0.3  # share of the characters of a line that may differ; else the lines may not be a pair
)
MAX_PIECE = 2  # characters
MIN_COUNT = 2  # of a misreading
PRIOR_OCCURRENCES = 30.0  # added to a piece's occurrences, so that rare pieces get no extreme costs
PRIOR_COUNT = 0.5  # added to a misreading's count
DECIMALS = 2


def pairs_of(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file: as read, and as printed."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if isinstance(entry, list):
                yield entry[0], entry[1]
                continue
            read, printed = (
                entry[part]["transcription_unit"].split("\n")
                for part in ("ocr_hypothesis", "ground_truth")
            )
            if len(read) == len(printed):
                yield from zip(read, printed, strict=True)


def counted(pairs: Iterable[tuple[str, str]]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Return the counts of the misreadings (printed piece, read piece), and of the printed pieces."""
    misreadings: Counter[tuple[str, str]] = Counter()
    printed_pieces: Counter[str] = Counter()
    for read_line, printed_line in pairs:
        read, printed = read_line.lower(), printed_line.lower()
        if not printed or Levenshtein.normalized_distance(read, printed) > MAX_DISTANCE:
            continue
        printed_pieces.update(printed)
        printed_pieces.update(printed[n : n + 2] for n in range(len(printed) - 1))
        for start, end, read_start, read_end in _changed_runs(read, printed):
            misreadings.update(_pieces(printed, start, end, read[read_start:read_end]))
    return misreadings, printed_pieces


def _changed_runs(read: str, printed: str) -> list[tuple[int, int, int, int]]:
    """Return the runs that differ, as offsets into ``printed`` and ``read``; adjacent operations form one run."""
    runs: list[tuple[int, int, int, int]] = []
    for code in Levenshtein.opcodes(printed, read):
        if code.tag == "equal":
            continue
        run = (code.src_start, code.src_end, code.dest_start, code.dest_end)
        if runs and (runs[-1][1], runs[-1][3]) == (run[0], run[2]):
            run = (runs[-1][0], run[1], runs[-1][2], run[3])
            runs.pop()
        runs.append(run)
    return runs


def _pieces(printed: str, start: int, end: int, read: str) -> Iterator[tuple[str, str]]:
    """Yield the misreadings of ``printed[start:end]``, which was read as ``read``."""
    piece = printed[start:end]
    if len(piece) == len(read) > 1:
        yield from zip(piece, read, strict=True)
    if len(piece) > MAX_PIECE or len(read) > MAX_PIECE or (not piece and not start):
        return
    if not piece:  # what was read too much belongs to the character before it
        before = printed[start - 1]
        piece, read = before, before + read
    if len(read) <= MAX_PIECE:
        yield piece, read


def costs(
    misreadings: Mapping[tuple[str, str], int], printed_pieces: Mapping[str, int]
) -> dict[str, dict[str, float]]:
    """Return the costs in nats, by printed piece and read piece."""
    found: dict[str, dict[str, float]] = {}
    for (printed, read), count in sorted(misreadings.items()):
        if count >= MIN_COUNT and printed_pieces.get(printed):
            share = (count + PRIOR_COUNT) / (printed_pieces[printed] + PRIOR_OCCURRENCES)
            found.setdefault(printed, {})[read] = round(-math.log(share), DECIMALS)
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    lines = (pair for file in options.pairs for pair in pairs_of(file))
    provenance = {
        "program": "models/corrector/fit_channel.py",
        "set": ", ".join(file.name for file in options.pairs),
        "fitted": time.strftime("%Y-%m-%d"),
    }
    content = {"format": FORMAT, "provenance": provenance, "costs": costs(*counted(lines))}
    options.out.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
