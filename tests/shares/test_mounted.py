"""Test a daemon whose inbox, outbox and the rest are on a Samba share, mounted through FUSE, which goes away.

SCANMEND_OUTAGE: seconds that each outage takes. The suite has two short ones, `make shares` four long ones.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from faults.faults import SETTINGS, Run
from faults.ledger import Dropped, Ledger, documents
from faults.run import undisturbed
from running import Tree, eventually
from samples import encoded, numbered
from shares.samba import Mount, Samba, impossible, mounted, samba

WHY_NOT = impossible()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
OUTAGE = float(os.environ.get("SCANMEND_OUTAGE", "4"))
LONG = "SCANMEND_OUTAGE" in os.environ
STAGES = {"settling": "ready", "reading": "page read", "publishing": "published"}
FOLDERS = ("inbox", "outbox", "archive", "failed")


class Far:
    """A daemon whose documents are all on the share; its state folder is on a local disk."""

    def __init__(self, home: Path, mount: Mount, server: Samba, name: str = "far") -> None:
        self.server = server
        self.mount = mount
        folders = ", ".join(f"{folder}: {mount.place / folder}" for folder in FOLDERS)
        self.tree = Tree(home / name, f"{SETTINGS}folders: {{{folders}, state: state}}\n")
        for folder in FOLDERS:  # the server's own paths, which stay while the share is away
            (server.share / folder).mkdir(exist_ok=True)
            setattr(self.tree, folder, server.share / folder)

    def close(self) -> None:
        """Wake server and mount, then end the daemon: SIGKILL does not end a process that waits for a stopped rclone."""
        self.server.signal(signal.SIGCONT)
        self.mount.signal(signal.SIGCONT)
        self.tree.close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(samba(tmp_path / "server", tmp_path / "share"))
        mount = stack.enter_context(mounted(server, tmp_path / "mount"))
        made = Far(tmp_path, mount, server)
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return undisturbed(tmp_path_factory.mktemp("undisturbed") / "tree", 14, seed=3)


def test_the_daemon_polls_a_share_without_being_told(far: Far) -> None:
    far.tree.start()
    assert "method=polling" in far.tree.said()
    assert "is a share (fuse.rclone), which sends no events" in far.tree.said()

    far.server.put("inbox\\third party.png", encoded("png", numbered(1)))

    assert far.tree.published("third party")["source"]["pages"] == 1
    far.tree.eventually(lambda: far.tree.files(far.tree.archive) == ["third party.png"])
    assert "third party.json" in far.server.ask("cd outbox", "ls")


Outage = tuple[Callable[[Far], None], Callable[[Far], None]]
OUTAGES: dict[str, Outage] = {
    "server stopped": (lambda far: far.server.stop(), lambda far: far.server.start()),
    "mount gone": (lambda far: far.mount.stop(), lambda far: far.mount.start()),
    "mount hangs": (
        lambda far: far.mount.signal(signal.SIGSTOP),
        lambda far: far.mount.signal(signal.SIGCONT),
    ),
    "server hangs": (
        lambda far: far.server.signal(signal.SIGSTOP),
        lambda far: far.server.signal(signal.SIGCONT),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("outage", OUTAGES if LONG else ["mount hangs", "server stopped"])
def test_the_share_goes_away_in_every_stage_and_nothing_is_lost(
    far: Far, ledger: Ledger, outage: str
) -> None:
    away, back = OUTAGES[outage]
    run = Run(far.tree, ledger, seed=1)
    run.ready()
    part = len(ledger.dropped) // len(STAGES)
    with far.mount.kept():
        for number, marker in enumerate(STAGES.values()):
            offset = len(far.tree.said()) if number else 0
            last = number == len(STAGES) - 1
            _arrive(far, ledger.dropped[number * part : None if last else (number + 1) * part])
            far.tree.eventually(lambda: marker in far.tree.said()[offset:])  # noqa: B023
            away(far)
            _keep_asking(far, OUTAGE)
            back(far)
        wrong = run.finish(600)

    assert wrong == []
    assert run.starts == 1
    lines = far.tree.said().splitlines()
    warnings = [line for line in lines if "[warning" in line or "[error" in line]
    storm = [line for line in warnings if "failed stage" not in line]
    assert len(storm) < 20 + OUTAGE, "\n".join(warnings)
    assert "Traceback" not in far.tree.said()


def _arrive(far: Far, documents: list[Dropped]) -> None:
    """Drop documents through the server's disk, as from another client."""
    for document in documents:
        path = far.server.share / "inbox" / document.name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".coming").write_bytes(document.data)
        (path.parent / ".coming").rename(path)


def _keep_asking(far: Far, seconds: float) -> None:
    """Check that the status answers all the while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert far.tree.status()["running"]
        time.sleep(0.5)


@pytest.mark.parametrize("asked", [False, True], ids=["before it is asked", "in an answer"])
def test_a_stop_while_the_share_hangs(far: Far, asked: bool) -> None:
    """A process that waits for an answer which FUSE has begun stays a zombie until it comes: nobody can change that."""
    process = far.tree.start()
    if asked:
        far.server.signal(signal.SIGSTOP)
        time.sleep(1)  # by now the watcher has asked, and rclone waits for the server
    far.mount.signal(signal.SIGSTOP)
    time.sleep(1)  # by now the watcher lists the share

    process.send_signal(signal.SIGTERM)
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, 120, "ended")

    assert "[info     ] stopped" in far.tree.said()
    far.mount.signal(signal.SIGCONT)
    assert process.wait(60) == 0


def test_two_daemons_on_one_share(tmp_path: Path) -> None:
    """Each daemon has its own mount of the share, as on two machines."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(samba(tmp_path / "server", tmp_path / "share"))
        trees = []
        for name in ("one", "two"):
            mount = stack.enter_context(mounted(server, tmp_path / f"mount-{name}"))
            trees.append(Far(tmp_path, mount, server, name).tree)
            stack.callback(trees[-1].close)
        books = Ledger(documents(12, seed=5))
        for made in trees:
            made.start()
        for document in books.dropped:
            server.ask(*(f'mkdir "{p}"' for p in _parents(f"inbox/{document.name}")))
            server.put(f"inbox/{document.name}".replace("/", "\\"), document.data)

        eventually(lambda: sum(_final(made) for made in trees) >= 12, 300, "all are through")
        for made in trees:
            made.stop(made.processes[0])

        found = [made.status()["counts"] for made in trees]
        good = sum(d.good for d in books.dropped)
        assert sum(c["done"] for c in found) == good
        assert sum(c["failed"] for c in found) == 12 - good
        assert len([f for f in trees[0].files(trees[0].outbox) if f.endswith(".json")]) == good
        assert "taken over" not in trees[0].said() + trees[1].said()


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["\\".join(parts[: n + 1]) for n in range(len(parts))]


def _final(made: Tree) -> int:
    counts = made.status()["counts"]
    return int(counts["done"] + counts["failed"])
