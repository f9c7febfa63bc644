"""Test how scanners that open their files again are learnt and held for, with an invented clock and real files."""

import time
from pathlib import Path

import pytest

from intakes import RecordedLog, new_intake, take_all
from scanmend.config.settings import SettleSettings
from scanmend.intake.events import Claimed
from scanmend.intake.pending import PendingFiles
from scanmend.intake.reopening import COMES_BACK_SECONDS
from scanmend.intake.scanner import Scanner
from scanmend.store.mounts import Root
from scanmend.store.reopening import MAX_MISSES, Lesson

HELD = "held for 4 s, in case its scanner opens it again (settle.reopen)"


class Scans:
    """An inbox, its pending files, and a clock."""

    def __init__(self, home: Path, **settle: float) -> None:
        self.home = home
        (home / "desk").mkdir(exist_ok=True)
        self.now = time.monotonic()
        self.log = RecordedLog()
        self.start(**settle)

    def start(self, **settle: float) -> None:
        """Forget all but the log, as a restart does."""
        self.intake = new_intake(self.log)
        scanner = Scanner(bytes(self.home), lambda *_: None)
        settings = SettleSettings(quiet=1.0, **settle)
        self.files = PendingFiles(Root(str(self.home)), self.intake, scanner, settings)

    def write(self, name: str, size: int, *, closed: bool = True) -> None:
        """Give the file this size, and let the watcher look as after the kernel's events."""
        (self.home / name).write_bytes(b"x" * size)
        self.look(name, written=True)
        if closed:
            self.look(name, closed=True)

    def look(self, name: str, *, closed: bool = False, written: bool = False) -> None:
        self.files.look(name.encode(), self.now, closed=closed, written=written)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.files.look_at_due(self.now)

    def taken(self) -> list[int]:
        """Take the files that settled into work, and out of the inbox; return their sizes."""
        taken = take_all(self.intake)
        for snapshot in taken:
            (self.home / snapshot.path.decode()).unlink()
            self.files.take_answer(Claimed(snapshot.path), self.now)
        return [snapshot.size for snapshot in taken]

    def learn(self, name: str = "desk/a.pdf", gap: float = 2.0) -> None:
        self.write(name, 10)
        assert self.taken() == [10]
        self.wait(gap)
        self.write(name, 20)
        self.wait(100.0)
        assert self.taken() == [20]


@pytest.fixture
def scans(tmp_path: Path) -> Scans:
    return Scans(tmp_path)


def test_a_name_that_comes_back_teaches_its_folder(scans: Scans) -> None:
    scans.learn()
    scans.write("desk/b.TIF", 10)
    assert scans.taken() == []
    scans.wait(2.5)
    assert scans.log.waiting[b"desk/b.TIF"] == HELD
    scans.write("desk/b.TIF", 20)
    scans.wait(3.5)
    assert scans.taken() == []
    scans.write("desk/b.TIF", 30)
    scans.wait(6.25)

    assert scans.taken() == [30]
    assert scans.log.kept_lessons["desk"].gaps == pytest.approx((2.0, 2.5, 3.5))


def test_other_kinds_and_other_folders_are_not_held(scans: Scans) -> None:
    scans.learn()
    scans.write("desk/b.png", 10)
    scans.write("b.pdf", 10)

    assert sorted(scans.taken()) == [10, 10]


def test_a_name_that_comes_back_late_teaches_nothing(scans: Scans) -> None:
    scans.learn(gap=COMES_BACK_SECONDS + 1)

    assert scans.log.kept_lessons == {}


def test_a_file_that_did_not_grow_teaches_nothing(scans: Scans) -> None:
    for _ in range(3):
        scans.write("desk/a.pdf", 10)
        assert scans.taken() == [10]
        scans.wait(2.0)

    assert scans.log.kept_lessons == {}


def test_a_file_that_is_written_anew_from_its_beginning_teaches_by_its_final_size(
    scans: Scans,
) -> None:
    scans.learn()
    scans.write("desk/b.pdf", 10)
    scans.wait(3.0)
    for size in (0, 5, 20):
        scans.write("desk/b.pdf", size, closed=False)
    scans.look("desk/b.pdf", closed=True)
    scans.wait(10.0)

    assert scans.taken() == [20]
    assert scans.log.kept_lessons["desk"].gaps == pytest.approx((2.0, 3.0))


def test_without_close_events_the_quiet_period_comes_first(scans: Scans) -> None:
    scans.learn()
    (scans.home / "desk/b.pdf").write_bytes(b"x" * 10)
    scans.look("desk/b.pdf")
    scans.wait(1.5)
    scans.wait(1.5)
    (scans.home / "desk/b.pdf").write_bytes(b"x" * 20)
    scans.look("desk/b.pdf")
    scans.wait(1.5)
    assert scans.taken() == []
    scans.wait(20.0)

    assert scans.taken() == [20]
    assert scans.log.kept_lessons["desk"].gaps == pytest.approx((2.0, 3.0))


def test_a_lesson_survives_a_restart_and_is_forgotten_when_files_are_held_in_vain(
    scans: Scans,
) -> None:
    scans.learn()
    scans.start()
    for _ in range(MAX_MISSES):
        scans.write("desk/b.pdf", 10)
        assert scans.taken() == []
        scans.wait(4.0)
        assert scans.taken() == [10]
        scans.wait(COMES_BACK_SECONDS + 1)
    scans.write("desk/b.pdf", 10)

    assert scans.taken() == [10]
    assert scans.log.kept_lessons == {"desk": Lesson()}


def test_an_unrelated_document_of_the_same_name_ends_the_hold(scans: Scans) -> None:
    scans.learn()
    scans.files.reopening.refute(b"desk/a.pdf")
    scans.write("desk/b.pdf", 10)

    assert scans.taken() == [10]


def test_a_configured_hold_applies_to_all_folders_and_learns_nothing(tmp_path: Path) -> None:
    scans = Scans(tmp_path, reopen=30.0)
    for name in ("a.pdf", "desk/b.tiff"):
        scans.write(name, 10)
        scans.wait(29.0)
        assert scans.taken() == []
        scans.wait(2.0)
        assert scans.taken() == [10]
    assert scans.log.kept_lessons == {}


def test_no_hold_can_be_configured(tmp_path: Path) -> None:
    scans = Scans(tmp_path, reopen=0.0)
    for size in (10, 20, 30):
        scans.write("a.pdf", size)
        assert scans.taken() == [size]
        scans.wait(2.0)
