"""`make bench-cold`: measure the time to the first result, the imports before it, and the cost of an idle daemon.

The bench measures from the start of the process and, where it can boot a container (root, systemd-nspawn), from the
start of the service under a real systemd.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench import scale_made as made
from bench.results import Results, table
from bench.scale import Rows
from container import ROOT, Container, booted, impossible
from running import Tree
from samples import encoded, page
from scanmend.errors import NULL_ALLOWED
from scanmend.store.journal import Journal

PROGRAM = str(Path(sys.executable).parent / "scanmend")
HEAVY = ("rapidocr", "openvino", "aspose", "numpy", "PIL", "pypdfium2", "llama_cpp", "cv2")
STATE = "var/lib/scanmend"
REPEATS = 5
IDLE = 60.0


def imports(_quick: bool) -> Rows:
    """Measure the imports of the daemon's process before it works, and list the slowest packages."""
    timed = [
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import scanmend.cli.main, scanmend.pipeline.daemon",
    ]
    said = subprocess.run(timed, capture_output=True, text=True, check=True).stderr
    found = []
    for line in said.splitlines()[1:]:
        own, _, name = line.removeprefix("import time:").split("|")
        found.append((int(own), name.strip()))
    top: dict[str, int] = {}
    for microseconds, name in found:
        package = name.split(".")[0]
        top[package] = top.get(package, 0) + microseconds
    dearest = sorted(top, key=lambda name: -top[name])[:8]
    return [
        {
            "what": "imports",
            "modules": len(found),
            "ms": round(sum(own for own, _ in found) / 1000),
            "heavy ones": [name for name in HEAVY if name in top],
            "dearest, ms": [f"{name} {top[name] / 1000:.0f}" for name in dearest],
        }
    ]


def from_process(quick: bool) -> Rows:
    """Measure the time from the start of the process to ready and to the sidecar, with a page in the inbox."""
    rows = []
    for engine in ("null", "rapidocr"):
        measured = [_start_once(engine) for _ in range(2 if quick else REPEATS)]
        ready, first = zip(*measured, strict=True)
        rows.append(
            {
                "what": "from the process's start",
                "engine": engine,
                "ready s": round(statistics.median(ready), 2),
                "first result s": round(statistics.median(first), 2),
                "least s": round(min(first), 2),
            }
        )
    return rows


def _start_once(engine: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as home:
        tree = made.tree(Path(home) / "home", 1)
        text = tree.config.read_text().replace('"null"', engine if engine != "null" else '"null"')
        tree.config.write_text(text.replace("quiet: 500ms", "quiet: 2s"))
        (tree.inbox / "first.png").write_bytes(encoded("png", [page()]))
        begun = time.monotonic()
        process = tree.start(wait=False)
        tree.eventually(lambda: '"ready"' in tree.log_text())
        ready = time.monotonic() - begun
        tree.eventually((tree.outbox / "first.json").exists)
        first = time.monotonic() - begun
        tree.stop(process)
        return ready, first


def from_systemd(quick: bool) -> Rows:
    """Measure the time from `systemctl start` to the sidecar, with a page in the inbox."""
    why = impossible()
    if why:
        return [{"what": "from systemctl start", "not measured": why}]
    with tempfile.TemporaryDirectory() as home, booted(Path(home)) as machine:
        machine.run(PROGRAM, "install-service", "--no-start")
        config = machine.root / "etc/scanmend/scanmend.yaml"
        config.write_text(config.read_text().replace("auto_download: true", "auto_download: false"))
        dropin = machine.root / "etc/systemd/system/scanmend.service.d/test.conf"
        dropin.parent.mkdir()
        if str(ROOT).startswith("/tmp/"):
            dropin.write_text(f"[Service]\nBindReadOnlyPaths={ROOT} {sys.prefix}\n")
        machine.run("systemctl", "daemon-reload")
        measured = [_systemd_once(machine, number) for number in range(2 if quick else REPEATS)]
    started, first = zip(*measured, strict=True)
    return [
        {
            "what": "from systemctl start",
            "engine": "rapidocr",
            "started s": round(statistics.median(started), 2),
            "first result s": round(statistics.median(first), 2),
            "least s": round(min(first), 2),
        }
    ]


def _systemd_once(machine: Container, number: int) -> tuple[float, float]:
    (machine.root / STATE / "inbox").mkdir(parents=True, exist_ok=True)
    (machine.root / STATE / f"inbox/first-{number}.png").write_bytes(encoded("png", [page()]))
    begun = time.monotonic()
    machine.run("systemctl", "start", "scanmend")  # returns after the service has sent READY=1
    started = time.monotonic() - begun
    sidecar = machine.root / STATE / f"outbox/first-{number}.json"
    while not sidecar.exists():
        assert time.monotonic() - begun < 120, machine.run("systemctl", "status", "scanmend").stdout
        time.sleep(0.005)
    first = time.monotonic() - begun
    machine.run("systemctl", "stop", "scanmend")
    return started, first


def idle(quick: bool) -> Rows:
    """Measure the CPU time and the wake-ups of all threads while nothing happens."""
    many = 2_000 if quick else 100_000
    cases = (("native", 0), ("native", many), ("polling", 0), ("polling", many))
    return [_idle(method, entries, 10.0 if quick else IDLE) for method, entries in cases]


def _idle(method: str, entries: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        more = f"originals: keep\nwatch: {{method: {method}}}"
        tree = made.tree(Path(home) / "home", made.cores())
        kept = [line for line in tree.config.read_text().splitlines() if "watch:" not in line]
        tree.config.write_text("\n".join([*kept, more, ""]))
        _keep(tree, entries)
        process = tree.start(wait=False)
        tree.eventually(lambda: '"ready"' in tree.log_text())
        me = psutil.Process(process.pid)
        _settled(me)
        before, cpu = _switches(process.pid), me.cpu_times()
        time.sleep(seconds)  # the measured time, in which nothing happens
        after, used = _switches(process.pid), me.cpu_times()
        busy = used.user + used.system - cpu.user - cpu.system
        row = {
            "what": "idle",
            "watching": method,
            "entries": entries,
            "CPU % of a core": round(abs(busy) / seconds * 100, 2),
            "wake-ups/s": round((after - before) / seconds, 2),
            "threads": me.num_threads(),
            "children": len(me.children()),
            "MiB": round(me.memory_info().rss / 2**20),
        }
        tree.stop(process)
        return row


def _settled(me: psutil.Process) -> None:
    """Wait, at most a minute, for three seconds with hardly any CPU time: the first listing is over. Polling never stops."""
    last, deadline = -1.0, time.monotonic() + 60.0
    while (now := sum(me.cpu_times()[:2])) - last > 0.1 and time.monotonic() < deadline:
        last = now
        time.sleep(3.0)


def _keep(tree: Tree, count: int) -> None:
    """Fill the inbox with files that have been published and stay there."""
    made.documents(tree.inbox, count)
    tree.state.mkdir()
    Journal.open(str(tree.state)).close()
    db = sqlite3.connect(tree.state / "journal.sqlite")
    for parent, _, names in os.walk(os.fsencode(tree.inbox)):
        for name in names:
            status = os.lstat(os.path.join(parent, name))
            path = os.path.relpath(os.path.join(parent, name), os.fsencode(tree.inbox))
            db.execute(
                "INSERT INTO documents (path, size, mtime_ns, inode, state, reason, since, first_seen, kept)"
                " VALUES (?, ?, ?, ?, 'done', '', 1, 1, 1)",
                (path, status.st_size, status.st_mtime_ns, status.st_ino),
            )
    db.commit()
    db.close()


def _switches(process: int) -> int:
    """Return the voluntary context switches of all threads; each is a wake-up."""
    total = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


PARTS: dict[str, Callable[[bool], Rows]] = {
    "imports": imports,
    "process": from_process,
    "systemd": from_systemd,
    "idle": idle,
}


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small, to try the bench")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ[NULL_ALLOWED] = "1"
    rows: Rows = []
    for name in options.parts or PARTS:
        found = PARTS[name](options.quick)
        print("\n".join(["", *table(found)]), flush=True)
        rows += found
    if options.json:
        Results("cold", "From the start, and idle", rows).write(Path(options.json))


if __name__ == "__main__":
    main()
