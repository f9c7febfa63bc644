"""Try all acts that are forbidden to a sandboxed child, and report those that succeed."""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable

from msgspec import Struct

from scanmend.workers.protocol import Request
from scanmend.workers.server import Tell, serve


class Escapes(Struct, frozen=True):
    """The acts that succeeded, by name, the child's own folder, and the caches that it can write to."""

    done: list[str]
    scratch: str
    caches: list[str]


class Attempt(Request[Escapes], frozen=True, tag="attempt"):
    """A request to try all acts on a folder that holds document.txt, and on a parent process.

    ``caches``: environment variables that name folders, in which to make a file, too.
    """

    folder: str
    parent: int
    caches: tuple[str, ...] = ()


def attempt(request: Attempt, _tell: Tell) -> Escapes:
    """Try all acts."""
    file = os.path.join(request.folder, "document.txt")
    tries = {**_writes(request.folder, file), **_reaches(request.folder, request.parent)}
    done = []
    for name, act in tries.items():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            act()
            done.append(name)
    caches = [name for name in request.caches if _writable(os.environ[name])]
    return Escapes(done, os.environ["TMPDIR"], caches)


def _writable(folder: str) -> bool:
    """Return whether the child can make a file in a sub-folder, as a driver does that keeps a cache there."""
    folder = os.path.join(folder, "cache")
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "shader"), "w"):
            return True
    return False


def _writes(folder: str, file: str) -> dict[str, Callable[[], object]]:
    """Return acts on the folder and its file."""
    return {
        "read": lambda: open(file).read(),
        "write over": lambda: open(file, "r+").write("x"),
        "empty": lambda: os.truncate(file, 0),
        "make": lambda: open(os.path.join(folder, "new"), "x"),
        "make a folder": lambda: os.mkdir(os.path.join(folder, "folder")),
        "link": lambda: os.link(file, os.path.join(folder, "hard")),
        "link softly": lambda: os.symlink(file, os.path.join(folder, "soft")),
        "rename": lambda: os.rename(file, os.path.join(folder, "other")),
        "remove": lambda: os.unlink(file),
        "change its mode": lambda: os.chmod(file, 0o777),
    }


def _reaches(folder: str, parent: int) -> dict[str, Callable[[], object]]:
    """Return acts on other processes, on the network, and on the child's own folder."""
    by_shell = ["sh", "-c", f"echo x > {folder}/by-shell"]
    return {
        "signal the daemon": lambda: os.kill(parent, 0),
        "read the daemon's memory": lambda: open(f"/proc/{parent}/mem", "rb").read(0),
        "name a thread": lambda: open(_thread_name(), "w").write("cuda"),
        "internet socket": lambda: socket.socket().close(),
        "internet socket of version 6": lambda: socket.socket(socket.AF_INET6).close(),
        "kernel socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "local socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "shared memory": lambda: tempfile.TemporaryFile(dir="/dev/shm").close(),
        "by a child of its own": lambda: subprocess.run(
            by_shell, check=True, stderr=subprocess.DEVNULL
        ),
        "its own folder": lambda: open(os.path.join(os.environ["TMPDIR"], "x"), "x"),
    }


def _thread_name() -> str:
    return f"/proc/self/task/{threading.get_native_id()}/comm"


if __name__ == "__main__":
    serve({Attempt: attempt})
