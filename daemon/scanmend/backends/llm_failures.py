"""Decide when to try a failed model again, so that 500 scans don't cause 500 loads."""

import math
import os
import time

from scanmend.backends.gguf_files import stamp
from scanmend.errors import ModelUnavailable

# seconds after the first, the second, and every further failure in a row
BACK_OFF_SECONDS = (30.0, 120.0, 600.0)
# After so many crashes in a row, scanmend waits until the model's file or the configuration changes.
MAX_CRASHES = 3


class ModelFailures:
    """The consecutive failures of one model, and the time until which it is not tried again."""

    def __init__(self) -> None:
        """Start without a failure."""
        self._count = 0
        self._blocked_until = 0.0  # monotonic
        self._file: tuple[str, int, int] | None = None
        self._reason = ""

    @property
    def any(self) -> bool:
        """Return whether the model failed since it last answered."""
        return self._count > 0

    @property
    def backing_off(self) -> bool:
        """Return whether the last failure's back-off is still running, even if the file has changed since."""
        return time.monotonic() < self._blocked_until

    @property
    def reason(self) -> str:
        """Return the reason of the last failure."""
        return self._reason

    def check(self, path: str) -> None:
        """Raise ModelUnavailable while the file at ``path`` backs off. A changed file may be tried at once."""
        if self.backing_off and stamp(path) == self._file:
            raise ModelUnavailable(self._reason)

    def forget(self) -> None:
        """Note that the model works."""
        self._count = 0

    def failed(self, reason: str, path: str) -> str:
        """Note a failure with this file, and start its back-off; return the reason."""
        self._count += 1
        step = min(self._count, len(BACK_OFF_SECONDS)) - 1
        self._blocked_until = time.monotonic() + BACK_OFF_SECONDS[step]
        self._file = stamp(path)
        self._reason = reason
        return reason

    def lost(self, reason: str, path: str, *, crashed: bool) -> str:
        """Note that the model's process ended; return the reason to report.

        The next page may start another process at once. The MAX_CRASHES-th failure in a row counts as the model's own:
        it backs off, and after a crash it is not tried again until its file or the configuration changes.
        """
        self._count += 1
        if self._count < MAX_CRASHES:
            self._blocked_until = 0.0
            self._reason = reason
            return reason
        message = f"the model's process failed {self._count} times in a row: {reason}"
        if not crashed:
            return self.failed(message, path)
        name = os.path.basename(path)
        message += f"; {name} is not tried again until it or the configuration changes"
        self.failed(message, path)
        self._blocked_until = math.inf
        return message
