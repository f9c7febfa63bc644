"""Start one process with a socket to it, collect its output, signal its group, and reap it."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Self

from scanmend.workers.sandbox import Sandbox
from scanmend.workers.variables import MEMORY_LIMIT, PARENT_PID, SOCKET_FD

KEPT_OUTPUT_BYTES = 8 * 2**10  # of the end of stdout and stderr, for the message about its death
KILL_SECONDS = 5.0  # in which the kernel must end a killed process
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.001, 0.05  # between two looks whether the process has ended
_READ_BYTES = 65536


class ChildProcess:
    """A running process with its socket, its output and its folder; ``end`` disposes of all four."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        connection: Connection,
        output_fd: int,
        scratch: str,
        folder: contextlib.ExitStack,
    ) -> None:
        """Own these resources; call ``spawn`` instead. ``output_fd`` does not block; ``folder`` removes ``scratch``."""
        self.connection = connection
        self.output_fd = output_fd
        self.scratch = scratch
        self.output = b""  # the last of stdout and stderr since the owner emptied this
        self._process = process
        self._folder = folder

    @classmethod
    def spawn(
        cls, module: str, env: Mapping[str, str], memory: int, sandbox: Sandbox, stall_seconds: int
    ) -> Self:
        """Start ``python -m module`` in a sandbox. Raises OSError if it can't be started.

        ``memory``: the limit in bytes, 0 for none. ``stall_seconds``: time limit to complete a frame, in either direction.
        """
        with contextlib.ExitStack() as folder:
            scratch = folder.enter_context(sandbox.scratch())
            ours, theirs = socket.socketpair()
            timeout = struct.pack("ll", stall_seconds, 0)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            read_end, write_end = os.pipe()
            variables = {
                SOCKET_FD: str(theirs.fileno()),
                PARENT_PID: str(os.getpid()),
                MEMORY_LIMIT: str(memory),
            }
            try:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "scanmend.workers.sandbox", module],
                    stdin=subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=write_end,
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                    env={**env, **sandbox.environment(scratch), **variables},
                )
            except BaseException:
                ours.close()
                os.close(read_end)
                raise
            finally:
                theirs.close()
                os.close(write_end)
            os.set_blocking(read_end, False)
            return cls(process, Connection(ours.detach()), read_end, scratch, folder.pop_all())

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Return whether the process has ended, without reaping it.

        Unreaped, it keeps its number, so that ``kill`` can't hit another group.
        """
        if self._process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def read_output(self) -> None:
        """Read what the process has written to stdout and stderr, and keep the last of it in ``output``."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.output_fd, _READ_BYTES):
                self.output = (self.output + chunk)[-KEPT_OUTPUT_BYTES:]
                if len(chunk) < _READ_BYTES:
                    return
            os.close(self.output_fd)  # end of file: there is no more output to wait for
            self.output_fd = os.open(os.devnull, os.O_RDWR)

    def kill(self) -> None:
        """Send SIGKILL to the process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, grace: float) -> bool:
        """End the process: close the socket, send SIGTERM after ``grace`` seconds, then SIGKILL to the group.

        Return whether the process has ended; if not, it hangs in the kernel. In both cases its output is closed and its
        folder removed. If it has ended, the caller must call ``reap``.
        """
        self.connection.close()
        if grace and not self._ended_within(grace):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._ended_within(grace / 2)
        self.kill()  # before ``reap`` frees the group's number; this also ends grandchildren
        ended = self._ended_within(KILL_SECONDS)
        self.read_output()
        os.close(self.output_fd)
        self._folder.close()
        return ended

    def reap(self) -> int:
        """Return the exit code of a process that has ended, and free its number.

        ``subprocess`` itself reaps a process that hung in the kernel, once that ends.
        """
        return self._process.wait()

    def _ended_within(self, seconds: float) -> bool:
        """Wait up to so many seconds; return whether the process has ended."""
        deadline = time.monotonic() + seconds
        pause = MIN_POLL_SECONDS
        while not self.ended:
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, MAX_POLL_SECONDS)
        return True
