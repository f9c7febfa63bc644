"""Test writing and moving files."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.store import atomic


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_write_leaves_the_whole_file_or_the_old_one(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "a.txt")
    atomic.write(path, [b"one ", b"two"])

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the pen broke")

    with pytest.raises(OSError, match="pen"):
        atomic.write(path, broken())

    assert Path(os.fsdecode(path)).read_bytes() == b"one two"
    assert _names(tmp_path) == ["a.txt"]


def test_move_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    with pytest.raises(FileExistsError):
        atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b"))

    assert (tmp_path / "b").read_text() == "b"


def test_the_move_of_a_missing_file_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a path on another file system."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here (/dev/shm)")
    folder = shm / f"scanmend-test-{os.getpid()}"
    folder.mkdir()
    yield folder / "a"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_move_works_across_file_systems(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)

    atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(elsewhere))

    assert elsewhere.read_bytes() == b"x" * 100_000
    assert _names(tmp_path) == []


def test_a_failed_copy_to_another_file_system_leaves_the_original(
    tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "a").mkdir()  # a folder can't be copied as a file

    with pytest.raises(OSError, match="directory"):
        atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(elsewhere))

    assert _names(tmp_path) == ["a"]
    assert _names(elsewhere.parent) == []


def test_make_folder_accepts_an_existing_folder(tmp_path: Path) -> None:
    for _ in range(2):
        atomic.make_folder(os.fsencode(tmp_path / "a" / "b"))

    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_sync_folder_tolerates_a_file_system_without_it_but_no_other_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Patch the kernel's answer, since no file system here refuses the fsync of a folder."""

    def fsync(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)

    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            atomic.sync_folder(os.fsencode(tmp_path))
    else:
        atomic.sync_folder(os.fsencode(tmp_path))


def test_sha256_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "link").symlink_to("a")

    assert atomic.sha256_of(os.fsencode(tmp_path / "a")).startswith("e3b0c442")
    with pytest.raises(OSError, match="symbolic links"):
        atomic.sha256_of(os.fsencode(tmp_path / "link"))


def test_clear_temp_removes_files_of_earlier_runs(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".scanmend-01ff.tmp").mkdir(parents=True)
    (tmp_path / "sub" / ".scanmend-00ff.tmp").write_text("half")
    (tmp_path / "sub" / "mine.tmp").write_text("not ours")
    (tmp_path / "sub" / ".scanmend-02ff.tmp").symlink_to("mine.tmp")

    removed = list(atomic.clear_temp(os.fsencode(tmp_path), lambda: False))

    assert removed == [os.fsencode(tmp_path / "sub" / ".scanmend-00ff.tmp")]
    assert _names(tmp_path / "sub") == [".scanmend-01ff.tmp", ".scanmend-02ff.tmp", "mine.tmp"]


def test_clear_temp_can_be_stopped_after_each_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".scanmend-00ff.tmp").write_text("half")

    assert list(atomic.clear_temp(os.fsencode(tmp_path), lambda: True)) == []


def test_clear_temp_keeps_the_files_that_this_run_is_writing(tmp_path: Path) -> None:
    def half() -> Iterator[bytes]:
        yield b"half"
        assert list(atomic.clear_temp(os.fsencode(tmp_path), lambda: False)) == []
        yield b" and whole"

    atomic.write(os.fsencode(tmp_path / "result.txt"), half())

    assert (tmp_path / "result.txt").read_text() == "half and whole"


def test_a_failed_removal_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patch the kernel's answer: a disk that fails to write usually fails to remove, too."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the pen broke")

    def unlink(_path: bytes) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", unlink)
        with pytest.raises(OSError, match="pen"):
            atomic.write(os.fsencode(tmp_path / "a.txt"), broken())
        atomic.retry_removals()
    assert len(_names(tmp_path)) == 1

    atomic.retry_removals()

    assert _names(tmp_path) == []
