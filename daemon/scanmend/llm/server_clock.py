"""The time limits of one exchange with a server: of the page or the list, and of a server that is loading its model."""

import threading
import time

MIN_REQUEST_SECONDS = 0.1  # timeout of a request, even when the time is almost over


class ServerClock:
    """The time that is left. While the server loads its model, the limit of the page stands still. Thread-safe."""

    def __init__(self, seconds: float, load_seconds: float) -> None:
        """Start now. ``seconds``: limit of the page; ``load_seconds``: in which the server must have loaded its model."""
        self.seconds = seconds
        self.load_seconds = load_seconds
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + seconds
        self._loading_left = load_seconds
        self._loading_since: float | None = None  # monotonic

    @property
    def left(self) -> float:
        """Return the seconds that are left for the page; at least ``MIN_REQUEST_SECONDS`` while the server loads."""
        with self._lock:
            now = time.monotonic()
            since = self._loading_since
            left = self._deadline - (now if since is None else since)
            return left if since is None else max(MIN_REQUEST_SECONDS, left)

    @property
    def is_over(self) -> bool:
        """Return whether the page's time is over."""
        return self.left <= 0

    def loading(self) -> float:
        """Note that the server is loading; return the seconds for which to wait for it still."""
        with self._lock:
            now = time.monotonic()
            if self._loading_since is None:
                self._loading_since = now
            return self._loading_left - (now - self._loading_since)

    def answered(self) -> None:
        """Note that the server has loaded its model: the page's time runs again."""
        with self._lock:
            if self._loading_since is not None:
                waited = time.monotonic() - self._loading_since
                self._deadline += waited
                self._loading_left -= waited
                self._loading_since = None
