"""Test that only one daemon works on a state folder."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from scanmend.errors import AlreadyRunning
from scanmend.store.lock import lock, running


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    fd = lock(str(tmp_path))
    try:
        assert running(str(tmp_path)) == os.getpid()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*own folders.state"):
            lock(str(tmp_path), patience=0.1)
    finally:
        os.close(fd)
    assert running(str(tmp_path)) is None


def test_no_daemon_runs_where_none_ever_did(tmp_path: Path) -> None:
    assert running(str(tmp_path)) is None


def test_a_folder_that_can_not_be_locked_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock(str(tmp_path / "nowhere"))


def test_a_file_system_without_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patch the kernel's answer: some shares have no locks."""

    def flock(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(OSError, match="No locks available"):
        lock(str(tmp_path))
