"""Run one child process: start it, send it requests, limit its time and memory, kill it, reap it.

OCR, correction and download use the same class. ``workers.server`` is the child's side.

Existing process pools were measured, and with them one bad file can cost more than one file. Each child here therefore has
a process group and an environment of its own, a socket pair and a monotonic deadline. Only the thread that starts a child
may send it requests, since PR_SET_PDEATHSIG ends the child with that *thread*; any thread may call ``kill``.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from scanmend.durations import duration_text
from scanmend.errors import (
    ChildError,
    Died,
    OutOfMemory,
    ProtocolError,
    TimedOut,
    machine_error,
    show,
)
from scanmend.workers import codec
from scanmend.workers.process import ChildProcess
from scanmend.workers.protocol import Answer, ErrorReply, Progress, Reply, Request, Step
from scanmend.workers.sandbox import Sandbox

R = TypeVar("R")

MAX_FRAME_BYTES = 64 * 2**20  # of one answer; a page of text has far fewer
FRAME_STALL_SECONDS = 30  # in which a frame must be sent, once it has begun
GRACE_SECONDS = 2.0  # in which a child may end by itself
LAST_OUTPUT_SECONDS = 1.0  # in which a child that closed its socket may print the reason
SHOWN_OUTPUT_CHARACTERS = 500  # of the end of a child's output, in the message about its death

# phrases in the output of a child that ran out of memory
_OUT_OF_MEMORY_PHRASES = (
    b"bad_alloc",
    b"out of memory",
    b"Cannot allocate memory",
    b"failed to allocate",
    b"failed to map segment",  # of a library, while the child starts
)


class Child:
    """A child of this process that runs ``python -m module`` and answers requests one at a time."""

    def __init__(
        self, module: str, name: str, env: Mapping[str, str], memory: int, sandbox: Sandbox
    ) -> None:
        """Prepare a child; the first request, or ``start``, starts its process.

        ``name`` is for messages; ``env`` is the whole environment; ``memory`` is the limit in bytes, 0 for none.
        """
        self.name = name
        self._module = module
        self._env = env
        self._memory = memory
        self._sandbox = sandbox
        self._lock = (
            threading.RLock()
        )  # guards the process: its owner reaps it, any thread kills it
        self._running: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id, or None while there is no process."""
        running = self._running
        return running.pid if running else None

    @property
    def scratch(self) -> str:
        """Return the path of the process's own folder; "" while there is no process."""
        running = self._running
        return running.scratch if running else ""

    @property
    def alive(self) -> bool:
        """Return whether the process has been started and has not ended."""
        with self._lock:
            return self._running is not None and not self._running.ended

    def start(self) -> None:
        """Start the process, after clearing away an earlier one. Raises MachineError if it can't be started."""
        self._start_process()

    def _start_process(self) -> ChildProcess:
        """Start the process as ``start`` does, and return it."""
        self.end()
        try:
            running = ChildProcess.spawn(
                self._module, self._env, self._memory, self._sandbox, FRAME_STALL_SECONDS
            )
        except OSError as error:
            raise machine_error(error, f"{self.name}: starting its process") from None
        with self._lock:
            self._running = running
        return running

    def ask(
        self,
        request: Request[R],
        seconds: float,
        progress: Callable[[Progress], None] | None = None,
    ) -> R:
        """Send one request and return the reply, which must come within ``seconds``.

        ``progress`` is called with what the child reports meanwhile. Raises the ScanmendError that the child reports,
        and the child goes on; or Died, OutOfMemory, TimedOut or ProtocolError, and the child has ended.
        """
        running = self._ready()
        deadline = time.monotonic() + seconds
        try:
            running.connection.send_bytes(codec.encode(request))
            for frame in self._frames(running, deadline, seconds):
                match self._decoded(request, frame):
                    case Step(reported):
                        if progress:
                            progress(reported)
                    case ErrorReply() as failure:
                        raise failure.error()
                    case Reply(value):
                        return value
            raise self._death()
        except (OSError, EOFError):
            raise self._death() from None
        except ChildError:
            if not self.alive:
                self.end()
            raise

    def _ready(self) -> ChildProcess:
        """Return a process that waits for a request; start a new one if need be.

        A process that died while idle costs no page an attempt. Neither does one that sent a superfluous frame, which
        would otherwise count as the answer to the next request.
        """
        running = self._running
        if running is None or not self.alive or running.connection.poll():
            return self._start_process()
        running.read_output()
        running.output = b""  # drop the output about earlier requests
        return running

    def _frames(self, running: ChildProcess, deadline: float, seconds: float) -> Iterator[bytes]:
        """Yield the frames that the child sends. Raises TimedOut at the deadline, after ending the child."""
        while True:
            remaining = max(0, deadline - time.monotonic())
            ready = wait([running.connection, running.output_fd], remaining)
            if running.output_fd in ready:
                running.read_output()
            if running.connection in ready:
                yield self._frame(running.connection)
            elif time.monotonic() >= deadline:
                self.end(0)
                raise TimedOut(
                    f"{self.name}: no answer within {duration_text(seconds)}; it was ended"
                )

    def _frame(self, connection: Connection) -> bytes:
        """Return the next frame.

        Raises ProtocolError, after ending the child, for a frame that is too long or incomplete; EOFError or OSError if
        the connection is lost.
        """
        try:
            return connection.recv_bytes(MAX_FRAME_BYTES)
        except (EOFError, ConnectionError):
            raise
        except OSError:  # a frame beyond the limit, or a timeout within a frame
            if not self.alive:
                raise
            self.end(0)
            raise ProtocolError(
                f"{self.name}: sent half a message, or one of more than {MAX_FRAME_BYTES} bytes"
            ) from None

    def _decoded(self, request: Request[R], frame: bytes) -> Answer[R]:
        """Return the answer in a frame. Raises ProtocolError, after ending the child, if it is none."""
        try:
            return codec.decode_answer(request, frame)
        except ProtocolError as error:
            self.end(0)
            raise ProtocolError(f"{self.name}: {error.what}") from None

    def _death(self) -> ChildError:
        """Reap the child, and return the error for its end, with the last of its output."""
        running = self._running
        code = self.end(LAST_OUTPUT_SECONDS)
        output = running.output if running else b""
        last_output = show(output.decode(errors="replace").strip()[-SHOWN_OUTPUT_CHARACTERS:])
        if any(phrase in output for phrase in _OUT_OF_MEMORY_PHRASES):
            return OutOfMemory(f"{self.name}: out of memory: {last_output}")
        cause = f"exit code {code}"
        if code is not None and code < 0:
            cause = signal.Signals(-code).name
            if code == -signal.SIGKILL:
                cause += " (ended from outside, as by the kernel when memory is short)"
        ending = f": {last_output}" if last_output else ""
        what = f"{self.name}: ended in the middle of its work, {cause}{ending}"
        return Died(what, output=last_output)

    def memory(self) -> int:
        """Return the bytes of the process that count against its memory limit (VmData); 0 without a process."""
        pid = self.pid
        if pid is None:
            return 0
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                return next(
                    int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:")
                )
        except (OSError, StopIteration):
            return 0

    def kill(self) -> None:
        """Kill the whole process group at once. Any thread may call this; a waiting ``ask`` raises Died."""
        with self._lock:
            if self._running and not self._running.ended:
                self._running.kill()

    def end(self, grace: float = GRACE_SECONDS) -> int | None:
        """End the process, as ``ChildProcess.end`` does, and reap it; return the exit code.

        The exit code is None if there is no process, or if it hangs in the kernel. ``grace`` is in seconds.
        """
        running = self._running
        if running is None:
            return None
        ended = running.end(grace)
        with self._lock:
            self._running = None
            return running.reap() if ended else None
