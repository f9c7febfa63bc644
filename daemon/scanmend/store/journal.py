"""The journal: the history of every file. Each step is on disk before the next one begins.

No other module changes a document's state.
"""

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, Self

from scanmend.document import MOVES, Contents, Document, EndDoubt, FileSnapshot, NewPart, State
from scanmend.store.database import Database
from scanmend.store.queries import COLUMNS, IS_IN_HAND, JournalReader, as_document

# the outcome of a document whose result is complete; any other outcome is an error's code
PUBLISHED = "published"
# states of documents that are not in work: the journal deletes their pages and embedded files
_OUT_OF_WORK = (State.SETTLING, State.DONE, State.FAILED, State.GONE)


class IllegalMove(RuntimeError):
    """A move that is not in ``MOVES``, or from a state that the document has left: a bug."""


class Journal(JournalReader):
    """The journal of one state folder, for the one process that writes it."""

    @classmethod
    def open(cls, folder: str) -> Self:
        """Open the journal for writing, and create it if need be. Raise ConfigError as ``Database.open`` does."""
        return cls(Database.open(folder))

    def transaction(self) -> AbstractContextManager[object]:
        """Make all changes of a block one transaction: either all of them are stored, or none is."""
        return self._db.transaction()

    # files become documents -----------------------------------------------------------------------

    def claim(
        self, snapshot: FileSnapshot, sha256: str, profile: str, doubts: Sequence[EndDoubt] = ()
    ) -> Document | None:
        """Enter a complete file as QUEUED. Return None if it is in hand already.

        ``doubts``: why it may be unfinished nevertheless; ``Document.end_doubts`` has them until its contents are
        known.
        """
        with self._db.transaction() as db:
            if self.in_hand(snapshot) or self._is_touched(snapshot, sha256):
                return None
            waiting = self.waiting(snapshot.path)
            for old in self._documents_of(snapshot.path, "state = 'failed'"):
                if old.sha256 == sha256:
                    self._move(old, State.GONE, "dropped again")
            why = doubts[0].warning if doubts else "whole"
            stored = json.dumps([dataclasses.asdict(doubt) for doubt in doubts])
            values = (*snapshot.identity, sha256, profile, stored)
            if waiting:
                db.execute(
                    "UPDATE documents SET size = ?, mtime_ns = ?, inode = ?, sha256 = ?, profile = ?, warnings = ?"
                    " WHERE id = ?",
                    (*values, waiting.id),
                )
                return self._move(waiting, State.QUEUED, why)
            now = time.time()
            row = db.execute(
                "INSERT INTO documents (path, size, mtime_ns, inode, sha256, profile, warnings, state, reason, since,"
                f" first_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}",
                (snapshot.path, *values, State.QUEUED, why, now, now),
            ).fetchone()
            return self._entered(row)

    def note_waiting(self, snapshot: FileSnapshot, first_seen: float, why: str) -> Document:
        """Enter a file as SETTLING, or note a new reason for its wait. Return the document as it was before."""
        with self._db.transaction() as db:
            waiting = self.waiting(snapshot.path)
            if waiting:
                # a hash says that this very version was opened before; a changed file has none
                tried = waiting.sha256 if waiting.identity == snapshot.identity else ""
                db.execute(
                    "UPDATE documents SET reason = ?, size = ?, mtime_ns = ?, inode = ?, sha256 = ? WHERE id = ?",
                    (why, *snapshot.identity, tried, waiting.id),
                )
                return waiting
            row = db.execute(
                "INSERT INTO documents (path, size, mtime_ns, inode, state, reason, since, first_seen)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}",
                (snapshot.path, *snapshot.identity, State.SETTLING, why, time.time(), first_seen),
            ).fetchone()
            return self._entered(row)

    def _entered(self, row: tuple[object, ...]) -> Document:
        document = as_document(row)
        self._log_move(document.id, None, document.state, document.reason, document.since)
        return document

    def _is_touched(self, snapshot: FileSnapshot, sha256: str) -> bool:
        """Return whether this is a file in hand of which only mtime or inode changed; note the new ones.

        NAS systems and virus scanners change them.
        """
        cursor = self._db.connection.execute(
            "UPDATE documents INDEXED BY documents_path SET mtime_ns = ?, inode = ?"
            f" WHERE path = ? AND size = ? AND sha256 = ? AND {IS_IN_HAND}",
            (snapshot.mtime_ns, snapshot.inode, snapshot.path, snapshot.size, sha256),
        )
        return cursor.rowcount > 0

    # documents change their state -----------------------------------------------------------------

    def move(
        self, document: Document, new: State, reason: str, *, outcome: str = "", kept: bool = False
    ) -> Document:
        """Move a document to another state, and return it in that state.

        ``outcome``: ``PUBLISHED`` or an error's code; empty: unchanged. ``kept``: the original stays in the inbox.
        Raise IllegalMove if ``MOVES`` does not have the move, or if the document is in another state than the caller's
        copy: then two threads work on it.
        """
        with self._db.transaction():
            return self._move(document, new, reason, outcome=outcome, kept=kept)

    def _move(
        self, document: Document, new: State, reason: str, *, outcome: str = "", kept: bool = False
    ) -> Document:
        now = time.time()
        db = self._db.connection
        self._log_move(document.id, document.state, new, reason, now)
        row = db.execute(
            "UPDATE documents SET state = ?, reason = ?, since = ?, outcome = coalesce(nullif(?, ''), outcome),"
            f" kept = max(kept, ?) WHERE id = ? AND state = ? RETURNING {COLUMNS}",
            (new, reason, now, outcome, kept, document.id, document.state),
        ).fetchone()
        if row is None:
            raise IllegalMove(
                f"{document.name}: not {document.state} any more, so it can't become {new}"
            )
        if outcome == PUBLISHED:
            self._enter_parts(db, document)
        if new in _OUT_OF_WORK:
            db.execute("DELETE FROM pages WHERE document = ?", (document.id,))
            db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
        return as_document(row)

    def _log_move(
        self, document: int, old: State | None, new: State, reason: str, now: float
    ) -> None:
        if new not in MOVES[old]:
            raise IllegalMove(f"document {document}: {old} -> {new} is no move")
        self._db.connection.execute(
            "INSERT INTO moves VALUES (?, ?, ?, ?, ?)", (document, now, old, new, reason)
        )

    def _enter_parts(self, db: sqlite3.Connection, document: Document) -> None:
        """Queue the embedded files of a published document, in the transaction of its move."""
        now = time.time()
        reason = f"embedded in {document.name}"
        entered = (document.mtime_ns, document.profile, State.QUEUED, reason, now)
        numbers = db.execute(
            "INSERT INTO documents (path, size, mtime_ns, inode, sha256, profile, state, reason, since, first_seen,"
            " parent, part, part_of) SELECT path, size, ?, 0, sha256, ?, ?, ?, ?, ?, parent, number, part_of"
            " FROM parts WHERE parent = ? ORDER BY number RETURNING id",
            (*entered, document.first_seen, document.id),
        ).fetchall()
        db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
        for (number,) in numbers:
            self._log_move(number, None, State.QUEUED, reason, now)

    # documents change within a state --------------------------------------------------------------

    def note_reason(self, document: Document, reason: str) -> Document:
        """Note why a document waits, and return it."""
        return self._note(document, "reason", reason)

    def note_stem(self, document: Document, stem: str, supersedes: str = "") -> Document:
        """Fix the stem of the result's names, before the first byte is written. Return the document.

        ``supersedes``: as in ``Document``.
        """
        with self._db.transaction():
            if supersedes:
                self._note(document, "supersedes", supersedes)
            return self._note(document, "stem", stem)

    def note_put_away(self, document: Document, path: bytes) -> Document:
        """Fix the path for the original, before it is moved. Return the document."""
        return self._note(document, "put_away", path)

    def _note(
        self,
        document: Document,
        column: Literal["reason", "stem", "put_away", "supersedes"],
        value: str | bytes,
    ) -> Document:
        with self._db.transaction() as db:
            row = db.execute(
                f"UPDATE documents SET {column} = ? WHERE id = ? RETURNING {COLUMNS}",
                (value, document.id),
            ).fetchone()
        return as_document(row)

    def keep_contents(
        self, document: Document, contents: Contents, parts: Sequence[NewPart] = ()
    ) -> Document:
        """Store what a file holds, so that a restart need not find it out again. Return the document.

        ``parts``: embedded files, which become documents when this one is published.
        """
        with self._db.transaction() as db:
            db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
            db.executemany(
                "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                [(document.id, *dataclasses.astuple(part)) for part in parts],
            )
            warnings = json.dumps((*contents.warnings, *contents.off_pages))
            row = db.execute(
                f"UPDATE documents SET media_type = ?, pages = ?, warnings = ? WHERE id = ? RETURNING {COLUMNS}",
                (contents.media_type, contents.pages, warnings, document.id),
            ).fetchone()
        return as_document(row)

    # age ------------------------------------------------------------------------------------------

    def prune(self, before: float, limit: int) -> int:
        """Delete up to ``limit`` documents that were DONE or GONE before ``before``, in seconds since the epoch.

        Return how many. It keeps documents whose original stays in the inbox, which would count as new; FAILED
        documents, which a person should see; and the last document and that of the last move: SQLite would give their
        numbers again, and hooks remember their position by them.
        """
        with self._db.transaction() as db:
            old = db.execute(
                "SELECT id FROM documents WHERE state IN ('done', 'gone') AND kept = 0 AND since < ?"
                " AND id <> (SELECT max(id) FROM documents)"
                " AND id <> (SELECT document FROM moves ORDER BY rowid DESC LIMIT 1) LIMIT ?",
                (before, limit),
            ).fetchall()
            db.executemany("DELETE FROM moves WHERE document = ?", old)
            db.executemany("DELETE FROM documents WHERE id = ?", old)
        return len(old)
