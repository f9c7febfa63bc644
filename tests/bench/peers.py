"""`make bench-peers`: compare the daemon with the bare engine and with OCRmyPDF, on the same pages.

    python -m bench.peers [--pages 120] [--few 12] [--rounds 2] [--only tesseract|rapidocr] [--json FILE]

(a) is scanmend's engine in a loop, a process for each core: the limit. (b) is the daemon, from the drop to the sidecar,
with correction off. (c) is OCRmyPDF with a sidecar: one file after the other as its watcher works, N in parallel, and N
in parallel without a PDF, which is its fastest mode. With one core, and for RapidOCR by itself, there are fewer pages.

Each round draws new pages, because chance decides which page comes last, when the other cores have no more work. (a) and
(b) swap their order each round, in case the machine becomes slower or faster. OCRmyPDF has one round, because its result
is far from the others. With Tesseract, pages are not turned upright (OCRmyPDF does so only on request); with RapidOCR,
(a) and (b) turn them.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.peers_install import install
from bench.peers_pages import Document, documents
from bench.peers_ways import Run, daemon, engine_alone, library, ocrmypdf
from bench.results import Plot, Results, Row, Target, told

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
WATCHER, SIDE_BY_SIDE, TEXT_ONLY = (
    "OCRmyPDF, one after the other",
    "OCRmyPDF, side by side",
    "OCRmyPDF, side by side, no PDF",
)
Way = Callable[[], Run]


def main() -> None:
    """Measure, print the figures and write them."""
    options = _options()
    python, versions = install()
    with tempfile.TemporaryDirectory() as home:
        runs = []
        for number in range(options.rounds):
            given = documents(Path(home, f"{number}"), DATA, options.pages, number)
            for way in _ways(options, python, given, number):
                runs.append(way())
                print(_said(number, runs[-1]), flush=True)
    results = Results(
        "peers", "The limit and the peers", rows(runs), targets(runs), plots(runs), _notes(options, given), versions
    )  # fmt: skip
    for target in results.targets:
        print(told(target))
    if options.json:
        results.write(options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="scanmend beside the bare engine and OCRmyPDF")
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--few", type=int, default=12, help="pages with one core, and for RapidOCR()(image)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=2, help="so often, but OCRmyPDF; medians are told")  # fmt: skip
    parser.add_argument("--only", choices=("tesseract", "rapidocr"))
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _ways(
    options: argparse.Namespace, python: str, given: Sequence[Document], number: int
) -> Iterator[Way]:
    """Run all ways and yield their results; ways that are compared with each other run next to each other."""
    few = [d for d in given if d.pages == 1][: options.few]
    powers = {2**n for n in range(options.cores.bit_length())}
    for cores in sorted({n for n in powers if n < options.cores} | {options.cores}):
        pile = given if cores > 1 else few
        if options.only != "rapidocr":
            yield from _both("tesseract", cores, False, pile, few[0], number)
            if number == 0:
                yield partial(ocrmypdf, python, WATCHER, cores, 1, pile, jobs=cores)
            if number == 0 and cores > 1:
                beside = partial(ocrmypdf, python, processes=cores, cores=cores, given=pile, jobs=1)
                yield partial(beside, way=SIDE_BY_SIDE)
                yield partial(beside, way=TEXT_ONLY, output_type="none")
        if options.only != "tesseract":
            yield from _both("rapidocr", cores, True, pile, few[0], number)
    if options.only != "tesseract":
        yield partial(engine_alone, "rapidocr", options.cores, True, few)
        yield partial(library, python, options.cores, few)


def _both(
    engine: str, cores: int, rotate: bool, pile: Sequence[Document], warm: Document, number: int
) -> Sequence[Way]:
    """Return the results of (a) and (b), which swap their order each round."""
    ways: list[Way] = [
        partial(engine_alone, engine, cores, rotate, pile),
        partial(daemon, engine, cores, rotate, pile, warm),
    ]
    return ways if number % 2 == 0 else ways[::-1]


def _said(number: int, run: Run) -> str:
    return (
        f"{number} {run.engine:10} {run.cores} cores  {run.way:32} {run.pages:4} pages {run.speed:7.3f} pages/s"
        f" {run.cost:7.3f} CPU s/page {run.peak / 2**20:6.0f} MiB  p50 {run.wait(0.5):6.1f} s  p95 {run.wait(0.95):6.1f} s"
    )


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each way, with the medians of the rounds."""
    return [
        {
            "engine": engine,
            "cores": f"{cores}",
            "way": way,
            "pages": f"{pages}",
            "pages/s": _middle(same, lambda run: run.speed),
            "CPU s/page": _middle(same, lambda run: run.cost),
            "peak MiB (PSS)": _middle(same, lambda run: run.peak / 2**20),
            "p50 s": _middle(same, lambda run: run.wait(0.5)),
            "p95 s": _middle(same, lambda run: run.wait(0.95)),
        }
        for (engine, cores, way, pages), same in _by_way(runs).items()
    ]


Key = tuple[str, int, str, int]


def _by_way(runs: Sequence[Run]) -> dict[Key, list[Run]]:
    found: dict[Key, list[Run]] = {}
    for run in runs:
        found.setdefault((run.engine, run.cores, run.way, run.pages), []).append(run)
    return found


def _middle(runs: Sequence[Run], value: Callable[[Run], float]) -> float:
    return statistics.median(map(value, runs))


def targets(runs: Sequence[Run]) -> list[Target]:
    """Return the targets: each is a ratio within a round, as the median over all rounds."""
    found = []
    ways = _by_way(runs)
    for (engine, cores, way, pages), same in ways.items():
        if way == "RapidOCR()(image)":
            ours = ways[engine, cores, "engine alone", pages]
            name = f"our engine / RapidOCR()(image), {cores} cores"
            found.append(Target(f"{name}, pages/s", 2.0, _ratio(ours, same, speed=True), True))
            continue
        ours = ways.get((engine, cores, "daemon", pages), [])
        if way == "daemon" or not ours:
            continue
        name = f"daemon / {way}, {engine}, {cores} cores"
        limit = 0.97 if way == "engine alone" else 1.5
        found.append(Target(f"{name}, pages/s", limit, _ratio(ours, same, speed=True), True))
        if way != "engine alone":
            cost = _ratio(ours, same, speed=False)
            found.append(Target(f"{name}, CPU s/page", 0.7, cost, False))
    return found


def _ratio(ours: Sequence[Run], theirs: Sequence[Run], *, speed: bool) -> float:
    return statistics.median(
        our.speed / their.speed if speed else our.cost / their.cost
        for our, their in zip(ours, theirs, strict=False)  # some ways run in the first round only
    )


def plots(runs: Sequence[Run]) -> list[Plot]:
    """Return the plots of speed and cost, a bar for each way."""
    ways = _by_way(runs)
    names = {key: f"{key[0]}, {key[1]} cores: {key[2]}" for key in ways}
    speed = [("", names[key], _middle(same, lambda run: run.speed)) for key, same in ways.items()]
    cost = [("", names[key], _middle(same, lambda run: run.cost)) for key, same in ways.items()]
    return [
        Plot("peers-speed", "Pages a second", "pages/s", speed),
        Plot("peers-cost", "CPU seconds a page", "s", cost),
    ]


def _notes(options: argparse.Namespace, given: Sequence[Document]) -> list[str]:
    kinds = {kind: sum(d.kind == kind for d in given) for kind in sorted({d.kind for d in given})}
    pile = ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
    source = "receipts and pages of ../shared/data" if DATA.is_dir() else "made-up pages"
    return [
        f"{pile}; {source}; all dropped at once, everything warm; {options.rounds} rounds, their pages drawn anew; OCRmyPDF: one.",
        "engine alone: scanmend's own opening, righting (RapidOCR only) and engine object in a loop, one process a core.",
        "Nobody turns pages with Tesseract. Memory: the proportional set sizes of all processes together, looked at each second.",
    ]


if __name__ == "__main__":
    main()
