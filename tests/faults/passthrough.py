"""A file system in user space that shows a folder, and fails or hangs on request.

    python passthrough.py FOLDER MOUNTPOINT CONTROL

CONTROL is a file: empty (all operations work), "hang", or the name of an error such as EIO. With EROFS and ENOSPC only
writing fails.
"""

import errno
import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import mfusepy

WRITING = {"create", "write", "truncate", "unlink", "rename", "mkdir", "rmdir", "link", "symlink"}
WRITING |= {"chmod", "chown", "utimens"}
ONLY_WRITING = ("EROFS", "ENOSPC")


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: "Passthrough", *arguments: Any) -> Any:
        self._hang_or_fail(method.__name__)
        try:
            return method(self, *arguments)
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno or errno.EIO) from None

    return checked


def _all_checked(cls: type["Passthrough"]) -> type["Passthrough"]:
    for name, method in list(vars(cls).items()):
        if callable(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


@_all_checked
class Passthrough(mfusepy.Operations):  # type: ignore[misc]
    """The operations of the file system, which it passes on to a folder."""

    use_ns = True

    def __init__(self, folder: str, control: str) -> None:
        self._folder = folder
        self._control = control

    def _hang_or_fail(self, operation: str) -> None:
        while (request := self._requested()) == "hang":
            time.sleep(0.05)
        if request and (request not in ONLY_WRITING or operation in WRITING):
            raise mfusepy.FuseOSError(getattr(errno, request))

    def _requested(self) -> str:
        with open(self._control, encoding="ascii") as file:
            return file.read().strip()

    def _at(self, path: str) -> str:
        return self._folder + path

    def getattr(self, path: str, _fh: int | None = None) -> dict[str, int]:
        status = os.lstat(self._at(path))
        names = ("mode", "ino", "nlink", "uid", "gid", "size")
        times = {f"st_{t}time": getattr(status, f"st_{t}time_ns") for t in "acm"}
        return {f"st_{name}": getattr(status, f"st_{name}") for name in names} | times

    def readdir(self, path: str, _fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._at(path))
        sizes = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail")
        return {f"f_{name}": getattr(status, f"f_{name}") for name in (*sizes, "namemax")}

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def create(self, path: str, mode: int, _info: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, _path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, _path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, _fh: int | None = None) -> None:
        os.truncate(self._at(path), length)

    def flush(self, _path: str, _fh: int) -> None:
        pass

    def fsync(self, _path: str, _only_data: int, fh: int) -> None:
        os.fsync(fh)

    def release(self, _path: str, fh: int) -> None:
        os.close(fh)

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def link(self, target: str, source: str) -> None:
        os.link(self._at(source), self._at(target))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._at(path), uid, gid)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times or (time.time_ns(),) * 2)


if __name__ == "__main__":
    folder, mountpoint, control = sys.argv[1:]
    options = {"attr_timeout": 0, "entry_timeout": 0, "direct_io": False}
    mfusepy.FUSE(Passthrough(folder, control), mountpoint, foreground=True, **options)
