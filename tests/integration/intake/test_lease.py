"""Test leases on a real file system: one of many daemons gets a file, and only one takes over from a dead daemon."""

import multiprocessing
import os
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from running import eventually
from scanmend.config.settings import WatchSettings
from scanmend.document import FileSnapshot, State
from scanmend.errors import FolderGone, MachineError
from scanmend.intake.lease import Leases
from scanmend.intake.lease_folders import (
    MAX_SUCCESSORS,
    InWork,
    LeaseFolders,
    Link,
    PublishedMark,
    slot_of,
)
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root

SECONDS = 0.5
FILE = b"scan.pdf"
SHA256 = "ab" * 32


class Daemon:
    """The leases and the journal of one daemon. A second instance with the same name is that daemon after a restart."""

    def __init__(self, inbox: Path, name: str, shared: bool | None = True) -> None:
        state = inbox.parent / f"state-{name}"
        state.mkdir(exist_ok=True)
        self.journal = Journal.open(str(state))
        settings = WatchSettings(shared=shared, lease=SECONDS)
        self.leases = Leases(Root(str(inbox)), self.journal, settings)
        self.acquire = self.leases.acquire
        self.owner = self.leases.owner

    def claim(self, path: bytes = FILE) -> None:
        """Acquire the lease and claim the file in the journal."""
        with self.leases.claiming(path) as holder:
            assert holder is None
            self.journal.claim(FileSnapshot(path, 1, 1, 1), SHA256, "default")

    def end(self, kept: bool = False) -> None:
        """Move the last document to its final state."""
        for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY, State.DONE):
            document = list(self.journal.in_state(*State))[-1]
            self.journal.move(document, state, "test", kept=kept and state == State.DONE)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(b"x")
    return folder


def _left(inbox: Path) -> list[str]:
    return os.listdir(inbox / ".scanmend" / "leases")


def _race(
    inbox: Path, name: str, count: int, start: float, out: "multiprocessing.Queue[bytes]"
) -> None:
    daemon = Daemon(inbox, name)
    time.sleep(max(0.0, start - time.time()))
    for number in range(count):
        path = b"%d.pdf" % number
        if daemon.acquire(path) is None:
            out.put(path)


def test_only_one_of_many_daemons_gets_each_file(inbox: Path) -> None:
    context = multiprocessing.get_context("fork")
    out: multiprocessing.Queue[bytes] = context.Queue()
    start = time.time() + 2
    racers = [
        context.Process(target=_race, args=(inbox, str(n), 100, start, out)) for n in range(4)
    ]
    for racer in racers:
        racer.start()

    won = Counter(out.get(timeout=60) for _ in range(100))

    for racer in racers:
        racer.join(60)
    assert out.empty()
    assert set(won.values()) == {1}
    assert len(won) == 100
    assert not [name for name in _left(inbox) if name.startswith(("new-", "old-"))]


def test_a_file_in_work_belongs_to_its_daemon_until_its_final_state(inbox: Path) -> None:
    first, second = Daemon(inbox, "first"), Daemon(inbox, "second")
    first.claim()

    holder = second.acquire(FILE)
    assert holder is not None
    assert holder == InWork(first.owner, holder.token)
    first.leases.release_if_done(FILE)  # too early: the document is in work
    assert second.acquire(FILE) is not None
    first.end()
    first.leases.release_if_done(FILE)

    assert second.acquire(FILE) is None


def test_a_live_owner_keeps_its_lease_and_only_one_daemon_takes_over_from_a_dead_one(
    inbox: Path,
) -> None:
    first, *others = (Daemon(inbox, name) for name in ("first", "second", "third"))
    first.claim()
    deadline = time.monotonic() + 4 * SECONDS
    while time.monotonic() < deadline:
        first.leases.tend()
        assert all(other.acquire(FILE) for other in others)
        time.sleep(SECONDS / 10)

    eventually(lambda: None in [other.acquire(FILE) for other in others])

    answers = [other.acquire(FILE) for other in others]
    assert answers.count(None) == 1
    follower = others[answers.index(None)]
    # The first daemon comes back: it tries to acquire its lease again, and must wait.
    assert first.acquire(FILE) == next(answer for answer in answers if answer)
    follower.leases.release_if_done(
        FILE
    )  # the document is not in its journal, so the lease is released
    assert first.acquire(FILE) is None


def test_a_late_contender_gets_no_lease(inbox: Path) -> None:
    """Let another daemon take over and finish, and a new file arrive, between the look at a dead owner and the takeover."""
    dead, late, third = (Daemon(inbox, name) for name in ("dead", "late", "third"))
    dead.claim()
    holder = late.acquire(FILE)
    assert holder is not None
    dead.end()
    dead.leases.release_if_done(FILE)
    assert third.acquire(FILE) is None

    LeaseFolders(str(inbox), late.owner).acquire(f"{slot_of(FILE)}.{holder.token}")

    assert third.acquire(FILE) is None
    now = late.acquire(FILE)
    assert now is not None
    assert now.owner == third.owner


def test_a_restarted_daemon_keeps_its_leases_and_releases_those_of_finished_documents(
    inbox: Path,
) -> None:
    first, other = Daemon(inbox, "first"), Daemon(inbox, "other")
    first.claim(b"done.pdf")
    first.end()  # as after a crash before it released the lease
    first.claim()
    half = inbox / ".scanmend" / "leases" / "new-0" / f"{first.owner}.0"
    half.mkdir(parents=True)
    again = Daemon(inbox, "first")
    assert again.owner == first.owner

    again.leases.take_up()
    again.leases.tend()

    assert other.acquire(b"done.pdf") is None
    assert other.acquire(FILE) is not None
    assert again.acquire(FILE) is None
    assert not half.exists()


def test_the_leases_thread_releases_those_of_finished_documents(inbox: Path) -> None:
    first, other = Daemon(inbox, "first"), Daemon(inbox, "other")
    first.claim()
    first.end()
    again = Daemon(inbox, "first")
    stop = threading.Event()
    thread = threading.Thread(target=again.leases.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: other.acquire(FILE) is None)
    finally:
        stop.set()
        thread.join()


def test_a_published_file_that_stays_is_not_published_again(inbox: Path) -> None:
    first, second = Daemon(inbox, "first"), Daemon(inbox, "second")
    first.claim()
    first.end(kept=True)
    first.leases.release_if_done(FILE)
    time.sleep(2 * SECONDS)  # the mark outlasts any lease

    mark = second.acquire(FILE)
    assert isinstance(mark, PublishedMark)
    assert mark == PublishedMark(first.owner, mark.token, SHA256)
    assert second.acquire(FILE) == mark
    assert second.acquire(FILE, superseding=mark) is None  # different content: a new document
    assert isinstance(first.acquire(FILE, superseding=mark), InWork)


def test_a_single_daemon_on_a_local_disk_makes_no_lease_folder(inbox: Path) -> None:
    alone = Daemon(inbox, "alone", shared=None)
    assert alone.acquire(FILE) is None
    assert os.listdir(inbox) == ["scan.pdf"]

    Daemon(inbox, "far").claim()  # a daemon that sees this inbox as a share joins

    assert alone.acquire(FILE) is not None


def test_leases_in_an_inbox_without_write_permission_depend_on_the_setting(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warn and work alone with `shared: auto`; wait with `shared: true`."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(inbox)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("can't mount a tmpfs here")
    monkeypatch.setattr(Root, "network", True)  # pretend that the tmpfs is a share
    try:
        assert Daemon(inbox, "auto", shared=None).acquire(FILE) is None
        with pytest.raises(MachineError, match=r"the lease of scan\.pdf: Read-only file system"):
            Daemon(inbox, "sure").acquire(FILE)
    finally:
        subprocess.run(["umount", str(inbox)], check=True)


@pytest.fixture
def folders(inbox: Path) -> LeaseFolders:
    """Return the lease folders of the owner "a"."""
    folders = LeaseFolders(str(inbox), "a")
    folders.make()
    return folders


def test_an_empty_slot_is_free(inbox: Path, folders: LeaseFolders) -> None:
    """A person may remove what is in it."""
    (inbox / ".scanmend" / "leases" / "slot").mkdir()
    assert folders.chain("slot") == []

    folders.acquire("slot")

    (link,) = folders.chain("slot")
    assert link.holder.owner == "a"


def test_an_owner_that_never_showed_a_beat_has_none(folders: LeaseFolders) -> None:
    assert folders.beats("b") == []


def test_a_lease_that_was_taken_over_too_often_is_an_error(
    inbox: Path, folders: LeaseFolders
) -> None:
    slots = ["slot", *(f"slot.{number}" for number in range(MAX_SUCCESSORS - 1))]
    for number, slot in enumerate(slots):
        (inbox / ".scanmend" / "leases" / slot / f"a.{number}").mkdir(parents=True)

    with pytest.raises(FolderGone, match="taken over too often; remove it"):
        folders.chain("slot")


def test_a_late_release_leaves_the_lease_of_the_next_owner(
    inbox: Path, folders: LeaseFolders
) -> None:
    """Let another owner release and acquire the lease after this one has looked whose it is."""
    folders.acquire("slot")
    (mine,) = folders.chain("slot")

    class LateFolders(LeaseFolders):
        def chain(self, slot: str) -> list[Link]:
            seen = super().chain(slot)
            folders.release(slot, mine.holder.token)
            LeaseFolders(str(inbox), "b").acquire(slot)
            return seen

    LateFolders(str(inbox), "a").release("slot", mine.holder.token)

    (link,) = folders.chain("slot")
    assert link.holder.owner == "b"
    assert _left(inbox) == ["slot"]
