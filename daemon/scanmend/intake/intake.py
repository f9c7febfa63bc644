"""What the watcher tells, and asks: the claim step answers, and tests do."""

from typing import Protocol

from scanmend.document import FileSnapshot


class Intake(Protocol):
    """What the watcher tells, and asks: the claim step and its journal."""

    def submit(self, seen: FileSnapshot) -> None:
        """A quiet file."""

    def backlog(self) -> int:
        """Quiet files that are not claimed yet."""

    def known(self, seen: FileSnapshot) -> bool:
        """Whether this very file is in hand already."""

    def first_seen(self, path: bytes) -> float | None:
        """When a waiting file was first seen, by the wall clock."""

    def waiting(self, seen: FileSnapshot, first_seen: float, why: str) -> None:
        """The wait has become noticeable, or its reason has changed."""

    def gone(self, path: bytes) -> None:
        """A file whose wait was told is not there any more."""

    def never_completed(self, seen: FileSnapshot, why: str) -> None:
        """The patience is at its end."""

    def refused(self, seen: FileSnapshot, why: str) -> None:
        """No file at all: it stays where it is."""

    def inbox_away(self, reason: str | None) -> None:
        """The inbox can't be trusted, or (None) can again."""
