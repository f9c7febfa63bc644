"""Writing and moving files, and the names they get."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.store import atomic


def test_write_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "a.txt")
    atomic.write(path, [b"one ", b"two"])

    def broken() -> object:
        yield b"half"
        raise OSError("the pen broke")

    with pytest.raises(OSError, match="pen"):
        atomic.write(path, broken())  # type: ignore[arg-type]

    assert Path(os.fsdecode(path)).read_bytes() == b"one two"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_move_never_replaces(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    with pytest.raises(FileExistsError):
        atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b"))

    assert (tmp_path / "b").read_text() == "b"


def test_move_to_another_file_system(tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here (/dev/shm)")
    target = shm / f"scanmend-test-{os.getpid()}"
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    try:
        atomic.move(os.fsencode(tmp_path / "a"), os.fsencode(target))

        assert target.read_bytes() == b"x" * 100_000
        assert os.listdir(tmp_path) == []
    finally:
        target.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (b"invoice 12.pdf", "invoice 12.pdf"),
        ("Größe 'x'.png".encode(), "Größe 'x'.png"),
        (b'a:b?"c"\n.pdf', "a_b__c__.pdf"),
        (b"caf\xe9.png", "caf_.png"),
        (b"ends. ", "ends"),
        (b"CON", "_CON"),
        (b"con.png", "_con.png"),
        (b"...", "_"),
        (b"concert", "concert"),
    ],
)
def test_safe_names(name: bytes, safe: str) -> None:
    assert safe == atomic.safe_name(name)


def test_long_names_are_cut_between_characters() -> None:
    cut = atomic.fit("ö" * 200, ".json")

    assert len(cut) <= 255
    assert cut.endswith(b".json")
    assert cut.decode().startswith("öö")


def test_candidates() -> None:
    names = atomic.candidates("scan", "0123456789abcdef")

    assert [next(names) for _ in range(3)] == ["scan", "scan-01234567", "scan-01234567-2"]


def test_half_written_files_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".scanmend-00ff.tmp").write_text("half")
    (tmp_path / "sub" / "mine.tmp").write_text("not ours")

    removed = list(atomic.clear_temp(os.fsencode(tmp_path), lambda: False))

    assert removed == [os.fsencode(tmp_path / "sub" / ".scanmend-00ff.tmp")]
    assert os.listdir(tmp_path / "sub") == ["mine.tmp"]


def test_what_this_run_is_writing_is_not_cleared(tmp_path: Path) -> None:
    """The daemon clears beside its own work."""

    def half() -> Iterator[bytes]:
        yield b"half"
        assert list(atomic.clear_temp(os.fsencode(tmp_path), lambda: False)) == []
        yield b" and whole"

    atomic.write(os.fsencode(tmp_path / "result.txt"), half())

    assert (tmp_path / "result.txt").read_text() == "half and whole"


def test_what_is_no_folder_is_not_in_the_way(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "mail").write_bytes(b"a file that failed")
    (tmp_path / "desk").mkdir()

    assert atomic.unobstructed(root + b"/desk/mail/deep", root) == root + b"/desk/mail/deep"
    assert atomic.unobstructed(root + b"/mail", root) == root
    assert atomic.unobstructed(root + b"/mail/deep/er", root) == root
    assert atomic.unobstructed(root, root) == root
