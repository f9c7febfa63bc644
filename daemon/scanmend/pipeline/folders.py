"""The configured folders: make them, remember their file systems, clear the temporary files of earlier runs."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import ConfigError, FolderGone, MachineError
from scanmend.store import atomic
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root, mount_of
from scanmend.telemetry import log


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders that documents come from and go to."""

    inbox: Root
    outbox: Root
    archive: Root
    failed: Root

    @classmethod
    def of(cls, folders: FoldersSettings, known: Callable[[str], str | None]) -> Self:
        """Return the configured folders. ``known`` returns what ``Root.export`` gave for a path in an earlier run."""
        names = ("inbox", "outbox", "archive", "failed")
        paths = {name: getattr(folders, name) for name in names}
        return cls(**{name: Root(path, known(path)) for name, path in paths.items()})

    def __iter__(self) -> Iterator[Root]:
        """Iterate over all four."""
        return iter((self.inbox, self.outbox, self.archive, self.failed))


def require(root: Root, name: str) -> None:
    """Raise FolderGone if ``folders.<name>`` can't be trusted: an unmounted share looks like an empty folder."""
    reason = root.check()
    if reason:
        raise FolderGone(f"folders.{name}: {reason}")


def make_folders(settings: Settings) -> None:
    """Make the folders that are missing. Raise ConfigError for one that can't be used."""
    for name in ("state", "inbox", "outbox", "archive", "failed"):
        path = getattr(settings.folders, name)
        subject = f"{settings.file}: folders.{name}: {path}"
        try:
            atomic.make_folder(os.fsencode(path))
        except OSError as error:
            raise ConfigError(f"{subject} can't be made: {error.strerror}") from None
        if not os.path.isdir(path):
            raise ConfigError(f"{subject} is not a folder")
        if name != "inbox" and not os.access(path, os.W_OK | os.X_OK):
            raise ConfigError(f"{subject} can't be written by this user")
    state = settings.folders.state
    mount = mount_of(state)
    if mount.network:
        message = f"{settings.file}: folders.state: {state} is on a share ({mount.fstype})"
        raise ConfigError(message, "the journal needs a local disk: choose another folder")


def remembered_roots(settings: Settings, journal: Journal) -> Roots:
    """Return the folders, with the file systems on which they lay when the daemon ran last."""

    def known(path: str) -> str | None:
        fact = journal.facts.recall(Memory.ROOT, path)
        return fact.value if fact else None

    return Roots.of(settings.folders, known)


def remember_roots(journal: Journal, roots: Roots) -> None:
    """Record each folder's file system, so that the next start can tell an unmounted share from an empty folder."""
    for root in roots:
        known, identity = journal.facts.recall(Memory.ROOT, root.path), root.export()
        if identity and (known is None or known.value != identity):
            with contextlib.suppress(MachineError):
                journal.facts.remember(Memory.ROOT, root.path, identity)


def clear_scratch(settings: Settings) -> None:
    """Remove the children's scratch folders, which remain only if the daemon was killed."""
    shutil.rmtree(os.path.join(settings.folders.state, "scratch"), ignore_errors=True)


def clear_temp_files(roots: Roots, stop: Callable[[], bool]) -> None:
    """Remove the temporary files of a run that was killed."""
    for root in (roots.outbox, roots.archive, roots.failed):
        if root.check() is None:
            for path in atomic.clear_temp(os.fsencode(root.path), stop):
                log.get("daemon").info("removed a half-written file", path=path)
