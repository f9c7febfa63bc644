"""The lock that allows only one daemon to work on a state folder."""

import errno
import fcntl
import os
import time

from scanmend.errors import AlreadyRunning

LOCK_FILE_NAME = "daemon.lock"
LOCK_RETRY_SECONDS = 0.05  # between two tries to take the lock


def lock(folder: str, patience: float = 1.0) -> int:
    """Lock a state folder for this process. Return the file descriptor, which must stay open.

    Wait up to ``patience`` seconds, since `scanmend status` holds the lock for an instant. Raise AlreadyRunning if
    another process holds it longer, or OSError.
    """
    fd = os.open(os.path.join(folder, LOCK_FILE_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(fd)
                raise
        if time.monotonic() > deadline:
            owner = _owner(fd)
            os.close(fd)
            raise AlreadyRunning(
                f"{folder}: another scanmend works on this state folder (process {owner or '?'})",
                "stop it first, or give this one its own folders.state",
            )
        time.sleep(LOCK_RETRY_SECONDS)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def running(folder: str) -> int | None:
    """Return the process id of the daemon on a state folder, 0 if it has not written it yet, None if none runs."""
    try:
        fd = os.open(os.path.join(folder, LOCK_FILE_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return int(_owner(fd) or 0)
    finally:
        os.close(fd)


def _owner(fd: int) -> str:
    return os.pread(fd, 20, 0).decode(errors="replace").strip()
