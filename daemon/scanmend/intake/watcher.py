"""Watch the inbox: the kernel's events only shorten the wait; scans of the folder find every file.

On a disk of this machine, watchdog's inotify observer delivers the events. On a share there are none, and frequent
scans do the polling: watchdog's PollingObserver ends for good if the share is away for a moment (ENOENT), and would
list the folders a second time.
"""

import contextlib
import errno
import functools
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator

from scanmend.backoff import back_off
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.intake.events import (
    Claimed,
    EventsLost,
    FolderArrived,
    InWorkElsewhere,
    Look,
    NotReady,
    ScanNow,
    Unrelated,
    WatcherEvent,
)
from scanmend.intake.inotify import OverflowListener
from scanmend.intake.intake_log import Intake
from scanmend.intake.kernel_events import KernelEvents
from scanmend.intake.pending import LOOK_RETRY_SECONDS, PendingFiles
from scanmend.intake.scanner import Scanner, SliceEnd
from scanmend.intake.unclaimed_report import UnclaimedReport
from scanmend.store.mounts import Method, Root
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary

# files that wait before the claim step, from which the scan waits: 100,000 would not fit in memory
MAX_UNCLAIMED = 1_000
# until a waiting scan checks whether it may go on, without an answer of the claim step
HELD_SCAN_SECONDS = 1.0
FOLDER_SLICES = 10  # of a new folder that are scanned at once; the next full scan finds the rest
MAX_SLEEP_SECONDS = 30.0  # between two checks whether the inbox can be trusted
# between two such checks while it can't: doubled each time, up to the second
FIRST_AWAY_SECONDS, MAX_AWAY_SECONDS = 1.0, 10.0


class Watcher:
    """The watch step. One thread runs ``run`` and owns all state; other threads put events into its queue."""

    def __init__(
        self,
        root: Root,
        method: Method,
        intake: Intake,
        settings: WatchSettings,
        settle_settings: SettleSettings,
    ) -> None:
        """Watch nothing yet. ``method``: "native" (the kernel's events) or "polling"."""
        self._root = root
        self._path = os.fsencode(root.path)
        self._settings = settings
        self._intake = intake
        self._scanner = Scanner(self._path, self._on_unreadable)
        self._scanner.ignore(settings.ignore)
        self.files = PendingFiles(root, intake, self._scanner, settle_settings)
        self._report = UnclaimedReport(self.files, intake.log, intake.obstacle)
        native = method.name == "native"
        self.kernel_events = KernelEvents(root, intake.events) if native else None
        self._scan: Iterator[None] | None = None  # the scan under way
        self._scan_wanted = True
        self._next_scan = 0.0  # monotonic, as all times here
        self._scan_began = 0.0  # the last one
        self._away_checks = 0  # checks in a row at which the inbox could not be trusted
        self._check_at = 0.0
        self.begun = threading.Event()  # the first scan has begun, or the inbox is known to be away
        self._log = log.get("watch")

    # from other threads ---------------------------------------------------------------------------

    def reload(self, settings: WatchSettings, settle_settings: SettleSettings) -> None:
        """Use new intervals and patterns from the next look on."""
        self._settings, self.files.settings = settings, settle_settings
        self._scanner.ignore(settings.ignore)
        self.wake()

    def wake(self) -> None:
        """Wake ``run``, so that it sees a stop or new settings."""
        self._intake.events.put(ScanNow())

    # the thread -----------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop."""
        boundary = ErrorBoundary(self._log)
        overflow = OverflowListener(self._intake.events)
        watchdog = logging.getLogger("watchdog")
        watchdog.addHandler(overflow)
        watchdog.propagate = False  # the watcher logs the important messages itself
        try:
            while not stop.is_set():
                pause = self._guarded_turn(boundary)
                self.begun.set()
                with contextlib.suppress(queue.Empty):
                    event = self._intake.events.get(timeout=pause)
                    while True:
                        if boundary.attempt(functools.partial(self.handle, event), key="event"):
                            self._scan_wanted = True
                        event = self._intake.events.get_nowait()
        finally:
            if self.kernel_events:
                self.kernel_events.stop()
            watchdog.removeHandler(overflow)

    def _guarded_turn(self, boundary: ErrorBoundary) -> float:
        """Take a turn and return the seconds until the next one. After an error, scan again soon."""
        pause = LOOK_RETRY_SECONDS

        def turn() -> None:
            nonlocal pause
            pause = self.turn(time.monotonic())

        if boundary.attempt(turn, key="turn"):
            self._scan_wanted = True
        return pause

    def turn(self, now: float) -> float:
        """Do the work that is due at ``now`` (monotonic); return the seconds until more is due. Raise MachineError."""
        if not self._check_inbox(now):
            return max(0.0, self._check_at - now)
        if self.kernel_events and self.kernel_events.keep_running(now):
            self.handle(EventsLost())
        if self._scan is None and (self._scan_wanted or now >= self._next_scan):
            self._begin_scan(now)
        is_held = len(self._intake.claims) >= MAX_UNCLAIMED
        if self._scan and not is_held and next(self._scan, "end") == "end":
            self._end_scan(now)
        self._retry_unreachable(now)
        if self.files.look_at_due(now) or self._scan:
            self._report.outdate()
        report_at = self._report.turn(now)
        if self._scan and not is_held:
            return self._scanner.pause
        wake_at = now + HELD_SCAN_SECONDS if self._scan else self._next_scan
        for due in (self.files.next_due, self.files.unreachable.next_retry, report_at):
            if due is not None:
                wake_at = min(wake_at, due)
        return max(0.0, min(wake_at, now + MAX_SLEEP_SECONDS) - time.monotonic())

    def handle(self, event: WatcherEvent) -> None:
        """Handle one event."""
        now = time.monotonic()
        self._report.outdate()
        match event:
            case ScanNow():
                self._scan_wanted = True
            case EventsLost():
                self._scan_wanted = True
                self.files.trust_no_close()
            case Claimed() | NotReady() | InWorkElsewhere():
                self.files.take_answer(event, now)
            case Unrelated(path):
                self.files.reopening.refute(path)
            case FolderArrived(path) if not self._scanner.ignored(path):
                self._scan_folder(path, now)
            case Look(path) if path in self.files.unreachable:
                self._retry(path, now)  # its rights may have changed
            case Look(path, closed, written) if not self._scanner.ignored(path):
                self.files.look(path, now, closed=closed, written=written)

    # scans ----------------------------------------------------------------------------------------

    @property
    def scanning(self) -> bool:
        """Return whether a scan is under way or wanted."""
        return self._scan is not None or self._scan_wanted

    def _begin_scan(self, now: float) -> None:
        hurry, self._scan_wanted = self._scan_wanted, False
        self._scan_began = time.monotonic()
        complete = self.kernel_events and self.kernel_events.complete
        interval = self._settings.reconcile_interval if complete else self._settings.poll_interval
        self._next_scan = now + interval
        self._scan = self._looks(self._scanner.scan(interval, hurry=hurry))

    def _end_scan(self, now: float) -> None:
        self._scan = None
        self.files.forget_refused()
        reached = [
            path
            for path, _ in list(self.files.unreachable)
            if self.files.unreachable.forget_older(path, self._scan_began)
        ]
        if reached and self.kernel_events:
            self.kernel_events.stop()  # the folders among them need a watch
        elif self.kernel_events and self.kernel_events.compare_with(self._scanner.folders):
            self._scan_within_poll_interval(now)

    def _scan_within_poll_interval(self, now: float) -> None:
        self._next_scan = min(self._next_scan, now + self._settings.poll_interval)

    def _scan_folder(self, path: bytes, now: float) -> None:
        """Look at the files of a new folder; leave most of a large one to the full scan, which can be held."""
        for slices, _ in enumerate(self._looks(self._scanner.walk(path)), 1):
            if slices >= FOLDER_SLICES:
                self._scan_wanted = True
                break
        self._scan_within_poll_interval(now)  # the folder may have no watch of the kernel

    def _looks(self, paths: Iterator[bytes | SliceEnd]) -> Iterator[None]:
        """Look at each path that does not wait already; yield at the end of each slice."""
        for path in paths:
            if isinstance(path, SliceEnd):
                yield
            elif path not in self.files:
                self.files.look(path, time.monotonic())

    # what can't be reached ------------------------------------------------------------------------

    def _on_unreadable(self, folder: bytes, error: OSError) -> None:
        if error.errno == errno.ENAMETOOLONG:
            self.files.refuse_too_deep(folder)
        elif self._root.check() is None and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            reason = f"can't be listed: {error.strerror}"
            self.files.unreachable.note(folder, reason)

    def _retry_unreachable(self, now: float) -> None:
        """Look again at what could not be reached, every few seconds: rights change without an event."""
        for path in self.files.unreachable.retry_due(now):
            self._retry(path, now)

    def _retry(self, path: bytes, now: float) -> None:
        """Look again at one path. A folder that can be listed now needs a watch of the kernel."""
        tried_at = time.monotonic()
        is_folder = os.path.isdir(os.path.join(self._path, path))
        if is_folder:
            self._scan_folder(path, now)
        else:
            self.files.look(path, now)
        if self.files.unreachable.forget_older(path, tried_at):
            self._report.outdate()
            if is_folder and self.kernel_events:
                self.kernel_events.stop()

    # the inbox itself -----------------------------------------------------------------------------

    def _check_inbox(self, now: float) -> bool:
        """Return whether the inbox can be trusted: while it can't, the watcher touches nothing in it."""
        if self._away_checks and now < self._check_at:
            return False
        reason = self._root.check()
        if reason:
            pause = back_off(self._away_checks, FIRST_AWAY_SECONDS, MAX_AWAY_SECONDS)
            self._check_at = now + pause
            if self._away_checks == 0:
                self._log.error("the inbox is away", reason=reason)
                self._intake.log.record_inbox_away(reason)
                if self.kernel_events:
                    self.kernel_events.stop()
                self._scan = None
            self._away_checks += 1
            return False
        if self._away_checks:
            self._intake.log.record_inbox_back()  # if it raises, the next turn tries again
            self._away_checks = 0
            self._log.info("the inbox is back")
            self._scan_wanted = True
            self.files.look_at_all(now)
        return True
