"""One daemon for each state folder: the lock that says so."""

import errno
import fcntl
import os
import time

from scanmend.errors import AlreadyRunning


def lock(folder: str, patience: float = 1.0) -> int:
    """Hold the state folder for this process; returns the fd to keep. AlreadyRunning when another has it."""
    path = os.path.join(folder, "daemon.lock")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + patience  # `scanmend status` holds it for an instant
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(fd)
                raise
        if time.monotonic() > deadline:
            owner = os.pread(fd, 20, 0).decode(errors="replace").strip()
            os.close(fd)
            raise AlreadyRunning(
                f"{folder}: another scanmend works on this state folder (process {owner or '?'});"
                " stop it first, or give this one its own folders.state"
            )
        time.sleep(0.05)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def running(folder: str) -> int | None:
    """The process id of the daemon on this state folder, or None when none runs."""
    try:
        fd = os.open(os.path.join(folder, "daemon.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return int(os.pread(fd, 20, 0).decode(errors="replace").strip() or 0)
    finally:
        os.close(fd)
