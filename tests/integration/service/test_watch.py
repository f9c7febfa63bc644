"""The watcher on a real folder with real events; what it hands out is noted instead of claimed."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import eventually
from samples import encoded, numbered
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.errors import DiskFull
from scanmend.intake.completeness import Incomplete, is_complete
from scanmend.intake.watcher import Watcher
from scanmend.store.mounts import Method, Root


class Notes:
    """An intake that notes, and looks into the files as the claim step does."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = os.fsencode(inbox)
        self.handed: list[bytes] = []
        self.told: dict[bytes, str] = {}
        self.lost: list[bytes] = []
        self.never: list[bytes] = []
        self.away: list[str | None] = []
        self.taken: set[tuple[bytes, tuple[int, int, int]]] = set()
        self.watch: Watcher

    def submit(self, seen: FileSnapshot) -> None:
        try:
            with open(os.path.join(self.inbox, seen.path), "rb") as file:
                verdict = is_complete(file, seen.size)
        except FileNotFoundError:
            self.watch.unsettled(seen, "gone")
            return
        if isinstance(verdict, Incomplete):
            self.watch.unsettled(seen, f"incomplete: {verdict.why}")
            return
        self.handed.append(seen.path)
        self.taken.add((seen.path, seen.identity))
        self.watch.claimed(seen)

    def backlog(self) -> int:
        return 0

    def known(self, seen: FileSnapshot) -> bool:
        return (seen.path, seen.identity) in self.taken

    def first_seen(self, path: bytes) -> float | None:
        return None

    def waiting(self, seen: FileSnapshot, first_seen: float, why: str) -> None:
        self.told[seen.path] = why

    def gone(self, path: bytes) -> None:
        self.lost.append(path)

    def never_completed(self, seen: FileSnapshot, why: str) -> None:
        self.never.append(seen.path)
        self.taken.add((seen.path, seen.identity))

    def refused(self, seen: FileSnapshot, why: str) -> None:
        self.told[seen.path] = why

    def inbox_away(self, reason: str | None) -> None:
        self.away.append(reason)


Start = Callable[..., Notes]


@pytest.fixture(params=["native", "polling"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a watcher on tmp_path/inbox."""
    stops: list[Callable[[], None]] = []

    def begin(quiet: float = 0.4, patience: float = 3600, reconcile: float = 2.0) -> Notes:
        inbox = tmp_path / "inbox"
        inbox.mkdir(exist_ok=True)
        notes = Notes(inbox)
        settings = WatchSettings(poll_interval=0.2, reconcile_interval=reconcile)
        watch = Watcher(
            Root(str(inbox)),
            Method(request.param, "the test"),
            settings,
            SettleSettings(quiet=quiet, patience=patience),
            notes,
        )
        notes.watch = watch
        stop = threading.Event()
        thread = threading.Thread(target=watch.run, args=(stop,))
        thread.start()

        def end() -> None:
            stop.set()
            watch.close()
            thread.join(20)

        stops.append(end)
        if request.param == "native":
            eventually(lambda: watch._observer is not None and watch._scan is None)
        return notes

    yield begin
    for end in stops:
        end()


def test_files_there_at_the_start_and_later(start: Start, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "sub").mkdir(parents=True)
    (tmp_path / "inbox" / "sub" / "old.png").write_bytes(encoded("png"))
    notes = start()
    (tmp_path / "inbox" / "new.png").write_bytes(encoded("png"))

    eventually(lambda: sorted(notes.handed) == [b"new.png", b"sub/old.png"])


def test_a_writer_that_pauses_longer_than_the_quiet_period(start: Start, tmp_path: Path) -> None:
    notes = start()
    data = encoded("pdf", numbered(3))
    with open(tmp_path / "inbox" / "book.pdf", "wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        eventually(lambda: "incomplete" in notes.told.get(b"book.pdf", ""))
        assert notes.handed == []
        file.write(data[len(data) // 2 :])

    eventually(lambda: notes.handed == [b"book.pdf"])


def test_a_slow_writer(start: Start, tmp_path: Path) -> None:
    notes = start(quiet=1.0)
    data = encoded("tiff", numbered(2))
    with open(tmp_path / "inbox" / "fax.tif", "wb", buffering=0) as file:
        for part in range(12):
            file.write(data[len(data) * part // 12 : len(data) * (part + 1) // 12])
            time.sleep(0.1)  # the writer's own slowness
        assert notes.handed == []

    eventually(lambda: notes.handed == [b"fax.tif"])


def test_renamed_into_place(start: Start, tmp_path: Path) -> None:
    notes = start(quiet=30 if "native" in str(start) else 0.4)
    outside = tmp_path / "outside.png"
    outside.write_bytes(encoded("png"))
    part = tmp_path / "inbox" / "b.png.part"
    part.write_bytes(encoded("png"))

    outside.rename(tmp_path / "inbox" / "a.png")
    part.rename(tmp_path / "inbox" / "b.png")

    eventually(lambda: sorted(notes.handed) == [b"a.png", b"b.png"])


def test_a_close_or_rename_is_taken_at_once(tmp_path: Path) -> None:
    """With events, without waiting out the quiet period (30 s here)."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    notes = Notes(inbox)
    notes.watch = watch = Watcher(
        Root(str(inbox)),
        Method("native", "the test"),
        WatchSettings(),
        SettleSettings(quiet=30, patience=3600),
        notes,
    )
    stop = threading.Event()
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: watch._observer is not None and watch._scan is None)
        outside = tmp_path / "outside.png"
        outside.write_bytes(encoded("png"))
        (inbox / "written.png").write_bytes(encoded("png"))
        outside.rename(inbox / "moved.png")
        folder = tmp_path / "folder"
        folder.mkdir()

        eventually(lambda: sorted(notes.handed) == [b"moved.png", b"written.png"], 20)
    finally:
        stop.set()
        watch.close()
        thread.join(20)


def test_a_whole_folder_moved_in(start: Start, tmp_path: Path) -> None:
    notes = start()
    for number in range(3):
        folder = tmp_path / "batch" / f"sub{number}"
        folder.mkdir(parents=True)
        (folder / "scan.png").write_bytes(encoded("png"))

    (tmp_path / "batch").rename(tmp_path / "inbox" / "batch")

    eventually(
        lambda: sorted(notes.handed) == [f"batch/sub{n}/scan.png".encode() for n in range(3)]
    )


def test_a_file_that_vanishes(start: Start, tmp_path: Path) -> None:
    notes = start()
    path = tmp_path / "inbox" / "half.pdf"
    path.write_bytes(encoded("pdf")[:500])
    eventually(lambda: b"half.pdf" in notes.told)

    path.unlink()

    eventually(lambda: notes.lost == [b"half.pdf"])
    eventually(lambda: notes.watch.count() == 0)


def test_what_the_journal_cannot_take_is_told_again(start: Start, tmp_path: Path) -> None:
    """A full state disk while a wait is to be noted: the file is neither forgotten nor the watcher dead."""
    notes = start()
    real, failures = notes.waiting, [3]

    def waiting(seen: FileSnapshot, first_seen: float, why: str) -> None:
        if failures[0]:
            failures[0] -= 1
            raise DiskFull("the journal can't be written")
        real(seen, first_seen, why)

    notes.waiting = waiting  # type: ignore[method-assign]
    data = encoded("pdf", numbered(2))
    (tmp_path / "inbox" / "half.pdf").write_bytes(data[:500])
    eventually(lambda: "incomplete" in notes.told.get(b"half.pdf", ""))
    (tmp_path / "inbox" / "half.pdf").write_bytes(data)

    eventually(lambda: notes.handed == [b"half.pdf"])


def test_names_of_any_bytes(start: Start, tmp_path: Path) -> None:
    notes = start()
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

    eventually(lambda: sorted(notes.handed) == sorted(names))


def test_two_thousand_at_once_each_exactly_once(start: Start, tmp_path: Path) -> None:
    notes = start(quiet=0.5)
    data = encoded("png", numbered(1))
    for number in range(2000):
        (tmp_path / "inbox" / f"scan-{number:04}.png").write_bytes(data)

    eventually(lambda: len(notes.handed) >= 2000)
    assert len(set(notes.handed)) == len(notes.handed) == 2000


def test_what_is_passed_over_and_what_is_refused(start: Start, tmp_path: Path) -> None:
    notes = start()
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

    eventually(lambda: notes.handed == [b"real.png"])
    eventually(lambda: {b"link.png", b"pipe.png", b"folder"} <= notes.watch._refused)
    assert notes.handed == [b"real.png"]


def test_an_empty_file_waits_and_its_patience_ends(start: Start, tmp_path: Path) -> None:
    notes = start(patience=3)
    (tmp_path / "inbox" / "empty.png").touch()

    eventually(lambda: notes.told.get(b"empty.png") == "empty")
    eventually(lambda: notes.never == [b"empty.png"])
    assert notes.handed == []


def test_an_inbox_that_goes_and_comes_back(start: Start, tmp_path: Path) -> None:
    notes = start()
    inbox = tmp_path / "inbox"
    inbox.rename(tmp_path / "elsewhere")
    eventually(lambda: notes.away and notes.away[-1])

    inbox.mkdir()
    (inbox / "a.png").write_bytes(encoded("png"))

    eventually(lambda: notes.handed == [b"a.png"])
    assert notes.away[-1] is None
    (inbox / "b.png").write_bytes(encoded("png"))  # the new folder is watched
    eventually(lambda: notes.handed == [b"a.png", b"b.png"])


def test_an_unmounted_inbox_is_not_an_empty_one(start: Start, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "x", str(inbox)], check=False).returncode
    ):
        pytest.skip("needs root to mount a tmpfs")
    try:
        notes = start()
        (inbox / "half.pdf").write_bytes(encoded("pdf")[:500])
        eventually(lambda: b"half.pdf" in notes.told)
        subprocess.run(["umount", "-l", str(inbox)], check=True)
        eventually(lambda: notes.away and notes.away[-1])
        assert notes.lost == []
    finally:
        subprocess.run(["umount", "-l", str(inbox)], check=False, capture_output=True)


def test_a_dead_observer_is_replaced(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    notes = Notes(inbox)
    notes.watch = watch = Watcher(
        Root(str(inbox)),
        Method("native", "the test"),
        WatchSettings(reconcile_interval=1),
        SettleSettings(quiet=0.3),
        notes,
    )
    stop = threading.Event()
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: watch._observer is not None)
        first = watch._observer
        assert first is not None
        for emitter in first.emitters:
            emitter.stop()
        eventually(lambda: watch._observer is not None and watch._observer is not first)
        (inbox / "a.png").write_bytes(encoded("png"))
        eventually(lambda: notes.handed == [b"a.png"])
    finally:
        stop.set()
        watch.close()
        thread.join(20)
