"""Watching the inbox: events are hints that shorten the wait, a scan of the folder is the truth.

On a disk of this machine watchdog's inotify observer gives the hints. On a share the scan itself is the
polling: watchdog's PollingObserver ends for good when the share is away for a moment (ENOENT), and would
list the folders a second time. One thread runs ``run``; everything here belongs to it, but the hint queue.
"""

import contextlib
import dataclasses
import errno
import functools
import heapq
import logging
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterator

from scanmend.backoff import back_off
from scanmend.config.settings import SettleSettings, WatchSettings
from scanmend.document import FileSnapshot
from scanmend.errors import MachineError, show
from scanmend.intake.inotify import Hint, Observer, OverflowListener, alive, end, observe, watches
from scanmend.intake.intake import Intake
from scanmend.intake.scanner import Listing
from scanmend.intake.settle import NeverCompleted, NotYet, Quiet, Track, Until, settle
from scanmend.store.mounts import Method, Root
from scanmend.telemetry import log

NOTICEABLE = 2.0  # seconds of waiting after which the journal is told
LIMITS = "raise fs.inotify.max_user_watches or max_user_instances (sysctl)"
TOO_DEEP = "its path is longer than the system takes; put it less deep into the inbox"
BLIND = 2  # one listing may find a folder that is being made
# files that the claim has before it: the scan waits then, or 100,000 would be in memory
ENOUGH = 1_000
HELD = 1.0  # seconds until the scan looks whether it may go on; a claim wakes it earlier
SLICES = 10  # of a new folder that are looked at by themselves
TRY_AGAIN = 5.0  # seconds until what could not be noted is tried again


class Watcher:
    """The watch step."""

    def __init__(
        self,
        root: Root,
        method: Method,
        settings: WatchSettings,
        settle_settings: SettleSettings,
        intake: Intake,
    ) -> None:
        """``method``: native or polling."""
        self._root = root
        self._path = os.fsencode(root.path)
        self._native = method.name == "native"
        self._settings = settings
        self._settle = settle_settings
        self._intake = intake
        self._hints: queue.SimpleQueue[Hint] = queue.SimpleQueue()
        self._listing = Listing(self._path, self._not_listed)
        self._listing.ignore(settings.ignore)
        self._tracks: dict[bytes, Track] = {}
        self._due: list[tuple[float, bytes]] = []
        self._scan: Iterator[None] | None = None
        self._scan_again = True
        self._next_scan = 0.0
        self._observer: Observer | None = None
        self._observer_failures = 0
        self._observer_at = 0.0
        self._blind = 0  # listings in a row that found folders of which the kernel tells nothing
        self._watched: tuple[int, int] | None = None
        self._away = 0  # checks in a row at which the inbox could not be trusted
        self._check_at = 0.0
        self._refused: set[bytes] = set()
        self.begun = threading.Event()  # the first scan has begun, or the inbox is known to be away
        self._log = log.get("watch")

    # from other threads ---------------------------------------------------------------------------

    def hint(self, path: bytes) -> None:
        """Look at this path of the inbox."""
        self._hints.put(Hint(path, "look"))

    def unsettled(
        self, seen: FileSnapshot, why: str, retry_within: float = 0.0, until: Until = Until.RETRY
    ) -> None:
        """The claim step found the file not ready; with ``retry_within`` (seconds), in work elsewhere."""
        self._hints.put(Hint(seen.path, "unsettled", why, retry_within, until))

    def claimed(self, seen: FileSnapshot) -> None:
        """The file is in line: nothing to watch any more."""
        self._hints.put(Hint(seen.path, "claimed"))

    def reload(self, settings: WatchSettings, settle_settings: SettleSettings) -> None:
        """New intervals and patterns, from the next look on."""
        self._settings, self._settle = settings, settle_settings
        self._listing.ignore(settings.ignore)
        self._hints.put(Hint(b"", "scan"))

    def close(self) -> None:
        """Wake ``run`` so that it sees the stop."""
        self._hints.put(Hint(b"", "scan"))

    # the thread -----------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Watcher until told to stop."""
        overflow = OverflowListener(self._hints)
        watchdog = logging.getLogger("watchdog")
        watchdog.addHandler(overflow)
        watchdog.propagate = False  # what it has to say is said by us
        try:
            while not stop.is_set():
                pause = self._careful(lambda: self.turn(time.monotonic()))
                self.begun.set()
                with contextlib.suppress(queue.Empty):
                    hint = self._hints.get(timeout=pause)
                    while True:
                        self._careful(functools.partial(self._take, hint))
                        hint = self._hints.get_nowait()
        finally:
            self._unwatch()
            watchdog.removeHandler(overflow)

    def _careful(self, work: Callable[[], float]) -> float:
        """The mouth of the loop: what failed is looked at again, with the next scan at the latest."""
        try:
            return work()
        except MachineError as error:
            self._log.warning("waiting for the machine", reason=str(error))
        except Exception:  # noqa: BLE001
            self._log.exception("a bug; watching goes on")
        self._scan_again = True
        return TRY_AGAIN

    def turn(self, now: float) -> float:
        """Do what is due; seconds until there is something to do."""
        if not self._trusted(now):
            return max(0.0, self._check_at - now)
        self._keep_watching(now)
        if self._scan is None and (self._scan_again or now >= self._next_scan):
            hurry, self._scan_again = self._scan_again, False
            interval = (
                self._settings.reconcile_interval
                if self._observer and not self._blind
                else self._settings.poll_interval
            )
            self._next_scan = now + interval
            self._scan = self._scanning(self._listing.all(interval, hurry))
        held = self._intake.backlog() >= ENOUGH
        if self._scan and not held and next(self._scan, "end") == "end":
            self._scan = None
            self._count_watches(now)
        while self._due and self._due[0][0] <= now:
            _, path = heapq.heappop(self._due)
            self._look(path, now)
        if self._scan and not held:
            return self._listing.pause
        scan = now + HELD if self._scan else self._next_scan
        wake = min(scan, self._due[0][0] if self._due else scan, now + 30)
        return max(0.0, wake - time.monotonic())

    def _take(self, hint: Hint) -> float:
        now = time.monotonic()
        track = self._tracks.get(hint.path)
        if hint.kind == "scan":
            self._scan_again = True
        elif hint.kind == "claimed":
            if track and track.claimed:
                del self._tracks[hint.path]
                self._look(hint.path, now)  # it may have changed since
        elif hint.kind == "unsettled":
            if track:
                track.send_back(hint.why, now, hint.retry_within, hint.until)
                self._look(hint.path, now)
        elif hint.kind == "folder":
            if not self._listing.ignored(hint.path):
                for slices, _ in enumerate(self._scanning(self._listing.below(hint.path)), 1):
                    # the scan lets others have their turn, and waits for the claim
                    if slices >= SLICES:
                        self._scan_again = True
                        break
                self._scan_within(self._settings.poll_interval, now)  # it may have got no watch
        elif not self._listing.ignored(hint.path):
            self._look(hint.path, now, closed=hint.kind == "closed")
        return 0.0

    # one file -------------------------------------------------------------------------------------

    def _look(self, path: bytes, now: float, closed: bool = False) -> None:
        """See what the file is like now, and decide."""
        track = self._tracks.get(path)
        try:
            seen = self._stat(path, closed)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                self._refuse(FileSnapshot(path, 0, 0, 0), TOO_DEEP)
            elif track:  # a share's hiccup (ESTALE, EIO): not gone, and not to be forgotten
                heapq.heappush(self._due, (now + TRY_AGAIN, path))
            return
        if seen is None:
            self._listing.forget(path)
            if track and self._root.check() is None:
                heapq.heappush(self._due, (now + TRY_AGAIN, path))  # should it not be noted now
                if track.noted:
                    self._intake.gone(path)
                del self._tracks[path]
            return
        if track is None:
            if self._intake.known(seen):
                self._listing.note(path)
                return
            self._listing.forget(path)
            track = self._track(seen, now)
        elif track.claimed:
            return  # the claim step looks for itself whether it changed
        track.update(seen, now)
        try:
            self._decide(track, now)
        except Exception:
            heapq.heappush(self._due, (now + TRY_AGAIN, path))  # else it would be forgotten
            raise

    def _decide(self, track: Track, now: float) -> None:
        path = track.seen.path
        match settle(track, now, self._settle):
            case Quiet():
                track.claimed = True
                waited = now - track.changed_at >= self._settle.doubtful
                self._intake.submit(dataclasses.replace(track.seen, waited=waited))
            case NotYet(why, again_at):
                if track.retry_within:
                    pass  # nothing waits here: the other daemon's journal has it
                elif now - track.changed_at >= NOTICEABLE and why != track.noted:
                    self._intake.waiting(track.seen, track.first_seen, why)
                    track.noted = why
                elif not track.noted:
                    again_at = min(again_at, max(now, track.changed_at + NOTICEABLE))
                if not now < track.due <= again_at:  # an earlier look is set already
                    track.due = again_at
                    heapq.heappush(self._due, (again_at, path))
            case NeverCompleted(why):
                self._intake.never_completed(track.seen, why)
                del self._tracks[path]

    def _track(self, seen: FileSnapshot, now: float) -> Track:
        """Begin with a file; one that waited before a restart goes on waiting from then."""
        first = self._intake.first_seen(seen.path)
        wall = time.time()
        waited = max(0.0, wall - first) if first else 0.0
        quiet_for = max(0.0, min(waited, wall - seen.mtime_ns / 1e9)) if first else 0.0
        track = Track(
            seen, now - quiet_for, first or wall, noted="before the restart" if first else ""
        )
        self._tracks[seen.path] = track
        return track

    def _stat(self, path: bytes, closed: bool) -> FileSnapshot | None:
        absolute = os.path.join(self._path, path)
        try:
            status = os.lstat(absolute)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            if not stat.S_ISDIR(status.st_mode):
                kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
                self._refuse(
                    FileSnapshot.of(path, status), f"{kind}; put the file itself into the inbox"
                )
            return None
        return FileSnapshot.of(path, status, closed)

    def _refuse(self, seen: FileSnapshot, reason: str) -> None:
        """Tell once that this is no document."""
        if seen.path not in self._refused:
            self._intake.refused(seen, reason)
            self._refused.add(seen.path)

    def count(self) -> int:
        """Files that are being waited for."""
        return len(self._tracks)

    # the folder -----------------------------------------------------------------------------------

    def _scanning(self, paths: Iterator[bytes | None]) -> Iterator[None]:
        """Look at each; pauses where the listing does."""
        for path in paths:
            if path is None:
                yield
            elif path not in self._tracks:
                self._look(path, time.monotonic())

    def _not_listed(self, folder: bytes, error: OSError) -> None:
        if error.errno == errno.ENAMETOOLONG:
            self._refuse(FileSnapshot(folder, 0, 0, 0), TOO_DEEP)
        elif self._root.check() is None and os.path.lexists(os.path.join(self._path, folder)):
            self._log.warning("can't be listed", folder=show(folder), reason=error.strerror)

    def _trusted(self, now: float) -> bool:
        """Whether the inbox is the inbox; while it is not, nothing in it is touched."""
        if self._away and now < self._check_at:
            return False
        reason = self._root.check()
        if reason:
            self._check_at = now + back_off(self._away, first=1.0, most=10.0)
            if self._away == 0:
                self._log.error("the inbox is away", reason=reason)
                self._intake.inbox_away(reason)
                self._unwatch()
                self._scan = None
            self._away += 1
            return False
        if self._away:
            self._away = 0
            self._log.info("the inbox is back")
            self._intake.inbox_away(None)
            self._scan_again = True
            for path in self._tracks:
                heapq.heappush(self._due, (now, path))
        return True

    # the kernel's events --------------------------------------------------------------------------

    def _keep_watching(self, now: float) -> None:
        """Have a living observer on the present folder; a scan follows each new one."""
        if not self._native:
            return
        if self._observer and (not alive(self._observer) or self._watched != self._root.inode):
            self._log.warning("the observer ended, or the inbox is a new folder; watching anew")
            self._unwatch()
            self._observer_at = now + back_off(self._observer_failures, first=0.5)
            self._observer_failures += 1
        if self._observer is None and now >= self._observer_at:
            self._watch(now)

    def _scan_within(self, seconds: float, now: float) -> None:
        self._next_scan = min(self._next_scan, now + seconds)

    def _count_watches(self, now: float) -> None:
        """Some folders may have no watch: then they are polled, until they have."""
        missing = self._listing.folders - watches() if self._observer else 0
        was, self._blind = self._blind, self._blind + 1 if missing > 0 else 0
        if self._blind:
            self._scan_within(self._settings.poll_interval, now)
        if self._blind == BLIND:
            self._log.warning("no events from the kernel for some folders, polling meanwhile", folders=missing, reason=LIMITS)  # fmt: skip
        if was >= BLIND and not self._blind:
            self._log.info("events for all folders again")

    def _watch(self, now: float) -> None:
        try:
            self._observer = observe(self._path, self._hints.put)
        except OSError as error:
            self._observer_failures += 1
            self._observer_at = now + back_off(self._observer_failures, first=5.0)
            self._log.warning(
                "no events from the kernel, polling meanwhile",
                reason=f"{error.strerror}; {LIMITS}",
            )
            return
        self._watched = self._root.inode
        self._observer_failures = 0
        self._scan_again = True

    def _unwatch(self) -> None:
        if self._observer:
            end(self._observer)
            self._observer = None
