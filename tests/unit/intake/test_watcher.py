"""A large inbox at the start: the scan waits for the claim, so that not all of it is in memory."""

import os
import time
from pathlib import Path

import pytest

from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.intake.inotify import Hint
from scanmend.intake.scanner import SLICE
from scanmend.intake.watcher import ENOUGH, SLICES, Watcher
from scanmend.store.mounts import Method, Root

MANY = 3 * ENOUGH


class _Claim:
    """An intake that claims when it is told to."""

    def __init__(self) -> None:
        self.waiting_ones: list[FileSnapshot] = []
        self.claimed: list[bytes] = []

    def submit(self, seen: FileSnapshot) -> None:
        self.waiting_ones.append(seen)

    def backlog(self) -> int:
        return len(self.waiting_ones)

    def known(self, seen: FileSnapshot) -> bool:
        return seen.path in self.claimed

    def first_seen(self, _path: bytes) -> float | None:
        return None

    def waiting(self, *_: object) -> None:
        raise AssertionError

    gone = never_completed = refused = inbox_away = waiting

    def claim(self, watch: Watcher) -> None:
        for seen in self.waiting_ones:
            self.claimed.append(seen.path)
            watch._take(Hint(seen.path, "claimed"))
        self.waiting_ones.clear()


def _watch(inbox: Path, claim: _Claim) -> Watcher:
    settings = WatchSettings(poll_interval=100.0)
    method = Method("polling", "the test")
    return Watcher(Root(str(inbox)), method, settings, SettleSettings(quiet=0.0), claim)


def _fill(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        os.close(os.open(folder / f"scan-{number:05}.png", os.O_CREAT | os.O_WRONLY))
        (folder / f"scan-{number:05}.png").write_bytes(b"x")


@pytest.mark.slow
def test_the_scan_waits_for_the_claim(tmp_path: Path) -> None:
    _fill(tmp_path / "inbox", MANY)
    claim = _Claim()
    watch = _watch(tmp_path / "inbox", claim)

    for _ in range(5 * MANY // SLICE):
        pause = watch.turn(time.monotonic())
    assert ENOUGH <= watch.count() < ENOUGH + SLICE
    assert pause > 0  # it does not spin

    while len(claim.claimed) < MANY:
        claim.claim(watch)
        watch.turn(time.monotonic())
    assert len(set(claim.claimed)) == MANY


@pytest.mark.slow
def test_a_large_new_folder_is_left_to_the_scan(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    claim = _Claim()
    watch = _watch(tmp_path / "inbox", claim)
    while watch._scan or watch._scan_again:
        watch.turn(time.monotonic())
    _fill(tmp_path / "inbox" / "new", SLICE * SLICES + 100)

    watch._take(Hint(b"new", "folder"))

    assert watch.count() == SLICE * SLICES
    assert watch._scan_again
