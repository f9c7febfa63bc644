"""Test which mount a folder is on and whether it has changed, with real mounts where root can make them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.store import mounts
from scanmend.store.mounts import Mount, Root, choose_method, mount_of


@pytest.mark.parametrize(
    ("fstype", "network"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("fuse.sshfs", True),
        ("fuse.rclone", True),
        ("9p", True),
        ("fuseblk", False),
        ("ext4", False),
        ("tmpfs", False),
        ("overlay", False),
        ("btrfs", False),
        ("fuse.ntfs-3g", False),
    ],
)
def test_the_type_of_a_file_system_tells_whether_it_is_a_share(fstype: str, network: bool) -> None:
    assert Mount(fstype, "x", "/x").network == network


def test_escapes_in_mountinfo_are_decoded() -> None:
    line = r"36 35 98:0 / /mnt/scan\040folder rw,noatime shared:1 - cifs //nas/scans\040x rw"

    assert mounts._parse(line) == Mount("cifs", "//nas/scans x", "/mnt/scan folder")


def test_a_no_break_space_in_mountinfo_is_part_of_the_name() -> None:
    line = "36 35 98:0 / /mnt/My\u00a0Share rw,noatime shared:1 - cifs //nas/My\u00a0Share rw\n"

    assert mounts._parse(line) == Mount("cifs", "//nas/My\u00a0Share", "/mnt/My\u00a0Share")


def test_a_share_is_polled_and_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invent the mounts; tests/shares has real ones."""
    known = [
        Mount("ext4", "/dev/sda", "/"),
        Mount("cifs", "//nas/scan", "/srv/inbox"),
        Mount("nfs", "n:/x", "/data/in/sub"),
    ]
    monkeypatch.setattr(mounts, "mounts", lambda: known)

    assert choose_method("/srv/inbox/desk", "auto").name == "polling"
    assert "/srv/inbox is a share (cifs)" in choose_method("/srv/inbox", "auto").why
    assert "/data/in/sub is a share (nfs)" in choose_method("/data/in", "auto").why
    assert choose_method("/srv/inboxes", "auto").name == "native"
    assert choose_method("/srv/inbox", "native").name == "native"


def test_a_folder_that_was_created_again_is_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    root = Root(str(folder))
    assert root.check() is None
    first = root.inode
    folder.rmdir()
    assert "can't be read" in str(root.check())
    (tmp_path / "other").mkdir()  # takes the old folder's inode number
    folder.mkdir()

    assert root.check() is None
    assert root.inode != first


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with its own file system."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    point = tmp_path / "share"
    point.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "share", str(point)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"can't mount here: {done.stderr!r}")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)


def test_an_unmounted_folder_is_not_taken_for_an_empty_one(mounted: Path) -> None:
    root = Root(str(mounted))
    assert root.check() is None
    subprocess.run(["umount", str(mounted)], check=True)

    reason = root.check()

    assert "is not mounted on" in str(reason)
    assert os.listdir(mounted) == []
    later = Root(str(mounted), root.export())  # as after a restart of the daemon
    assert "is not mounted on" in str(later.check())
    subprocess.run(["mount", "-t", "tmpfs", "share", str(mounted)], check=True)
    assert root.check() is None
    assert later.check() is None


def test_a_share_mounted_over_a_folder_is_trusted(mounted: Path) -> None:
    subprocess.run(["umount", str(mounted)], check=True)
    root = Root(str(mounted))
    assert root.check() is None
    subprocess.run(["mount", "-t", "tmpfs", "share", str(mounted)], check=True)

    assert root.check() is None
    assert mount_of(str(mounted)).fstype == "tmpfs"


def test_a_folder_on_no_known_file_system_counts_as_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTINFO", "/nowhere/mountinfo")

    method = choose_method("/srv/inbox", "auto")

    assert method.name == "native"
    assert method.why.startswith("its file system can't be told")


def test_the_mounts_of_this_machine_are_read() -> None:
    assert any(mount.mount_point == "/" for mount in mounts.mounts())
    assert mounts.free_bytes("/") > 0


def test_nothing_is_remembered_of_a_folder_that_was_never_trusted(tmp_path: Path) -> None:
    root = Root(str(tmp_path / "nowhere"))

    assert "can't be read" in str(root.check())
    assert root.export() is None
    assert not root.network
