"""Keep the journal's count of what waits unclaimed in the inbox up to date."""

import time
from collections.abc import Callable

from scanmend.intake.intake_log import IntakeLog
from scanmend.intake.pending import PendingFiles
from scanmend.store.unclaimed import Unclaimed, grouped, tells_the_same

MIN_REPORT_SECONDS = 2.0  # between two counts
# of the watcher's time: with 100,000 waiting files, counts are rarer
MAX_REPORT_SHARE = 0.02


class UnclaimedReport:
    """The last recorded count, and when to count again. Belongs to the watcher's thread."""

    def __init__(
        self, files: PendingFiles, intake_log: IntakeLog, obstacle: Callable[[], str]
    ) -> None:
        """Record nothing yet. ``obstacle``: returns why the claim step takes no file now; "" if it does."""
        self._files = files
        self._log = intake_log
        self._obstacle = obstacle
        self._recorded: Unclaimed | None = None
        self._count_at = 0.0  # monotonic
        self._outdated = True

    def outdate(self) -> None:
        """Note that files may have come, gone or changed their reason."""
        self._outdated = True

    def turn(self, now: float) -> float | None:
        """Count and record what waits if that is due at ``now``. Return when to count; None: nothing has changed.

        Raise MachineError if the journal can't be written.
        """
        if not self._outdated:
            return None
        if now < self._count_at:
            return self._count_at
        started = time.monotonic()
        groups = grouped(self._files.unclaimed(now, self._obstacle()))
        if self._recorded is None or not tells_the_same(groups, self._recorded):
            self._log.record_unclaimed(groups)
            self._recorded = groups
        self._outdated = self._files.has_recent(now)
        cost = time.monotonic() - started
        self._count_at = now + max(MIN_REPORT_SECONDS, cost / MAX_REPORT_SHARE)
        return self._count_at if self._outdated else None
