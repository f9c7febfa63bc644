"""A child that tries what it must not do, and tells what went well."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from scanmend.workers.server import Progress, serve


def attempt(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """{place, parent} -> {done: names of what was possible}."""
    place, parent = request["place"], int(request["parent"])
    file = os.path.join(place, "document.txt")
    tries: dict[str, Callable[[], object]] = {
        "read": lambda: open(file).read(),  # noqa: SIM115
        "write over": lambda: open(file, "r+").write("x"),  # noqa: SIM115
        "empty": lambda: os.truncate(file, 0),
        "make": lambda: open(os.path.join(place, "new"), "x"),  # noqa: SIM115
        "make a folder": lambda: os.mkdir(os.path.join(place, "folder")),
        "link": lambda: os.link(file, os.path.join(place, "hard")),
        "link softly": lambda: os.symlink(file, os.path.join(place, "soft")),
        "rename": lambda: os.rename(file, os.path.join(place, "other")),
        "remove": lambda: os.unlink(file),
        "change its mode": lambda: os.chmod(file, 0o777),
        "signal the daemon": lambda: os.kill(parent, 0),
        "read the daemon's memory": lambda: open(f"/proc/{parent}/mem", "rb").read(0),  # noqa: SIM115
        "internet socket": lambda: socket.socket().close(),
        "local socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "by a child of its own": lambda: subprocess.run(
            ["sh", "-c", f"echo x > {place}/by-shell"], check=True, stderr=subprocess.DEVNULL
        ),
        "its own folder": lambda: open(os.path.join(os.environ["TMPDIR"], "x"), "x"),  # noqa: SIM115
    }
    done = []
    for name, work in tries.items():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            work()
            done.append(name)
    return {"done": done, "scratch": os.environ["TMPDIR"]}


if __name__ == "__main__":
    serve({"try": attempt})
