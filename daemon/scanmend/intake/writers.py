"""Ask the kernel whether a program of this machine holds a file open for writing.

The kernel grants a read lease (fcntl(2), F_SETLEASE) only while nobody has the file open for writing, or mapped from such
an open. So a refusal tells of a writer that was there before scanmend, that writes through a mapping, or that has been
silent for hours. The lease needs the file's owner or CAP_LEASE, and a file system that has leases. Root without that
capability, as in a container, takes the lease as the file's owner.
"""

import contextlib
import ctypes
import enum
import errno
import fcntl
import os
import signal
from collections.abc import Iterator

STILL_OPEN = "still open for writing by another program"


class Writers(enum.Enum):
    """Whether programs of this machine hold a file open for writing."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"  # no right to ask, or the file system has no leases


def writers_of(fd: int) -> Writers:
    """Return whether a program has this file, open for reading here, open for writing at this moment."""
    with without_writers(fd) as writers:
        return writers


@contextlib.contextmanager
def without_writers(fd: int) -> Iterator[Writers]:
    """Yield whether a program has this file open for writing. While it is NONE, nobody can begin to write in the block.

    A program that opens the file for writing meanwhile waits for the end of the block, so keep the block short.
    """
    try:
        # a lease's break sends SIGIO, which would end this process; SIGURG does nothing unless somebody handles it
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        _take_lease(fd)
    except OSError as error:
        yield Writers.SOME if error.errno == errno.EAGAIN else Writers.UNKNOWN
        return
    try:
        yield Writers.NONE
    finally:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _take_lease(fd: int) -> None:
    """Take a read lease on an open file. Raise OSError: EAGAIN if a program has it open for writing."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except PermissionError:
        if os.geteuid() != 0:
            raise
        with _acting_as(os.fstat(fd).st_uid):
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)


@contextlib.contextmanager
def _acting_as(user: int) -> Iterator[None]:
    """Let this thread, and no other, act on files as another user in the block, if it has the right to (setfsuid(2))."""
    libc = ctypes.CDLL(None)
    before = libc.setfsuid(user)
    try:
        yield
    finally:
        libc.setfsuid(before)


def open_for_reading(path: bytes) -> int:
    """Open a file and return its descriptor. Follow no link, and don't wait for a pipe or a lease. Raise OSError."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
