"""Tell where a claimed file is, and whether it is still the one that was claimed."""

import enum
import errno
import os
import stat

from scanmend.document import Document, FileSnapshot
from scanmend.errors import FolderGone, MachineError, PathUnusable, show
from scanmend.store.atomic import sha256_of
from scanmend.store.mounts import Root
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

    def change(self, document: Document) -> Change | None:
        """Return what happened to the claimed file; None while it is unchanged. Raise as ``snapshot`` does."""
        if document.part is not None:
            return None if self.holds(document) else Change.PART_REMOVED
        now = self.snapshot(document.path)
        if now is None:
            return Change.TAKEN
        if now.identity != document.identity and not self._has_same_content(now, document):
            return Change.REPLACED
        return None

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
            os.close(os.open(self.file(document), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
        except OSError as failure:
            if self._root.check() is None and failure.errno not in MACHINE_WIDE:
                return PathUnusable(f"{document.name}: can't be opened: {failure.strerror}")
        return error
