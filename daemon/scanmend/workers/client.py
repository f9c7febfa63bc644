"""Run one child process: start it, send it requests, bound it, kill it, reap it.

OCR, correction and download use the same class. The other half is ``workers.server``.

The ready-made pools were measured and don't keep the promise that one bad file costs one file. Hence this: a process
group and an environment of its own, a socket pair, a monotonic deadline. Only the thread that starts a child may ask
it, since PR_SET_PDEATHSIG ends the child with that *thread*; ``kill`` may be called from any.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import TypeVar

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
from scanmend.workers.protocol import Answer, Failure, Progress, Reply, Request, Step
from scanmend.workers.sandbox import Sandbox

R = TypeVar("R")

MAX_FRAME_BYTES = 64 * 2**20  # of one answer; a page of text is far below
STALL_SECONDS = 30  # that one half-sent frame may take
GRACE_SECONDS = 2.0  # that a child has to end by itself
LAST_WORDS_SECONDS = 1.0  # that a child which closed its socket has to say why

_MEMORY_WORDS = (b"bad_alloc", b"out of memory", b"Cannot allocate memory", b"failed to allocate")


class Child:
    """A child of this process that runs ``python -m module`` and answers requests one at a time."""

    def __init__(
        self, module: str, name: str, env: Mapping[str, str], memory: int, box: Sandbox
    ) -> None:
        """Start nothing yet.

        ``name`` is for messages; ``env`` is the whole environment; ``memory`` in bytes, 0 for no limit.
        """
        self.name = name
        self._module = module
        self._env = env
        self._memory = memory
        self._box = box
        self._lock = threading.RLock()  # guards the process: its owner reaps it, anyone kills it
        self._running: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id while there is a process."""
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
        """Start the process, and clear away an earlier one; MachineError when it can't be started."""
        self._begin()

    def _begin(self) -> ChildProcess:
        self.end()
        try:
            running = ChildProcess.spawn(
                self._module, self._env, self._memory, self._box, STALL_SECONDS
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
        """Send one request and return its reply, within ``seconds``.

        Raises the ScanmendError that the child reported, after which the child goes on; or, after which it has ended,
        Died, OutOfMemory, TimedOut or ProtocolError.
        """
        running = self._ready()
        deadline = time.monotonic() + seconds
        try:
            running.connection.send_bytes(codec.encode(request))
            for frame in self._frames(running, deadline, seconds):
                match self._decoded(request, frame):
                    case Step(step):
                        if progress:
                            progress(step)
                    case Failure() as failure:
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
        """Return a process that waits for a request.

        A process that died idle costs nobody an attempt, and neither does one that sent a frame too many, which would be
        taken for the answer to the next request.
        """
        running = self._running
        if running is None or not self.alive or running.connection.poll():
            return self._begin()
        running.listen()
        running.output = b""  # it is about an earlier request
        return running

    def _frames(self, running: ChildProcess, deadline: float, seconds: float) -> Iterator[bytes]:
        """Yield what the child sends; TimedOut at the deadline."""
        while True:
            left = max(0, deadline - time.monotonic())
            ready = wait([running.connection, running.output_fd], left)
            if running.output_fd in ready:
                running.listen()
            if running.connection in ready:
                yield self._frame(running.connection)
            elif time.monotonic() >= deadline:
                self.end(0)
                raise TimedOut(f"{self.name}: no answer within {seconds:g} s; it was ended")

    def _frame(self, connection: Connection) -> bytes:
        """Receive one frame. An OSError without a lost connection is a frame that is too long, or half a frame."""
        try:
            return connection.recv_bytes(MAX_FRAME_BYTES)
        except (EOFError, ConnectionError):
            raise
        except OSError:
            if not self.alive:
                raise
            self.end(0)
            raise ProtocolError(
                f"{self.name}: sent half a message, or one of more than {MAX_FRAME_BYTES} bytes"
            ) from None

    def _decoded(self, request: Request[R], frame: bytes) -> Answer[R]:
        try:
            return codec.decode_answer(request, frame)
        except ProtocolError as error:
            self.end(0)
            raise ProtocolError(f"{self.name}: {error.what}") from None

    def _death(self) -> ChildError:
        """Reap the child and return the reason for its end, with the last of its output."""
        running = self._running
        code = self.end(LAST_WORDS_SECONDS)
        output = running.output if running else b""
        words = show(output.decode(errors="replace").strip()[-500:])
        if any(word in output for word in _MEMORY_WORDS):
            return OutOfMemory(f"{self.name}: out of memory: {words}")
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name
            if code == -signal.SIGKILL:
                how += " (ended from outside, as by the kernel when memory is short)"
        said = f": {words}" if words else ""
        return Died(f"{self.name}: ended in the middle of its work, {how}{said}", output=words)

    def memory(self) -> int:
        """Return the bytes of the process that count against its limit; 0 when there is no process."""
        pid = self.pid
        if pid is None:
            return 0
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                return next(int(x.split()[1]) * 1024 for x in file if x.startswith("VmData:"))
        except (OSError, StopIteration):
            return 0

    def kill(self) -> None:
        """End the whole process group at once; from any thread. The owner's ``ask`` raises Died."""
        with self._lock:
            if self._running and not self._running.ended:
                self._running.kill()

    def end(self, grace: float = GRACE_SECONDS) -> int | None:
        """Close the socket, then send SIGTERM, then SIGKILL to the group; return the exit code.

        The exit code is None when there is no process, or when it hangs in the kernel.
        """
        running = self._running
        if running is None:
            return None
        ended = running.end(grace)
        with self._lock:
            self._running = None
            return running.reap() if ended else None
