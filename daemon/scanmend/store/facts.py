"""Facts about the daemon in the journal: some for people, which one run states, and some that the daemon remembers.

Both kinds lie in the table ``facts``. What the daemon remembers has a prefix to its key.
"""

import enum
import time

from scanmend.document import Fact, FactKey
from scanmend.store.database import Database


class Memory(enum.StrEnum):
    """A kind of thing that the daemon remembers from one run to the next; the value is the prefix of its keys."""

    OWNER = "owner:"  # this daemon's name among those that share an inbox
    ROOT = "root:"  # a folder's file system, by the folder's path
    TOLD = "told:"  # the last move that a hook was told of, by the hook's name


class Facts:
    """The facts of one journal."""

    def __init__(self, database: Database) -> None:
        """Read and write the facts of this database."""
        self._db = database

    def all(self) -> dict[str, Fact]:
        """Return the facts for people, by key."""
        rows = self._db.rows("SELECT key, value, reason, since FROM facts ORDER BY key")
        return {key: Fact(*fact) for key, *fact in rows if not key.startswith(tuple(Memory))}

    def set(self, key: FactKey, value: str, reason: str = "") -> None:
        """State a fact, as of now: a share is away, the model is loaded."""
        self._put(key, value, reason)

    def clear(self, *keys: str) -> None:
        """Withdraw facts that hold no more."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM facts WHERE key = ?", [(key,) for key in keys])

    def recall(self, kind: Memory, name: str = "") -> Fact | None:
        """Return what the daemon remembered under this name, or None."""
        row = self._db.row(
            "SELECT value, reason, since FROM facts WHERE key = ?", f"{kind.value}{name}"
        )
        return Fact(*row) if row else None

    def remember(self, kind: Memory, name: str, value: str, reason: str = "") -> None:
        """Keep this for later runs, in place of what was remembered under the name."""
        self._put(f"{kind.value}{name}", value, reason)

    def _put(self, key: str, value: str, reason: str) -> None:
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value,"
                " reason = excluded.reason, since = excluded.since",
                (key, value, reason, time.time()),
            )
