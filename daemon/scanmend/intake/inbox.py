"""Tell where a claimed file is, and whether it is still the one that was claimed."""

import contextlib
import enum
import errno
import os
import stat
from collections.abc import Iterator

from scanmend.document import Document, FileSnapshot
from scanmend.errors import FolderGone, MachineError, PathUnusable, show
from scanmend.intake.writers import Writers, open_for_reading, without_writers
from scanmend.store.atomic import sha256_of
from scanmend.store.mounts import Root, mount_of
from scanmend.store.parts import Parts

# errors that any other file would meet as well
MACHINE_WIDE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Change(enum.StrEnum):
    """What happened to a claimed file; the value is the reason in the journal."""

    TAKEN = "taken out of the inbox"
    REPLACED = (
        "changed in the inbox while it was in work; the new version is taken up as a new document"
    )
    PART_REMOVED = "removed from the state folder"


class Inbox:
    """The watched folder, for the steps after the watcher."""

    def __init__(self, root: Root, parts: Parts) -> None:
        """Use these folders: ``root`` is the inbox, ``parts`` holds the files that were embedded in documents."""
        self.parts = parts
        self.path = os.fsencode(root.path)
        self._root = root
        self._shares: dict[int, bool] = {}  # device number -> whether its files are on a share

    def absolute(self, relative: bytes) -> bytes:
        """Return the absolute path of a file in the inbox."""
        return os.path.join(self.path, relative)

    def file(self, document: Document) -> bytes:
        """Return the path of a document's bytes: in the inbox, or in the state folder for an embedded file."""
        return self.absolute(document.path) if document.part is None else self.parts.file(document)

    def holds(self, document: Document) -> bool:
        """Return whether the file of a document exists. Raise FolderGone as ``snapshot`` does."""
        if document.part is None:
            return self.snapshot(document.path) is not None
        return os.path.isfile(self.parts.file(document))

    def snapshot(self, relative: bytes) -> FileSnapshot | None:
        """Return the file as it is now; None if there is none, or it is not a regular file.

        Raise FolderGone if the inbox itself can't be trusted, since then the file may exist all the same; PathUnusable
        if only this path can't be looked at.
        """
        try:
            status = os.lstat(self.absolute(relative))
        except OSError as error:
            reason = self._root.check()
            if reason:
                raise FolderGone(f"the inbox {self._root.path}: {reason}") from None
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise PathUnusable(
                    f"{show(relative)}: can't be looked at: {error.strerror}"
                ) from None
            return None
        if not stat.S_ISREG(status.st_mode) or not self._is_inside(relative):
            return None
        return FileSnapshot.of(relative, status)

    def _is_inside(self, relative: bytes) -> bool:
        """Return whether the path has no folder that was replaced by a link out of it."""
        folder = os.path.dirname(relative)
        if not folder:
            return True
        root = os.path.realpath(self.path)
        return os.path.realpath(os.path.join(root, folder)) == os.path.join(root, folder)

    def writers_of(self, fd: int) -> Writers:
        """Return whether a program has this open file of the inbox open for writing, too."""
        with self.without_writers(fd) as writers:
            return writers

    @contextlib.contextmanager
    def without_writers(self, fd: int) -> Iterator[Writers]:
        """Do as ``writers.without_writers``, but ask nothing of a share: its kernel does not see all its writers."""
        if self._is_on_share(fd):
            yield Writers.UNKNOWN
            return
        with without_writers(fd) as writers:
            yield writers

    def _is_on_share(self, fd: int) -> bool:
        device = os.fstat(fd).st_dev
        if device not in self._shares:
            self._shares[device] = mount_of(f"/proc/self/fd/{fd}").network
        return self._shares[device]

    def change(self, document: Document) -> Change | None:
        """Return what happened to the claimed file; None while it is unchanged. Raise as ``snapshot`` does.

        A file of the same size, mtime and inode counts as unchanged; ``content_change`` reads it.
        """
        if document.part is not None:
            return None if self.holds(document) else Change.PART_REMOVED
        now = self.snapshot(document.path)
        if now is None:
            return Change.TAKEN
        if now.identity != document.identity and not self._has_same_content(now, document):
            return Change.REPLACED
        return None

    def content_change(self, document: Document) -> Change | None:
        """Return what happened to the claimed file, by its content: a program may have set its mtime back.

        Raise as ``snapshot`` does.
        """
        change = self.change(document)
        if change or document.part is not None or not document.sha256:
            return change
        now = self.snapshot(document.path)
        if now is None:
            return Change.TAKEN
        return None if self._has_same_content(now, document) else Change.REPLACED

    def _has_same_content(self, now: FileSnapshot, document: Document) -> bool:
        """Return whether only the mtime or the inode changed, as after a visit of a NAS or a virus scanner."""
        if now.size != document.size or not document.sha256:
            return False
        try:
            return sha256_of(self.absolute(now.path)) == document.sha256
        except OSError as error:
            raise PathUnusable(f"{document.name}: can't be read: {error.strerror}") from None

    def blamed(self, error: MachineError, document: Document) -> MachineError:
        """Return PathUnusable in place of a child's error if the document's own file can't be opened; else the error."""
        try:
            os.close(open_for_reading(self.file(document)))
        except OSError as failure:
            if self._root.check() is None and failure.errno not in MACHINE_WIDE:
                return PathUnusable(f"{document.name}: can't be opened: {failure.strerror}")
        return error
