"""Read a quiet file once: check whether it is complete, and compute the hash that identifies its content."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from io import BufferedReader

from scanmend.document import FileSnapshot
from scanmend.intake.completeness import Incomplete, PossiblyIncomplete, Unknown, is_complete
from scanmend.intake.events import NotReady, RetryOn
from scanmend.intake.inbox import Inbox
from scanmend.intake.writers import STILL_OPEN, Writers, open_for_reading

# errors of an open after which there is no such file any more: it is gone, or a link by now
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Claimable:
    """The file can be claimed. ``odd_end``: why it may be unfinished nevertheless; None if nothing looks odd."""

    sha256: str
    odd_end: str | None = None


@dataclass(frozen=True, slots=True)
class OverLimit:
    """The file is larger than ``limits.file_size``: it was not read."""


def inspect(
    inbox: Inbox, snapshot: FileSnapshot, max_bytes: float, *, waits_for_writers: bool = True
) -> Claimable | OverLimit | NotReady:
    """Read the file and return whether it can be claimed. Raise as ``Inbox.snapshot``.

    ``max_bytes``: size up to which a file is read. ``waits_for_writers``: a file that a program holds open for writing is
    not ready.
    """
    path = snapshot.path
    if inbox.snapshot(path) is None:  # gone, or behind a folder that became a link
        return NotReady(path, "gone")
    try:
        fd = open_for_reading(inbox.absolute(path))
    except OSError as error:
        if error.errno in _GONE:
            return NotReady(path, error.strerror or "gone")
        return NotReady(path, f"can't be opened: {error.strerror}", RetryOn.REACH)
    with open(fd, "rb") as file:
        try:
            if waits_for_writers and _is_held_open(inbox, snapshot, file):
                return _held_open(snapshot, file, max_bytes)
            found = _inspect_open(inbox, snapshot, file, max_bytes)
            if waits_for_writers and _is_held_open(inbox, snapshot, file):
                return NotReady(path, STILL_OPEN, RetryOn.CLOSE)
            return found
        except OSError as error:
            return NotReady(path, f"can't be read: {error.strerror}", RetryOn.REACH)


def _inspect_open(
    inbox: Inbox, snapshot: FileSnapshot, file: BufferedReader, max_bytes: float
) -> Claimable | OverLimit | NotReady:
    path = snapshot.path
    if not _is_same(file, snapshot):
        return NotReady(path, "still changing")
    found: Claimable | OverLimit = OverLimit()
    if snapshot.size <= max_bytes:
        verdict = is_complete(file, snapshot.size)
        match verdict:
            case Incomplete(why):
                return NotReady(path, f"incomplete: {why}")
            case PossiblyIncomplete(why) if not snapshot.waited:
                return NotReady(path, f"incomplete: {why}", RetryOn.QUIET)
        file.seek(0)
        odd_end = verdict.why if isinstance(verdict, PossiblyIncomplete) else None
        found = Claimable(hashlib.file_digest(file, "sha256").hexdigest(), odd_end)
    unchanged = inbox.snapshot(path)
    if unchanged is None or unchanged.identity != snapshot.identity or not _is_same(file, snapshot):
        return NotReady(path, "changed while it was read")
    return found


def _held_open(snapshot: FileSnapshot, file: BufferedReader, max_bytes: float) -> NotReady:
    """Return that the file waits for its writer, and what is missing so far."""
    verdict = is_complete(file, snapshot.size) if snapshot.size <= max_bytes else Unknown()
    reason = STILL_OPEN
    if isinstance(verdict, Incomplete | PossiblyIncomplete):
        reason = f"{STILL_OPEN}; incomplete: {verdict.why}"
    return NotReady(snapshot.path, reason, RetryOn.CLOSE)


def _is_held_open(inbox: Inbox, snapshot: FileSnapshot, file: BufferedReader) -> bool:
    """Return whether a program holds the file open for writing: ask the kernel, else trust the missing close event."""
    writers = inbox.writers_of(file.fileno())
    return writers is Writers.SOME or (writers is Writers.UNKNOWN and snapshot.unclosed)


def _is_same(file: BufferedReader, snapshot: FileSnapshot) -> bool:
    """Return whether the open file is a regular file with the identity of the snapshot."""
    status = os.fstat(file.fileno())
    same = FileSnapshot.of(b"", status).identity == snapshot.identity
    return stat.S_ISREG(status.st_mode) and same
