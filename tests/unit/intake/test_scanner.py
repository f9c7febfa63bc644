"""Listing a large inbox: new names at once, familiar ones at a rate that a share can bear."""

import os
from pathlib import Path

import pytest

from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.intake.scanner import AGAIN, SLICE, Listing
from scanmend.intake.watcher import Watcher
from scanmend.store.mounts import Method, Root

MANY = 20_000
INTERVAL = 5.0


class Journal:
    """The intake's answers: every file of the first listing is done and kept."""

    def __init__(self) -> None:
        self.new: list[bytes] = []
        self.asked = 0

    def backlog(self) -> int:
        return 0

    def known(self, seen: FileSnapshot) -> bool:
        self.asked += 1
        return seen.path.startswith(b"kept")

    def submit(self, seen: FileSnapshot) -> None:
        self.new.append(seen.path)

    def first_seen(self, _path: bytes) -> float | None:
        return None

    def waiting(self, *_: object) -> None:
        pass

    def gone(self, _path: bytes) -> None:
        pass

    def never_completed(self, *_: object) -> None:
        raise AssertionError

    def refused(self, *_: object) -> None:
        raise AssertionError

    def inbox_away(self, _reason: str | None) -> None:
        pass


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inbox")
    for number in range(MANY):
        os.close(os.open(folder / f"kept-{number:06}.pdf", os.O_CREAT))
    return folder


def _listed(listing: Listing) -> list[bytes]:
    return [path for path in listing.all(INTERVAL, hurry=False) if path is not None]


@pytest.mark.slow
def test_familiar_names_are_looked_at_in_turn_and_each_of_them_in_time(inbox: Path) -> None:
    listing = Listing(os.fsencode(inbox), lambda *_: pytest.fail("can't be listed"))
    for path in _listed(listing):
        listing.note(path)
    rounds = 1 + int(MANY / (AGAIN * INTERVAL))

    looked = [_listed(listing) for _ in range(rounds)]

    assert sorted(path for paths in looked for path in paths) == sorted(
        os.listdir(os.fsencode(inbox))
    )
    assert max(map(len, looked)) < 2 * AGAIN * INTERVAL  # by chance a little more than the mean
    assert 0 < listing.pause * MANY / SLICE <= INTERVAL / 2


def test_what_is_gone_is_forgotten_and_looked_at_when_it_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    listing = Listing(os.fsencode(tmp_path), lambda *_: None)
    listing.note(b"a")
    (tmp_path / "a").unlink()
    assert _listed(listing) == []
    (tmp_path / "a").touch()

    assert _listed(listing) == [b"a"]


@pytest.mark.slow
def test_a_folder_that_cannot_be_listed_makes_nothing_unfamiliar(tmp_path: Path) -> None:
    told: list[bytes] = []
    listing = Listing(os.fsencode(tmp_path), lambda folder, _: told.append(folder))
    for number in range(int(AGAIN * INTERVAL) * 2):
        (tmp_path / str(number)).touch()
        listing.note(b"%d" % number)
    away = tmp_path.rename(tmp_path.with_name("away"))
    assert _listed(listing) == []
    away.rename(tmp_path)

    assert told == [b""]
    assert len(_listed(listing)) < AGAIN * INTERVAL


@pytest.mark.slow
def test_a_new_file_among_many_costs_no_stat_of_the_others(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    watch = Watcher(
        Root(str(inbox)), Method("polling", ""), WatchSettings(), SettleSettings(quiet=0.0), journal
    )
    stats = 0
    real = os.lstat

    def counted(path: bytes) -> os.stat_result:
        nonlocal stats
        stats += 1
        return real(path)

    monkeypatch.setattr(os, "lstat", counted)

    def turn_until_listed(now: float) -> int:
        nonlocal stats
        stats = 0
        watch.turn(now)
        while watch._scan:
            watch.turn(now)
        return stats

    assert turn_until_listed(0.0) >= MANY  # each once, to get to know it
    (inbox / "new.pdf").write_bytes(b"x")
    asked = journal.asked

    again = turn_until_listed(2 * INTERVAL)

    assert journal.new == [b"new.pdf"]  # in the very next listing
    assert again < 2 * AGAIN * INTERVAL
    assert journal.asked - asked < 2 * AGAIN * INTERVAL
    (inbox / "new.pdf").unlink()
