"""Take an original out of the inbox, and only if it is still the file that was read.

The file may change at any moment until it is away. So its content is compared with the hash of the claim; then the
kernel's lease keeps writers out while the file is compared once more and renamed or removed. Where there are no leases (a
share, or no right to them), the file is compared again afterwards; if it changed, it goes back into the inbox.
"""

import contextlib
import errno
import functools
import os
from collections.abc import Callable, Iterator

from scanmend.document import Document
from scanmend.errors import PathUnusable, show
from scanmend.intake.inbox import Change, Inbox
from scanmend.intake.writers import STILL_OPEN, Writers, open_for_reading
from scanmend.store import atomic, naming
from scanmend.telemetry import log

MAX_VERIFICATIONS = 3  # of a file whose times change again and again, in one try to put it away
_NO_TIMES = (-1, -1, -1, -1)


class Original:
    """An original that is open for reading, and was verified to have the content of its document."""

    def __init__(self, inbox: Inbox, document: Document, fd: int) -> None:
        """Verify nothing yet. ``fd``: open for reading."""
        self._inbox = inbox
        self._document = document
        self._fd: int | None = fd
        self._path = inbox.file(document)
        self._times = _NO_TIMES  # when it was verified

    def close(self) -> None:
        """Close the file; what needs it opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _opened(self) -> int:
        """Return a descriptor of the file, open for reading. Raise OSError."""
        if self._fd is None:
            self._fd = open_for_reading(self._path)
        return self._fd

    def verify(self) -> Change | None:
        """Compare the content with the document's. Raise PathUnusable while a program has the file open for writing."""
        fd = self._opened()
        if self._inbox.writers_of(fd) is Writers.SOME:
            raise PathUnusable(f"{self._document.name}: {STILL_OPEN}")
        self._times = _times(os.fstat(fd))
        change = self._inbox.change(self._document)
        if change or not self._document.sha256:
            return change
        same = atomic.sha256_of_open(fd) == self._document.sha256
        return None if same else Change.REPLACED

    def act(self, take: Callable[[], None]) -> Change | None:
        """Call ``take`` while no program can begin to write. If the content changed, return that instead.

        Raise PathUnusable while a program has the file open for writing, or touches it again and again.
        """
        for _ in range(MAX_VERIFICATIONS):
            with self._inbox.without_writers(self._opened()) as writers:
                if writers is Writers.SOME:
                    raise PathUnusable(f"{self._document.name}: {STILL_OPEN}")
                if self._is_untouched():
                    if writers is Writers.UNKNOWN:
                        self.close()  # the server of a share renames no file that is open
                    take()
                    return None
            change = self.verify()
            if change:
                return change
        raise PathUnusable(f"{self._document.name}: it changes again and again")

    def _is_untouched(self) -> bool:
        """Return whether the path still leads to this file, and nothing wrote to it since ``verify``."""
        try:
            status = os.lstat(self._path)
        except OSError:
            return False
        opened = os.fstat(self._opened())
        same_file = (status.st_dev, status.st_ino) == (opened.st_dev, opened.st_ino)
        return same_file and _times(opened) == self._times

    def move_to(self, target: bytes) -> Change | None:
        """Move the original durably, also to another disk. If it changed since ``verify``, return that instead.

        Raise FileExistsError if ``target`` exists, and other errors as ``verified``.
        """
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        try:
            change = self.act(functools.partial(os.rename, self._path, target))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return self._move_to_other_disk(target)
        if change:
            return change
        atomic.sync_folder(os.path.dirname(target))
        atomic.sync_folder(os.path.dirname(self._path))
        return None if self._stayed_the_same(target) else self._give_back(target)

    def _move_to_other_disk(self, target: bytes) -> Change | None:
        atomic.copy(self._path, target)
        atomic.sync_folder(os.path.dirname(target))
        sha256 = self._document.sha256
        is_whole = not sha256 or atomic.sha256_of(target) == sha256
        change = self.act(functools.partial(remove_durably, self._path)) if is_whole else None
        if is_whole and change is None:
            return None
        remove_durably(target)
        change = change or self.verify()
        if change is None:
            raise PathUnusable(f"{self._document.name}: its copy in {show(target)} differs")
        return change

    def _give_back(self, target: bytes) -> Change:
        """Put a file that changed while it was moved back into the inbox, where it is new; take no other file's name."""
        path = self._path
        if os.path.lexists(path):
            folder = os.path.dirname(path)
            path = naming.free_original(folder, self._document.path, self._document.sha256)
        atomic.move(target, path)
        name = self._document.name
        log.get("publish").warning("changed while it was put away", document=name, now=show(path))
        return Change.REPLACED

    def _stayed_the_same(self, target: bytes) -> bool:
        """Return whether the file, which was moved to ``target`` meanwhile, has the content of its document."""
        size, mtime, *_ = self._times
        status = os.stat(target)
        if (status.st_size, status.st_mtime_ns) == (size, mtime) or not self._document.sha256:
            return True
        return atomic.sha256_of(target) == self._document.sha256


def remove(inbox: Inbox, document: Document) -> Change | None:
    """Remove the original, if it is still the file that was read; else return what happened to it. Raise as ``verified``."""
    with verified(inbox, document) as original:
        if isinstance(original, Change):
            return original
        return original.act(functools.partial(remove_durably, inbox.file(document)))


def remove_durably(path: bytes) -> None:
    """Remove a file and sync its folder. Raise OSError."""
    os.unlink(path)
    atomic.sync_folder(os.path.dirname(path))


@contextlib.contextmanager
def verified(inbox: Inbox, document: Document) -> Iterator[Original | Change]:
    """Open the original and compare its content; yield what happened to it if it is not the file that was read any more.

    Raise PathUnusable while a program holds it open for writing, FolderGone if the inbox can't be trusted, and OSErrors.
    """
    path = inbox.file(document)
    try:
        fd = open_for_reading(path)
    except OSError as error:
        change = inbox.change(document)
        if change is None:
            raise PathUnusable(f"{document.name}: can't be read: {error.strerror}") from None
        yield change
        return
    original = Original(inbox, document, fd)
    try:
        yield original.verify() or original
    finally:
        original.close()


def _times(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what a write changes: size, mtime, ctime; and the inode."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
