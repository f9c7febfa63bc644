"""Tell whether a thread hangs: each thread announces its task and the seconds that the task may take."""

import contextlib
import threading
import time
from collections.abc import Iterator


class Liveness:
    """The current task of each thread, with its deadline. A thread without a task has none. Thread-safe."""

    def __init__(self) -> None:
        """Start with no tasks."""
        self._lock = threading.Lock()
        self._tasks: dict[str, tuple[str, float]] = {}  # thread -> task, deadline (monotonic)

    @contextlib.contextmanager
    def task(self, name: str, seconds: float) -> Iterator[None]:
        """Mark the calling thread as busy with a task that takes at most ``seconds``."""
        thread = threading.current_thread().name
        with self._lock:
            self._tasks[thread] = (name, time.monotonic() + seconds)
        try:
            yield
        finally:
            with self._lock:
                self._tasks.pop(thread, None)

    def overdue(self) -> list[str]:
        """Return one line for each thread whose task is beyond its deadline."""
        now = time.monotonic()
        with self._lock:
            return [
                f"{thread}: {name}, {now - deadline:.0f} s beyond its limit"
                for thread, (name, deadline) in self._tasks.items()
                if now > deadline
            ]
