"""The paths in the inbox that can't be listed or looked at, such as a sub-folder of another user: they wait, one by one."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from scanmend.errors import show
from scanmend.telemetry import log

REACH_RETRY_SECONDS = 10.0  # between two looks at a path that could not be reached


@dataclass(slots=True)
class Unreachable:
    """A path that could not be reached. ``since``: seconds since the epoch; ``noted_at``: the last failure, monotonic."""

    reason: str
    since: float
    noted_at: float


class UnreachablePaths:
    """All unreachable paths of one inbox. Belongs to the watcher's thread."""

    def __init__(self) -> None:
        """Begin without any."""
        self._paths: dict[bytes, Unreachable] = {}
        self._retry_at = 0.0  # monotonic
        self._log = log.get("watch")

    def __contains__(self, path: bytes) -> bool:
        """Return whether this path could not be reached at the last look."""
        return path in self._paths

    def __iter__(self) -> Iterator[tuple[bytes, Unreachable]]:
        """Iterate over the paths."""
        return iter(self._paths.items())

    def note(self, path: bytes, reason: str) -> None:
        """Note that a path can't be reached; log it once for each reason."""
        known = self._paths.get(path)
        if known is None or known.reason != reason:
            self._log.warning("waiting", document=show(path), reason=reason)
        since = known.since if known else time.time()
        self._paths[path] = Unreachable(reason, since, time.monotonic())

    def retry_due(self, now: float) -> list[bytes]:
        """Return all paths every ``REACH_RETRY_SECONDS``, else none."""
        if not self._paths or now < self._retry_at:
            return []
        self._retry_at = now + REACH_RETRY_SECONDS
        return list(self._paths)

    @property
    def next_retry(self) -> float | None:
        """Return when the next retry is due (monotonic); None without an unreachable path."""
        return self._retry_at if self._paths else None

    def forget_older(self, path: bytes, tried_at: float) -> bool:
        """Forget the path unless it was noted again since ``tried_at``; return whether it is reachable now."""
        known = self._paths.get(path)
        if known is None or known.noted_at >= tried_at:
            return False
        del self._paths[path]
        self._log.info("can be read again", document=show(path))
        return True
