"""Define a document: a file in the inbox, what it holds, its states, and the moves between them.

Standard library only: `scanmend status` imports this module and should answer at once.
"""

import enum
import json
import os
from dataclasses import dataclass
from typing import Self

from scanmend.errors import show

PARTS = (
    "parts"  # folder in an OCR child's scratch folder: the bytes of extracted files, named 0, 1, …
)


class State(enum.StrEnum):
    """Where a document is on its way."""

    SETTLING = "settling"  # found, but not complete yet
    QUEUED = "queued"  # claimed: complete, hashed, waiting to be read
    READING = "reading"  # its pages are being read and corrected
    PUBLISHING = "publishing"  # all pages are corrected; the result is being written
    PUTTING_AWAY = "putting-away"  # the outcome is decided; the original is being put away
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"  # its owner took it away or replaced it before it was published


MOVES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.SETTLING, State.QUEUED}),
    State.SETTLING: frozenset({State.QUEUED, State.PUTTING_AWAY, State.GONE}),
    State.QUEUED: frozenset({State.READING, State.PUTTING_AWAY, State.GONE}),
    # back to QUEUED: the daemon stopped, or the machine could not do it; finished pages are kept
    # back to SETTLING: its end looks odd and it does not open; it may still be being written
    State.READING: frozenset(
        {State.QUEUED, State.SETTLING, State.PUBLISHING, State.PUTTING_AWAY, State.GONE}
    ),
    # back to QUEUED: after an upgrade, a page that was kept can't be used
    State.PUBLISHING: frozenset({State.QUEUED, State.PUTTING_AWAY, State.GONE}),
    State.PUTTING_AWAY: frozenset({State.DONE, State.FAILED}),
    State.DONE: frozenset(),
    # its owner dropped it again, by `scanmend retry` or by hand
    State.FAILED: frozenset({State.GONE}),
    State.GONE: frozenset(),
}
ACTIVE = (State.QUEUED, State.READING, State.PUBLISHING, State.PUTTING_AWAY)
WAITS = "waits"  # the reason of a document begins so while this machine can't go on with it


@dataclass(frozen=True, slots=True)
class FileSnapshot:
    """A regular file as the watcher last saw it in the inbox.

    ``path`` is relative to the inbox. ``closed``: its writer closed it, or it was renamed into the inbox, so that the
    quiet period need not pass. ``waited``: it has been quiet for ``settle.doubtful``, so that an odd end is no reason
    to wait longer.
    """

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    closed: bool = False
    waited: bool = False

    @classmethod
    def of(cls, path: bytes, status: os.stat_result, closed: bool = False) -> Self:
        """Return the snapshot of a file's status.

        The inode number loses its top bit: shares use all 64 bits, and SQLite's integers have a sign.
        """
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ino & (2**63 - 1), closed)

    @property
    def identity(self) -> tuple[int, int, int]:
        """Return what must not change while the file is read: size, mtime, inode."""
        return (self.size, self.mtime_ns, self.inode)


@dataclass(frozen=True, slots=True)
class EndDoubt:
    """Why a claimed file may be unfinished: its end looks odd, and only opening it tells.

    ``what`` says what looks odd. ``warning`` is published when the file opens all the same.
    """

    what: str
    warning: str


@dataclass(frozen=True, slots=True)
class Part:
    """An embedded file that an OCR child extracted: its name in the PDF; its kind by its bytes, as ".pdf"."""

    name: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: its media type (``image/tiff`` …) and its number of pages.

    ``off_pages``: warnings about what no page shows. ``parts``: embedded files to be read as documents of their own; the
    bytes of the first are in the child's scratch folder as ``parts/0``.
    """

    media_type: str
    pages: int
    warnings: tuple[str, ...] = ()
    off_pages: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class PartOf:
    """The file that a part lay in: its path (percent-encoded), its sha256, and the part's name there.

    ``ancestors``: the sha256 of the files that that file lay in, the outermost first. ``room_parts``, ``room_bytes``:
    how many parts and bytes may be extracted of the part in turn. The journal keeps it as JSON: rename no field.
    """

    path_percent: str
    sha256: str
    attachment: str
    ancestors: tuple[str, ...] = ()
    room_parts: int = 0
    room_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the journal; times are seconds since the epoch.

    Of a part, ``parent`` is the document that it was embedded in, ``part`` its index there (from 0), and ``part_of`` a
    ``PartOf`` as JSON.
    """

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
    parent: int | None = None
    part: int | None = None
    part_of: str = ""

    @property
    def identity(self) -> tuple[int, int, int]:
        """Return size, mtime and inode at the claim."""
        return (self.size, self.mtime_ns, self.inode)

    @property
    def name(self) -> str:
        """Return the path for people."""
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
    """An embedded file that becomes a document when its parent is published; ``part_of`` as in Document."""

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
