"""`make bench-fairness`: measure how long short and long documents wait for each other.

    python -m bench.fairness [--pages 500] [--engine tesseract] [--every 5] [--json FILE]

The bench measures receipts on an idle daemon, a book alone, both together, and a document of a few pages while more
receipts arrive than the daemon can process. Correction is off. One daemon serves all parts, so that everything is
loaded.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers_pages import DEFAULT_DPI
from bench.peers_ways import DAEMON
from bench.results import Plot, Results, Row, Target, told
from running import ROOT, Tree, new_tree
from samples import LETTER, page

RECEIPTS = ROOT.parent / "shared" / "data" / "receipts"
IDLE_RECEIPTS = 12  # receipts on the idle daemon
# pixels: A4 at 150 dpi, full of text, so that many receipts arrive while the book is read
PAGE_SIZE = (1240, 1754)
STREAM_PAGES = 4  # pages of the document behind the stream
RECEIPTS_PER_WORKER = 3  # receipts that wait for each worker at any time
LIMIT_SECONDS = 3600.0  # time limit for one document


class Bench:
    """The daemon under test, and the files to drop."""

    def __init__(self, tree: Tree, pages: int) -> None:
        """Write a book of ``pages`` pages."""
        self._made = tree
        self._receipts = itertools.cycle(_receipts())
        self._numbers = itertools.count()
        self.book = tree.home / "book.pdf"
        _write_book(self.book, pages)

    def drop(self, source: Path) -> Path:
        """Put a copy into the inbox. Return the path of its sidecar."""
        name = f"{next(self._numbers):05}-{source.stem}"
        copy = self._made.home / f"{name}{source.suffix}"
        shutil.copyfile(source, copy)
        copy.rename(self._made.inbox / copy.name)
        return self._made.outbox / f"{name}.json"

    def receipt(self) -> Path:
        """Drop the next receipt. Return the path of its sidecar."""
        return self.drop(next(self._receipts))

    def wait(self, sidecar: Path) -> float:
        """Wait for a sidecar. Return the time of its rename into place, in seconds since the epoch."""
        self._made.eventually(sidecar.exists, LIMIT_SECONDS)
        return sidecar.stat().st_ctime

    def took(self, source: Path) -> float:
        """Return the seconds from the drop of a file to its result."""
        began = time.time()
        return self.wait(self.drop(source)) - began

    def idle(self) -> list[float]:
        """Return the seconds that each receipt takes on an idle daemon, dropped one after the other."""
        return [self.took(next(self._receipts)) for _ in range(IDLE_RECEIPTS)]

    def beside(self, every: float) -> tuple[float, list[float], float]:
        """Drop the book, and a receipt every ``every`` seconds.

        Return the seconds of the book, those of each receipt, and the p95 of the book's pages.
        """
        began = time.time()
        book = self.drop(self.book)
        dropped: list[tuple[float, Path]] = []
        while not book.exists():
            dropped.append((time.time(), self.receipt()))
            next_drop = time.monotonic() + every
            while time.monotonic() < next_drop and not book.exists():
                time.sleep(0.05)
        waits = [self.wait(sidecar) - moment for moment, sidecar in dropped]
        pages = json.loads(book.read_text("utf-8"))["pages"]
        seconds = [sum(page["seconds"].values()) for page in pages]
        return self.wait(book) - began, waits, p95(seconds)

    def stream(self, workers: int, most: float) -> tuple[float, int]:
        """Drop a document behind an endless stream of receipts.

        Return its seconds, at most ``most``, and the number of receipts that were published before it.
        """
        waiting = [self.receipt() for _ in range(RECEIPTS_PER_WORKER * workers)]
        short = self._made.home / "short.pdf"
        _write_book(short, STREAM_PAGES)
        began = time.time()
        sidecar, done = self.drop(short), 0
        while not sidecar.exists() and time.time() - began < most:
            left = [path for path in waiting if not path.exists()]
            done += len(waiting) - len(left)
            waiting = left + [
                self.receipt() for _ in range(RECEIPTS_PER_WORKER * workers - len(left))
            ]
            time.sleep(0.02)
        ended = sidecar.stat().st_ctime if sidecar.exists() else began + most
        for path in waiting:
            self.wait(path)
        return ended - began, done


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def _receipts() -> Iterator[Path]:
    real = sorted(RECEIPTS.glob("*.jpg"))[2:10]  # receipts of the usual size
    if real:
        yield from real
        return
    folder = Path(tempfile.gettempdir())
    tree = folder / f"scanmend-receipt-{os.getpid()}.png"
    page([*LETTER] * 4, size=(1000, 1200)).save(tree, dpi=(DEFAULT_DPI, DEFAULT_DPI))
    yield tree


def _write_book(path: Path, pages: int) -> None:
    images = [page([f"Page {number + 1}", *LETTER * 6], size=PAGE_SIZE) for number in range(pages)]
    images[0].save(path, save_all=True, append_images=images[1:], resolution=150)


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description="who waits for whom")
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--engine", default="tesseract", choices=("tesseract", "rapidocr"))
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two receipts")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    more = DAEMON.format(
        engine=options.engine, workers=workers, rotate="false", llm="enabled: false"
    )
    with tempfile.TemporaryDirectory() as home, new_tree(Path(home, "tree"), more) as tree:
        process = tree.start()
        results = measure(Bench(tree, options.pages), options, workers)
        tree.stop(process)
    for target in results.targets:
        print(told(target))
    if options.json:
        results.write(options.json)


def measure(bench: Bench, options: argparse.Namespace, workers: int) -> Results:
    """Run all parts in order. Return their results."""
    for wait in [bench.receipt() for _ in range(workers + 1)]:
        bench.wait(wait)  # more documents than workers, so that each worker has read a page
    idle = bench.idle()
    print(f"receipt, idle: median {statistics.median(idle):.2f} s, p95 {p95(idle):.2f} s", flush=True)  # fmt: skip
    alone = bench.took(bench.book)
    print(f"book of {options.pages} pages alone: {alone:.1f} s", flush=True)
    together, waits, in_hand = bench.beside(options.every)
    print(
        f"book with {len(waits)} receipts: {together:.1f} s; receipts: median"
        f" {statistics.median(waits):.2f} s, p95 {p95(waits):.2f} s; page in hand {in_hand:.2f} s",
        flush=True,
    )
    own = (
        len(waits) * statistics.mean(idle) / workers
    )  # the time of the receipts, divided among the workers
    streamed, overtook = bench.stream(workers, most=600)
    print(f"{STREAM_PAGES} pages in an endless stream: {streamed:.1f} s, {overtook} receipts overtook", flush=True)  # fmt: skip
    name = f"{options.engine}, {workers} cores"
    rows: list[Row] = [
        {"what": f"receipt, idle, {name}", "seconds": statistics.median(idle), "p95 s": p95(idle)},
        {"what": f"receipt beside the book, {name}", "seconds": statistics.median(waits), "p95 s": p95(waits)},
        {"what": f"book of {options.pages} pages alone, {name}", "seconds": alone, "p95 s": None},
        {"what": f"book of {options.pages} pages, a receipt every {options.every:g} s, {name}", "seconds": together, "p95 s": None},
        {"what": f"{STREAM_PAGES} pages in an endless stream of receipts, {name}", "seconds": streamed, "p95 s": None},
    ]  # fmt: skip
    targets = [
        Target("receipt beside the book: p95 less the page in hand, over p95 idle", 2.0, (p95(waits) - in_hand) / p95(idle), False),
        Target("book with receipts less their own work, over the book alone", 1.1, (together - own) / alone, False),
    ]  # fmt: skip
    plot = Plot("fairness", "A receipt's seconds while a book is in work", "s", [("receipt", 5.0 * n, wait) for n, wait in enumerate(waits)], x="seconds after the book's drop")  # fmt: skip
    note = f"{len(waits)} receipts; the book's page in hand took {in_hand:.2f} s (p95); {overtook} receipts went before the last page of the {STREAM_PAGES}."
    return Results("fairness", "Fairness", rows, targets, [plot], [note])


if __name__ == "__main__":
    main()
