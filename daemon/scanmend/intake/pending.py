"""The files that the watcher waits for: look at each when it is due, and hand it on or record why it waits."""

import dataclasses
import errno
import heapq
import os
import stat
import time

from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.intake.events import Claimed, InWorkElsewhere, NotReady
from scanmend.intake.intake_log import Intake
from scanmend.intake.scanner import Scanner
from scanmend.intake.settle import PatienceOver, PendingFile, Settled, Unsettled, settle
from scanmend.store.mounts import Root

RECORD_AFTER = 2.0  # seconds of waiting after which the journal is told
RETRY_SECONDS = 5.0  # until a look is tried again whose result could not be recorded
_TOO_DEEP = "its path is longer than the system takes; put it less deep into the inbox"
_BEFORE_RESTART = "before the restart"  # a recorded reason that no file has: it is recorded anew


class PendingFiles:
    """The files in the inbox that are not claimed yet. Belongs to the watcher's thread."""

    def __init__(
        self, root: Root, intake: Intake, scanner: Scanner, settings: SettleSettings
    ) -> None:
        """``scanner`` learns which paths need no look."""
        self.settings = settings
        self._root = root
        self._path = os.fsencode(root.path)
        self._intake = intake
        self._scanner = scanner
        self._files: dict[bytes, PendingFile] = {}
        self._due: list[tuple[float, bytes]] = []  # heap of looks; monotonic
        self._refused: dict[bytes, int] = {}  # path -> inode of a link, a device …

    def __len__(self) -> int:
        """Return how many files are waited for."""
        return len(self._files)

    def __contains__(self, path: bytes) -> bool:
        """Return whether this file is waited for."""
        return path in self._files

    @property
    def next_due(self) -> float | None:
        """Return when the next look is due (monotonic); None when none is scheduled."""
        return self._due[0][0] if self._due else None

    def look_at_due(self, now: float) -> None:
        """Look at the files whose look is due."""
        while self._due and self._due[0][0] <= now:
            _, path = heapq.heappop(self._due)
            self.look(path, now)

    def look_at_all(self, now: float) -> None:
        """Schedule a look at every file, as the inbox was away."""
        for path in self._files:
            self._schedule(path, now)

    def take_answer(self, answer: Claimed | NotReady | InWorkElsewhere, now: float) -> None:
        """Take the claim step's answer about a file."""
        file = self._files.get(answer.path)
        if file is None:
            return
        if not isinstance(answer, Claimed):
            file.send_back(answer, now)
        elif file.in_claim:
            del self._files[answer.path]
        else:
            return
        self.look(answer.path, now)  # it may have changed since

    def look(self, path: bytes, now: float, *, closed: bool = False) -> None:
        """See how the file is now, and decide what to do with it. ``closed`` as in FileSnapshot."""
        file = self._files.get(path)
        try:
            snapshot = self._snapshot(path, closed=closed)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                self.refuse_too_deep(path)
            elif file:  # a share has a hiccup (ESTALE, EIO): the file is not gone
                self._schedule(path, now + RETRY_SECONDS)
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
        elif file.in_claim:
            return  # the claim step looks for itself whether the file changed
        file.update(snapshot, now)
        try:
            self._decide(file, now)
        except Exception:
            self._schedule(path, now + RETRY_SECONDS)  # else nobody would look at it again
            raise

    def _forget(self, path: bytes, file: PendingFile | None, now: float) -> None:
        """Stop waiting for a file that is not there, if the inbox can be trusted."""
        self._scanner.forget(path)
        if file and self._root.check() is None:
            self._schedule(path, now + RETRY_SECONDS)  # in case it can't be recorded now
            if file.recorded_reason:
                self._intake.log.record_gone(path)
            del self._files[path]

    def _decide(self, file: PendingFile, now: float) -> None:
        path = file.snapshot.path
        match settle(file, now, self.settings):
            case Settled():
                file.in_claim = True
                waited = now - file.changed_at >= self.settings.doubtful
                self._intake.claims.put(dataclasses.replace(file.snapshot, waited=waited))
            case Unsettled(reason, again_at):
                self._wait(file, reason, again_at, now)
            case PatienceOver(reason):
                patience = self.settings.patience
                self._intake.log.record_never_completed(file.snapshot, reason, patience)
                del self._files[path]

    def _wait(self, file: PendingFile, reason: str, again_at: float, now: float) -> None:
        """Schedule the next look, and record a wait that has become noticeable."""
        if file.in_work_elsewhere:
            pass  # the other daemon's journal has it
        elif now - file.changed_at >= RECORD_AFTER and reason != file.recorded_reason:
            self._intake.log.record_waiting(file.snapshot, file.first_seen, reason)
            file.recorded_reason = reason
        elif not file.recorded_reason:
            again_at = min(again_at, max(now, file.changed_at + RECORD_AFTER))
        if not now < file.look_at <= again_at:  # else an earlier look is scheduled already
            file.look_at = again_at
            self._schedule(file.snapshot.path, again_at)

    def _schedule(self, path: bytes, moment: float) -> None:
        heapq.heappush(self._due, (moment, path))

    def _begin(self, snapshot: FileSnapshot, now: float) -> PendingFile:
        """Begin to wait for a file. One that waited before a restart goes on from then."""
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
        """Return the file as it is now; None when nothing is there, or no regular file, which is refused."""
        try:
            status = os.lstat(os.path.join(self._path, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(status.st_mode):
            return FileSnapshot.of(path, status, closed)
        if not stat.S_ISDIR(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            reason = f"{kind}; put the file itself into the inbox"
            self._refuse(FileSnapshot.of(path, status), reason)
        return None

    # links, devices and other things that are no documents ----------------------------------------

    @property
    def refused(self) -> frozenset[bytes]:
        """Return the paths of things in the inbox that are no documents."""
        return frozenset(self._refused)

    def refuse_too_deep(self, path: bytes) -> None:
        """Record that the path is longer than the system takes."""
        self._refuse(FileSnapshot(path, 0, 0, 0), _TOO_DEEP)

    def _refuse(self, snapshot: FileSnapshot, reason: str) -> None:
        """Record once that this is no document."""
        if self._refused.get(snapshot.path) != snapshot.inode:
            self._intake.log.record_refused(snapshot, reason)
            self._refused[snapshot.path] = snapshot.inode

    def forget_refused(self) -> None:
        """Forget refused things that are gone, so that another one of the same name is recorded. Call it after a scan."""
        for path in list(self._refused):
            try:
                os.lstat(os.path.join(self._path, path))
            except (FileNotFoundError, NotADirectoryError):
                del self._refused[path]
            except OSError:
                pass  # too long, or a share's hiccup
