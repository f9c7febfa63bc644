"""Test when the watcher counts what waits unclaimed: after a change, and not for a file that has just come."""

from pathlib import Path

import pytest

from intakes import RecordedLog, new_intake
from scanmend.config.settings import SettleSettings
from scanmend.intake.events import InWorkElsewhere, NotReady
from scanmend.intake.pending import RECORD_AFTER_SECONDS, PendingFiles
from scanmend.intake.scanner import Scanner
from scanmend.intake.unclaimed_report import MIN_REPORT_SECONDS, UnclaimedReport
from scanmend.store.mounts import Root

LATER = max(RECORD_AFTER_SECONDS, MIN_REPORT_SECONDS)


class _Fixture:
    def __init__(self, inbox: Path) -> None:
        self.log = RecordedLog()
        scanner = Scanner(bytes(inbox), lambda *_: None)
        settings = SettleSettings(quiet=1.0)
        self.files = PendingFiles(Root(str(inbox)), new_intake(self.log), scanner, settings)
        self.obstacle = ""
        self.report = UnclaimedReport(self.files, self.log, lambda: self.obstacle)

    @property
    def counted(self) -> list[tuple[str, int]]:
        return [(group.reason, group.count) for group in self.log.unclaimed]


@pytest.fixture
def fixture(tmp_path: Path) -> _Fixture:
    (tmp_path / "a.png").write_bytes(b"x")
    return _Fixture(tmp_path)


def test_a_file_in_the_claim_step_is_counted_with_the_obstacle(fixture: _Fixture) -> None:
    fixture.files.look(b"a.png", 100.0, closed=True)
    fixture.report.outdate()

    again_at = fixture.report.turn(100.0)

    assert again_at == 100.0 + MIN_REPORT_SECONDS  # nothing else would cause another count
    assert fixture.counted == []
    fixture.obstacle = "the outbox is full"
    assert fixture.report.turn(100.0 + LATER) is None
    assert fixture.counted == [("the outbox is full", 1)]


def test_a_file_that_another_daemon_has_is_not_counted(fixture: _Fixture) -> None:
    fixture.files.look(b"a.png", 100.0, closed=True)
    fixture.files.take_answer(InWorkElsewhere(b"a.png", "in work by b", 60.0), 100.0)
    fixture.report.outdate()

    fixture.report.turn(100.0 + LATER)

    assert fixture.counted == []


def test_the_count_follows_the_reason(fixture: _Fixture) -> None:
    fixture.files.look(b"a.png", 100.0, closed=True)
    fixture.files.take_answer(NotReady(b"a.png", "no rights"), 100.0)
    fixture.report.outdate()
    fixture.report.turn(100.0 + LATER)
    assert fixture.counted == [("no rights", 1)]

    Path(fixture.files._root.path, "a.png").unlink()
    fixture.files.look(b"a.png", 103.0)
    fixture.report.outdate()

    assert fixture.report.turn(103.0) is not None  # not at once
    fixture.report.turn(100.0 + 3 * LATER)
    assert fixture.counted == []
