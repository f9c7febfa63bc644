"""The journal: what happened to every file, on disk before anything else happens.

Here states change, and nowhere else.
"""

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal, Self

from scanmend.document import MOVES, Contents, Document, EndDoubt, FileSnapshot, NewPart, State
from scanmend.store.database import Database
from scanmend.store.queries import COLUMNS, IN_HAND, JournalReader, as_document

# the outcome of a document whose result is complete; else it is an error's code
PUBLISHED = "published"
# in these states a document is not in work: its pages and embedded files are deleted
_OUT_OF_WORK = (State.SETTLING, State.DONE, State.FAILED, State.GONE)


class IllegalMove(RuntimeError):
    """A bug: a move that ``MOVES`` does not have, or from a state that the document is not in."""


class Journal(JournalReader):
    """The journal of one state folder, for the one process that writes it."""

    @classmethod
    def open(cls, folder: str) -> Self:
        """Open the journal for writing, and create it if need be; ConfigError as in ``Database``."""
        return cls(Database.open(folder))

    # files become documents -----------------------------------------------------------------------

    def claim(
        self, seen: FileSnapshot, sha256: str, profile: str, doubts: Sequence[EndDoubt] = ()
    ) -> Document | None:
        """Enter a file that is whole as QUEUED. Return None when it is in hand already.

        ``doubts`` say why it may be unfinished; ``Document.end_doubts`` has them until its contents are known.
        """
        with self._db.transaction() as db:
            if self.in_hand(seen) or self._is_touched(seen, sha256):
                return None
            waiting = self.waiting(seen.path)
            for old in self._documents("path = ? AND state = 'failed'", seen.path):
                if old.sha256 == sha256:
                    self._move(old, State.GONE, "dropped again")
            why = doubts[0].warning if doubts else "whole"
            stored = json.dumps([dataclasses.asdict(doubt) for doubt in doubts])
            values = (*seen.identity, sha256, profile, stored)
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
                (seen.path, *values, State.QUEUED, why, now, now),
            ).fetchone()
            return self._entered(row)

    def note_waiting(self, seen: FileSnapshot, first_seen: float, why: str) -> Document:
        """Enter a file as SETTLING, or note a new reason for its wait."""
        with self._db.transaction() as db:
            waiting = self.waiting(seen.path)
            if waiting:
                # the hash says that this very version was opened; of a changed file nothing is known any more
                tried = waiting.sha256 if waiting.identity == seen.identity else ""
                db.execute(
                    "UPDATE documents SET reason = ?, size = ?, mtime_ns = ?, inode = ?, sha256 = ? WHERE id = ?",
                    (why, *seen.identity, tried, waiting.id),
                )
                return waiting
            row = db.execute(
                "INSERT INTO documents (path, size, mtime_ns, inode, state, reason, since, first_seen)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}",
                (seen.path, *seen.identity, State.SETTLING, why, time.time(), first_seen),
            ).fetchone()
            return self._entered(row)

    def _entered(self, row: tuple[object, ...]) -> Document:
        document = as_document(row)
        self._log_move(document.id, None, document.state, document.reason, document.since)
        return document

    def _is_touched(self, seen: FileSnapshot, sha256: str) -> bool:
        """Return whether it is a file in hand whose time or inode changed, but not its content. Note them.

        A NAS and virus scanners do that.
        """
        cursor = self._db.connection.execute(
            f"UPDATE documents SET mtime_ns = ?, inode = ? WHERE path = ? AND size = ? AND sha256 = ? AND {IN_HAND}",
            (seen.mtime_ns, seen.inode, seen.path, seen.size, sha256),
        )
        return cursor.rowcount > 0

    # documents change their state -----------------------------------------------------------------

    def move(
        self, document: Document, new: State, reason: str, *, outcome: str = "", kept: bool = False
    ) -> Document:
        """Take a document to its next state. Return it as it is then.

        ``outcome``: ``PUBLISHED`` or an error's code; empty: as it was. ``kept``: the original stays in the inbox.
        Raises IllegalMove when the table does not have the move, or the document is not in the state that the caller
        believes: then two threads work on it.
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
        """Queue the embedded files of a document that is published, in the same transaction, each once."""
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

    # what is decided about a document within a state ----------------------------------------------

    def note_reason(self, document: Document, reason: str) -> Document:
        """Say why a document waits."""
        return self._note(document, "reason", reason)

    def note_stem(self, document: Document, stem: str) -> Document:
        """Fix the stem of the result's names, before the first byte is written."""
        return self._note(document, "stem", stem)

    def note_put_away(self, document: Document, path: bytes) -> Document:
        """Fix where the original goes, before it is moved."""
        return self._note(document, "put_away", path)

    def _note(
        self, document: Document, column: Literal["reason", "stem", "put_away"], value: str | bytes
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
        """Keep what a file holds, so that a restart need not look again.

        ``parts`` become documents when this one is published.
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
        """Forget up to ``limit`` documents that were DONE or GONE before this moment. Return how many.

        Never forgotten are: documents whose original stays in the inbox, for it would count as new; FAILED ones, which
        a person is to see until they are dropped again; the last document and that of the last move, because their
        numbers must not be given twice: hooks remember by them how far they are.
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
