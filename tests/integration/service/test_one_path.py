"""Test that an error of one path stays with that path: other users' files and folders, read-only mounts, small disks.

The daemon runs without capabilities, so that permissions hold for it as for any user; the files belong to another user.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from running import BRISK, Tree, new_tree
from samples import encoded, numbered, put

OTHER = 65534  # the user "nobody"
# root's process without capabilities: it may use what root owns, and nothing else
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
pytestmark = [
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("setpriv"),
        reason="needs root, to make files of another user",
    ),
    pytest.mark.unmeasured,
]


@pytest.fixture
def tree(tmp_path: Path, null_engine: str) -> Iterator[Tree]:
    with new_tree(tmp_path / "home", f"llm: {{enabled: false}}\n{null_engine}") as made:
        yield made


def _start(tree: Tree) -> None:
    tree.start(BRISK, before=POWERLESS)


def _scan(folder: Path, name: str) -> Path:
    """Put a readable scan of the other user into a folder."""
    folder.mkdir(exist_ok=True)
    path = put(folder, name, encoded("png", numbered(1)))
    os.chown(path, OTHER, OTHER)
    return path


def _unclaimed(tree: Tree) -> dict[str, Any]:
    """Return the groups that `scanmend status` counts, by reason."""
    return {group["reason"]: group for group in tree.status()["unclaimed"]}


def _others_go_on(tree: Tree, name: str) -> None:
    put(tree.inbox, f"{name}.png", encoded("png", numbered(1)))
    tree.published(name)
    tree.eventually((tree.archive / f"{name}.png").exists)


# what can't be claimed ------------------------------------------------------------------------------


def _another_users_folder(inbox: Path) -> Path:
    folder = _scan(inbox / "theirs", "scan.png").parent
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o700)
    return folder


def _folder_without_entry(inbox: Path) -> Path:
    """Make a folder whose names can be listed, but whose files can't be looked at."""
    folder = _scan(inbox / "theirs", "scan.png").parent
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o704)
    return folder


def _another_users_file(inbox: Path) -> Path:
    path = _scan(inbox / "theirs", "scan.png")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("make", "reason", "oldest"),
    [
        (_another_users_folder, "can't be listed: Permission denied", "theirs"),
        (_folder_without_entry, "can't be looked at: Permission denied", "theirs/scan.png"),
        (_another_users_file, "can't be opened: Permission denied", "theirs/scan.png"),
    ],
)
@pytest.mark.parametrize("before", [True, False], ids=["before the start", "later"])
def test_what_cant_be_read_waits_with_its_reason_and_all_others_go_on(
    tree: Tree, make: Callable[[Path], Path], reason: str, oldest: str, *, before: bool
) -> None:
    if not before:
        _start(tree)
    elsewhere = tree.home / "elsewhere"
    elsewhere.mkdir()
    path = tree.inbox / make(elsewhere).relative_to(elsewhere)
    (elsewhere / "theirs").rename(tree.inbox / "theirs")
    if before:
        _start(tree)

    tree.eventually(lambda: reason in _unclaimed(tree))
    group = _unclaimed(tree)[reason]
    assert (group["count"], group["oldest"]) == (1, oldest)
    assert f"{oldest}: {reason}, since " in tree.command("status").stdout
    _others_go_on(tree, "good")
    assert tree.log_text().count(f'document={oldest} reason="{reason}') == 1  # not at each scan

    path.chmod(0o755)

    tree.published("theirs/scan")
    tree.eventually(lambda: _unclaimed(tree) == {})


def test_events_of_a_folder_that_became_readable_are_seen(tmp_path: Path) -> None:
    more = "llm: {enabled: false}\nwatch: {reconcile_interval: 1h}"
    with new_tree(tmp_path / "home", more) as tree:
        folder = _another_users_folder(tree.inbox)
        _start(tree)
        tree.eventually(lambda: _unclaimed(tree))
        folder.chmod(0o777)
        tree.published("theirs/scan")

        put(folder, "more.png", encoded("png", numbered(1)))

        tree.published("theirs/more")


def test_waiting_files_are_counted_by_reason_with_the_oldest(tree: Tree) -> None:
    for name in ("a.png", "b.png", "c.png"):
        _another_users_file(tree.inbox).rename(tree.inbox / name)
    put(tree.inbox, "half.png", encoded("png", numbered(1))[:300])
    _start(tree)

    def counts() -> list[int]:
        return sorted(group["count"] for group in tree.status()["unclaimed"])

    tree.eventually(lambda: counts() == [1, 3])
    text = tree.command("status").stdout
    assert "unclaimed 4\n" in text
    assert "3: can't be opened: Permission denied, since " in text
    assert "half.png: incomplete: " in text


def test_files_that_wait_for_a_full_outbox_are_counted(tree: Tree) -> None:
    _start(tree)
    tree.outbox.rmdir()
    for name in ("a.png", "b.png", "c.png"):
        put(tree.inbox, name, encoded("png", numbered(1)))

    def behind() -> list[str]:
        return [group["reason"] for group in tree.status()["unclaimed"]]

    _wait_for_obstacle(tree)
    put(tree.inbox, "late.png", encoded("png", numbered(1)))
    tree.eventually(lambda: any("folders.outbox" in reason for reason in behind()))
    tree.outbox.mkdir()
    tree.published("late")


def _wait_for_obstacle(tree: Tree) -> None:
    tree.eventually(lambda: "publish" in tree.status()["facts"])


# what can't be put away -----------------------------------------------------------------------------


def _sticky(tree: Tree) -> Callable[[], object]:
    folder = _scan(tree.inbox / "theirs", "scan.png").parent
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o1777)
    return lambda: folder.chmod(0o777)


def _not_writable(tree: Tree) -> Callable[[], object]:
    folder = _scan(tree.inbox / "theirs", "scan.png").parent
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o755)
    return lambda: folder.chmod(0o777)


def _read_only_mount(tree: Tree) -> Callable[[], object]:
    folder = _scan(tree.inbox / "theirs", "scan.png").parent
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("can't mount here")
    return lambda: subprocess.run(["umount", str(folder)], check=True)


def _immutable(tree: Tree) -> Callable[[], object]:
    path = _scan(tree.inbox / "theirs", "scan.png")
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files")
    return lambda: subprocess.run(["chattr", "-i", str(path)], check=True)


def _archive_of_another(tree: Tree) -> Callable[[], object]:
    _scan(tree.inbox / "theirs", "scan.png")
    folder = tree.archive / "theirs"
    folder.mkdir(parents=True)
    os.chown(folder, OTHER, OTHER)
    return lambda: folder.chmod(0o777)


@pytest.mark.parametrize(
    "spoil", [_sticky, _not_writable, _read_only_mount, _immutable, _archive_of_another]
)
def test_an_original_that_cant_be_moved_waits_and_all_others_go_on(
    tree: Tree, spoil: Callable[[Tree], Callable[[], object]]
) -> None:
    heal = spoil(tree)
    try:
        _start(tree)
        tree.published("theirs/scan")
        tree.eventually(lambda: _stuck(tree) == ["theirs/scan.png"])

        for name in ("good", "better"):
            _others_go_on(tree, name)
        assert "publish" not in tree.status()["facts"]
    finally:
        heal()

    tree.eventually((tree.archive / "theirs" / "scan.png").exists)
    tree.eventually(lambda: tree.status()["counts"]["done"] == 3)
    assert not (tree.inbox / "theirs" / "scan.png").exists()
    assert tree.files(tree.outbox) == [
        *("better.json", "better.txt", "good.json", "good.txt"),
        *("theirs/scan.json", "theirs/scan.txt"),
    ]


def _stuck(tree: Tree) -> list[str]:
    return [d["path"] for d in tree.status()["in_work"] if d["reason"].startswith("waits")]


# results that can't be written ----------------------------------------------------------------------


def _outbox_of_another(tree: Tree) -> Callable[[], object]:
    folder = tree.outbox / "theirs"
    folder.mkdir(parents=True)
    os.chown(folder, OTHER, OTHER)
    return lambda: folder.chmod(0o777)


def _small_disk(tree: Tree) -> Callable[[], object]:
    folder = tree.outbox / "theirs"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("can't mount here")
    (folder / "ballast").write_bytes(b"x" * 8192)

    def heal() -> None:
        (folder / "ballast").unlink()

    return heal


@pytest.mark.parametrize("spoil", [_outbox_of_another, _small_disk])
def test_a_result_that_cant_be_written_waits_and_all_others_go_on(
    tree: Tree, spoil: Callable[[Tree], Callable[[], object]]
) -> None:
    heal = spoil(tree)
    try:
        _scan(tree.inbox / "theirs", "scan.png")
        _start(tree)
        tree.eventually(lambda: _stuck(tree) == ["theirs/scan.png"])

        for name in ("good", "better"):
            _others_go_on(tree, name)
        heal()

        tree.published("theirs/scan")
        tree.eventually(lambda: tree.status()["counts"]["done"] == 3)
    finally:
        if os.path.ismount(tree.outbox / "theirs"):
            subprocess.run(["umount", "-l", str(tree.outbox / "theirs")], check=True)


# a file that can't be read any more after its claim -------------------------------------------------


def test_a_file_whose_permission_goes_after_the_claim_waits(tmp_path: Path) -> None:
    """Read a book of 30 pages by a real engine, so that it is in work for long enough."""
    more = "llm: {enabled: false}\nocr: {workers: 1, idle_unload: 30s}"
    with new_tree(tmp_path / "home", more) as tree:
        _start(tree)
        elsewhere = tree.home / "elsewhere" / "theirs"
        book = put(elsewhere, "book.tif", encoded("tiff", numbered(30)))
        os.chown(book, OTHER, OTHER)
        elsewhere.rename(tree.inbox / "theirs")
        book = tree.inbox / "theirs" / "book.tif"
        tree.eventually(lambda: "book.tif" in str(tree.status()["in_work"]))
        book.chmod(0)

        tree.eventually(lambda: _stuck(tree) == ["theirs/book.tif"])
        _others_go_on(tree, "good")
        book.chmod(0o644)

        tree.published("theirs/book")
