"""`make bench-scale`: measure the daemon's own limit, with an engine that takes no time.

The bench measures how many documents a second the pipeline processes with full durability, without OCR and correction,
and how 1,000,000 rows, 100,000 files and 5,000 pages change that. ``--home`` chooses the disk; the time in fsync depends
on it and is reported separately.
"""

import argparse
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import scale_made as made
from bench import scale_run as run
from bench.results import Plot, Results, table

Rows = list[dict[str, Any]]
CURVE = "ms/document over the progress"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amounts that the parts process; ``seconds`` limits the time of each long part."""

    ceiling: int = 2_000
    journal: int = 1_000_000
    burst: int = 10_000
    backlog: int = 100_000
    pages: int = 5_000
    seconds: float = 150.0


QUICK = Sizes(200, 50_000, 500, 5_000, 300, 60.0)


@dataclass(frozen=True, slots=True)
class Bench:
    """The folder and the sizes of a part. ``shim`` is the library that counts calls of fsync."""

    home: Path
    sizes: Sizes
    shim: str | None


def ceiling(bench: Bench, journal: int = 0) -> Rows:
    """Measure documents a second from a full inbox, and the cost of each step, with ``journal`` old documents."""
    tree = made.tree(bench.home / f"ceiling-{journal}", made.cores())
    count = bench.sizes.ceiling
    if journal:
        made.fill_journal(tree.state, journal)
    made.documents(tree.inbox, count)
    place = _last_move(tree)
    with run.daemon(tree, bench.shim, probe=True) as seen:
        run.wait_done(tree, count, place, bench.sizes.seconds)
    moments = run.done_at(tree, place)
    total = {
        "what": "ceiling",
        "journal rows": journal,
        "documents": len(moments),
        "documents/s": round((len(moments) - 1) / (moments[-1] - moments[0]), 1),
        "daemon CPU ms/document": round(seen.cpu / len(moments) * 1000, 2),
        "daemon MiB": round(seen.peak),
        **seen.answers,
    }
    return [total, *_steps(seen, len(moments), journal)]


def _steps(seen: run.Watched, count: int, journal: int) -> Rows:
    rows = []
    for step, total in seen.probe["steps"].items():
        row: dict[str, Any] = {"what": "step", "journal rows": journal, "step": step}
        for key in ("wall", "cpu", "fsync", "lock", "child"):
            row[f"{key} ms"] = round(total[key] / count * 1000, 2)
        row["fsyncs"] = round(total["fsyncs"] / count, 2)
        rows.append(row)
    return rows


def burst(bench: Bench) -> Rows:
    """Measure the processing of many files that are dropped at once into the inbox of a running daemon."""
    tree = made.tree(bench.home / "burst", made.cores())
    count = bench.sizes.burst
    staged = bench.home / "staged"
    made.documents(staged, count)
    with run.daemon(tree) as seen:
        tree.eventually(lambda: '"ready"' in tree.log_text())
        dropped = time.time()
        staged.rename(tree.inbox / "dropped")
        run.wait_done(tree, count, limit=bench.sizes.seconds)
    return [_progress("dropped at once", count, tree, seen, dropped)]


def backlog(bench: Bench) -> Rows:
    """Measure the processing of many files that wait at the start; then a restart after most of them were claimed."""
    tree = made.tree(bench.home / "backlog", made.cores())
    count = bench.sizes.backlog
    made.documents(tree.inbox, count)
    begun = time.time()
    with run.daemon(tree) as seen:
        run.wait_done(tree, count, limit=bench.sizes.seconds)
    first = _progress("waiting at the start", count, tree, seen, begun)
    if first["documents"] == count:
        return [first]
    place, begun = _last_move(tree), time.time()
    tree.log.unlink()
    with run.daemon(tree) as seen:
        run.wait_done(tree, count, place, limit=bench.sizes.seconds / 4)
    return [first, _progress("taken up after a restart", count, tree, seen, begun, place)]


def _progress(
    what: str, count: int, tree: Any, seen: run.Watched, begun: float, place: int = 0
) -> dict[str, Any]:
    moments = run.done_at(tree, place)
    reads, published = run.said(tree, "page read"), run.said(tree, "published")
    return {
        "what": what,
        "files": count,
        "documents": len(moments),
        "documents/s": round(len(moments) / (moments[-1] - begun), 1),
        "first page read s": round(reads[0] - begun, 2),
        "first result after it s": round(min(p for p in published if p > reads[0]) - reads[0], 3),
        "daemon MiB": round(seen.peak),
        "children MiB": round(seen.children),
        **seen.answers,
        CURVE: " ".join(map(str, run.curve(moments))),
        "daemon CPU ms/document": round(seen.cpu / len(moments) * 1000, 2),
    }


def long_book(bench: Bench) -> Rows:
    """Measure the processing of a PDF of very many pages, and the daemon's memory while it keeps the pages."""
    tree = made.tree(bench.home / "book", made.cores())
    made.book(tree.inbox / "book.pdf", bench.sizes.pages)
    spooled = 0
    with run.daemon(tree) as seen:
        deadline = time.monotonic() + bench.sizes.seconds
        while not run.done(tree) and time.monotonic() < deadline:
            found = run.rows(tree, "SELECT count(*) FROM pages WHERE result IS NOT NULL")
            spooled = max(spooled, found[0][0] if found else 0)
            time.sleep(1.0)
    reads, published = run.said(tree, "page read"), run.said(tree, "published")
    third = len(seen.rss) // 3
    return [
        {
            "what": "a long PDF",
            "pages": bench.sizes.pages,
            "read": len(reads),
            "pages/s": round(len(reads) / (reads[-1] - reads[0]), 1),
            "published after the last page s": round(published[0] - reads[-1], 2)
            if published
            else None,
            "spooled in the journal": spooled,
            "daemon MiB (first, second, last third, most)": " ".join(
                str(round(max(mib for _, mib in part)))
                for part in (seen.rss[:third], seen.rss[third:-third], seen.rss[-third:], seen.rss)
            ),
            "children MiB": round(seen.children),
            **seen.answers,
        }
    ]


def pruning(bench: Bench) -> Rows:
    """Measure the pipeline with and without simultaneous pruning of the journal."""
    rows = []
    for keep in ("36500d", "2d"):
        tree = made.tree(bench.home / f"prune-{keep}", made.cores(), f"journal: {{keep: {keep}}}")
        made.fill_journal(tree.state, bench.sizes.journal, age=30 * 86400.0)
        made.documents(tree.inbox, bench.sizes.ceiling)
        place = _last_move(tree)
        with run.daemon(tree) as seen:
            run.wait_done(tree, bench.sizes.ceiling, place, bench.sizes.seconds)
            left = run.rows(tree, "SELECT documents FROM counts WHERE state = 'done'")[0][0]
        moments = run.done_at(tree, place)
        rows.append(
            {
                "what": "pruning" if keep == "2d" else "no pruning",
                "documents/s": round((len(moments) - 1) / (moments[-1] - moments[0]), 1),
                "rows forgotten": bench.sizes.journal * 999 // 1000 + len(moments) - left,
                "longest pause s": round(max(b - a for a, b in pairwise(moments)), 2),
                **seen.answers,
            }
        )
        shutil.rmtree(tree.home)
    return rows


def _last_move(tree: Any) -> int:
    found = run.rows(tree, "SELECT coalesce(max(rowid), 0) FROM moves")
    return int(found[0][0]) if found else 0


PARTS: dict[str, Callable[[Bench], Rows]] = {
    "ceiling": ceiling,
    "journal": lambda bench: ceiling(bench, bench.sizes.journal),
    "burst": burst,
    "backlog": backlog,
    "book": long_book,
    "pruning": pruning,
}


def _plot(rows: Rows) -> list[Plot]:
    """Return the plot of a document's cost over the progress through a backlog."""
    points = [
        (str(row["what"]), float(10 * n), float(value))
        for row in rows
        for n, value in enumerate(str(row.get(CURVE, "")).split(), 1)
    ]
    if not points:
        return []
    return [
        Plot("scale", "A document's cost over the progress", "ms", points, "% of the documents")
    ]


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the bench")
    parser.add_argument(
        "--home", help="a folder on the disk to measure on; default: the temp folder"
    )
    parser.add_argument("--seconds", type=float, help="bound of each long part")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    sizes = QUICK if options.quick else Sizes()
    if options.seconds:
        sizes = dataclasses.replace(sizes, seconds=options.seconds)
    rows: Rows = []
    for name in options.parts or PARTS:
        home = Path(tempfile.mkdtemp(prefix="scanmend-scale-", dir=options.home))
        try:
            found = PARTS[name](Bench(home, sizes, made.shim(home)))
            print("\n".join(["", *table(found)]), flush=True)
            rows += found
        finally:
            shutil.rmtree(home)
    if options.json:
        Results("scale", "The daemon by itself", rows, plots=_plot(rows)).write(Path(options.json))


if __name__ == "__main__":
    main()
