"""The claim: a quiet file is read once, to see that it is whole and to know it again, and enters the line."""

import contextlib
import errno
import hashlib
import os
import queue
import stat
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from scanmend.backoff import back_off
from scanmend.config.parsers import in_words
from scanmend.config.profiles import Profile, select
from scanmend.config.settings import Settings
from scanmend.document import Document, EndDoubt, FactKey, FileSnapshot, State
from scanmend.errors import MachineError, show
from scanmend.intake.completeness import Doubtful, Incomplete, is_complete
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Holder, Leases
from scanmend.intake.settle import Until
from scanmend.pipeline.scheduler import CONTENTS, Scheduler
from scanmend.store.journal import Journal
from scanmend.telemetry import log

_NOT_YET = {
    errno.EBUSY,
    errno.EACCES,
    errno.EPERM,
    errno.ESTALE,
    errno.ETXTBSY,
    errno.EAGAIN,
    errno.EIO,
}

BEHIND = 20  # documents that may wait to be published while more are claimed
TOO_BIG = "too-big"  # in place of a sha256


class Claim:
    """The claim step, and what the watcher tells the journal. One thread runs ``run``."""

    def __init__(
        self,
        inbox: Inbox,
        journal: Journal,
        schedule: Scheduler,
        settings: Settings,
        profiles: dict[str, Profile],
        put_away: Callable[[int], None],
        paused: Callable[[], bool],
        let_pass: Callable[[int, threading.Event], None],
        leases: Leases | None = None,
    ) -> None:
        """``put_away`` takes the id of a failed document; ``paused``: the machine can't take more in.

        ``let_pass``: ``Publish.let_pass``.
        """
        self.settings = settings
        self.profiles = profiles
        self.unsettled: Callable[..., None] = lambda *_: None  # set by who builds the line
        self.claimed: Callable[[FileSnapshot], None] = lambda _: None
        self._inbox = inbox
        self._journal = journal
        self._schedule = schedule
        self._put_away = put_away
        self._paused = paused
        self._let_pass = let_pass
        self._leases = leases
        self._queue: queue.SimpleQueue[FileSnapshot | None] = queue.SimpleQueue()
        self._log = log.get("claim")

    def submit(self, seen: FileSnapshot) -> None:
        """A file that has been quiet; from any thread."""
        self._queue.put(seen)

    def backlog(self) -> int:
        """Files before the claim."""
        return self._queue.qsize()

    def close(self) -> None:
        """Let ``run`` end after the file in hand; what waits is found again at the next start."""
        self._queue.put(None)

    def run(self, stop: threading.Event) -> None:
        """Claim one file after the other until told to stop."""
        while (seen := self._queue.get()) is not None and not stop.is_set():
            self._let_pass(BEHIND, stop)
            step = 0
            while not stop.is_set():
                try:
                    if not self._paused():
                        self.claim(seen)
                        break
                except MachineError as error:
                    say = self._log.debug if step else self._log.warning  # no storm while it lasts
                    say("waiting for the machine", document=show(seen.path), reason=str(error))
                except Exception as error:  # noqa: BLE001 - the mouth of the loop
                    self._log.exception(
                        "a bug; the file is looked at again", document=show(seen.path)
                    )
                    self.unsettled(seen, f"{type(error).__name__}: {error}")
                    break
                stop.wait(back_off(step, most=10))
                step += 1

    def claim(self, seen: FileSnapshot) -> None:
        """Read the file once and put it in line, or tell the watcher why it is not ready."""
        with self._lease(seen.path) as other:
            if other and not other.sha256:
                self._elsewhere(seen, other)
                return
            if tried := self._tried(seen):
                self.unsettled(seen, tried, 0.0, Until.CHANGE)
                return
            read = self._read(seen)
            if read is None:
                return
            sha256, doubt = read
            if other and other.sha256 == sha256:
                self._done_elsewhere(seen, other)
                return
            if (
                self._leases
                and other
                and (other := self._leases.acquire(seen.path, sha256 or TOO_BIG))
            ):
                self._elsewhere(seen, other)
                return
            self._enter(seen, sha256, doubt)

    def _tried(self, seen: FileSnapshot) -> str:
        """Return why this version of the file went back to waiting after it was opened; empty: it was not."""
        waiting = self._journal.waiting(seen.path)
        return (
            waiting.reason
            if waiting and waiting.sha256 and waiting.identity == seen.identity
            else ""
        )

    def _lease(self, path: bytes) -> AbstractContextManager[Holder | None]:
        return self._leases.claiming(path) if self._leases else contextlib.nullcontext(None)

    def _elsewhere(self, seen: FileSnapshot, other: Holder) -> None:
        """Another daemon has it; should that one die, its lease ends."""
        self._log.debug("in work elsewhere", document=show(seen.path), owner=other.owner)
        self.unsettled(seen, f"in work by {other.owner}", self.settings.watch.lease / 2)

    def _done_elsewhere(self, seen: FileSnapshot, other: Holder) -> None:
        """Another daemon has published it, and it stays in the inbox."""
        document = self._journal.claim(seen, other.sha256, "")
        self.claimed(seen)
        if document:
            self._journal.move(document, State.GONE, f"published by {other.owner}", kept=True)

    def _read(self, seen: FileSnapshot) -> tuple[str, str] | None:
        """Return the sha256 of a file that is whole ("" when it is too big), and what looks odd at its end.

        None: the watcher was told why it is not ready.
        """
        if self._inbox.seen(seen.path) is None:  # or behind a folder that became a link
            self.unsettled(seen, "gone")
            return None
        try:
            fd = os.open(
                self._inbox.absolute(seen.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError as error:
            if error.errno in _NOT_YET:
                self.unsettled(seen, f"can't be opened: {error.strerror}")
            else:  # gone, or a link by now: the watcher looks anew
                self.unsettled(seen, error.strerror or "gone")
            return None
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or _identity(fd) != seen.identity:
                self.unsettled(seen, "still changing")
                return None
            too_big = seen.size > self.settings.limits.file_size
            try:
                verdict = None if too_big else is_complete(file, seen.size)
                doubtful = isinstance(verdict, Doubtful)
                if isinstance(verdict, Incomplete) and not (doubtful and seen.waited):
                    until = Until.QUIET if doubtful else Until.RETRY
                    self.unsettled(seen, f"incomplete: {verdict.why}", 0.0, until)
                    return None
                file.seek(0)
                sha256 = "" if too_big else hashlib.file_digest(file, "sha256").hexdigest()
                unchanged = self._inbox.seen(seen.path)
            except OSError as error:
                self.unsettled(seen, f"can't be read: {error.strerror}")
                return None
            if (
                unchanged is None
                or unchanged.identity != seen.identity
                or _identity(fd) != seen.identity
            ):
                self.unsettled(seen, "changed while it was read")
                return None
        return sha256, verdict.why if isinstance(verdict, Doubtful) else ""

    def _enter(self, seen: FileSnapshot, sha256: str, doubt: str) -> None:
        profile = select(self.profiles, self.settings.profiles, seen.path)
        waited = self.settings.settle.doubtful
        after = f"; it was read after {in_words(waited)} of quiet" if waited else ""
        what = f"the end of the PDF looks incomplete: {doubt}"
        doubts = [EndDoubt(what, what + after)] if doubt else []
        document = self._journal.claim(seen, sha256, profile.name, doubts)
        self.claimed(seen)
        if document is None:
            return
        if not sha256:
            limit = f"{self.settings.limits.file_size:,.0f} bytes (limits.file_size)"
            self._fail(
                document, "too-big", f"{document.name}: {seen.size:,} bytes, more than {limit}"
            )
            return
        self._log.info("claimed", document=document.name, size=seen.size, profile=profile.name)
        self._schedule.add(document.id, [CONTENTS], document.first_seen)

    def _fail(self, document: Document, outcome: str, reason: str) -> None:
        self._journal.move(document, State.PUTTING_AWAY, reason, outcome=outcome)
        self._put_away(document.id)

    # what the watcher tells ----------------------------------------------------------------------

    def known(self, seen: FileSnapshot) -> bool:
        """Whether this very file is in hand, or was done and stays."""
        return self._journal.in_hand(seen)

    def first_seen(self, path: bytes) -> float | None:
        """When a waiting file was first seen, by the wall clock, also before a restart."""
        waiting = self._journal.waiting(path)
        return waiting.first_seen if waiting else None

    def waiting(self, seen: FileSnapshot, first_seen: float, why: str) -> None:
        """The file's wait has become noticeable, or its reason has changed."""
        self._log.info("waiting", document=show(seen.path), reason=why)
        self._journal.note_waiting(seen, first_seen, why)

    def gone(self, path: bytes) -> None:
        """A waiting file is not there any more."""
        waiting = self._journal.waiting(path)
        if waiting:
            self._journal.move(waiting, State.GONE, "taken out of the inbox before it was complete")
            self._log.info("gone", document=waiting.name)

    def never_completed(self, seen: FileSnapshot, why: str) -> None:
        """The patience with a file is at its end."""
        with self._lease(seen.path) as other:
            if other:  # whose patience was at its end first
                return
            document = self._journal.note_waiting(seen, time.time(), why)
            patience = in_words(self.settings.settle.patience)
            reason = f"{document.name}: never completed ({why}) for {patience} (settle.patience); send it again"
            self._fail(document, "never-completed", reason)

    def refused(self, seen: FileSnapshot, why: str) -> None:
        """No file at all (a link, a device …): failed, and left where it is."""
        if self._journal.in_hand(seen):  # before the restart
            return
        document = self._journal.note_waiting(seen, time.time(), why)
        reason = f"{document.name}: {why}"
        document = self._journal.move(document, State.PUTTING_AWAY, reason, outcome="refused")
        self._journal.move(document, State.FAILED, reason, kept=True)
        self._log.warning("refused", document=document.name, reason=why)

    def inbox_away(self, reason: str | None) -> None:
        """The inbox can't be trusted, or (None) can again."""
        if reason:
            self._journal.facts.set(FactKey.INBOX, "away", reason)
        else:
            self._journal.facts.clear(FactKey.INBOX)


def _identity(fd: int) -> tuple[int, int, int]:
    return FileSnapshot.of(b"", os.fstat(fd)).identity
