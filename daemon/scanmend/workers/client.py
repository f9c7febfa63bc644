"""One child process: start it, ask it, bound it, kill it, reap it. OCR, LLM and download use the same.

The ready-made pools were measured and don't keep the promise that one bad file costs one file (DESIGN,
section 3), hence this: a process group and an environment of its own, a socket pair with JSON frames, a
monotonic deadline. Its owner is the one thread that starts it and asks it (PR_SET_PDEATHSIG ends the
child with that *thread*); only ``kill`` may be called from another.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

from scanmend.errors import (
    ChildError,
    Died,
    OutOfMemory,
    ProtocolError,
    TimedOut,
    by_code,
    machine_error,
    show,
)
from scanmend.workers.sandbox import Sandbox
from scanmend.workers.server import MEMORY_LIMIT, PARENT_PID, SOCKET_FD

MAX_FRAME = 64 * 2**20  # bytes of one reply; a page of text is far below
LAST_WORDS = 8 * 2**10  # bytes of stderr that are kept for the message
STALL = 30  # seconds that one half-sent frame may take
END_GRACE = 2.0  # seconds a child has to end by itself

_MEMORY_WORDS = (b"bad_alloc", b"out of memory", b"Cannot allocate memory", b"failed to allocate")

_abandoned: list[
    subprocess.Popen[bytes]
] = []  # killed, but stuck in the kernel: reaped when they let go


class Child:
    """A child of this daemon that runs ``python -m module`` and answers requests one at a time."""

    def __init__(
        self, module: str, name: str, env: Mapping[str, str], memory: int, box: Sandbox
    ) -> None:
        """``name`` is for messages; ``memory`` in bytes, 0 for no limit; ``env`` is the whole environment."""
        self.name = name
        self._module = module
        self._env = env
        self._memory = memory
        self._box = box
        self._scratch = contextlib.ExitStack()  # the process's own folder
        self.scratch = ""  # its path while the process is there
        self._lock = threading.RLock()  # the process: reaped by its owner, killed by anyone
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Connection | None = None
        self._stderr = -1
        self._words = b""

    @property
    def pid(self) -> int | None:
        """The process id while the process is there."""
        process = self._process
        return process.pid if process else None

    @property
    def alive(self) -> bool:
        """Whether the process has been started and has not ended."""
        with self._lock:
            return self._process is not None and not _has_ended(self._process)

    def start(self) -> None:
        """Start the process; what is left of an earlier one is cleared away first. MachineError when it can't be."""
        self.end()
        try:
            self.scratch = self._scratch.enter_context(self._box.scratch())
            self._start(self.scratch)
        except OSError as error:
            self._scratch.close()
            raise machine_error(error, f"{self.name}: starting its process") from None

    def _start(self, scratch: str) -> None:
        ours, theirs = socket.socketpair()
        timeout = struct.pack("ll", STALL, 0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        read_end, write_end = os.pipe()
        env = {
            **self._env,
            **self._box.environment(scratch),
            SOCKET_FD: str(theirs.fileno()),
            PARENT_PID: str(os.getpid()),
            MEMORY_LIMIT: str(self._memory),
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scanmend.workers.sandbox", self._module],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=(theirs.fileno(),),
                process_group=0,
                env=env,
            )
        except BaseException:
            ours.close()
            os.close(read_end)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        os.set_blocking(read_end, False)
        self._stderr, self._words = read_end, b""
        self._socket = Connection(ours.detach())
        with self._lock:
            self._process = process

    def ask(
        self,
        request: dict[str, Any],
        seconds: float,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """Send one request and wait for its reply, at most ``seconds``.

        Raises ChildError (the child is dead then, but for a failure that it reported itself), or the
        DocumentError or MachineError that the child reported.
        """
        if self._socket is None or not self.alive:  # one that died idle costs nobody an attempt
            self.start()
        else:  # what it said of the file before is not said of this one
            self._listen()
            self._words = b""
        assert self._socket is not None
        deadline = time.monotonic() + seconds
        try:
            self._socket.send_bytes(json.dumps(request).encode())
            for message in self._messages(deadline, seconds):
                if "progress" in message:
                    if progress:
                        progress(message["progress"])
                    continue
                return self._reply(message)
            raise self._dead()
        except (OSError, EOFError):
            raise self._dead() from None
        except ChildError:
            if not self.alive:
                self.end()
            raise

    def _messages(self, deadline: float, seconds: float) -> Iterator[dict[str, Any]]:
        assert self._socket is not None
        while True:
            ready = wait([self._socket, self._stderr], max(0, deadline - time.monotonic()))
            if self._stderr in ready:
                self._listen()
            if self._socket in ready:
                frame = self._socket.recv_bytes(MAX_FRAME)
                try:
                    message = json.loads(frame)
                    assert isinstance(message, dict)
                except (ValueError, AssertionError):
                    self.end(0)
                    raise ProtocolError(
                        f"{self.name}: sent {len(frame)} bytes that are no reply"
                    ) from None
                yield message
            elif time.monotonic() >= deadline:
                self.end(0)
                raise TimedOut(f"{self.name}: no answer within {seconds:g} s; it was ended")

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        if isinstance(message.get("reply"), dict):
            reply: dict[str, Any] = message["reply"]
            return reply
        failure = message.get("failure")
        if isinstance(failure, dict) and {"code", "what", "remedy"} <= failure.keys():
            raise by_code(
                str(failure["code"]), show(str(failure["what"])), show(str(failure["remedy"]))
            )
        self.end(0)
        raise ProtocolError(f"{self.name}: a reply of no known shape")

    def _dead(self) -> ChildError:
        """The child's end as an error, with its last words."""
        code = self.end(1.0)
        words = show(self._words.decode(errors="replace").strip()[-500:])
        if any(word in self._words for word in _MEMORY_WORDS):
            return OutOfMemory(f"{self.name}: out of memory: {words}")
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name
            if code == -signal.SIGKILL:
                how += " (ended from outside, as by the kernel when memory is short)"
        return Died(
            f"{self.name}: ended in the middle of its work, {how}" + (f": {words}" if words else "")
        )

    def _listen(self) -> None:
        """Keep the end of what the child says on stderr and stdout."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._stderr, 65536):
                self._words = (self._words + chunk)[-LAST_WORDS:]
                if len(chunk) < 65536:
                    return
            os.close(self._stderr)  # end of file: nothing more to wait for
            self._stderr = os.open(os.devnull, os.O_RDWR)

    def memory(self) -> int:
        """Bytes of the process that count against its limit; 0 when there is none."""
        with self._lock:
            process = self._process
        if process is None:
            return 0
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
                return next(int(x.split()[1]) * 1024 for x in file if x.startswith("VmData:"))
        except (OSError, StopIteration):
            return 0

    def kill(self) -> None:
        """End the whole process group at once; from any thread. The owner's ``ask`` raises Died."""
        with self._lock:
            if self._process and not _has_ended(self._process):
                _kill_group(self._process)

    def end(self, grace: float = END_GRACE) -> int | None:
        """End of file, then SIGTERM, then SIGKILL to its group; returns the exit code (None: it hangs)."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        process = self._process
        if process is None:
            return None
        if grace and not _ended_within(process, grace):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            _ended_within(process, grace / 2)
        _kill_group(process)  # grandchildren too, and before the reaping frees the group's number
        ended = _ended_within(process, 5.0)
        self._listen()
        os.close(self._stderr)
        self._stderr = -1
        self._scratch.close()
        with self._lock:
            self._process = None
            if not ended:
                _abandoned.append(process)
                return None
            code = process.wait()
        _reap_abandoned()
        return code


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, without reaping it: its number must stay taken until its group is killed."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not _has_ended(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reap_abandoned() -> None:
    _abandoned[:] = [process for process in _abandoned if process.poll() is None]
