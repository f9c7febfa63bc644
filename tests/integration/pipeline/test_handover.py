"""Test that an original is put away only as the file that was read: changed, held open, on another disk, without leases."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from journals import document
from pipelines import Pipeline, new_pipeline
from programs import running_writer
from scanmend.document import Document, FileSnapshot, State
from scanmend.errors import MachineError
from scanmend.intake.events import Look
from scanmend.intake.inbox import Change, Inbox
from scanmend.intake.writers import Writers
from scanmend.pipeline import handover
from scanmend.pipeline.originals import Originals
from scanmend.store.journal import PUBLISHED
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts

DATA = b"the bytes of a file"
OTHER = DATA[::-1]
SHARED_MEMORY = Path("/dev/shm")


class LeaselessInbox(Inbox):
    """An inbox on a file system without leases, in which a program writes while the original is moved."""

    written = b""
    next_file = b""  # that takes the original's name

    @contextlib.contextmanager
    def without_writers(self, fd: int) -> Iterator[Writers]:
        path = os.readlink(f"/proc/self/fd/{fd}")
        with open(path, "r+b", buffering=0) as file:  # opened before the move
            yield Writers.UNKNOWN
            if self.written and not os.path.exists(path):
                file.write(self.written)
                if self.next_file:
                    Path(path).write_bytes(self.next_file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "inbox" / "a.png"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


@pytest.fixture
def inbox(file: Path) -> Inbox:
    return Inbox(Root(str(file.parent)), Parts(str(file.parent)))


def _claimed(file: Path, sha256: str = hashlib.sha256(DATA).hexdigest()) -> Document:
    size, mtime_ns, inode = FileSnapshot.of(b"a.png", file.lstat()).identity
    return document(path=b"a.png", size=size, mtime_ns=mtime_ns, inode=inode, sha256=sha256)


def _rewrite_unnoticed(file: Path, data: bytes) -> None:
    """Change the content, but neither the size nor the mtime."""
    before = file.stat()
    with open(file, "r+b") as stream:
        stream.write(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _move(inbox: Inbox, claimed: Document, target: Path) -> Change | None:
    with handover.verified(inbox, claimed) as original:
        if isinstance(original, Change):
            return original
        return original.move_to(bytes(target))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a path on another file system than the inbox's."""
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    path = SHARED_MEMORY / f"scanmend-test-{os.getpid()}"
    yield path
    path.unlink(missing_ok=True)


def test_an_unchanged_file_is_moved(file: Path, inbox: Inbox, tmp_path: Path) -> None:
    assert _move(inbox, _claimed(file), tmp_path / "b.png") is None
    assert (tmp_path / "b.png").read_bytes() == DATA
    assert not file.exists()


def test_a_file_whose_times_do_not_show_its_change_stays(
    file: Path, inbox: Inbox, tmp_path: Path
) -> None:
    claimed = _claimed(file)
    _rewrite_unnoticed(file, OTHER)
    assert inbox.change(claimed) is None

    assert inbox.content_change(claimed) is Change.REPLACED
    assert _move(inbox, claimed, tmp_path / "b.png") is Change.REPLACED
    assert handover.remove(inbox, claimed) is Change.REPLACED
    assert file.read_bytes() == OTHER
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize("data", [DATA, OTHER], ids=["touched", "changed"])
def test_a_file_that_changes_after_it_was_verified(
    file: Path, inbox: Inbox, tmp_path: Path, data: bytes
) -> None:
    with handover.verified(inbox, _claimed(file)) as original:
        assert isinstance(original, handover.Original)
        _rewrite_unnoticed(file, data)
        change = original.move_to(bytes(tmp_path / "b.png"))

    assert change is (None if data == DATA else Change.REPLACED)
    assert (tmp_path / "b.png").exists() == (data == DATA)
    assert file.exists() == (data != DATA)


def test_a_file_that_is_gone_or_a_link_is_taken(file: Path, inbox: Inbox, tmp_path: Path) -> None:
    claimed = _claimed(file)
    file.unlink()
    assert _move(inbox, claimed, tmp_path / "b.png") is Change.TAKEN
    file.symlink_to("/etc/hostname")
    assert _move(inbox, claimed, tmp_path / "b.png") is Change.TAKEN


def test_a_file_that_a_program_holds_open_waits_in_the_inbox(
    file: Path, inbox: Inbox, tmp_path: Path
) -> None:
    claimed = _claimed(file)
    with running_writer(tmp_path / "data") as writer:
        writer.do("open", file)
        with pytest.raises(MachineError, match=r"^a\.png: still open for writing"):
            _move(inbox, claimed, tmp_path / "b.png")
        assert file.exists()
        writer.do("close")
        assert _move(inbox, claimed, tmp_path / "b.png") is None


def test_a_file_is_moved_to_another_disk(file: Path, inbox: Inbox, elsewhere: Path) -> None:
    assert _move(inbox, _claimed(file), elsewhere) is None
    assert elsewhere.read_bytes() == DATA
    assert not file.exists()


def test_no_copy_of_a_changed_file_stays_on_another_disk(
    file: Path, inbox: Inbox, elsewhere: Path
) -> None:
    with handover.verified(inbox, _claimed(file)) as original:
        assert isinstance(original, handover.Original)
        _rewrite_unnoticed(file, OTHER)
        assert original.move_to(bytes(elsewhere)) is Change.REPLACED

    assert not elsewhere.exists()
    assert file.read_bytes() == OTHER


@pytest.mark.parametrize("is_taken", [False, True], ids=["free name", "name taken meanwhile"])
def test_without_leases_a_file_that_changes_while_it_is_moved_goes_back(
    file: Path, tmp_path: Path, *, is_taken: bool
) -> None:
    inbox = LeaselessInbox(Root(str(file.parent)), Parts(str(file.parent)))
    claimed = _claimed(file)
    assert _move(inbox, claimed, tmp_path / "b.png") is None
    (tmp_path / "b.png").rename(file)
    claimed = _claimed(file)
    inbox.written, inbox.next_file = OTHER, b"next" if is_taken else b""
    with handover.verified(inbox, claimed) as original:
        assert isinstance(original, handover.Original)
        change = original.move_to(bytes(tmp_path / "b.png"))

    assert change is Change.REPLACED
    assert not (tmp_path / "b.png").exists()
    contents = sorted(path.read_bytes() for path in file.parent.iterdir())
    assert contents == sorted([OTHER, b"next"] if is_taken else [OTHER])


def test_a_file_that_may_not_be_read_any_more_waits(file: Path, inbox: Inbox) -> None:
    """Put a loop of links in the folder's place: for root, no permission is missing."""
    claimed = _claimed(file)
    moved = file.parent.with_name("elsewhere")
    file.parent.rename(moved)
    file.parent.symlink_to(file.parent)
    with pytest.raises(MachineError):
        handover.remove(inbox, claimed)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path / "tree") as built:
        yield built


@pytest.mark.parametrize("policy", ["archive", "keep", "delete"])
def test_new_content_that_no_time_shows_is_a_new_arrival(pipeline: Pipeline, policy: str) -> None:
    pipeline.change(originals=policy)
    published = pipeline.reading("a.png", DATA)
    for state in (State.PUBLISHING, State.PUTTING_AWAY):
        published = pipeline.journal.move(published, state, "the test", outcome=PUBLISHED)
    _rewrite_unnoticed(pipeline.inbox / "a.png", OTHER)

    Originals(pipeline.current, pipeline.stores, pipeline.queues).put_away(published)

    done = pipeline.journal.document(published.id)
    assert (done.state, done.kept) == (State.DONE, 0)
    assert done.reason.startswith("published; the original was changed in the inbox")
    assert (pipeline.inbox / "a.png").read_bytes() == OTHER
    assert list((pipeline.home / "archive").iterdir()) == []
    assert pipeline.queues.events.get_nowait() == Look(b"a.png")
