"""Decide when a model that failed is tried again, so that 500 scans don't try 500 loads."""

import math
import os
import time

from scanmend.backends.gguf_files import stamp
from scanmend.errors import ModelUnavailable

# seconds after the first, the second, and every further failure in a row
BACK_OFF_SECONDS = (30.0, 120.0, 600.0)
# in a row; then the model is not tried again until its file or the configuration changes
MAX_CRASHES = 3


class ModelFailures:
    """The failures in a row of one model, and until when it is not tried."""

    def __init__(self) -> None:
        """Begin without a failure."""
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
        """Return whether the time of the last failure's back-off is not over, whatever became of the file."""
        return time.monotonic() < self._blocked_until

    @property
    def reason(self) -> str:
        """Return the reason of the last failure."""
        return self._reason

    def check(self, path: str) -> None:
        """Raise ModelUnavailable while the model at ``path`` is not to be tried. A changed file is tried at once."""
        if self.backing_off and stamp(path) == self._file:
            raise ModelUnavailable(self._reason)

    def forget(self) -> None:
        """Note that the model works."""
        self._count = 0

    def failed(self, reason: str, path: str) -> str:
        """Note a failure with this file; return its reason."""
        self._count += 1
        step = min(self._count, len(BACK_OFF_SECONDS)) - 1
        self._blocked_until = time.monotonic() + BACK_OFF_SECONDS[step]
        self._file = stamp(path)
        self._reason = reason
        return reason

    def lost(self, reason: str, path: str, *, crashed: bool) -> str:
        """Note that the model's process is gone; return the reason to report.

        The next page may start another process, at once. The third failure in a row is one of the model; after a crash
        it is not tried again at all.
        """
        self._count += 1
        if self._count < MAX_CRASHES:
            self._blocked_until = 0.0
            self._reason = reason
            return reason
        what = f"the model's process failed {self._count} times in a row: {reason}"
        if not crashed:
            return self.failed(what, path)
        name = os.path.basename(path)
        what += f"; {name} is not tried again until it or the configuration changes"
        self.failed(what, path)
        self._blocked_until = math.inf
        return what
