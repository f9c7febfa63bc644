"""`make bench-daemon`: measure one page by itself, and how well the engines read.

    python -m bench.daemon [--json FILE]

The bench measures the time to start, the seconds from a page's last byte to its sidecar, the cost of an idle daemon and
the listing of a large inbox. Where ../shared/data is there, it adds word F1, order-sensitive CER and seconds a page of
each engine.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench import quality
from bench.peers import DATA
from bench.results import Results, Row, table
from running import Tree, new_tree
from samples import encoded, page
from scanmend.intake.scanner import Scanner, SliceEnd

IDLE_SECONDS = 20
REPEATS = 9
MANY = 100_000
Found = tuple[str, float, str]  # name of the measurement, value, unit


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description="what scanmend does and costs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[Row] = [
        {"what": f"{what}, {unit}", "value": value}
        for what, value, unit in (*_daemon(), *_listing())
    ]
    if DATA.is_dir():
        rows += [*_quality("rapidocr"), *_quality("tesseract")]
    print("\n".join(table(rows)))
    if options.json:
        notes = (
            []
            if DATA.is_dir()
            else ["The engines' reading is not measured: ../shared/data is not there."]
        )
        Results("daemon", "One page, and the engines' reading", rows, notes=notes).write(
            options.json
        )


def _quality(engine: str) -> Iterator[Row]:
    scores = quality.scores(quality.find(str(DATA), None), engine)
    for kind, one in quality.by_kind(scores).items():
        yield {
            "engine": engine,
            "kind": kind,
            "pages": one.pages,
            "word F1": one.f1,
            "CER": one.cer,
            "s a page": one.seconds / one.pages,
        }


def _listing() -> Iterator[Found]:
    """Measure the listing of a large inbox whose files are all known, as polling does every 5 seconds."""
    with tempfile.TemporaryDirectory() as home:
        for number in range(MANY):
            os.close(os.open(f"{home}/kept-{number:06}.pdf", os.O_CREAT))
        scanner = Scanner(os.fsencode(home), lambda *_: None)
        for path in scanner.scan(5.0, hurry=True):
            if not isinstance(path, SliceEnd):
                scanner.mark_in_order(path)
        Path(home, "new.pdf").touch()
        began = time.process_time()
        looked = list(scanner.scan(5.0, hurry=False))
        seconds = time.process_time() - began
        assert b"new.pdf" in looked
        yield f"listing {MANY:,} known files", seconds, "s of CPU"
        yield (
            "  of them looked at again",
            float(sum(not isinstance(path, SliceEnd) for path in looked)),
            "files",
        )


def _daemon() -> Iterator[Found]:
    with (
        tempfile.TemporaryDirectory() as home,
        new_tree(Path(home), "ocr: {workers: 1, idle_unload: 3s}") as tree,
    ):
        started = time.monotonic()
        process = tree.start()
        yield "time to start", time.monotonic() - started, "s"
        overheads = [_drop(tree, number) for number in range(REPEATS)]
        beyond = [whole - engine for whole, engine in overheads]
        whole = statistics.median(whole for whole, _ in overheads)
        yield "one page, last byte to sidecar (median)", whole, "s"
        yield "  beyond the time in the engine (median)", statistics.median(beyond), "s"
        yield "  beyond the time in the engine (most)", max(beyond[1:]), "s"
        me = psutil.Process(process.pid)
        tree.eventually(lambda: me.children(recursive=True) == [], 60)
        before = me.cpu_times()
        switches = me.num_ctx_switches()
        time.sleep(IDLE_SECONDS)  # the measured time, in which nothing happens
        after, switched = me.cpu_times(), me.num_ctx_switches()
        busy = after.user + after.system - before.user - before.system
        yield "idle daemon, RSS", me.memory_info().rss / 2**20, "MiB"
        yield "idle daemon, CPU", busy / IDLE_SECONDS * 100, "% of a core"
        wakes = (switched.voluntary - switches.voluntary) / IDLE_SECONDS
        yield "idle daemon, wake-ups", wakes, "a second"
        tree.stop(process)


def _drop(tree: Tree, number: int) -> tuple[float, float]:
    """Return the seconds from the close of a one-page PNG to its sidecar, and the engine's share of them in seconds."""
    data = encoded("png", [page()])
    path = tree.inbox / f"scan-{number}.png"
    with open(path, "wb") as file:
        file.write(data)
    closed = time.time()
    sidecar = tree.outbox / f"scan-{number}.json"
    tree.eventually(sidecar.exists)
    took = sidecar.stat().st_mtime - closed
    return took, sum(json.loads(sidecar.read_text())["seconds"].values())


if __name__ == "__main__":
    main()
