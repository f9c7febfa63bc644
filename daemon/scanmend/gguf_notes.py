"""What is found out about a model file once: beside it, as ``<file>.scanmend.json``, and forgotten with it."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

NOTES = ".scanmend.json"  # after the model's name


class Notes:
    """The notes on one file; a file that was replaced has none."""

    def __init__(self, path: str, tell: Callable[[dict[str, Any]], None] | None = None) -> None:
        """``tell``: who writes them down instead, since the process that runs the model writes nothing."""
        self._path = path
        self._place = f"{path}{NOTES}"
        self._tell = tell
        status = os.stat(path)
        self._stamp = [status.st_size, status.st_mtime_ns]
        self._known: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with open(self._place, encoding="utf-8") as file:
                known = json.load(file)
            if known["stamp"] == self._stamp:
                self._known = known

    def get(self, name: str) -> Any:
        """What was noted, or None."""
        return self._known.get(name)

    def set(self, name: str, value: Any) -> None:
        """Note one thing."""
        self.update({name: value})

    def update(self, values: dict[str, Any]) -> None:
        """Note it; where the folder is read-only, it is found out again the next time."""
        self._known |= values
        if self._tell:
            self._tell(values)
            return
        with contextlib.suppress(OSError):
            with open(f"{self._place}.tmp", "w", encoding="utf-8") as file:
                json.dump({**self._known, "stamp": self._stamp}, file)
            os.replace(f"{self._place}.tmp", self._place)

    def sha256(self) -> str:
        """The file's, reckoned once: three gigabytes take seconds, and the model comes and goes."""
        known = self.get("sha256")
        if isinstance(known, str):
            return known
        with open(self._path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.set("sha256", digest)
        return digest
