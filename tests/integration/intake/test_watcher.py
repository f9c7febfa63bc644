"""Test the watcher on a real folder with real events; a thread of the test acts as the claim step."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from intakes import RecordedLog, new_intake
from running import eventually
from samples import encoded, numbered
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.errors import DiskFull
from scanmend.intake import pending, watcher
from scanmend.intake.completeness import Incomplete, PossiblyIncomplete, is_complete
from scanmend.intake.events import Claimed, NotReady
from scanmend.intake.inotify import RENAME_PAIRING_SECONDS, shorten_rename_pairing
from scanmend.intake.watcher import Watcher
from scanmend.intake.work_queue import QueueClosed
from scanmend.store.mounts import Method, Root


class Watched:
    """A running watcher, with a thread that checks each quiet file for completeness as the claim step does."""

    def __init__(
        self,
        inbox: Path,
        method: str,
        watch: WatchSettings,
        settle: SettleSettings,
        log: RecordedLog | None = None,
    ) -> None:
        self.inbox = os.fsencode(inbox)
        self.handed: list[bytes] = []  # complete files
        self.log = log or RecordedLog()
        self.intake = new_intake(self.log)
        root = Root(str(inbox))
        self.watcher = Watcher(root, Method(method, "the test"), self.intake, watch, settle)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self.watcher.run, args=(self._stop,)),
            threading.Thread(target=self._claim),
        ]
        for thread in self._threads:
            thread.start()

    def _claim(self) -> None:
        with contextlib.suppress(QueueClosed):
            while True:
                snapshot = self.intake.claims.get()
                self.intake.events.put(self._answer(snapshot))

    def _answer(self, snapshot: FileSnapshot) -> Claimed | NotReady:
        try:
            with open(os.path.join(self.inbox, snapshot.path), "rb") as file:
                verdict = is_complete(file, snapshot.size)
        except FileNotFoundError:
            return NotReady(snapshot.path, "gone")
        if isinstance(verdict, Incomplete | PossiblyIncomplete):
            return NotReady(snapshot.path, f"incomplete: {verdict.why}")
        self.handed.append(snapshot.path)
        self.log.known.add((snapshot.path, snapshot.identity))
        return Claimed(snapshot.path)

    @property
    def listening(self) -> bool:
        """Return whether kernel events arrive and no scan is in progress, which might find a file first."""
        kernel_events = self.watcher.kernel_events
        observing = kernel_events is not None and kernel_events.observer is not None
        return observing and not self.watcher.scanning

    def close(self) -> None:
        self._stop.set()
        self.watcher.wake()
        self.intake.claims.close()
        for thread in self._threads:
            thread.join(20)


@contextlib.contextmanager
def watching(
    inbox: Path,
    method: str,
    watch: WatchSettings,
    settle: SettleSettings,
    log: RecordedLog | None = None,
) -> Iterator[Watched]:
    """Make the folder if necessary, and watch it while the block runs."""
    inbox.mkdir(exist_ok=True)
    watched = Watched(inbox, method, watch, settle, log)
    try:
        if method == "native":
            eventually(lambda: watched.listening)
        yield watched
    finally:
        watched.close()


Start = Callable[..., Watched]


@pytest.fixture(params=["native", "polling"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a watcher on tmp_path/inbox."""
    with contextlib.ExitStack() as stack:

        def begin(
            quiet: float = 0.4,
            patience: float = 3600,
            reconcile: float = 2.0,
            log: RecordedLog | None = None,
        ) -> Watched:
            watch = WatchSettings(poll_interval=0.2, reconcile_interval=reconcile)
            settle = SettleSettings(quiet=quiet, patience=patience)
            inbox = tmp_path / "inbox"
            return stack.enter_context(watching(inbox, request.param, watch, settle, log))

        yield begin


def test_files_that_exist_at_the_start_or_come_later_are_found(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "inbox" / "sub").mkdir(parents=True)
    (tmp_path / "inbox" / "sub" / "old.png").write_bytes(encoded("png"))
    watched = start()
    (tmp_path / "inbox" / "new.png").write_bytes(encoded("png"))

    eventually(lambda: sorted(watched.handed) == [b"new.png", b"sub/old.png"])


def test_a_file_is_not_taken_while_its_writer_pauses(start: Start, tmp_path: Path) -> None:
    watched = start()
    data = encoded("pdf", numbered(3))
    with open(tmp_path / "inbox" / "book.pdf", "wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        eventually(lambda: "incomplete" in watched.log.waiting.get(b"book.pdf", ""))
        assert watched.handed == []
        file.write(data[len(data) // 2 :])

    eventually(lambda: watched.handed == [b"book.pdf"])


def test_a_file_is_taken_only_after_its_slow_writer_is_done(start: Start, tmp_path: Path) -> None:
    watched = start(quiet=1.0)
    data = encoded("tiff", numbered(2))
    with open(tmp_path / "inbox" / "fax.tif", "wb", buffering=0) as file:
        for part in range(12):
            file.write(data[len(data) * part // 12 : len(data) * (part + 1) // 12])
            time.sleep(0.1)  # the time that the writer takes
        assert watched.handed == []

    eventually(lambda: watched.handed == [b"fax.tif"])


def test_files_that_are_renamed_into_place_are_found(start: Start, tmp_path: Path) -> None:
    watched = start()
    outside = tmp_path / "outside.png"
    outside.write_bytes(encoded("png"))
    part = tmp_path / "inbox" / "b.png.part"
    part.write_bytes(encoded("png"))

    outside.rename(tmp_path / "inbox" / "a.png")
    part.rename(tmp_path / "inbox" / "b.png")

    eventually(lambda: sorted(watched.handed) == [b"a.png", b"b.png"])


def test_a_file_is_taken_at_once_after_a_close_or_rename(tmp_path: Path) -> None:
    """Hand the file on before its quiet period (30 s here) is over, since an event reports its end."""
    inbox = tmp_path / "inbox"
    settle = SettleSettings(quiet=30, patience=3600)
    with watching(inbox, "native", WatchSettings(), settle) as watched:
        outside = tmp_path / "outside.png"
        outside.write_bytes(encoded("png"))
        (inbox / "written.png").write_bytes(encoded("png"))
        outside.rename(inbox / "moved.png")
        folder = tmp_path / "folder"
        folder.mkdir()

        eventually(lambda: sorted(watched.handed) == [b"moved.png", b"written.png"], 20)


def test_the_files_of_a_folder_that_is_moved_in_are_found(start: Start, tmp_path: Path) -> None:
    watched = start()
    for number in range(3):
        folder = tmp_path / "batch" / f"sub{number}"
        folder.mkdir(parents=True)
        (folder / "scan.png").write_bytes(encoded("png"))

    (tmp_path / "batch").rename(tmp_path / "inbox" / "batch")

    eventually(
        lambda: sorted(watched.handed) == [f"batch/sub{n}/scan.png".encode() for n in range(3)]
    )


def test_a_waiting_file_that_vanishes_is_recorded_and_forgotten(
    start: Start, tmp_path: Path
) -> None:
    watched = start()
    path = tmp_path / "inbox" / "half.pdf"
    path.write_bytes(encoded("pdf")[:500])
    eventually(lambda: b"half.pdf" in watched.log.waiting)

    path.unlink()

    eventually(lambda: watched.log.gone == [b"half.pdf"])
    eventually(lambda: len(watched.watcher.files) == 0)


class _FullDisk(RecordedLog):
    """An intake log whose first three writes fail."""

    failures = 3

    def record_waiting(self, snapshot: FileSnapshot, first_seen: float, reason: str) -> None:
        if self.failures:
            self.failures -= 1
            raise DiskFull("the journal can't be written")
        super().record_waiting(snapshot, first_seen, reason)


def test_a_wait_that_cannot_be_recorded_is_recorded_later(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the file in mind and the watcher running while the state disk is full."""
    monkeypatch.setattr(pending, "LOOK_RETRY_SECONDS", 0.5)
    monkeypatch.setattr(watcher, "LOOK_RETRY_SECONDS", 0.5)
    watched = start(log=_FullDisk())
    data = encoded("pdf", numbered(2))
    (tmp_path / "inbox" / "half.pdf").write_bytes(data[:500])
    eventually(lambda: "incomplete" in watched.log.waiting.get(b"half.pdf", ""))
    (tmp_path / "inbox" / "half.pdf").write_bytes(data)

    eventually(lambda: watched.handed == [b"half.pdf"])


def test_file_names_may_hold_any_bytes(start: Start, tmp_path: Path) -> None:
    watched = start()
    names = [
        b"caf\xe9.png",
        b"line\nbreak.png",
        b"quo'te\".png",
        b"x" * 251 + b".png",
        b" .png",
        b"sub\xff/in\xfe.png",
    ]
    for name in names:
        path = os.path.join(os.fsencode(tmp_path / "inbox"), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(encoded("png"))

    eventually(lambda: sorted(watched.handed) == sorted(names))


def test_each_of_two_thousand_files_at_once_is_handed_on_exactly_once(
    start: Start, tmp_path: Path
) -> None:
    watched = start(quiet=0.5)
    data = encoded("png", numbered(1))
    for number in range(2000):
        (tmp_path / "inbox" / f"scan-{number:04}.png").write_bytes(data)

    eventually(lambda: len(watched.handed) >= 2000)
    assert len(set(watched.handed)) == len(watched.handed) == 2000


def test_temporary_and_system_files_are_ignored_and_special_files_refused(
    start: Start, tmp_path: Path
) -> None:
    watched = start()
    inbox = tmp_path / "inbox"
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded("png"))
    for name in (
        ".hidden.png",
        "~lock.png",
        "x.part",
        "x.tmp",
        "Thumbs.db",
        "DESKTOP.INI",
        "._x.png",
    ):
        (inbox / name).write_bytes(encoded("png"))
    (inbox / "@eaDir").mkdir()
    (inbox / "@eaDir" / "x.png").write_bytes(encoded("png"))
    (inbox / "link.png").symlink_to(secret)
    (inbox / "folder").symlink_to(tmp_path)
    os.mkfifo(inbox / "pipe.png")
    (inbox / "folder.pdf").mkdir()
    (inbox / "real.png").write_bytes(encoded("png"))

    eventually(lambda: watched.handed == [b"real.png"])
    eventually(lambda: {b"link.png", b"pipe.png", b"folder"} <= watched.watcher.files.refused)
    assert watched.handed == [b"real.png"]


def test_an_empty_file_waits_until_patience_ends(start: Start, tmp_path: Path) -> None:
    watched = start(patience=3)
    (tmp_path / "inbox" / "empty.png").touch()

    eventually(lambda: watched.log.waiting.get(b"empty.png") == "empty")
    eventually(lambda: watched.log.never_completed == [b"empty.png"])
    assert watched.handed == []


def test_files_are_found_again_after_the_inbox_comes_back(start: Start, tmp_path: Path) -> None:
    watched = start()
    inbox = tmp_path / "inbox"
    inbox.rename(tmp_path / "elsewhere")
    eventually(lambda: watched.log.away and watched.log.away[-1])

    inbox.mkdir()
    (inbox / "a.png").write_bytes(encoded("png"))

    eventually(lambda: watched.handed == [b"a.png"])
    assert watched.log.away[-1] is None
    (inbox / "b.png").write_bytes(encoded("png"))  # the new folder is watched
    eventually(lambda: watched.handed == [b"a.png", b"b.png"])


def test_an_unmounted_inbox_is_not_taken_for_an_empty_one(start: Start, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "x", str(inbox)], check=False).returncode
    ):
        pytest.skip("needs root to mount a tmpfs")
    try:
        watched = start()
        (inbox / "half.pdf").write_bytes(encoded("pdf")[:500])
        eventually(lambda: b"half.pdf" in watched.log.waiting)
        subprocess.run(["umount", "-l", str(inbox)], check=True)
        eventually(lambda: watched.log.away and watched.log.away[-1])
        assert watched.log.gone == []
    finally:
        subprocess.run(["umount", "-l", str(inbox)], check=False, capture_output=True)


def test_a_dead_observer_is_replaced(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    watch = WatchSettings(reconcile_interval=1)
    with watching(inbox, "native", watch, SettleSettings(quiet=0.3)) as watched:
        kernel_events = watched.watcher.kernel_events
        assert kernel_events is not None
        first = kernel_events.observer
        assert first is not None
        for emitter in first.emitters:
            emitter.stop()
        eventually(lambda: kernel_events.observer not in (None, first))
        (inbox / "a.png").write_bytes(encoded("png"))
        eventually(lambda: watched.handed == [b"a.png"])


def test_the_second_event_of_a_rename_is_awaited_only_briefly() -> None:
    """Wait briefly: each original that is moved to the archive would delay later events by half a second."""
    shorten_rename_pairing()
    grouper = InotifyMoveEventGrouper()
    try:
        assert grouper._queue.delay == RENAME_PAIRING_SECONDS
    finally:
        grouper.close()
