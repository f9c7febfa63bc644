"""Run the daemon for the scale bench: start it, observe it from outside, then read its journal."""

import contextlib
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from running import Tree
from scanmend.errors import NULL_ALLOWED

HERE = Path(__file__).resolve().parent
STATUS_EVERY = 5.0


@dataclass(slots=True)
class Watched:
    """The measurements of a daemon from outside."""

    rss: list[tuple[float, float]] = field(default_factory=list)  # (seconds since the start, MiB)
    children: float = 0.0  # MiB, the peak of the sum of all children
    # wall and CPU seconds of each `scanmend status`; on a busy machine the CPU seconds are the fairer figure
    status: list[tuple[float, float]] = field(default_factory=list)
    cpu: float = 0.0  # seconds of the daemon itself
    wall: float = 0.0
    probe: dict[str, Any] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, float | None]:
        """Return the times in which `scanmend status` answered during the run."""
        if not self.status:
            return {}
        wall, cpu = zip(*self.status, strict=True)
        return {
            "status s (median)": round(statistics.median(wall), 3),
            "status s (most)": round(max(wall), 3),
            "status CPU s (median)": round(statistics.median(cpu), 3),
        }

    @property
    def peak(self) -> float:
        """Return the peak of the daemon's memory in MiB."""
        return max((mib for _, mib in self.rss), default=0.0)


@contextlib.contextmanager
def daemon(tree: Tree, preload: str | None = None, probe: bool = False) -> Iterator[Watched]:
    """Run the daemon with the null engine during the block; after it, the probe's figures are complete."""
    seen = Watched()
    env: dict[str, str] = {}
    program: list[str] = ["-m", "scanmend"]
    if probe:
        env["SCALE_PROBE"] = str(tree.home / "probe.json")
        program = [str(HERE / "scale_probe.py")]
        if preload:
            env["LD_PRELOAD"] = preload
    os.environ[NULL_ALLOWED] = "1"  # `scanmend status` needs it, too
    begun = time.monotonic()
    process = tree.start(program, False, (), **env)
    stop = threading.Event()
    sampler = threading.Thread(target=_sample, args=(tree, process.pid, seen, stop, begun))
    sampler.start()
    try:
        yield seen
    finally:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(process.pid).cpu_times()
            seen.cpu = times.user + times.system
        seen.wall = time.monotonic() - begun
        stop.set()
        sampler.join()
        tree.stop(process)
    if probe:
        seen.probe = json.loads((tree.home / "probe.json").read_text())


def _sample(tree: Tree, pid: int, seen: Watched, stop: threading.Event, begun: float) -> None:
    me, status_at = psutil.Process(pid), 2.0
    while not stop.wait(0.25):
        with contextlib.suppress(psutil.Error):
            now = time.monotonic() - begun
            seen.rss.append((round(now, 2), me.memory_info().rss / 2**20))
            of_children = [c.memory_info().rss for c in me.children(recursive=True)]
            seen.children = max(seen.children, sum(of_children) / 2**20)
            if now >= status_at:
                seen.status.append(status_seconds(tree))
                status_at = time.monotonic() - begun + STATUS_EVERY


def status_seconds(tree: Tree) -> tuple[float, float]:
    """Return wall and CPU seconds of `scanmend status`, the interpreter's start included."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "scanmend", "--config", str(tree.config), "status", "--json"]
    subprocess.run(command, check=True, capture_output=True, cwd=tree.home)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, cpu


def done(tree: Tree, since: int = 0) -> int:
    """Return the number of documents that the journal has moved to ``done`` after the move number ``since``."""
    return len(done_at(tree, since))


def done_at(tree: Tree, since: int = 0) -> list[float]:
    """Return the time at which each document was done, in order, in seconds since the epoch."""
    query = "SELECT at FROM moves WHERE rowid > ? AND new = 'done' ORDER BY rowid"
    return [row[0] for row in rows(tree, query, since)]


def rows(tree: Tree, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query to the journal, beside the daemon."""
    path = tree.state / "journal.sqlite"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(query, values).fetchall()


def wait_done(tree: Tree, count: int, since: int = 0, limit: float = 3600.0) -> bool:
    """Wait until ``count`` documents are done. Return False if the ``limit`` (seconds) is over first."""
    deadline = time.monotonic() + limit
    while done(tree, since) < count:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)
    return True


def said(tree: Tree, event: str) -> list[float]:
    """Return the times at which the daemon logged this event, in seconds since the epoch."""
    found = []
    with open(tree.log) as file:
        for line in file:
            if event in line and line.startswith("{"):
                entry = json.loads(line)
                if entry.get("event") == event:
                    found.append(datetime.fromisoformat(entry["timestamp"]).timestamp())
    return found


def curve(moments: list[float], parts: int = 10) -> list[float]:
    """Return the milliseconds per document in each of ``parts`` equal parts of the documents."""
    size = max(1, len(moments) // parts)
    return [
        round((moments[n + size - 1] - moments[n - 1]) / size * 1000, 2)
        for n in range(size, len(moments) - size + 1, size)
    ]
