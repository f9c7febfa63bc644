"""Leases on a real file system: one of many gets one, the dead are followed, whoever comes back asks."""

import multiprocessing
import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from running import eventually
from scanmend.config.settings import WatchSettings
from scanmend.document import FileSnapshot, State
from scanmend.errors import MachineError
from scanmend.intake.lease import Holder, Leases
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root

SECONDS = 0.5
FILE = b"scan.pdf"


def _daemon(inbox: Path, name: str, shared: bool | None = True, seconds: float = SECONDS) -> Leases:
    """A daemon's leases, with a state folder of its own; the same name is the same daemon, started anew."""
    state = inbox.parent / f"state-{name}"
    state.mkdir(exist_ok=True)
    root = Root(str(inbox))
    return Leases(root, Journal.open(str(state)), WatchSettings(shared=shared, lease=seconds))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(b"x")
    return folder


def _claimed(leases: Leases, path: bytes = FILE) -> None:
    """Let the daemon claim the file: it stays in the journal."""
    with leases.claiming(path) as other:
        assert other is None
        leases._journal.claim(FileSnapshot(path, 1, 1, 1), "ab" * 32, "default")


def _end(leases: Leases, kept: bool = False) -> None:
    journal = leases._journal
    for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY, State.DONE):
        document = list(journal.in_state(*State))[-1]
        journal.move(document, state, "test", kept=kept and state == State.DONE)


def _left(inbox: Path) -> list[str]:
    return os.listdir(inbox / ".scanmend" / "leases")


def _race(
    inbox: Path, name: str, count: int, start: float, out: "multiprocessing.Queue[bytes]"
) -> None:
    leases = _daemon(inbox, name)
    time.sleep(max(0.0, start - time.time()))
    for number in range(count):
        path = b"%d.pdf" % number
        if leases.acquire(path) is None:
            out.put(path)


def test_one_of_many_gets_each_file(inbox: Path) -> None:
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


def test_a_file_in_work_is_another_daemons_until_its_end(inbox: Path) -> None:
    first, second = _daemon(inbox, "first"), _daemon(inbox, "second")
    _claimed(first)

    assert second.acquire(FILE) == Holder(first.owner, second.acquire(FILE).token)  # type: ignore[union-attr]
    first.let_go(FILE)  # too early: it is in work
    assert second.acquire(FILE) is not None
    _end(first)
    first.let_go(FILE)

    assert second.acquire(FILE) is None


def test_who_beats_is_alive_and_who_does_not_is_followed_by_one(inbox: Path) -> None:
    first, *others = (_daemon(inbox, name) for name in ("first", "second", "third"))
    _claimed(first)
    deadline = time.monotonic() + 4 * SECONDS
    while time.monotonic() < deadline:
        first.tend()
        assert all(other.acquire(FILE) for other in others)
        time.sleep(SECONDS / 10)

    eventually(lambda: None in [other.acquire(FILE) for other in others])

    answers = [other.acquire(FILE) for other in others]
    assert answers.count(None) == 1
    follower = others[answers.index(None)]
    assert first.acquire(FILE) == next(
        a for a in answers if a
    )  # back from the dead: asks, and waits
    follower.let_go(FILE)  # it has no such document in its journal: it is done with it
    assert first.acquire(FILE) is None


def test_who_comes_late_follows_nobody(inbox: Path) -> None:
    """Between the look at a dead one and the taking over, another was faster, finished, and a new file came."""
    dead, late, third = (_daemon(inbox, name) for name in ("dead", "late", "third"))
    _claimed(dead)
    holder = late.acquire(FILE)
    assert holder is not None
    place = next(name for name in _left(inbox) if "." not in name)
    _end(dead)
    dead.let_go(FILE)
    assert third.acquire(FILE) is None

    late._make(f"{place}.{holder.token}")

    assert third.acquire(FILE) is None
    now = late.acquire(FILE)
    assert now is not None
    assert now.owner == third.owner


def test_a_restart_goes_on_with_its_leases_and_gives_back_the_rest(inbox: Path) -> None:
    first, other = _daemon(inbox, "first"), _daemon(inbox, "other")
    _claimed(first, b"done.pdf")
    _end(first)  # a crash between its end and giving back
    _claimed(first)
    half = inbox / ".scanmend" / "leases" / "new-0" / f"{first.owner}.0"
    half.mkdir(parents=True)
    again = _daemon(inbox, "first")
    assert again.owner == first.owner

    again._take_up()
    again.tend()

    assert other.acquire(b"done.pdf") is None
    assert other.acquire(FILE) is not None
    assert again.acquire(FILE) is None
    assert not half.exists()


def test_what_is_done_and_stays_is_not_done_again(inbox: Path) -> None:
    first, second = _daemon(inbox, "first"), _daemon(inbox, "second")
    _claimed(first)
    _end(first, kept=True)
    first.let_go(FILE)
    time.sleep(2 * SECONDS)  # the mark outlives any lease

    other = second.acquire(FILE)
    assert other is not None
    assert other.sha256 == "ab" * 32
    assert second.acquire(FILE, "ab" * 32) is not None
    assert second.acquire(FILE, "cd" * 32) is None  # another content: a new document
    assert first.acquire(FILE, "cd" * 32) is not None


def test_alone_on_a_local_disk_nothing_is_made(inbox: Path) -> None:
    alone = _daemon(inbox, "alone", shared=None)
    assert alone.acquire(FILE) is None
    assert os.listdir(inbox) == ["scan.pdf"]

    _claimed(_daemon(inbox, "far"))  # one that sees this inbox as a share joins

    assert alone.acquire(FILE) is not None


def test_an_inbox_that_cannot_be_written(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With shared: auto it is said, and this daemon works as the only one; with true it waits."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(inbox)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("can't mount a tmpfs here")
    monkeypatch.setattr(Root, "network", True)  # a tmpfs is none
    try:
        assert _daemon(inbox, "auto", shared=None).acquire(FILE) is None
        with pytest.raises(MachineError, match=r"the lease of scan\.pdf: Read-only file system"):
            _daemon(inbox, "sure").acquire(FILE)
    finally:
        subprocess.run(["umount", str(inbox)], check=True)
