"""Several daemons on one inbox: which of them works on a file.

Each daemon has its journal to itself; what they share is the inbox. Its folder .scanmend holds nothing but folders:

    beats/<owner>/<n>              n grows while the owner holds leases
    leases/<file>/<owner>.<token>  the lease of a file, <file> being a hash of its path
    leases/<file>.<token>/…        its successor: taken over from the owner of that token, who is dead
    leases/…/<owner>.<token>.<sha256>   done, and the original stays where it is (originals: keep)

A lease is made whole elsewhere and renamed to its place: one request, which the file server grants to one of two,
and no file content that a mount's cache could hold back. Whoever does not beat for ``watch.lease`` is dead; each
daemon tells that by its own monotonic clock from the beats that it sees, so that clocks may differ as they like.
A successor is bound to its predecessor's token: who comes late makes a folder that nobody follows. And who comes
back from the dead asks before it publishes.
"""

import contextlib
import errno
import hashlib
import itertools
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from scanmend.config.settings import WatchSettings
from scanmend.document import ACTIVE, State
from scanmend.errors import FolderGone, MachineError, machine_error, show
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root
from scanmend.telemetry import log

FOLDER = b".scanmend"  # in the inbox; the watcher passes dot folders over
BEATS = 10  # in the time after which an owner without any is dead
MOST_SUCCESSORS = 100
LATEST = 100  # documents of each end whose lease a crash may have left


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lease, by name; ``sha256``: the file of this content is done, and stays."""

    owner: str
    token: str
    sha256: str = ""

    @classmethod
    def named(cls, name: str) -> Self:
        """Of a folder's name."""
        owner, token, sha256 = (*name.split("."), "", "")[:3]
        return cls(owner, token, sha256)

    @property
    def name(self) -> bytes:
        """The folder's name."""
        return ".".join(filter(None, (self.owner, self.token, self.sha256))).encode()


class Leases:
    """The leases of one daemon on one inbox. ``acquire`` from any thread; ``run`` is the body of one of its own."""

    def __init__(self, inbox: Root, journal: Journal, settings: WatchSettings) -> None:
        """``settings.shared``: whether others may be at work in this inbox; ``settings.lease``: when one is dead."""
        self.owner = _name(journal)
        self._seconds = settings.lease
        self._inbox = inbox
        self._journal = journal
        self._settings = settings
        self._root = os.path.join(os.fsencode(inbox.path), FOLDER)
        self._lock = threading.RLock()
        self._mine: dict[str, tuple[bytes, str]] = {}  # place -> path, token
        self._claiming = ""  # the place of the file that the claim has in hand
        self._heard: dict[str, tuple[list[bytes], float]] = {}  # owner -> beats, first seen when
        self._refused = False
        self._log = log.get("lease")

    @property
    def shared(self) -> bool:
        """Whether others may be at work here: configured, on a share, or another was here before."""
        wanted = self._settings.shared
        if wanted is None:
            wanted = not self._refused and (self._inbox.network or os.path.isdir(self._root))
        return wanted

    # one file -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def claiming(self, path: bytes) -> Iterator[Holder | None]:
        """The lease for the time of a claim; it stays when the file is in the journal afterwards."""
        with self._lock:
            self._claiming = _place(path)
        try:
            yield self.acquire(path)
        finally:
            with self._lock:
                place, self._claiming = self._claiming, ""
            with contextlib.suppress(OSError, MachineError):
                self._settle(place)

    def let_go(self, path: bytes) -> None:
        """The document's way is at its end, it may be: else nothing happens."""
        with contextlib.suppress(OSError):  # ``run`` does it, when it can be done
            self._settle(_place(path))

    def acquire(self, path: bytes, sha256: str = "") -> Holder | None:
        """Take the lease of this path; who has it when it can't be had.

        With ``sha256``, the mark of another content that is done is no obstacle. MachineError: the inbox is away.
        """
        self._trust_inbox()
        if not self.shared:
            return None
        try:
            with self._lock:
                if not self._make_folders():
                    return None
                if not self._mine:
                    self._beat()
                return self._acquire(path, sha256)
        except OSError as error:
            raise machine_error(error, f"the lease of {show(path)}") from None

    def _trust_inbox(self) -> None:
        """Nothing is made in the empty folder on which a share was mounted."""
        reason = self._inbox.check()
        if reason:
            raise FolderGone(f"the inbox {self._inbox.path}: {reason}")

    def _acquire(self, path: bytes, sha256: str) -> Holder | None:
        place = _place(path)
        row = self._row(place)
        before = row[-1][1] if row else None
        if before is None or self._ended(before, sha256):
            self._make(f"{place}.{before.token}" if before else place)
            row = self._row(place)
        if not row:
            return Holder("another scanmend", "")  # it came and went this moment
        now = row[-1][1]
        if now.owner != self.owner or now.sha256:
            return now
        if before and before.owner != self.owner:
            self._log.warning("taken over", document=show(path), owner=before.owner)
        self._mine[place] = (path, now.token)
        return None

    def _ended(self, holder: Holder, sha256: str) -> bool:
        """Whether the next lease may follow on this one."""
        if holder.sha256:
            return bool(sha256) and holder.sha256 != sha256
        return holder.owner != self.owner and self._dead(holder.owner)

    def _dead(self, owner: str) -> bool:
        """Whether it has been silent for long enough, by what this daemon saw and by this clock."""
        try:
            beats = os.listdir(self._at("beats", owner))
        except FileNotFoundError:
            beats = []
        now = time.monotonic()
        before, since = self._heard.get(owner, (None, now))
        if before != beats:
            since = now
        self._heard[owner] = (beats, since)
        return now - since >= self._seconds

    # the folders ----------------------------------------------------------------------------------

    def _row(self, place: str) -> list[tuple[str, Holder]]:
        """The lease at this place and its successors; the last one is who has it."""
        row: list[tuple[str, Holder]] = []
        at = place
        while len(row) < MOST_SUCCESSORS:
            try:
                names = os.listdir(self._at("leases", at))
            except FileNotFoundError:
                return row
            if not names:
                return row
            # one, but where a file system merges folders that are renamed to the same place: then all see the first
            holder = Holder.named(os.fsdecode(min(names)))
            row.append((at, holder))
            at = f"{place}.{holder.token}"
        raise FolderGone(f"{show(self._at('leases', place))}: taken over too often; remove it")

    def _make(self, place: str) -> None:
        """Make a lease and rename it to its place, which fails when another's is there."""
        token = secrets.token_hex(8)
        made = self._at("leases", f"new-{token}")
        inner = os.path.join(made, Holder(self.owner, token).name)
        os.mkdir(made)
        os.mkdir(inner)
        try:
            os.rename(made, self._at("leases", place))
        except OSError:
            os.rmdir(inner)
            os.rmdir(made)

    def _release(self, place: str, token: str) -> None:
        """Take the whole row away, the first first, so that nobody follows the rest; only what is still ours."""
        row = self._row(place)
        if not row or row[-1][1].token != token:
            return
        for at, holder in row:
            gone = self._at("leases", f"old-{token}-{holder.token}")
            os.rename(self._at("leases", at), gone)
            if holder.name not in os.listdir(gone):  # another's, of this very moment
                os.rename(gone, self._at("leases", at))
                return
            _remove(gone)

    def _mark_done(self, place: str, token: str, sha256: str) -> None:
        row = self._row(place)
        if row and row[-1][1].token == token:
            at, holder = row[-1]
            done = Holder(holder.owner, token, sha256)
            os.rename(self._at("leases", at, holder.name), self._at("leases", at, done.name))

    def _make_folders(self) -> bool:
        """Make .scanmend; False, once and for all, where it can't be: then this daemon must be the only one."""
        try:
            for name in ("beats", "leases"):
                os.makedirs(self._at(name), exist_ok=True)
        except OSError as error:
            refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            if self._settings.shared or not refused or os.path.isdir(self._root):
                raise
            self._refused = True
            why = f"{error.strerror}; no other daemon may work on this inbox"
            self._log.warning("no leases", folder=show(self._root), reason=why)
        return not self._refused

    def _at(self, *names: str | bytes) -> bytes:
        return os.path.join(self._root, *map(os.fsencode, names))

    # all of them ----------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Beat while there are leases, give back what is done with. It may hang with the share, and alone."""
        said, begun = "", False
        while not stop.wait(self._seconds / BEATS if begun else 0):
            try:
                if not begun and self.shared:
                    self._take_up()
                begun = True
                self.tend()
                said = ""
            except (MachineError, OSError) as error:
                begun = True
                if str(error) != said:
                    self._log.warning("leases can't be kept", reason=str(error))
                said = str(error)
            except Exception:  # noqa: BLE001 - the mouth of the loop
                self._log.exception("a bug; leases are tended again")

    def tend(self) -> None:
        """Beat once, and give back the leases of documents that are done."""
        with self._lock:
            places = list(self._mine)
            if places:
                self._trust_inbox()
                self._beat()
        for place in places:
            self._settle(place)

    def _settle(self, place: str) -> None:
        """Give the lease back, or mark it, when its document is not in work any more."""
        with self._lock:
            if place == self._claiming or place not in self._mine:
                return
            path, token = self._mine[place]
            in_work, kept = self._journal.lease_state(path)
            if in_work:
                return
            with contextlib.suppress(FileNotFoundError):
                if kept:
                    self._mark_done(place, token, kept)
                else:
                    self._release(place, token)
            del self._mine[place]

    def _take_up(self) -> None:
        """What an earlier run of this daemon left: leases of documents in work go on, the others are given back."""
        latest = (
            self._journal.latest(state, LATEST) for state in (State.DONE, State.FAILED, State.GONE)
        )
        for document in itertools.chain(self._journal.in_state(*ACTIVE), *latest):
            place = _place(document.path)
            with self._lock:
                row = self._row(place)
                if row and row[-1][1].owner == self.owner and not row[-1][1].sha256:
                    self._mine.setdefault(place, (document.path, row[-1][1].token))
        folder = self._at("leases")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name.startswith((b"new-", b"old-")):
                inner = os.listdir(os.path.join(folder, name))
                if any(Holder.named(os.fsdecode(i)).owner == self.owner for i in inner):
                    _remove(os.path.join(folder, name))

    def _beat(self) -> None:
        folder = self._at("beats", self.owner)
        os.makedirs(folder, exist_ok=True)
        last = max((int(name) for name in os.listdir(folder) if name.isdigit()), default=None)
        following = os.path.join(folder, b"%d" % ((last or 0) + 1))
        if last is None:
            os.mkdir(following)
        else:
            os.rename(os.path.join(folder, b"%d" % last), following)


def _remove(folder: bytes) -> None:
    for name in os.listdir(folder):
        os.rmdir(os.path.join(folder, name))
    os.rmdir(folder)


def _place(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:32]


def _name(journal: Journal) -> str:
    """This daemon's name: people recognise the machine, and no other has it. It stays over restarts."""
    machine = ""
    with contextlib.suppress(OSError), open("/etc/machine-id", encoding="ascii") as file:
        machine = file.read().strip()
    known = journal.facts.recall(Memory.OWNER)
    if known and known.reason == machine:  # else it is a copy of another machine
        return known.value
    host = "".join(c for c in socket.gethostname().lower() if c.isascii() and c.isalnum())[:20]
    name = f"{host or 'scanmend'}-{secrets.token_hex(4)}"
    journal.facts.remember(Memory.OWNER, "", name, machine)
    return name
