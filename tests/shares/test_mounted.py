"""Test a daemon all of whose folders except the state are on a Samba share (a FUSE mount) that goes away.

SCANMEND_OUTAGE is the duration of each outage in seconds. The suite has two short outages, `make shares` four long ones.
"""

import contextlib
import json
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
# 2 s: well within the 5 s after which rclone gives a request up, even on a busy machine
OUTAGE = float(os.environ.get("SCANMEND_OUTAGE", "2"))
LONG = "SCANMEND_OUTAGE" in os.environ
STAGES = {"settling": "ready", "reading": "page read", "publishing": "published"}
FOLDERS = ("inbox", "outbox", "archive", "failed")


class DaemonOnShare:
    """A daemon with all folders on the share, except the state folder on a local disk."""

    def __init__(self, home: Path, mount: Mount, server: Samba, name: str = "remote") -> None:
        self.server = server
        self.mount = mount
        folders = ", ".join(f"{folder}: {mount.place / folder}" for folder in FOLDERS)
        self.tree = Tree(home / name, f"{SETTINGS}folders: {{{folders}, state: state}}\n")
        for folder in FOLDERS:  # the server's own paths, which exist while the share is away
            (server.share / folder).mkdir(exist_ok=True)
            setattr(self.tree, folder, server.share / folder)

    def close(self) -> None:
        """Continue server and mount, then end the daemon: SIGKILL can't end a process that waits for a stopped rclone."""
        self.server.signal(signal.SIGCONT)
        self.mount.signal(signal.SIGCONT)
        self.tree.close()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[DaemonOnShare]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(samba(tmp_path / "server", tmp_path / "share"))
        mount = stack.enter_context(mounted(server, tmp_path / "mount"))
        tree = DaemonOnShare(tmp_path, mount, server)
        stack.callback(tree.close)
        yield tree


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return undisturbed(tmp_path_factory.mktemp("undisturbed") / "tree", 14, seed=3)


def test_the_daemon_polls_a_share_without_configuration(remote: DaemonOnShare) -> None:
    remote.tree.start()
    assert "method=polling" in remote.tree.log_text()
    assert "is a share (fuse.rclone), which sends no events" in remote.tree.log_text()

    remote.server.put("inbox\\third party.png", encoded("png", numbered(1)))

    assert remote.tree.published("third party")["source"]["pages"] == 1
    remote.tree.eventually(lambda: remote.tree.files(remote.tree.archive) == ["third party.png"])
    assert "third party.json" in remote.server.ask("cd outbox", "ls")


Outage = tuple[Callable[[DaemonOnShare], None], Callable[[DaemonOnShare], None]]
OUTAGES: dict[str, Outage] = {
    "server stopped": (lambda remote: remote.server.stop(), lambda remote: remote.server.start()),
    "mount gone": (lambda remote: remote.mount.stop(), lambda remote: remote.mount.start()),
    "mount hangs": (
        lambda remote: remote.mount.signal(signal.SIGSTOP),
        lambda remote: remote.mount.signal(signal.SIGCONT),
    ),
    "server hangs": (
        lambda remote: remote.server.signal(signal.SIGSTOP),
        lambda remote: remote.server.signal(signal.SIGCONT),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("outage", OUTAGES if LONG else ["mount hangs", "server stopped"])
def test_the_share_goes_away_in_every_stage_and_nothing_is_lost(
    remote: DaemonOnShare, ledger: Ledger, outage: str
) -> None:
    away, back = OUTAGES[outage]
    run = Run(remote.tree, ledger, seed=1)
    run.ready()
    part = len(ledger.dropped) // len(STAGES)
    with remote.mount.kept():
        for number, marker in enumerate(STAGES.values()):
            offset = len(remote.tree.log_text()) if number else 0
            last = number == len(STAGES) - 1
            _drop(remote, ledger.dropped[number * part : None if last else (number + 1) * part])
            remote.tree.eventually(lambda: marker in remote.tree.log_text()[offset:])  # noqa: B023
            away(remote)
            _check_status_for(remote, OUTAGE)
            back(remote)
        before = run.finish(600)
        assert not [what for what in before if what.startswith("the daemon ended")]
        assert run.starts == 1
        # a temporary file stays if the share failed its removal, too; the next start removes it
        run.ready()
        eventually(lambda: not _temporary(remote.tree), 60, "no temporary file")
        wrong = run.finish()

    assert wrong == []
    lines = remote.tree.log_text().splitlines()
    warnings = [line for line in lines if "[warning" in line or "[error" in line]
    storm = [line for line in warnings if "failed stage" not in line]
    assert len(storm) < 20 + OUTAGE, "\n".join(warnings)
    assert "Traceback" not in remote.tree.log_text()


def _temporary(tree: Tree) -> list[Path]:
    folders = (tree.outbox, tree.archive, tree.failed)
    return [path for folder in folders for path in folder.rglob(".*.tmp")]


def _drop(remote: DaemonOnShare, documents: list[Dropped]) -> None:
    """Drop documents on the server's disk, as another client would."""
    for document in documents:
        path = remote.server.share / "inbox" / document.name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".coming").write_bytes(document.data)
        (path.parent / ".coming").rename(path)


def _check_status_for(remote: DaemonOnShare, seconds: float) -> None:
    """Check for some seconds that the command keeps answering: a process that asked the share would hang."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert json.loads(remote.tree.command("status", "--json").stdout)["running"]
        time.sleep(0.5)


@pytest.mark.parametrize("requested", [False, True], ids=["before a request", "during a request"])
def test_a_stop_succeeds_while_the_share_hangs(remote: DaemonOnShare, requested: bool) -> None:
    """Stop the daemon while FUSE owes it an answer: the process must stay a zombie until the answer comes."""
    process = remote.tree.start()
    if requested:
        remote.server.signal(signal.SIGSTOP)
        time.sleep(1)  # by now, rclone waits for the server on behalf of the watcher
    remote.mount.signal(signal.SIGSTOP)
    time.sleep(1)  # by now the watcher lists the share

    process.send_signal(signal.SIGTERM)
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, 120, "ended")

    assert "[info     ] stopped" in remote.tree.log_text()
    remote.mount.signal(signal.SIGCONT)
    assert process.wait(60) == 0


def test_two_daemons_on_one_share_publish_each_file_once(tmp_path: Path) -> None:
    """Give each daemon its own mount of the share, as on two machines."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(samba(tmp_path / "server", tmp_path / "share"))
        trees = []
        for name in ("one", "two"):
            mount = stack.enter_context(mounted(server, tmp_path / f"mount-{name}"))
            trees.append(DaemonOnShare(tmp_path, mount, server, name).tree)
            stack.callback(trees[-1].close)
        books = Ledger(documents(12, seed=5))
        for tree in trees:
            tree.start()
        for document in books.dropped:
            server.ask(*(f'mkdir "{p}"' for p in _parents(f"inbox/{document.name}")))
            server.put(f"inbox/{document.name}".replace("/", "\\"), document.data)

        eventually(lambda: sum(_final(tree) for tree in trees) >= 12, 300, "all are through")
        for tree in trees:
            tree.stop(tree.processes[0])

        found = [tree.status()["counts"] for tree in trees]
        good = sum(d.good for d in books.dropped)
        assert sum(c["done"] for c in found) == good
        assert sum(c["failed"] for c in found) == 12 - good
        assert len([f for f in trees[0].files(trees[0].outbox) if f.endswith(".json")]) == good
        assert "taken over" not in trees[0].log_text() + trees[1].log_text()


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["\\".join(parts[: n + 1]) for n in range(len(parts))]


def _final(tree: Tree) -> int:
    counts = tree.status()["counts"]
    return int(counts["done"] + counts["failed"])
