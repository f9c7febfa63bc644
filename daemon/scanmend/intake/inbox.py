"""A claimed file in the inbox: where it is, and whether it is still the one that was claimed."""

import errno
import os
import stat

from scanmend.document import Document, FileSnapshot
from scanmend.errors import FolderGone
from scanmend.store.atomic import sha256_of
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts


class Inbox:
    """The watched folder as the steps after the watcher see it."""

    def __init__(self, root: Root, parts: Parts) -> None:
        """``root`` tells whether the folder can be trusted at this moment; ``parts``: documents that lay in others."""
        self.parts = parts
        self.path = os.fsencode(root.path)
        self._root = root

    def absolute(self, relative: bytes) -> bytes:
        """The path of a file in the inbox."""
        return os.path.join(self.path, relative)

    def file(self, document: Document) -> bytes:
        """Return the path of a document's bytes: in the inbox, or where its part is kept."""
        return self.absolute(document.path) if document.part is None else self.parts.file(document)

    def holds(self, document: Document) -> bool:
        """Return whether these bytes are there; FolderGone as in ``seen``."""
        if document.part is None:
            return self.seen(document.path) is not None
        return os.path.isfile(self.parts.file(document))

    def seen(self, relative: bytes) -> FileSnapshot | None:
        """The file as it is now; None when it is not there, or not a regular file.

        Raises FolderGone when the inbox itself can't be trusted: then nothing can be said of the file.
        """
        try:
            status = os.lstat(self.absolute(relative))
        except OSError as error:
            reason = self._root.check()
            if reason or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise FolderGone(
                    f"the inbox {self._root.path}: {reason or error.strerror}"
                ) from None
            return None
        if not stat.S_ISREG(status.st_mode) or not self._inside(relative):
            return None
        return FileSnapshot.of(relative, status)

    def _inside(self, relative: bytes) -> bool:
        """Whether no folder on the way became a link that leads elsewhere."""
        folder = os.path.dirname(relative)
        here = os.path.realpath(self.path)
        return not folder or os.path.realpath(os.path.join(here, folder)) == os.path.join(
            here, folder
        )

    def changed(self, document: Document) -> str | None:
        """Why the file is not the claimed one any more; None when it is."""
        if document.part is not None:
            return None if self.holds(document) else "removed from the state folder"
        now = self.seen(document.path)
        if now is None:
            return "taken out of the inbox"
        if now.identity != document.identity and not self._only_touched(now, document):
            return "changed in the inbox while it was in work; the new version is taken up as a new document"
        return None

    def _only_touched(self, now: FileSnapshot, document: Document) -> bool:
        """Whether it is the same content under a new time or inode, as a NAS or a virus scanner leaves it."""
        if now.size != document.size or not document.sha256:
            return False
        try:
            return sha256_of(self.absolute(now.path)) == document.sha256
        except OSError as error:
            raise FolderGone(f"{document.name}: can't be read: {error.strerror}") from None
