"""Facts about the daemon in the journal: the current state for people, and notes that it keeps from run to run.

Both are in the table ``facts``. The keys of the daemon's own notes begin with a prefix.
"""

import enum
import time

from scanmend.document import Fact, FactKey
from scanmend.store.database import Database


class Memory(enum.StrEnum):
    """A kind of note that the daemon keeps from run to run; the value is the prefix of its keys."""

    OWNER = "owner:"  # this daemon's name among the daemons that share an inbox
    ROOT = "root:"  # a folder's file system, by the folder's path
    VERSION = "version:"  # the version of scanmend that wrote the kept pages
    UNCLAIMED = "unclaimed:"  # what waits in the inbox, by reason
    REOPEN = (
        "reopen:"  # the lesson of a sub-folder whose scanner opens files again, by the sub-folder
    )
    HOOK_POSITION = "told:"  # the number of the last move that a hook has taken, by the hook's name


class Facts:
    """The facts in one journal. All methods raise MachineError if the journal fails."""

    def __init__(self, database: Database) -> None:
        """Read and write the facts of this database."""
        self._db = database

    def all(self) -> dict[str, Fact]:
        """Return the facts for people, by key, without the daemon's own notes."""
        rows = self._db.rows("SELECT key, value, reason, since FROM facts ORDER BY key")
        return {key: Fact(*fact) for key, *fact in rows if not key.startswith(tuple(Memory))}

    def set(self, key: FactKey, value: str, reason: str = "") -> None:
        """State a fact that holds from now on, such as that a share is away."""
        self._put(key, value, reason)

    def clear(self, *keys: str) -> None:
        """Withdraw facts that don't hold any more."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM facts WHERE key = ?", [(key,) for key in keys])

    def recall(self, memory: Memory, name: str = "") -> Fact | None:
        """Return the daemon's own note of this kind and name, or None."""
        row = self._db.row(
            "SELECT value, reason, since FROM facts WHERE key = ?", f"{memory.value}{name}"
        )
        return Fact(*row) if row else None

    def recall_all(self, memory: Memory) -> dict[str, Fact]:
        """Return all of the daemon's own notes of this kind, by name."""
        start = memory.value
        rows = self._db.rows(
            "SELECT key, value, reason, since FROM facts WHERE substr(key, 1, ?) = ? ORDER BY key",
            len(start),
            start,
        )
        return {key.removeprefix(start): Fact(*fact) for key, *fact in rows}

    def remember(self, memory: Memory, name: str, value: str, reason: str = "") -> None:
        """Keep a note for later runs, and replace an earlier one of this kind and name."""
        self._put(f"{memory.value}{name}", value, reason)

    def _put(self, key: str, value: str, reason: str) -> None:
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value,"
                " reason = excluded.reason, since = excluded.since",
                (key, value, reason, time.time()),
            )
