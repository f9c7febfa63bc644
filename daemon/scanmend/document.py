"""Define a document: a file in the inbox, what it holds, its states, and the moves between them.

Standard library only: `scanmend status` imports this module and should answer at once.
"""

import enum
import json
import os
from dataclasses import dataclass
from typing import Self

from scanmend.errors import show

PARTS = "parts"  # the folder in an OCR child's own folder that holds extracted files, named 0, 1, …


class State(enum.StrEnum):
    """A state of a document."""

    SETTLING = "settling"  # found, but not complete yet
    QUEUED = "queued"  # claimed: complete, hashed, waiting to be read
    READING = "reading"  # its pages are being read and corrected
    PUBLISHING = "publishing"  # all pages are corrected; the result is being written
    PUTTING_AWAY = "putting-away"  # the outcome is decided; the original is being put away
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"  # its owner removed or replaced the file before it was published


MOVES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.SETTLING, State.QUEUED}),
    State.SETTLING: frozenset({State.QUEUED, State.PUTTING_AWAY, State.GONE}),
    State.QUEUED: frozenset({State.READING, State.PUTTING_AWAY, State.GONE}),
    # back to QUEUED: the daemon stopped, or the machine failed; finished pages are kept
    # back to SETTLING: its end looks odd and it does not open, so a writer may still be at work
    State.READING: frozenset(
        {State.QUEUED, State.SETTLING, State.PUBLISHING, State.PUTTING_AWAY, State.GONE}
    ),
    # back to QUEUED: after an upgrade, a stored page can't be used
    State.PUBLISHING: frozenset({State.QUEUED, State.PUTTING_AWAY, State.GONE}),
    State.PUTTING_AWAY: frozenset({State.DONE, State.FAILED}),
    State.DONE: frozenset(),
    # its owner put it back into the inbox, by `scanmend retry` or by hand
    State.FAILED: frozenset({State.GONE}),
    State.GONE: frozenset(),
}
ACTIVE = (State.QUEUED, State.READING, State.PUBLISHING, State.PUTTING_AWAY)
WAITS = "waits"  # the first word of a document's reason while this machine can't go on with it


@dataclass(frozen=True, slots=True)
class FileSnapshot:
    """A regular file as the watcher last saw it in the inbox.

    ``path`` is relative to the inbox. ``closed``: its writer closed it, or it was renamed into the inbox, so that no
    quiet period is needed. ``waited``: it has been quiet for ``settle.doubtful``, so that an odd end is no reason to wait
    longer. ``unclosed``: a program wrote to it, and no event told that it closed it.
    """

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    closed: bool = False
    waited: bool = False
    unclosed: bool = False

    @classmethod
    def of(cls, path: bytes, status: os.stat_result, closed: bool = False) -> Self:
        """Return a snapshot with this file status.

        The inode number loses its top bit: shares use all 64 bits, and SQLite's integers have a sign.
        """
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ino & (2**63 - 1), closed)

    @property
    def identity(self) -> tuple[int, int, int]:
        """Return size, mtime and inode, which must not change while the file is read."""
        return (self.size, self.mtime_ns, self.inode)


@dataclass(frozen=True, slots=True)
class EndDoubt:
    """A reason why a claimed file may be unfinished: its end looks odd, and only opening the file will tell.

    ``what`` says what looks odd. ``warning`` is published if the file opens all the same.
    """

    what: str
    warning: str


@dataclass(frozen=True, slots=True)
class Part:
    """An embedded file that an OCR child extracted.

    ``name``: its name in the PDF. ``kind``: the usual extension of its type, such as ".pdf", told by its bytes.
    """

    name: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a file: its media type (``image/tiff`` …) and its number of pages.

    ``off_pages``: warnings about content that no page shows. ``parts``: embedded files to be read as documents of their
    own; the bytes of the first are in the child's own folder as ``parts/0``.
    """

    media_type: str
    pages: int
    warnings: tuple[str, ...] = ()
    off_pages: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class PartOf:
    """The file that a part was embedded in: its path (percent-encoded), its sha256, and the part's name in it.

    ``ancestors``: the sha256 of the files around that file, the outermost first. ``room_parts``, ``room_bytes``: how many
    parts and bytes may in turn be extracted from the part. The journal stores this as JSON, so rename no field.
    """

    path_percent: str
    sha256: str
    attachment: str
    ancestors: tuple[str, ...] = ()
    room_parts: int = 0
    room_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Superseded:
    """An earlier result that a result replaces, since its pages stand at the beginning of the new one.

    ``sha256``: of its original. ``earlier``: the sha256 of what it had replaced, the newest first. The journal stores this
    as JSON, so rename no field.
    """

    sha256: str
    pages: int
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the journal; times are seconds since the epoch.

    For a part, ``parent`` is the id of the document that it was embedded in, ``part`` its index there (from 0), and
    ``part_of`` a ``PartOf`` as JSON. ``supersedes``: a ``Superseded`` as JSON, chosen with the stem; "" if the result
    replaces no other.
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
    supersedes: str = ""

    @property
    def identity(self) -> tuple[int, int, int]:
        """Return size, mtime and inode at the claim."""
        return (self.size, self.mtime_ns, self.inode)

    @property
    def name(self) -> str:
        """Return the path, escaped for people."""
        return show(self.path)

    @property
    def waits(self) -> bool:
        """Return whether this machine can't go on with the document now; ``reason`` says why."""
        return self.reason.startswith(WAITS)

    @property
    def end_doubts(self) -> tuple[EndDoubt, ...]:
        """Return the reasons why the file may be unfinished; empty once its contents are known.

        Until then ``warnings`` holds the reasons. Earlier versions stored only the text of each warning.
        """
        if self.pages is not None:
            return ()
        stored = json.loads(self.warnings)
        return tuple(
            EndDoubt(entry, entry) if isinstance(entry, str) else EndDoubt(**entry)
            for entry in stored
        )


@dataclass(frozen=True, slots=True)
class NewPart:
    """An embedded file that becomes a document when its parent is published.

    ``number`` is its index in the parent (from 0), ``part_of`` as in ``Document``.
    """

    number: int
    path: bytes
    size: int
    sha256: str
    part_of: str


class FactKey(enum.StrEnum):
    """The subject of a fact."""

    INBOX = "inbox"  # the inbox can't be trusted
    PUBLISH = "publish"  # nothing can be published
    MODEL = "model"  # the state of the language model
    ENGINE = "engine"  # the OCR engine that was chosen, and why
    GPU = "gpu"  # a GPU is there, but the model runs without it


@dataclass(frozen=True, slots=True)
class Fact:
    """A current state of something other than a document, such as "the inbox is away"."""

    value: str
    reason: str
    since: float  # seconds since the epoch
