"""Test the watcher on a large inbox, turn by turn: the scan waits for the claim step, so that memory is bounded."""

import os
import time
from pathlib import Path

import pytest

from intakes import RecordedLog, new_intake, take_all
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.errors import MachineError
from scanmend.intake.events import Claimed, FolderArrived, Look, ScanNow
from scanmend.intake.intake_log import Intake
from scanmend.intake.scanner import SLICE_ENTRIES
from scanmend.intake.watcher import FOLDER_SLICES, MAX_UNCLAIMED, Watcher
from scanmend.store.mounts import Method, Root

MANY = 3 * MAX_UNCLAIMED


def _watcher(inbox: Path, intake: Intake) -> Watcher:
    settings = WatchSettings(poll_interval=100.0)
    method = Method("polling", "the test")
    return Watcher(Root(str(inbox)), method, intake, settings, SettleSettings(quiet=0.0))


def _claim_all(watcher: Watcher, intake: Intake, log: RecordedLog) -> list[bytes]:
    """Claim the waiting files, as the claim step does; return their paths."""
    claimed = []
    for snapshot in take_all(intake):
        log.known.add((snapshot.path, snapshot.identity))
        watcher.handle(Claimed(snapshot.path))
        claimed.append(snapshot.path)
    return claimed


def _fill(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"scan-{number:05}.png").write_bytes(b"x")


@pytest.mark.slow
def test_the_scan_waits_for_the_claim_step(tmp_path: Path) -> None:
    _fill(tmp_path / "inbox", MANY)
    log = RecordedLog()
    intake = new_intake(log)
    watcher = _watcher(tmp_path / "inbox", intake)

    for _ in range(5 * MANY // SLICE_ENTRIES):
        pause = watcher.turn(time.monotonic())
    assert MAX_UNCLAIMED <= len(watcher.files) < MAX_UNCLAIMED + SLICE_ENTRIES
    assert pause > 0  # it waits instead of spinning

    claimed: list[bytes] = []
    while len(claimed) < MANY:
        claimed += _claim_all(watcher, intake, log)
        watcher.turn(time.monotonic())
    assert len(set(claimed)) == MANY


@pytest.mark.slow
def test_a_large_new_folder_is_left_to_the_scan(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    watcher = _watcher(tmp_path / "inbox", new_intake(RecordedLog()))
    while watcher.scanning:
        watcher.turn(time.monotonic())
    _fill(tmp_path / "inbox" / "new", SLICE_ENTRIES * FOLDER_SLICES + 100)

    watcher.handle(FolderArrived(b"new"))

    assert len(watcher.files) == SLICE_ENTRIES * FOLDER_SLICES
    assert watcher.scanning


def test_a_second_refused_link_of_the_same_name_is_recorded_too(tmp_path: Path) -> None:
    """Forget a refused file once it is gone, so that the list does not grow for ever."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    log = RecordedLog()
    watcher = _watcher(inbox, new_intake(log))

    for target in ("first", "second"):
        (inbox / "link.png").symlink_to(target)
        for _ in range(3):
            watcher.handle(Look(b"link.png"))
        (inbox / "link.png").unlink()
        watcher.handle(ScanNow())
        while watcher.scanning:
            watcher.turn(time.monotonic())
        assert watcher.files.refused == frozenset()

    assert [path for path, _ in log.refused] == [b"link.png", b"link.png"]


def test_a_path_that_is_too_long_is_recorded_once(tmp_path: Path) -> None:
    log = RecordedLog()
    (tmp_path / "inbox").mkdir()
    watcher = _watcher(tmp_path / "inbox", new_intake(log))
    path = os.path.join(*[b"x" * 255] * 17)

    for _ in range(2):
        watcher.handle(Look(path))

    assert [refused for refused, _ in log.refused] == [path]
    assert "less deep" in log.refused[0][1]
    watcher.files.forget_refused()  # the system does not say whether it is gone
    assert watcher.files.refused == {path}


def test_the_return_of_the_inbox_is_recorded_once_the_journal_can_be_written(
    tmp_path: Path,
) -> None:
    """Record the return later: otherwise the status would call the inbox away until the next restart."""

    class FailingOnce(RecordedLog):
        def record_inbox_back(self) -> None:
            if len(self.away) == 1:
                self.away.append("not recorded")
                raise MachineError("the journal can't be written")
            super().record_inbox_back()

    log = FailingOnce()
    watcher = _watcher(tmp_path / "inbox", new_intake(log))
    watcher.turn(0.0)
    (tmp_path / "inbox").mkdir()

    with pytest.raises(MachineError):
        watcher.turn(100.0)
    watcher.turn(105.0)

    assert log.away[1:] == ["not recorded", None]


def test_a_folder_that_is_too_deep_to_be_listed_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    folder = os.open(tmp_path / "inbox", os.O_RDONLY)
    for _ in range(17):
        os.mkdir("x" * 255, dir_fd=folder)
        below = os.open("x" * 255, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    log = RecordedLog()
    watcher = _watcher(tmp_path / "inbox", new_intake(log))

    while watcher.scanning:
        watcher.turn(time.monotonic())

    ((path, reason),) = log.refused
    assert set(path.split(b"/")) == {b"x" * 255}
    assert "less deep" in reason


def test_new_settings_are_used_from_the_next_look_on(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    _fill(inbox, 2)
    intake = new_intake(RecordedLog())
    watcher = _watcher(inbox, intake)

    watcher.reload(WatchSettings(ignore=("*-00000.*",)), SettleSettings(quiet=0.0))

    watcher.handle(intake.events.get(timeout=0))  # it wakes the thread
    while watcher.scanning:
        watcher.turn(time.monotonic())
    assert [snapshot.path for snapshot in take_all(intake)] == [b"scan-00001.png"]


def test_an_inbox_that_is_away_is_not_checked_at_each_turn(tmp_path: Path) -> None:
    log = RecordedLog()
    watcher = _watcher(tmp_path / "inbox", new_intake(log))
    pause = watcher.turn(1000.0)
    (tmp_path / "inbox").mkdir()

    assert watcher.turn(1000.0 + pause / 2) == pytest.approx(pause / 2)
    assert len(log.away) == 1
    watcher.turn(1000.0 + pause)
    assert log.away[1:] == [None]
