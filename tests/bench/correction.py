"""`make bench-correction`: measure what the built-in corrector adds to the time of OCR.

    python -m bench.correction [--pages 20] [--rounds 3] [--engine rapidocr] [--json FILE]

The bench measures a PDF of 20 pages from the drop to the sidecar, without and with correction in turn, and then a
single page, whose correction can overlap with nothing but its own lines.
"""

import argparse
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

from bench.peers import DATA
from bench.peers_pages import BOOK_PAGES, documents
from bench.peers_ways import Run, daemon
from bench.results import Results, Row, Target, told

SEED = 6  # chooses the pages and their order


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description="the built-in corrector's share of a document's time")  # fmt: skip
    parser.add_argument("--pages", type=int, default=BOOK_PAGES, help="of the PDF, at least 20")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="rapidocr", choices=("tesseract", "rapidocr"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    rotate = options.engine == "rapidocr"
    rows: list[Row] = []
    targets = []
    with tempfile.TemporaryDirectory() as home:
        made = documents(Path(home, "pages"), DATA, options.pages + 1, SEED)
        book, single = (choose(made, key=lambda d: d.pages) for choose in (max, min))
        for given in (book, single):
            pairs = []
            for _ in range(options.rounds):
                way = partial(daemon, options.engine, cores, rotate, [given], single)
                pair = [way(correct=on) for on in (False, True)]
                print(*(_said(run) for run in pair), sep="; ", flush=True)
                pairs.append(pair)
            rows += [_row([pair[at] for pair in pairs]) for at in (0, 1)]
            name = f"with the corrector / without, {options.engine}, {cores} cores, {given.pages} page(s)"  # fmt: skip
            ratio = statistics.median(on.seconds / off.seconds for off, on in pairs)
            targets.append(Target(f"{name}, seconds", 1.15, ratio, False))
            ratio = statistics.median(on.cpu / off.cpu for off, on in pairs)
            targets.append(Target(f"{name}, CPU seconds", 1.15, ratio, False))
    for target in targets:
        print(told(target))
    if options.json:
        Results("correction", "Correction beside OCR", rows, targets).write(options.json)


def _said(run: Run) -> str:
    return f"{run.way}: {run.pages} page(s) {run.seconds:.2f} s, {run.cpu:.2f} s of CPU"


def _row(runs: list[Run]) -> Row:
    return {
        "engine": runs[0].engine,
        "cores": f"{runs[0].cores}",
        "way": runs[0].way,
        "pages": f"{runs[0].pages}",
        "seconds": statistics.median(run.seconds for run in runs),
        "CPU s": statistics.median(run.cpu for run in runs),
        "peak MiB (PSS)": statistics.median(run.peak for run in runs) / 2**20,
    }


if __name__ == "__main__":
    main()
