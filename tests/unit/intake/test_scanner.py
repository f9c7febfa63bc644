"""Test the listing of a large inbox: new names are checked at once, known ones at a rate that a share can bear."""

import os
from pathlib import Path

import pytest

from intakes import RecordedLog, new_intake, take_all
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.intake.scanner import RECHECKS_PER_SECOND, SLICE_ENTRIES, Scanner, SliceEnd
from scanmend.intake.watcher import Watcher
from scanmend.store.mounts import Method, Root

MANY = 20_000
INTERVAL = 5.0
RECHECKS = RECHECKS_PER_SECOND * INTERVAL  # rechecks in one scan


class _AllDone(RecordedLog):
    """An intake log that knows each file of the fixture as done and kept."""

    def is_known(self, snapshot: FileSnapshot) -> bool:
        self.lookups += 1
        return snapshot.path.startswith(b"kept")


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inbox")
    for number in range(MANY):
        os.close(os.open(folder / f"kept-{number:06}.pdf", os.O_CREAT))
    return folder


def _listed(scanner: Scanner) -> list[bytes]:
    found = scanner.scan(INTERVAL, hurry=False)
    return [path for path in found if not isinstance(path, SliceEnd)]


@pytest.mark.slow
def test_known_names_are_rechecked_in_turn_and_all_within_a_bounded_time(inbox: Path) -> None:
    scanner = Scanner(os.fsencode(inbox), lambda *_: pytest.fail("can't be listed"))
    for path in _listed(scanner):
        scanner.mark_in_order(path)
    rounds = 1 + int(MANY / RECHECKS)

    looked = [_listed(scanner) for _ in range(rounds)]

    every = sorted(os.listdir(os.fsencode(inbox)))
    assert sorted(path for paths in looked for path in paths) == every
    assert max(map(len, looked)) < 2 * RECHECKS  # random; the mean is RECHECKS
    assert 0 < scanner.pause * MANY / SLICE_ENTRIES <= INTERVAL / 2


def test_a_name_that_comes_back_is_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    scanner = Scanner(os.fsencode(tmp_path), lambda *_: None)
    scanner.mark_in_order(b"a")
    (tmp_path / "a").unlink()
    assert _listed(scanner) == []
    (tmp_path / "a").touch()

    assert _listed(scanner) == [b"a"]


@pytest.mark.slow
def test_names_stay_known_while_their_folder_cannot_be_listed(tmp_path: Path) -> None:
    unreadable: list[bytes] = []
    scanner = Scanner(os.fsencode(tmp_path), lambda folder, _: unreadable.append(folder))
    for number in range(int(RECHECKS) * 2):
        (tmp_path / str(number)).touch()
        scanner.mark_in_order(b"%d" % number)
    away = tmp_path.rename(tmp_path.with_name("away"))
    assert _listed(scanner) == []
    away.rename(tmp_path)

    assert unreadable == [b""]
    assert len(_listed(scanner)) < RECHECKS


@pytest.mark.slow
def test_a_new_file_among_many_costs_no_stat_of_the_others(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _AllDone()
    intake = new_intake(log)
    watcher = Watcher(
        Root(str(inbox)), Method("polling", ""), intake, WatchSettings(), SettleSettings(quiet=0.0)
    )
    stats = 0
    real = os.lstat

    def counted(path: bytes) -> os.stat_result:
        nonlocal stats
        stats += 1
        return real(path)

    monkeypatch.setattr(os, "lstat", counted)

    def stats_of_a_scan(now: float) -> int:
        nonlocal stats
        stats = 0
        watcher.turn(now)
        while watcher.scanning:
            watcher.turn(now)
        return stats

    assert stats_of_a_scan(0.0) >= MANY  # the first scan checks each file once
    (inbox / "new.pdf").write_bytes(b"x")
    lookups = log.lookups

    again = stats_of_a_scan(2 * INTERVAL)

    assert [snapshot.path for snapshot in take_all(intake)] == [
        b"new.pdf"
    ]  # found by the next scan
    assert again < 2 * RECHECKS
    assert log.lookups - lookups < 2 * RECHECKS
    (inbox / "new.pdf").unlink()


@pytest.mark.parametrize(
    "name",
    [
        *("#recycle/a.pdf", "@Recycle/b/a.pdf", "$RECYCLE.BIN/S-1-5/a.pdf", "RECYCLER/a.pdf"),
        *("System Volume Information/a.pdf", ".Trash-1000/files/a.pdf", "lost+found/a.pdf"),
        *("Network Trash Folder/a.pdf", "@Recently-Snapshot/a.pdf", ".snapshot/a.pdf"),
        *("#snapshot/a.pdf", "Temporary Items/a.pdf", "desk/@eaDir/a.pdf"),
        *("a.pdf.partial", "a.pdf.filepart", "a.pdf.download", "a.pdf.opdownload", "a.pdf.aria2"),
        *("a.pdf.!ut", "A.PDF.LOCK", "a.pdf.swp", "a.pdf.part", "a.crdownload", "~a.pdf"),
        *("download.pdf.download/a.pdf",),
    ],
)
def test_names_of_systems_and_of_unfinished_files_are_passed_over(name: str) -> None:
    scanner = Scanner(b"/inbox", lambda *_: None)

    assert scanner.ignored(name.encode())


@pytest.mark.parametrize(
    "name",
    ["recycle/a.pdf", "lock/a.pdf", "a.lock.pdf", "partial.pdf", "found/aria2.pdf", "#1.pdf"],
)
def test_names_that_only_resemble_them_are_taken(name: str) -> None:
    assert not Scanner(b"/inbox", lambda *_: None).ignored(name.encode())
