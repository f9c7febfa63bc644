"""Run the daemon with a timer around each step. `bench.scale` starts this program in place of `scanmend`.

The timers measure wall and CPU seconds of each step, and the parts of the wall time in fsync, in waiting for the
journal's lock and in waiting for a child. The rest is waiting for the interpreter's lock and for the CPU.
"""

import atexit
import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from scanmend.cli.main import main
from scanmend.intake.watcher import Watcher
from scanmend.pipeline.claim import Claim
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.publish import Publish
from scanmend.pipeline.read import Read
from scanmend.store.database import Database
from scanmend.workers.client import Child

OUT = "SCALE_PROBE"  # environment variable with the path of the file for the figures
PRELOADED = "LD_PRELOAD"

_mine = threading.local()
_steps: dict[str, dict[str, float]] = {}
_lock = threading.Lock()


def _syncs() -> Callable[[], tuple[float, float]]:
    path = os.environ.get(PRELOADED)
    if not path:
        return lambda: (0.0, 0.0)
    library = ctypes.CDLL(path)
    library.syncs_spent.restype = library.syncs_calls.restype = ctypes.c_ulonglong
    return lambda: (library.syncs_spent() / 1e9, float(library.syncs_calls()))


_synced = _syncs()


def _waited(kind: str) -> float:
    return float(getattr(_mine, kind, 0.0))


def _wait(kind: str, seconds: float) -> None:
    setattr(_mine, kind, _waited(kind) + seconds)


def _reading() -> dict[str, float]:
    spent, calls = _synced()
    return {
        "wall": time.monotonic(),
        "cpu": time.thread_time(),
        "fsync": spent,
        "fsyncs": calls,
        "lock": _waited("lock"),
        "child": _waited("child"),
    }


def _timed(step: str, cls: Any, name: str) -> None:
    real = getattr(cls, name)

    def method(*arguments: Any, **named: Any) -> Any:
        before = _reading()
        try:
            return real(*arguments, **named)
        finally:
            after = _reading()
            with _lock:
                total = _steps.setdefault(step, dict.fromkeys(("calls", *after), 0.0))
                total["calls"] += 1
                for key, value in after.items():
                    total[key] += value - before[key]

    setattr(cls, name, method)


class _Lock:
    """The journal's lock, which measures the time that threads wait for it."""

    def __init__(self) -> None:
        self._real = threading.RLock()

    def __enter__(self) -> None:
        begun = time.monotonic()
        self._real.acquire()
        _wait("lock", time.monotonic() - begun)

    def __exit__(self, *_: object) -> None:
        self._real.release()


def _time_journal() -> None:
    real = Database.__init__

    def init(self: Any, *arguments: Any) -> None:
        real(self, *arguments)
        self._lock = _Lock()

    Database.__init__ = init  # type: ignore[assignment,method-assign]


def _time_child() -> None:
    real = Child.ask

    def ask(*arguments: Any, **named: Any) -> Any:
        begun = time.monotonic()
        try:
            return real(*arguments, **named)
        finally:
            _wait("child", time.monotonic() - begun)

    Child.ask = ask  # type: ignore[method-assign]


def _write() -> None:
    with open(os.environ[OUT], "w") as file:
        json.dump({"steps": _steps, "process_cpu": time.process_time()}, file)


if __name__ == "__main__":
    _timed("watch", Watcher, "turn")
    _timed("watch", Watcher, "handle")
    _timed("claim", Claim, "claim")
    _timed("read", Read, "do")
    _timed("correct", Correct, "turn")
    _timed("publish", Publish, "turn")
    _time_journal()
    _time_child()
    atexit.register(_write)
    sys.exit(main())
