"""Keep an observer of the kernel's events running on the inbox, and find out whether it watches every folder."""

import errno
import os

from scanmend.backoff import back_off
from scanmend.intake import inotify
from scanmend.intake.events import Events
from scanmend.store.mounts import Root
from scanmend.telemetry import log

# scans in a row that find folders without a watch: a single one may meet a folder that is being made
SCANS_BEFORE_WARNING = 2
RESTART_DELAY_SECONDS = 0.5  # doubled with each failure in a row
KERNEL_LIMIT_DELAY_SECONDS = 5.0  # doubled likewise; the kernel's limits don't change by themselves
_REMEDY = "raise fs.inotify.max_user_watches or max_user_instances (sysctl)"


class KernelEvents:
    """The inbox's observer, replaced when it ends or when the inbox is another folder. Belongs to one thread."""

    def __init__(self, root: Root, events: Events) -> None:
        """Observe nothing yet. ``events`` takes the kernel's events."""
        self._root = root
        self._events = events
        self.observer: inotify.Observer | None = None
        self._inode: tuple[int, int] | None = None  # device and inode of the observed folder
        self._failures = 0
        self._start_at = 0.0  # monotonic
        self._incomplete_scans = 0  # in a row
        self._log = log.get("watch")

    @property
    def complete(self) -> bool:
        """Return whether the kernel watches every folder, so that scans may be rare."""
        return self.observer is not None and not self._incomplete_scans

    def keep_running(self, now: float) -> bool:
        """Start or replace the observer if need be. Return whether it is a new one, so that a scan is needed."""
        ended = self.observer and not inotify.is_alive(self.observer)
        if ended or (self.observer and self._inode != self._root.inode):
            why = "it ended" if ended else "the inbox is another folder"
            self._log.warning("replacing the observer", reason=why)
            self.stop()
            self._start_at = now + back_off(self._failures, RESTART_DELAY_SECONDS)
            self._failures += 1
        if self.observer is None and now >= self._start_at:
            return self._start(now)
        return False

    def _start(self, now: float) -> bool:
        try:
            self.observer = inotify.observe(os.fsencode(self._root.path), self._events)
        except OSError as error:
            self._failures += 1
            self._start_at = now + back_off(self._failures, KERNEL_LIMIT_DELAY_SECONDS)
            at_limit = error.errno in (errno.ENOSPC, errno.EMFILE)
            reason = f"{error.strerror}; {_REMEDY}" if at_limit else str(error.strerror)
            self._log.warning("no events from the kernel, polling meanwhile", reason=reason)
            return False
        self._inode = self._root.inode
        self._failures = 0
        return True

    def stop(self) -> None:
        """Stop the observer."""
        if self.observer:
            inotify.stop(self.observer)
            self.observer = None

    def compare_with(self, folders: int) -> bool:
        """Compare the kernel's watches with the number of folders. Return whether some folders have no watch."""
        try:
            missing = folders - inotify.count_watches() if self.observer else 0
        except OSError:  # no free file descriptor: compare after the next scan
            return self._incomplete_scans > 0
        before = self._incomplete_scans
        self._incomplete_scans = before + 1 if missing > 0 else 0
        if self._incomplete_scans == SCANS_BEFORE_WARNING:
            message = "no events from the kernel for some folders, polling meanwhile"
            self._log.warning(message, folders=missing, reason=_REMEDY)
        if before >= SCANS_BEFORE_WARNING and not self._incomplete_scans:
            self._log.info("events for all folders again")
        return self._incomplete_scans > 0
