"""Read the journal: the queries of the daemon, `scanmend status` and monitoring."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any, Self

from scanmend.document import ACTIVE, Document, FileSnapshot, State
from scanmend.store.database import Database
from scanmend.store.facts import Facts
from scanmend.store.pages import Pages
from scanmend.store.schema import UNFINISHED

COLUMNS = ", ".join(f.name for f in dataclasses.fields(Document))
# SQL: the row is a file of the inbox that is in work, or that is done and stays there; a part is none
IS_IN_HAND = (
    "(state IN ('queued', 'reading', 'publishing', 'putting-away') OR kept = 1) AND parent IS NULL"
)


class JournalReader:
    """The journal of one state folder, for reading. All methods raise MachineError if it can't be read."""

    def __init__(self, database: Database) -> None:
        """Read from this database."""
        self._db = database
        self.pages = Pages(database)
        self.facts = Facts(database)

    @classmethod
    def open_beside(cls, folder: str) -> Self | None:
        """Open the journal beside a running daemon; return None if there is none yet.

        Raise ConfigError as ``Database.open_read_only`` does.
        """
        database = Database.open_read_only(folder)
        return cls(database) if database else None

    def close(self) -> None:
        """Close the journal, after the statement that another thread is executing."""
        self._db.close()

    # documents ------------------------------------------------------------------------------------

    def document(self, number: int) -> Document:
        """Return the document with this id. Raise LookupError if there is none."""
        for document in self._documents("id = ?", number):
            return document
        raise LookupError(f"the journal has no document {number}")

    def in_state(self, *states: State, limit: int = -1) -> Iterator[Document]:
        """Yield the documents in these states, oldest first.

        Read each row when it is yielded, and skip it if it has left the states by then; only the ids are held in
        memory.
        """
        marks = _marks(states)
        numbers = self._db.rows(
            f"SELECT id FROM documents WHERE state IN ({marks}) ORDER BY id LIMIT ?", *states, limit
        )
        for (number,) in numbers:
            yield from self._documents(f"id = ? AND state IN ({marks})", number, *states)

    def latest(self, state: State, limit: int) -> list[Document]:
        """Return the last ``limit`` documents that entered this state, newest first."""
        return self._documents("state = ? ORDER BY since DESC, id DESC LIMIT ?", state, limit)

    def waiting(self, path: bytes) -> Document | None:
        """Return the SETTLING document of this path, or None."""
        rows = self._documents_of(path, "state = 'settling'")
        return rows[0] if rows else None

    def in_hand(self, snapshot: FileSnapshot) -> bool:
        """Return whether this very file (path, size, mtime, inode) is in work, or is done and stays in the inbox."""
        rows = self._documents_of(snapshot.path, IS_IN_HAND)
        return any(row.identity == snapshot.identity for row in rows)

    def published_before(self, document: Document) -> Document | None:
        """Return the last document of the same path that was published before this one; None for a part."""
        if document.part is not None:
            return None
        rows = self._db.rows(
            f"SELECT {COLUMNS} FROM documents INDEXED BY documents_path WHERE path = ? AND id < ? AND parent IS NULL"
            " AND outcome = 'published' AND stem IS NOT NULL ORDER BY id DESC LIMIT 1",
            document.path,
            document.id,
        )
        return as_document(rows[0]) if rows else None

    def lease_state(self, path: bytes) -> tuple[bool, str]:
        """Return whether a document of this path is in work, and the sha256 of the last one that stays in the inbox.

        The sha256 is "" if there is none.
        """
        rows = self._documents_of(path, IS_IN_HAND)
        kept = [row.sha256 for row in rows if row.state not in ACTIVE]
        return len(kept) < len(rows), kept[-1] if kept else ""

    def parts_in_line(self, document: Document) -> list[Document]:
        """Return the documents that were embedded in this one and are still QUEUED."""
        return self._documents("parent = ? AND state = 'queued' ORDER BY part", document.id)

    def parts_in_hand(self) -> set[tuple[int, int]]:
        """Return parent and number of each part that is in work, or whose parent is."""
        rows = self._db.rows(
            "SELECT parent, number FROM parts UNION SELECT parent, part FROM documents"
            f" WHERE state IN ({_marks(ACTIVE)}) AND parent IS NOT NULL",
            *ACTIVE,
        )
        return {(parent, number) for parent, number in rows}

    # monitoring: queries that run every few seconds, in constant time whatever the journal's size ---

    def counts(self) -> dict[State, int]:
        """Return the number of documents in each state that has any."""
        rows = self._db.rows("SELECT state, documents FROM counts WHERE documents > 0")
        return {State(state): count for state, count in rows}

    def waiting_since(self) -> float:
        """Return when the oldest unfinished document was first seen, in seconds since the epoch; 0 if there is none."""
        row = self._db.row(
            "SELECT first_seen FROM documents INDEXED BY documents_unfinished"
            f" WHERE {UNFINISHED} ORDER BY first_seen LIMIT 1"
        )
        return float(row[0]) if row else 0.0

    def last_write(self) -> float:
        """Return the last modification of the database's files, in seconds since the epoch."""
        path = self._db.row("PRAGMA database_list")[2]
        times = [0.0]
        for name in (path, f"{path}-wal"):
            with contextlib.suppress(OSError):
                times.append(os.stat(name).st_mtime)
        return max(times)

    # moves, as hooks follow them ------------------------------------------------------------------

    def last_move(self) -> int:
        """Return the number of the last move; 0 before the first."""
        return int(self._db.row("SELECT coalesce(max(rowid), 0) FROM moves")[0])

    def next_move(
        self, after: int, states: tuple[State, ...]
    ) -> tuple[int, Document, State, str] | None:
        """Return the first move after number ``after`` into one of these states, or None.

        The move is its number, the document as it is now, the new state and the reason.
        """
        row = self._db.row(
            f"SELECT rowid, document, new, reason FROM moves WHERE rowid > ? AND new IN ({_marks(states)})"
            " ORDER BY rowid LIMIT 1",
            after,
            *states,
        )
        return (row[0], self.document(row[1]), State(row[2]), row[3]) if row else None

    def _documents_of(self, path: bytes, condition: str) -> list[Document]:
        """Return the documents of a path that fulfil a condition, by the path's index: it leads to few rows."""
        rows = self._db.rows(
            f"SELECT {COLUMNS} FROM documents INDEXED BY documents_path WHERE path = ? AND {condition}",
            path,
        )
        return [as_document(row) for row in rows]

    def _documents(self, where: str, *values: Any) -> list[Document]:
        rows = self._db.rows(f"SELECT {COLUMNS} FROM documents WHERE {where}", *values)
        return [as_document(row) for row in rows]


def as_document(row: tuple[Any, ...]) -> Document:
    """Return a row of ``COLUMNS`` as a document."""
    document = Document(*row)
    return dataclasses.replace(document, state=State(document.state))


def _marks(values: tuple[Any, ...]) -> str:
    """Return a placeholder for each value."""
    return ", ".join("?" * len(values))
