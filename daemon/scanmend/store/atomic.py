"""Write and move files so that they are complete and durable, and never replace another document's file.

Paths are bytes, since a scanner may give a file a name that is not UTF-8.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Iterator

from scanmend.store import naming

_unremoved_lock = threading.Lock()
# temporary files that could not be removed after a failed write; guarded by the lock
_unremoved: set[bytes] = set()
# what fsync of a folder raises on file systems that can't do it, such as some shares
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def write(path: bytes, chunks: Iterable[bytes]) -> None:
    """Write a complete file: a temporary file beside it, fsync, rename, fsync of the folder. Raise OSError."""
    temp = naming.temp_beside(path)
    try:
        with open(temp, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, path)
    except BaseException:
        _remove(temp)
        raise
    sync_folder(os.path.dirname(path))


def move(source: bytes, target: bytes) -> None:
    """Move a file durably, also to another file system.

    Raise FileExistsError if ``target`` exists, and other OSErrors.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target)
        os.unlink(source)
    sync_folder(os.path.dirname(target))
    sync_folder(os.path.dirname(source))


def copy(source: bytes, target: bytes) -> None:
    """Copy a file with its times and mode, so that ``target`` is complete and durable when it exists. Raise OSError."""
    temp = naming.temp_beside(target)
    try:
        shutil.copyfile(source, temp, follow_symlinks=False)
        # a share may refuse times and modes; only the content is essential
        with contextlib.suppress(OSError):
            shutil.copystat(source, temp)
        with open(temp, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temp, target)
    except BaseException:
        _remove(temp)
        raise


def make_folder(path: bytes) -> None:
    """Make a folder and its parents durably, if they don't exist. Raise OSError."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        make_folder(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        sync_folder(parent)


def why_unwritable(folder: str) -> str:
    """Return why no file can be made in this folder now; "" if one can. None is left there."""
    probe = naming.temp_beside(os.path.join(os.fsencode(folder), b"probe"))
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        return error.strerror or str(error)
    finally:
        _remove(probe)  # the server of a share may have made it although the call failed
    return ""


def on_another_disk(path: bytes, folder: str) -> bool:
    """Return whether a path, or its nearest ancestor that exists, is on another file system than a folder around it."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    try:
        return os.lstat(path).st_dev != os.stat(folder).st_dev
    except OSError:
        return False


def sync_folder(path: bytes) -> None:
    """Make renames in a folder durable, if its file system can do that. Raise OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(fd)


def sha256_of(path: bytes) -> str:
    """Return the sha256 of a file in hex. Raise OSError for a symbolic link, and don't wait for a pipe."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_open(fd: int) -> str:
    """Return the sha256 in hex of a whole file that is open for reading. Raise OSError."""
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def clear_temp(folder: bytes, stop: Callable[[], bool]) -> Iterator[bytes]:
    """Remove the temporary files of earlier runs below a folder. Yield the path of each.

    The temporary files of this run stay: it may write at the same time. ``stop``: returns whether to stop the walk.
    """
    for parent, _, names in os.walk(folder):
        for name in filter(naming.is_left_over, names):
            path = os.path.join(parent, name)
            # another daemon may write this file, and rename it at this moment
            with contextlib.suppress(OSError):
                if stat.S_ISREG(os.lstat(path).st_mode):
                    _remove(path)
                    yield path
        if stop():
            return


def _remove(path: bytes) -> None:
    """Remove a file, or leave it to ``retry_removals``: the removal may fail on the disk that just failed to write."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        with _unremoved_lock:
            _unremoved.add(path)


def retry_removals() -> None:
    """Remove the temporary files that could not be removed before."""
    with _unremoved_lock:
        paths = list(_unremoved)
        _unremoved.clear()
    for path in paths:
        _remove(path)
