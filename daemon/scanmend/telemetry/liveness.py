"""Is every thread really at work? Each says when it begins a piece of work, and how long that may take."""

import contextlib
import threading
import time
from collections.abc import Iterator


class Pulse:
    """What each thread is at. A thread that is at nothing waits for work, which may take for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[str, tuple[str, float]] = {}  # thread -> what it is at, until when

    @contextlib.contextmanager
    def at(self, what: str, seconds: float) -> Iterator[None]:
        """This thread is at ``what``, which takes at most ``seconds``."""
        name = threading.current_thread().name
        with self._lock:
            self._busy[name] = (what, time.monotonic() + seconds)
        try:
            yield
        finally:
            with self._lock:
                self._busy.pop(name, None)

    def overdue(self) -> list[str]:
        """The threads that should have ended their piece of work by now."""
        now = time.monotonic()
        with self._lock:
            return [
                f"{name}: {what}, {now - until:.0f} s beyond its limit"
                for name, (what, until) in self._busy.items()
                if now > until
            ]
