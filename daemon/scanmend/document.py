"""A file in the inbox, a document, its states and the moves between them."""

import enum
import json
import os
from dataclasses import dataclass
from typing import Self

from scanmend.errors import show


class State(enum.StrEnum):
    """Where a document is on its way."""

    SETTLING = "settling"  # seen, but not whole yet
    QUEUED = "queued"  # claimed: whole, hashed, in line
    READING = "reading"  # pages are being read and corrected
    PUBLISHING = "publishing"  # all pages are there; the result is being written
    PUTTING_AWAY = "putting-away"  # the outcome is decided; the original is being put away
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"  # taken away or replaced by its owner before it was published


MOVES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.SETTLING, State.QUEUED}),
    State.SETTLING: frozenset({State.QUEUED, State.PUTTING_AWAY, State.GONE}),
    State.QUEUED: frozenset({State.READING, State.PUTTING_AWAY, State.GONE}),
    # back to QUEUED: stop, restart, or the machine could not do it; finished pages are kept
    # back to SETTLING: its end looked odd, and it does not open; it may still be being written
    State.READING: frozenset(
        {State.QUEUED, State.SETTLING, State.PUBLISHING, State.PUTTING_AWAY, State.GONE}
    ),
    State.PUBLISHING: frozenset({State.PUTTING_AWAY, State.GONE}),
    State.PUTTING_AWAY: frozenset({State.DONE, State.FAILED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset({State.GONE}),  # dropped again, by `scanmend retry` or by hand
    State.GONE: frozenset(),
}
ACTIVE = (State.QUEUED, State.READING, State.PUBLISHING, State.PUTTING_AWAY)
WAITS = "waits"  # the reason of a document begins so while this machine can't go on with it


@dataclass(frozen=True, slots=True)
class FileSnapshot:
    """A regular file as the watcher last saw it in the inbox.

    ``path`` is relative to the inbox, as bytes. ``closed``: the writer closed it, or it was renamed into
    place, so that the quiet period need not be waited out. ``waited``: it has been quiet for
    ``settle.doubtful``, so that an odd end is no reason to wait longer.
    """

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    closed: bool = False
    waited: bool = False

    @classmethod
    def of(cls, path: bytes, status: os.stat_result, closed: bool = False) -> Self:
        """From its status. Inode numbers of shares use all 64 bits, SQLite's integers have a sign."""
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ino & (2**63 - 1), closed)

    @property
    def identity(self) -> tuple[int, int, int]:
        """What must not change while the file is read: size, mtime, inode."""
        return (self.size, self.mtime_ns, self.inode)


@dataclass(frozen=True, slots=True)
class EndDoubt:
    """Why a claimed file may be unfinished: its end looks odd, and only opening it tells.

    ``what`` says what looks odd. ``warning`` is published when the file opens all the same.
    """

    what: str
    warning: str


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the journal; times are seconds since the epoch."""

    id: int
    path: bytes
    size: int
    mtime_ns: int
    inode: int
    sha256: str
    profile: str
    media_type: str
    pages: int | None
    state: State
    reason: str
    since: float
    first_seen: float
    outcome: str
    stem: str | None
    put_away: bytes | None
    kept: int
    warnings: str
    parent: int | None = None  # the document that this one was embedded in
    part: int | None = None  # its number there, from 0
    part_of: str = ""  # values.PartOf as JSON

    @property
    def identity(self) -> tuple[int, int, int]:
        """Size, mtime and inode at the claim."""
        return (self.size, self.mtime_ns, self.inode)

    @property
    def name(self) -> str:
        """The path for people."""
        return show(self.path)

    @property
    def waits(self) -> bool:
        """Whether this machine can't go on with the document now; ``reason`` says why."""
        return self.reason.startswith(WAITS)

    @property
    def end_doubts(self) -> tuple[EndDoubt, ...]:
        """Return why the file may be unfinished; empty once its contents are known.

        Until then ``warnings`` holds the doubts. Earlier versions stored only the text of the warning.
        """
        if self.pages is not None:
            return ()
        stored = json.loads(self.warnings)
        return tuple(EndDoubt(d, d) if isinstance(d, str) else EndDoubt(**d) for d in stored)


@dataclass(frozen=True, slots=True)
class NewPart:
    """An embedded file that will be a document when the one that it lies in is published; ``part_of`` as in Document."""

    number: int
    path: bytes
    size: int
    sha256: str
    part_of: str


class FactKey(enum.StrEnum):
    """What a fact is about."""

    INBOX = "inbox"  # the inbox can't be trusted
    PUBLISH = "publish"  # nothing can be published
    MODEL = "model"  # the state of the language model


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that holds now and is no document's state, such as "the inbox is away"."""

    value: str
    reason: str
    since: float  # seconds since the epoch
