"""Run the real daemon as a process, on a folder tree of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import psutil

from scanmend.cli.status import as_json
from scanmend.config.loading import load_settings
from scanmend.service.status import read_status, troubles

ROOT = Path(__file__).resolve().parent.parent
# instead of ("-m", "scanmend"): scanmend with shorter pauses between two tries
BRISK = (str(ROOT / "tests" / "children" / "brisk.py"),)
SCHEMA = json.loads((ROOT / "daemon" / "scanmend" / "formats" / "sidecar.schema.json").read_text())

NO_MODEL = "enabled: false"  # nothing corrects, so that the tests are quick
MODEL_IN_FOLDER = "repo_id: Linden/Tiny-GGUF, auto_download: false"  # the .gguf in state/models
CONFIG = f"""\
base: .
folders: {{inbox: inbox, outbox: outbox, archive: archive, failed: failed, state: state}}
profiles: {{directory: profiles}}
settle: {{quiet: 300ms}}
watch: {{poll_interval: 300ms, reconcile_interval: 2s}}
ocr: {{workers: 1, idle_unload: 30s}}
llm: {{{NO_MODEL}}}
"""


def eventually(condition: Callable[[], object], limit: float = 60, what: str = "") -> None:
    """Wait until the condition holds, at most ``limit`` seconds; the default is generous, since the machine may be busy."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit} s: {what or condition}"
        time.sleep(0.02)


class Tree:
    """The inbox, outbox and other folders of a test below one folder, and the daemons that work on them."""

    def __init__(self, home: Path, more: str = "") -> None:
        """Make the folders below ``home``; ``more`` holds sections of the configuration, in YAML."""
        self.home = home
        self.inbox, self.outbox = home / "inbox", home / "outbox"
        self.archive, self.failed, self.state = home / "archive", home / "failed", home / "state"
        self.config = home / "scanmend.yaml"
        home.mkdir(exist_ok=True)
        self.configure(more)
        self._profiles()
        self.inbox.mkdir(parents=True)
        self.processes: list[subprocess.Popen[str]] = []
        self.log = home / "log.txt"

    def configure(self, more: str = "") -> None:
        """Write the configuration; sections in ``more`` replace those of the same name."""
        replaced = {
            line.split(":")[0]
            for line in more.splitlines()
            if line and not line.startswith((" ", "#"))
        }
        lines = CONFIG.splitlines()
        kept = [line for line in lines if line.split(":")[0] not in replaced]
        self.config.write_text("\n".join([*kept, more]) + "\n")

    def _profiles(self) -> None:
        """Write the shipped profiles, but send lines of any confidence to the model: the tests' pages are clean."""
        folder = self.home / "profiles"
        folder.mkdir()
        for file in (ROOT / "etc" / "profiles").glob("*.yaml"):
            rules = [
                line
                for line in file.read_text().splitlines()
                if not line.startswith("min_confidence_to_skip")
            ]
            (folder / file.name).write_text("\n".join([*rules, "min_confidence_to_skip: 1", ""]))

    def start(
        self,
        program: Sequence[str] = ("-m", "scanmend"),
        wait: bool = True,
        before: Sequence[str] = (),
        **env: str,
    ) -> subprocess.Popen[str]:
        """Start a daemon; with ``wait``, until it is ready. ``before`` is a command in front of it, such as faketime."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as out:
            command = [*before, sys.executable, *program, "--config", str(self.config), "run"]
            process = subprocess.Popen(
                command, stdout=out, stderr=out, text=True, cwd=self.home, env={**os.environ, **env}
            )
        self.processes.append(process)
        if wait:
            self.eventually(
                lambda: "ready" in self.log_text()[offset:] or process.poll() is not None, 60
            )
            assert process.poll() is None, self.log_text()
        return process

    def die_at(self, point: str) -> None:
        """Start the daemon and wait until it kills itself at a point that tests/children/dying.py defines."""
        program = [str(ROOT / "tests" / "children" / "dying.py")]
        process = self.start(program, wait=False, DIE_AT=point)
        assert process.wait(120) == -signal.SIGKILL, self.log_text()
        assert f"died at {point}\n" in self.log_text()

    def stop(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
        """Send the signal, wait until the daemon ends, and return its exit code."""
        process.send_signal(number)
        return process.wait(60)

    def close(self) -> None:
        """Kill the daemons that still run, and their children."""
        for process in self.processes:
            if process.poll() is None:
                # the process may be faketime, with the daemon as its child
                below = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                process.wait(60)
                for child in below:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()

    def log_text(self) -> str:
        """Return the daemons' log so far."""
        return self.log.read_text() if self.log.exists() else ""

    def eventually(self, condition: Callable[[], object], limit: float = 120) -> None:
        """Wait until the condition holds; after ``limit`` seconds, fail and show the end of the log."""
        deadline = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {limit} s; the daemon said:\n{self.log_text()[-5000:]}"
            )
            time.sleep(0.02)

    def published(self, stem: str) -> dict[str, Any]:
        """Wait for the sidecar of this stem; check it against the schema and for its text file; return it."""
        path = self.outbox / f"{stem}.json"
        self.eventually(path.exists)
        sidecar: dict[str, Any] = json.loads(path.read_text("utf-8"))
        jsonschema.validate(sidecar, SCHEMA)
        assert (path.parent / sidecar["result"]["text"]).exists()
        return sidecar

    def text(self, stem: str) -> str:
        """Return the published text of this stem."""
        return (self.outbox / f"{stem}.txt").read_text("utf-8")

    def failure(self, name: str) -> dict[str, Any]:
        """Wait for the error report of a failed file and for the original beside it; return the report."""
        path = self.failed / f"{name}.error.json"
        self.eventually(lambda: path.exists() and (self.failed / name).exists())
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return report

    def command(
        self, *arguments: str, check: bool = True, stdin: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a scanmend command on this tree's configuration."""
        return subprocess.run(
            [sys.executable, "-m", "scanmend", "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
            cwd=self.home,
            input=stdin,
            env={**os.environ, **env},
        )

    def status(self) -> dict[str, Any]:
        """Return what `scanmend status --json` prints, without a process for it: tests ask again and again."""
        status = read_status(load_settings(str(self.config)))
        report = {**as_json(status), "troubles": troubles(status, time.time())}
        result: dict[str, Any] = json.loads(json.dumps(report))
        return result

    def files(self, folder: Path) -> list[str]:
        """Return the paths of all files below a folder, relative to it; temporary files are included."""
        # os.walk passes over a folder that a daemon removes meanwhile; Path.rglob raises
        walked = ((Path(parent), names) for parent, _, names in os.walk(folder))
        return sorted(str((p / name).relative_to(folder)) for p, names in walked for name in names)


@contextlib.contextmanager
def new_tree(home: Path, more: str = "") -> Iterator[Tree]:
    """Make a tree of folders below ``home``; end its daemons after the block."""
    tree = Tree(home, more)
    try:
        yield tree
    finally:
        tree.close()
