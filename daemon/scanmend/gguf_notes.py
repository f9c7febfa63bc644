"""Store facts about a model file beside it, as ``<file>.scanmend.json``. A replaced file loses its facts."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping

Fact = str | int | float | None

NOTES_SUFFIX = ".scanmend.json"


class Notes:
    """The facts about one model file."""

    def __init__(self, path: str, report: Callable[[dict[str, Fact]], None] | None = None) -> None:
        """Read the facts about the file at ``path``, unless it was replaced since they were stored.

        ``report`` receives new facts, which are then not written: the process that runs a model may not write.
        """
        self._path = path
        self._notes_path = f"{path}{NOTES_SUFFIX}"
        self._report = report
        status = os.stat(path)
        self._stamp = [status.st_size, status.st_mtime_ns]
        self._known: dict[str, Fact] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with open(self._notes_path, encoding="utf-8") as file:
                known = json.load(file)
            if known["stamp"] == self._stamp:
                self._known = known

    def get(self, name: str) -> Fact:
        """Return a fact, or None if it is unknown."""
        return self._known.get(name)

    def text(self, name: str) -> str | None:
        """Return a fact if it is a string, else None."""
        value = self.get(name)
        return value if isinstance(value, str) else None

    def integer(self, name: str) -> int | None:
        """Return a fact if it is an integer, else None."""
        value = self.get(name)
        return value if isinstance(value, int) else None

    def set(self, name: str, value: Fact) -> None:
        """Store one fact."""
        self.update({name: value})

    def update(self, facts: Mapping[str, Fact]) -> None:
        """Store facts. Where the folder is read-only they are lost, and found out again the next time."""
        self._known |= facts
        if self._report:
            self._report(dict(facts))
            return
        with contextlib.suppress(OSError):
            with open(f"{self._notes_path}.tmp", "w", encoding="utf-8") as file:
                json.dump({**self._known, "stamp": self._stamp}, file)
            os.replace(f"{self._notes_path}.tmp", self._notes_path)

    def sha256(self) -> str:
        """Return the file's sha256, and store it: for three gigabytes it takes seconds, and models are loaded often."""
        known = self.text("sha256")
        if known is not None:
            return known
        with open(self._path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.set("sha256", digest)
        return digest
