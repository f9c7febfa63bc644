"""Measure the ways from a file to its text that the peers bench compares, all by the same rule.

Every way has loaded its models and read a page before the measurement begins. All documents arrive at once, like a
morning's pile of scans, and a document is done when its text exists.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.peers_pages import Document
from running import Tree, new_tree

LOOP = Path(__file__).parent / "peers_loop.py"
LIMIT_SECONDS = 3600.0  # time limit for one way
ONE_THREAD = {  # the environment of the daemon's OCR children, with a worker for each core
    "SCANMEND_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
DAEMON = """\
settle: {{quiet: 2s}}
watch: {{reconcile_interval: 5m}}
ocr: {{engine: {engine}, workers: {workers}, rotate: {rotate}, idle_unload: 10m}}
llm: {{{llm}}}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """The cost of one way. ``waits`` has the seconds from the drop to the result of each document."""

    way: str
    engine: str
    cores: int
    pages: int
    seconds: float
    cpu: float
    peak: int  # bytes; sum of all processes' proportional set sizes (PSS)
    waits: tuple[float, ...]

    @property
    def speed(self) -> float:
        """Return pages a second."""
        return self.pages / self.seconds

    @property
    def cost(self) -> float:
        """Return CPU seconds a page."""
        return self.cpu / self.pages

    def wait(self, share: float) -> float:
        """Return the seconds below which this share of the waits lies."""
        return sorted(self.waits)[min(len(self.waits) - 1, int(share * len(self.waits)))]


def pinned(cores: int) -> list[str]:
    """Return the start of a command line that limits a program to this number of cores."""
    mine = sorted(os.sched_getaffinity(0))[:cores]
    return ["taskset", "-c", ",".join(map(str, mine))]


def engine_alone(engine: str, cores: int, rotate: bool, given: Sequence[Document]) -> Run:
    """Measure (a), the limit: scanmend's engine and its preparation of a page in a loop, a process for each core."""
    items = [(str(d.path), number) for d in given for number in range(d.pages)]
    job = {"reader": "ours", "engine": engine, "rotate": rotate, "processes": cores}
    return _loop("engine alone", engine, cores, given, items, job, env=ONE_THREAD)


def library(python: str, cores: int, given: Sequence[Document]) -> Run:
    """Measure ``RapidOCR()(image)`` on lossless pictures, in one process for each core."""
    items = [(str(picture), 0) for d in given for picture in d.pictures]
    job = {"reader": "library", "processes": cores}
    return _loop("RapidOCR()(image)", "rapidocr", cores, given, items, job, python)


def ocrmypdf(
    python: str, way: str, cores: int, processes: int, given: Sequence[Document], **options: Any
) -> Run:
    """Measure (c), OCRmyPDF in its own virtual environment; ``options`` are those of ``ocrmypdf.ocr``."""
    items = [(str(d.path), 0) for d in given]
    job = {"reader": "ocrmypdf", "processes": processes, "options": options}
    return _loop(way, "tesseract", cores, given, items, job, python)


def _loop(
    way: str,
    engine: str,
    cores: int,
    given: Sequence[Document],
    items: Sequence[tuple[str, int]],
    job: dict[str, Any],
    python: str = sys.executable,
    env: Mapping[str, str] | None = None,
) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        job |= {"items": items, "warm": items[:1], "folder": folder}
        process = subprocess.Popen(
            [*pinned(cores), python, str(LOOP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, **(env or {})}, start_new_session=True,
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            print(json.dumps(job), file=process.stdin, flush=True)
            assert process.stdout.readline() == "ready\n", f"{way}: it did not start"
            with Meter(process.pid) as meter:
                print("go", file=process.stdin, flush=True)
                said = json.loads(process.stdout.readline())
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                # after a failure, some processes still wait
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    moments = _by_document(items, dict(said["ended"]))
    waits = tuple(moment - said["began"] for moment in moments)
    pages = sum(d.pages for d in given)
    return Run(way, engine, cores, pages, max(waits), meter.cpu, meter.peak, waits)


def _by_document(items: Sequence[tuple[str, int]], ended: Mapping[int, float]) -> list[float]:
    """Return the time at which the last page of each file was done."""
    moments: dict[str, float] = {}
    for number, moment in ended.items():
        path = items[number][0]
        moments[path] = max(moment, moments.get(path, 0.0))
    return list(moments.values())


def daemon(
    engine: str,
    cores: int,
    rotate: bool,
    given: Sequence[Document],
    warm: Document,
    correct: bool = False,
) -> Run:
    """Measure (b), the daemon on this number of cores, from the drop to the sidecar, with full durability."""
    llm = "model: builtin" if correct else "enabled: false"
    more = DAEMON.format(engine=engine, workers=cores, rotate=str(rotate).lower(), llm=llm)
    with tempfile.TemporaryDirectory() as folder, new_tree(Path(folder, "tree"), more) as tree:
        shutil.rmtree(tree.home / "profiles")
        shutil.copytree(Path(__file__).parents[2] / "etc" / "profiles", tree.home / "profiles")
        process = tree.start(before=pinned(cores))
        before = _beside(tree, [warm.path] * (cores + 1), "warm-")
        ready = _beside(tree, [d.path for d in given])
        _drop(tree, before)  # more documents than workers, so that each worker has read a page
        _all_there(tree, len(before))
        with Meter(process.pid) as meter:
            began = time.time()
            _drop(tree, ready)
            _all_there(tree, len(before) + len(given))
        tree.stop(process)
        # a sidecar's ctime is the time of its rename into place
        waits = tuple(
            path.stat().st_ctime - began
            for path in tree.outbox.glob("*.json")
            if not path.name.startswith("warm-")
        )
    way = "daemon, correcting" if correct else "daemon"
    pages = sum(d.pages for d in given)
    return Run(way, engine, cores, pages, max(waits), meter.cpu, meter.peak, waits)


def _beside(tree: Tree, paths: Iterable[Path], prefix: str = "") -> list[Path]:
    """Copy the files to the inbox's file system under new names. Return the copies."""
    copies = []
    for number, path in enumerate(paths):
        copies.append(tree.home / f"{prefix}{number:03}{path.suffix}")
        shutil.copyfile(path, copies[-1])
    return copies


def _drop(tree: Tree, paths: Iterable[Path]) -> None:
    for path in paths:
        path.rename(tree.inbox / path.name)


def _all_there(tree: Tree, count: int) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while sum(name.endswith(".json") for name in _names(tree.outbox)) < count:
        assert time.monotonic() < deadline, tree.log_text()[-3000:]
        assert not _names(tree.failed), tree.log_text()[-3000:]
        time.sleep(0.1)


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.exists() else []
