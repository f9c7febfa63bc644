"""Test the inbox on files that change after their claim, or while they are read."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from journals import document
from scanmend.document import Document, FileSnapshot
from scanmend.errors import FolderGone, MachineError, PathUnusable
from scanmend.intake import inspection
from scanmend.intake.events import NotReady, RetryOn
from scanmend.intake.inbox import Change, Inbox
from scanmend.intake.inspection import inspect
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts

DATA = b"the bytes of a file"


class RacingInbox(Inbox):
    """An inbox in which something happens after a snapshot was taken of a file."""

    def __init__(self, folder: Path, act: Callable[[], object] = lambda: None) -> None:
        super().__init__(Root(str(folder)), Parts(str(folder)))
        self._act = act

    def snapshot(self, relative: bytes) -> FileSnapshot | None:
        taken = super().snapshot(relative)
        self._act()
        return taken


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    return path


def _claimed(file: Path, sha256: str = hashlib.sha256(DATA).hexdigest()) -> Document:
    size, mtime_ns, inode = FileSnapshot.of(b"a.png", file.lstat()).identity
    return document(path=b"a.png", size=size, mtime_ns=mtime_ns, inode=inode, sha256=sha256)


def test_a_file_whose_time_changed_is_the_same(file: Path) -> None:
    claimed = _claimed(file)
    inbox = RacingInbox(file.parent)
    assert inbox.change(claimed) is None

    os.utime(file, (1, 1))

    assert inbox.change(claimed) is None


@pytest.mark.parametrize("data", [b"other bytes", DATA[::-1]], ids=["other size", "same size"])
def test_a_file_of_another_content_is_a_replacement(file: Path, data: bytes) -> None:
    claimed = _claimed(file)
    file.write_bytes(data)
    os.utime(file, (1, 1))

    assert RacingInbox(file.parent).change(claimed) is Change.REPLACED


def test_a_touched_file_that_was_never_hashed_counts_as_a_replacement(file: Path) -> None:
    """Files over ``limits.file_size`` are not read, so that nothing is known about their content."""
    claimed = _claimed(file, sha256="")
    os.utime(file, (1, 1))

    assert RacingInbox(file.parent).change(claimed) is Change.REPLACED


def test_nothing_is_said_about_a_file_that_cant_be_read(file: Path) -> None:
    claimed = _claimed(file)
    os.utime(file, (1, 1))

    with pytest.raises(PathUnusable, match=r"^a\.png: can't be read: No such file"):
        RacingInbox(file.parent, file.unlink).change(claimed)


def test_a_file_that_becomes_a_link_while_it_is_opened_is_sent_back(file: Path) -> None:
    def become_link() -> None:
        file.unlink()
        file.symlink_to("/etc/hostname")

    snapshot = FileSnapshot.of(b"a.png", file.lstat())

    found = inspect(RacingInbox(file.parent, become_link), snapshot, 1000)

    assert found == NotReady(b"a.png", os.strerror(errno.ELOOP))


def test_a_file_that_changes_while_it_is_read_is_sent_back(file: Path) -> None:
    """Touch the file at the second snapshot, after it was read."""
    times = iter([None, (1, 1)])

    def touch_later() -> None:
        if when := next(times):
            os.utime(file, when)

    snapshot = FileSnapshot.of(b"a.png", file.lstat())

    found = inspect(RacingInbox(file.parent, touch_later), snapshot, 1000)

    assert found == NotReady(b"a.png", "changed while it was read")


def test_a_file_that_cant_be_read_is_sent_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the check, since no local file system fails in the middle of a file on demand."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(inspection, "is_complete", fail)
    snapshot = FileSnapshot.of(b"a.png", file.lstat())

    found = inspect(RacingInbox(file.parent), snapshot, 1000)

    assert found == NotReady(b"a.png", "can't be read: Input/output error", RetryOn.REACH)


def test_a_path_that_cant_be_looked_at_is_no_outage_of_the_inbox(tmp_path: Path) -> None:
    """Put a link to itself in the folder's place: each look into it fails."""
    (tmp_path / "desk").symlink_to("desk")
    inbox = RacingInbox(tmp_path)

    with pytest.raises(PathUnusable, match=r"^desk/a\.png: can't be looked at: Too many levels"):
        inbox.snapshot(b"desk/a.png")


def test_an_inbox_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderGone, match=r"the inbox .*elsewhere can't be read"):
        RacingInbox(tmp_path / "elsewhere").snapshot(b"a.png")


def test_a_childs_error_is_blamed_on_the_file_only_if_it_cant_be_opened(file: Path) -> None:
    error = MachineError("the engine failed")
    inbox = RacingInbox(file.parent)
    assert inbox.blamed(error, _claimed(file)) is error

    claimed = _claimed(file)
    file.unlink()
    file.symlink_to("a.png")

    blamed = inbox.blamed(error, claimed)
    assert isinstance(blamed, PathUnusable)
    assert str(blamed) == "a.png: can't be opened: Too many levels of symbolic links"
