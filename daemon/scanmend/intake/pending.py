"""The files that wait to be claimed: look at each when it is due; hand it on, or record why it waits."""

import dataclasses
import errno
import heapq
import os
import stat
import time
from collections.abc import Iterator

from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.intake.events import Claimed, InWorkElsewhere, NotReady
from scanmend.intake.intake_log import Intake
from scanmend.intake.reopening import Reopening
from scanmend.intake.scanner import Scanner
from scanmend.intake.settle import PatienceOver, PendingFile, Settled, Unsettled, settle
from scanmend.intake.unreachable import UnreachablePaths
from scanmend.store.mounts import Root
from scanmend.store.unclaimed import UnclaimedFile

RECORD_AFTER_SECONDS = 2.0  # of waiting, after which the journal records a file
LOOK_RETRY_SECONDS = 5.0  # until a failed look is repeated, or one that could not be recorded
_TOO_DEEP = "its path is longer than the system takes; put it less deep into the inbox"
# stands for the recorded reason, so that the next one is recorded anew
_BEFORE_RESTART = "before the restart"


class PendingFiles:
    """The files in the inbox that wait to be claimed. Belongs to the watcher's thread."""

    def __init__(
        self, root: Root, intake: Intake, scanner: Scanner, settings: SettleSettings
    ) -> None:
        """Begin without files. ``scanner`` is told which paths need no look."""
        self.settings = settings
        self._root = root
        self._path = os.fsencode(root.path)
        self._intake = intake
        self._scanner = scanner
        self._files: dict[bytes, PendingFile] = {}
        self._due: list[tuple[float, bytes]] = []  # heap of looks; monotonic
        self._refused: dict[bytes, int] = {}  # path -> inode of a link, a device …
        self.unreachable = UnreachablePaths()
        self.reopening = Reopening(intake.log)

    def __len__(self) -> int:
        """Return how many files wait."""
        return len(self._files)

    def __contains__(self, path: bytes) -> bool:
        """Return whether this file waits."""
        return path in self._files

    @property
    def next_due(self) -> float | None:
        """Return when the next look is due (monotonic); None when none is scheduled."""
        return self._due[0][0] if self._due else None

    def look_at_due(self, now: float) -> bool:
        """Look at the files whose look is due; return whether there were any."""
        looked = False
        while self._due and self._due[0][0] <= now:
            _, path = heapq.heappop(self._due)
            self.look(path, now)
            looked = True
        return looked

    def look_at_all(self, now: float) -> None:
        """Schedule a look at every file now: the inbox was away."""
        for path in self._files:
            self._schedule(path, now)

    def take_answer(self, answer: Claimed | NotReady | InWorkElsewhere, now: float) -> None:
        """Act on the claim step's answer about a file."""
        file = self._files.get(answer.path)
        if file is None:
            return
        if not isinstance(answer, Claimed):
            file.send_back(answer, now)
        elif file.in_claim:
            self.reopening.take(file, now, self.settings.reopen)
            del self._files[answer.path]
        else:
            return
        self.look(answer.path, now, written=file.unclosed)  # it may have changed since

    def trust_no_close(self) -> None:
        """Take no file for open because no event told of its close: events may have been lost."""
        for file in self._files.values():
            file.unclosed = False

    def look(self, path: bytes, now: float, *, closed: bool = False, written: bool = False) -> None:
        """Take a snapshot of the file, and decide what to do with it. ``closed``, ``written``: as in ``Look``."""
        file = self._files.get(path)
        try:
            snapshot = self._snapshot(path, closed=closed)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                self.refuse_too_deep(path)
                return
            # its folder may not be entered, or a share fails for a moment (ESTALE, EIO): the file is not gone
            if self._root.check() is None:
                reason = f"can't be looked at: {error.strerror}"
                self.unreachable.note(path, reason)
            if file:
                self._schedule(path, now + LOOK_RETRY_SECONDS)
            return
        if snapshot is None:
            self._forget(path, file, now)
            return
        if file is None:
            if self._intake.log.is_known(snapshot):
                self._scanner.mark_in_order(path)
                return
            self._scanner.forget(path)
            file = self._begin(snapshot, now)
            self.reopening.begin(file, now)
        if not file.in_claim:
            file.update(snapshot, now)
        file.note_event(now, closed=closed, written=written)
        if file.in_claim:
            return  # the claim step itself checks whether the file changed
        try:
            self._decide(file, now)
        except Exception:
            # else the file would get no look any more
            self._schedule(path, now + LOOK_RETRY_SECONDS)
            raise

    def _forget(self, path: bytes, file: PendingFile | None, now: float) -> None:
        """Forget a file that is not there any more, if the inbox can be trusted."""
        self._scanner.forget(path)
        if file and self._root.check() is None:
            self._schedule(path, now + LOOK_RETRY_SECONDS)  # in case the journal fails now
            if file.recorded_reason:
                self._intake.log.record_gone(path)
            del self._files[path]

    def _decide(self, file: PendingFile, now: float) -> None:
        path = file.snapshot.path
        file.hold = self.reopening.hold(path, self.settings.reopen)
        match settle(file, now, self.settings):
            case Settled():
                file.in_claim = True
                self._intake.claims.put(self._claimable(file, now - file.changed_at))
            case Unsettled(reason, again_at, is_held):
                file.is_resting = is_held
                self._wait(file, reason, again_at, now)
            case PatienceOver(reason):
                patience = self.settings.patience
                self._intake.log.record_never_completed(file.snapshot, reason, patience)
                del self._files[path]

    def _claimable(self, file: PendingFile, unchanged: float) -> FileSnapshot:
        """Return the snapshot for the claim step. A close that no event tells is awaited for ``settle.patience``."""
        return dataclasses.replace(
            file.snapshot,
            waited=unchanged >= self.settings.doubtful,
            unclosed=file.unclosed and unchanged < self.settings.patience,
        )

    def _wait(self, file: PendingFile, reason: str, again_at: float, now: float) -> None:
        """Schedule the next look, and record a wait of more than ``RECORD_AFTER_SECONDS``."""
        file.reason = reason
        if file.in_work_elsewhere:
            pass  # the other daemon's journal has the document
        elif now - file.changed_at >= RECORD_AFTER_SECONDS and reason != file.recorded_reason:
            self._intake.log.record_waiting(file.snapshot, file.first_seen, reason)
            file.recorded_reason = reason
        elif not file.recorded_reason:
            again_at = min(again_at, max(now, file.changed_at + RECORD_AFTER_SECONDS))
        if not now < file.next_look_at <= again_at:  # an earlier look is not scheduled yet
            file.next_look_at = again_at
            self._schedule(file.snapshot.path, again_at)

    def _schedule(self, path: bytes, due: float) -> None:
        heapq.heappush(self._due, (due, path))

    def _begin(self, snapshot: FileSnapshot, now: float) -> PendingFile:
        """Add a file. If it waited before a restart, that time counts."""
        first_seen = self._intake.log.first_seen(snapshot.path)
        wall = time.time()
        quiet_for, recorded = 0.0, ""
        if first_seen:
            unchanged = wall - snapshot.mtime_ns / 1e9
            quiet_for = max(0.0, min(wall - first_seen, unchanged))
            recorded = _BEFORE_RESTART
        file = PendingFile(snapshot, now - quiet_for, first_seen or wall, recorded_reason=recorded)
        self._files[snapshot.path] = file
        return file

    def _snapshot(self, path: bytes, *, closed: bool) -> FileSnapshot | None:
        """Return the file as it is now; None if there is none. Refuse what is neither a file nor a folder."""
        try:
            status = os.lstat(os.path.join(self._path, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(status.st_mode):
            return FileSnapshot.of(path, status, closed)
        if not stat.S_ISDIR(status.st_mode):
            description = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            reason = f"{description}; put the file itself into the inbox"
            self._refuse(FileSnapshot.of(path, status), reason)
        return None

    def has_recent(self, now: float) -> bool:
        """Return whether a file waits that ``unclaimed`` does not yield yet."""
        return any(now - f.changed_at < RECORD_AFTER_SECONDS for f in self._files.values())

    def unclaimed(self, now: float, obstacle: str) -> Iterator[UnclaimedFile]:
        """Yield what waits for longer than ``RECORD_AFTER_SECONDS``.

        ``obstacle``: why the claim step takes no file now; "" if it does.
        """
        wall = time.time()
        for path, entry in self.unreachable:
            yield UnclaimedFile(path, entry.reason, entry.since)
        for path, file in self._files.items():
            waited = now - file.changed_at
            if waited < RECORD_AFTER_SECONDS or file.in_work_elsewhere or path in self.unreachable:
                continue
            reason = (file.in_claim and obstacle) or file.reason or "waits to be claimed"
            yield UnclaimedFile(path, reason, wall - waited)

    # links, devices and other things that are no documents ----------------------------------------

    @property
    def refused(self) -> frozenset[bytes]:
        """Return the paths of links, devices … in the inbox that were refused."""
        return frozenset(self._refused)

    def refuse_too_deep(self, path: bytes) -> None:
        """Refuse a path that is longer than the system allows."""
        self._refuse(FileSnapshot(path, 0, 0, 0), _TOO_DEEP)

    def _refuse(self, snapshot: FileSnapshot, reason: str) -> None:
        """Record once that something is no document."""
        if self._refused.get(snapshot.path) != snapshot.inode:
            self._intake.log.record_refused(snapshot, reason)
            self._refused[snapshot.path] = snapshot.inode

    def forget_refused(self) -> None:
        """Forget refused links and devices that are gone, so that the next one of that name is recorded.

        Call it after each scan.
        """
        for path in list(self._refused):
            try:
                os.lstat(os.path.join(self._path, path))
            except (FileNotFoundError, NotADirectoryError):
                del self._refused[path]
            except OSError:
                pass  # the path is too long, or the share fails for a moment
