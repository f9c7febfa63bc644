"""Run another program that writes files, holds them open, maps them, closes them and opens them again."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"  # other users may run this one
_PROGRAM = Path(__file__).parent / "children" / "writer.py"


class Writer:
    """A program that has one file open. It ends with the block of ``running_writer``."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._scratch = scratch

    def do(self, *command: object) -> None:
        """Send a command, and wait until it is done."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(" ".join(map(str, command)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "ok\n"

    def write(self, data: bytes) -> None:
        """Append bytes to the file."""
        self._scratch.write_bytes(data)
        self.do("write", self._scratch)


@contextlib.contextmanager
def running_writer(scratch: Path, before: Sequence[str] = ()) -> Iterator[Writer]:
    """Start the program. ``scratch``: a file by which bytes are handed over; ``before``: as for ``Tree.start``."""
    python = SYSTEM_PYTHON if before else sys.executable
    process = subprocess.Popen(
        [*before, python, str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Writer(process, scratch)
    finally:
        process.kill()
        process.communicate()
