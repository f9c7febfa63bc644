"""Decide which of several daemons on one inbox works on a file.

Each daemon has its own journal. They share only the inbox, in which ``lease_folders`` keeps the leases. The owner of
leases shows regular beats; if none comes for ``watch.lease`` seconds, other daemons take it for dead. Each of them
measures that with its own monotonic clock, so clocks may differ. A daemon acquires its lease again before it publishes,
since it may itself have been without a beat for too long.
"""

import contextlib
import errno
import itertools
import secrets
import socket
import threading
import time
from collections.abc import Iterator

from scanmend.config.settings import WatchSettings
from scanmend.document import ACTIVE, State
from scanmend.errors import FolderGone, MachineError, machine_error, show
from scanmend.intake.lease_folders import (
    Holder,
    InWork,
    LeaseFolders,
    PublishedMark,
    slot_of,
)
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary

BEATS_PER_LEASE = 10  # beats in the time after which an owner without one is dead
# of each final state, whose leases are checked at the start: a crash may have left one
RECENT_DOCUMENTS = 100
_UNKNOWN_OWNER = InWork("another scanmend", "")  # of a lease that was released at this moment


class Leases:
    """The leases of one daemon on one inbox. Any thread may ``acquire``; ``run`` is the body of its own thread."""

    def __init__(self, inbox: Root, journal: Journal, settings: WatchSettings) -> None:
        """Hold no lease yet.

        ``settings.shared``: whether other daemons may work on this inbox. ``settings.lease``: seconds without a beat
        after which an owner is dead.
        """
        self.owner = _owner_name(journal)
        self._seconds = settings.lease
        self._inbox = inbox
        self._journal = journal
        self._settings = settings
        self._folders = LeaseFolders(inbox.path, self.owner)
        self._lock = threading.RLock()
        self._mine: dict[str, tuple[bytes, str]] = {}  # slot -> path, token
        self._claiming = ""  # the slot of the file in the claim step
        # owner -> the beats last seen, and since when they are the same (monotonic)
        self._beats: dict[str, tuple[list[bytes], float]] = {}
        self._forbidden = False  # the folders can't be made
        self._has_taken_up = False  # the leases of an earlier run; only ``run`` uses it
        self._log = log.get("lease")

    @property
    def shared(self) -> bool:
        """Return whether other daemons may work here, by the setting; else by a share, or leases in the inbox."""
        configured = self._settings.shared
        if configured is not None:
            return configured
        return not self._forbidden and (self._inbox.network or self._folders.exist())

    # one file -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def claiming(self, path: bytes) -> Iterator[Holder | None]:
        """Hold the lease during a claim, and keep it if the file is in work then. Yield what ``acquire`` returns."""
        with self._lock:
            self._claiming = slot_of(path)
        try:
            yield self.acquire(path)
        finally:
            with self._lock:
                slot, self._claiming = self._claiming, ""
            with contextlib.suppress(OSError, MachineError):
                self._settle(slot)

    def release_if_done(self, path: bytes) -> None:
        """Give the lease back if no document of this path is in work. Raise MachineError if the journal fails."""
        with contextlib.suppress(OSError):  # then ``run`` does it later
            self._settle(slot_of(path))

    def acquire(self, path: bytes, superseding: PublishedMark | None = None) -> Holder | None:
        """Take the lease of this path and return None, or return another holder.

        ``superseding``: a mark to be replaced, because the file has another content now. Raise MachineError if the
        inbox is away.
        """
        self._require_inbox()
        if not self.shared:
            return None
        try:
            with self._lock:
                if not self._make_folders():
                    return None
                if not self._mine:
                    self._folders.beat()
                return self._acquire(path, superseding)
        except OSError as error:
            raise machine_error(error, f"the lease of {show(path)}") from None

    def _require_inbox(self) -> None:
        """Raise FolderGone if the inbox can't be trusted, so that nothing is made in the folder below a lost mount."""
        reason = self._inbox.check()
        if reason:
            raise FolderGone(f"the inbox {self._inbox.path}: {reason}")

    def _acquire(self, path: bytes, superseding: PublishedMark | None) -> Holder | None:
        slot = slot_of(path)
        chain = self._folders.chain(slot)
        before = chain[-1].holder if chain else None
        if before is None or self._has_ended(before, superseding):
            self._folders.acquire(f"{slot}.{before.token}" if before else slot)
            chain = self._folders.chain(slot)
        if not chain:
            return _UNKNOWN_OWNER
        now = chain[-1].holder
        if now.owner != self.owner or isinstance(now, PublishedMark):
            return now
        if before and before.owner != self.owner:
            self._log.warning("taken over", document=show(path), owner=before.owner)
        self._mine[slot] = (path, now.token)
        return None

    def _has_ended(self, holder: Holder, superseding: PublishedMark | None) -> bool:
        """Return whether the next lease may follow this one."""
        if isinstance(holder, PublishedMark):
            return holder == superseding
        return holder.owner != self.owner and self._is_dead(holder.owner)

    def _is_dead(self, owner: str) -> bool:
        """Return whether this daemon has seen no new beat of the owner for ``watch.lease`` seconds."""
        beats = self._folders.beats(owner)
        now = time.monotonic()
        known_beats, since = self._beats.get(owner, (None, now))
        if known_beats != beats:
            since = now
        self._beats[owner] = (beats, since)
        return now - since >= self._seconds

    def _make_folders(self) -> bool:
        """Make the folders. Return False, now and later, if that is forbidden: then this must be the only daemon."""
        try:
            self._folders.make()
        except OSError as error:
            may_not = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            if self._settings.shared or not may_not or self._folders.exist():
                raise
            self._forbidden = True
            why = f"{error.strerror}; no other daemon may work on this inbox"
            self._log.warning("no leases", folder=show(self._folders.root), reason=why)
        return not self._forbidden

    # all files ------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Beat while there are leases, and give back those of finished documents, until stopped.

        It needs a thread of its own because it hangs as long as the share does.
        """
        boundary = ErrorBoundary(self._log)
        pause = 0.0
        while not stop.wait(pause):
            pause = self._seconds / BEATS_PER_LEASE
            boundary.attempt(self._turn)

    def _turn(self) -> None:
        try:
            self.tend()
            if not self._has_taken_up:
                if self.shared:
                    self.take_up()
                    self.tend()
                self._has_taken_up = True
        except OSError as error:
            raise machine_error(error, "keeping the leases") from None

    def tend(self) -> None:
        """Beat once, and give back the leases of finished documents."""
        with self._lock:
            slots = list(self._mine)
            if slots:
                self._require_inbox()
                self._folders.beat()
        for slot in slots:
            self._settle(slot)

    def _settle(self, slot: str) -> None:
        """Give the lease back, or turn it into a mark, if its document is not in work any more."""
        with self._lock:
            if slot == self._claiming or slot not in self._mine:
                return
            path, token = self._mine[slot]
            in_work, kept_sha256 = self._journal.lease_state(path)
            if in_work:
                return
            with contextlib.suppress(FileNotFoundError):
                if kept_sha256:
                    self._folders.mark_published(slot, token, kept_sha256)
                else:
                    self._folders.release(slot, token)
            del self._mine[slot]

    def take_up(self) -> None:
        """Hold the leases that an earlier run left in the inbox; ``tend`` gives back those of finished documents."""
        recent = (
            self._journal.latest(state, RECENT_DOCUMENTS)
            for state in (State.DONE, State.FAILED, State.GONE)
        )
        for document in itertools.chain(self._journal.in_state(*ACTIVE), *recent):
            slot = slot_of(document.path)
            with self._lock:
                chain = self._folders.chain(slot)
                holder = chain[-1].holder if chain else None
                if isinstance(holder, InWork) and holder.owner == self.owner:
                    self._mine.setdefault(slot, (document.path, holder.token))
        self._folders.remove_leftovers()


def _owner_name(journal: Journal) -> str:
    """Return this daemon's unique name, which begins with the host's name and is the same after restarts."""
    machine = ""
    with contextlib.suppress(OSError), open("/etc/machine-id", encoding="ascii") as file:
        machine = file.read().strip()
    known = journal.facts.recall(Memory.OWNER)
    if known and known.reason == machine:  # else the state folder was copied from another machine
        return known.value
    host = "".join(c for c in socket.gethostname().lower() if c.isascii() and c.isalnum())[:20]
    name = f"{host or 'scanmend'}-{secrets.token_hex(4)}"
    journal.facts.remember(Memory.OWNER, "", name, machine)
    return name
