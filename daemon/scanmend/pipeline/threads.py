"""Threads that end soon after they are told to. A thread that does not is left to the end of the process."""

import threading
import time
from collections.abc import Callable, Sequence

# that a thread may take to end after it was told to; one that hangs on a share is left behind
JOIN_SECONDS = 2.0


class StoppableThread:
    """A thread whose body returns soon after its stop event is set."""

    def __init__(
        self,
        name: str,
        body: Callable[[threading.Event], None],
        wake: Callable[[], None] | None = None,
    ) -> None:
        """Start the thread. ``wake`` wakes a body that waits for something else than the stop event."""
        self.stop = threading.Event()
        self._wake = wake
        self._thread = threading.Thread(target=body, args=(self.stop,), name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Return whether the body has not returned."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Tell the body to return, and wait up to ``JOIN_SECONDS`` for it."""
        self.stop.set()
        if self._wake:
            self._wake()
        self._thread.join(JOIN_SECONDS)


def join_until(threads: Sequence[threading.Thread], deadline: float) -> bool:
    """Wait for these threads until ``deadline`` (monotonic). Return whether all have ended."""
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
