"""Test the files that wait to be claimed: late answers, and folders that can't be looked into for a while."""

import time
from pathlib import Path

import pytest

from intakes import RecordedLog, new_intake, take_all
from scanmend.config.settings import SettleSettings
from scanmend.intake.events import Claimed, NotReady
from scanmend.intake.intake_log import Intake
from scanmend.intake.pending import LOOK_RETRY_SECONDS, RECORD_AFTER_SECONDS, PendingFiles
from scanmend.intake.scanner import Scanner
from scanmend.store.mounts import Root


@pytest.fixture
def log() -> RecordedLog:
    return RecordedLog()


@pytest.fixture
def intake(log: RecordedLog) -> Intake:
    return new_intake(log)


@pytest.fixture
def files(tmp_path: Path, intake: Intake) -> PendingFiles:
    """Return the pending files of an inbox at tmp_path, which settle after 100 s."""
    scanner = Scanner(bytes(tmp_path), lambda *_: None)
    return PendingFiles(Root(str(tmp_path)), intake, scanner, SettleSettings(quiet=100.0))


def _make_unreadable(folder: Path) -> None:
    """Put a link to itself in the folder's place: each look into it fails, as on a share that hangs."""
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder)


def test_an_answer_about_an_unknown_file_changes_nothing(files: PendingFiles) -> None:
    files.take_answer(NotReady(b"a.png", "gone"), 0.0)

    assert len(files) == 0


def test_the_claim_of_a_file_does_not_end_the_wait_for_its_successor(
    files: PendingFiles, intake: Intake, tmp_path: Path
) -> None:
    """Replace the file before the claim step's answer arrives."""
    now = time.monotonic()
    (tmp_path / "a.png").write_bytes(b"first")
    files.look(b"a.png", now, closed=True)
    assert [snapshot.size for snapshot in take_all(intake)] == [5]
    (tmp_path / "a.png").unlink()
    files.look(b"a.png", now)
    (tmp_path / "a.png").write_bytes(b"second")
    files.look(b"a.png", now)

    files.take_answer(Claimed(b"a.png"), now)

    assert b"a.png" in files


def test_a_file_is_not_forgotten_while_it_cant_be_looked_at(
    files: PendingFiles, log: RecordedLog, tmp_path: Path
) -> None:
    now = time.monotonic()
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "a.png").write_bytes(b"x")
    files.look(b"desk/a.png", now)
    _make_unreadable(tmp_path / "desk")

    files.look_at_due(now + RECORD_AFTER_SECONDS)

    assert b"desk/a.png" in files
    assert files.next_due == now + RECORD_AFTER_SECONDS + LOOK_RETRY_SECONDS
    assert log.gone == []


def test_a_refused_link_is_not_forgotten_while_it_cant_be_looked_at(
    files: PendingFiles, log: RecordedLog, tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "a.png").symlink_to("b.png")
    files.look(b"desk/a.png", 0.0)
    _make_unreadable(tmp_path / "desk")

    files.forget_refused()

    assert files.refused == {b"desk/a.png"}
    assert len(log.refused) == 1
