"""The journal: what happened to every file, on disk first. Long, because all SQL of scanmend stands here.

SQLite in WAL mode, each state change one transaction with full fsync.
One connection under a lock serves all threads of the daemon; others read with ``Journal.read_only``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from scanmend.document import ACTIVE, MOVES, Document, EndDoubt, Fact, NewPart, State
from scanmend.errors import ConfigError, DiskFull, MachineError
from scanmend.store.schema import UNFINISHED, VERSION, upgrade

if TYPE_CHECKING:  # `scanmend status` reads no page, and a sixth of its time went into these
    from scanmend.document import FileSnapshot
from scanmend.page import Contents, PageResult, PageText

OWNER_FACT = "owner:"  # the fact that is this daemon's name among those that share an inbox
# of a file in the inbox; a part lies in the state folder, whatever its path
_IN_HAND = (
    "(state IN ('queued', 'reading', 'publishing', 'putting-away') OR kept = 1) AND parent IS NULL"
)


_COLUMNS = ", ".join(f.name for f in dataclasses.fields(Document))


class Journal:
    """The journal of one state folder."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use ``open`` or ``read_only``."""
        self._db = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: str) -> Self:
        """Open for writing, making it when it is not there; ConfigError when the folder can't hold it."""
        path = os.path.join(folder, "journal.sqlite")
        try:
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.executescript(upgrade(version))
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: the journal can't be opened: {error}") from None
        if version > VERSION:
            raise ConfigError(
                f"{path}: written by another version of scanmend (schema {version}); update it"
            )
        return cls(db)

    @classmethod
    def read_only(cls, folder: str) -> Self | None:
        """Open for reading beside a running daemon; None when there is no journal yet."""
        path = os.path.join(folder, "journal.sqlite")
        if not os.path.exists(path):
            return None
        try:
            db = sqlite3.connect(
                f"file:{_uri(path)}?mode=ro", uri=True, timeout=10, check_same_thread=False
            )
            version = db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: the journal can't be read: {error}") from None
        if version == VERSION:
            return cls(db)
        db.close()
        if version == 0:
            return None
        raise ConfigError(
            f"{path}: written by another version of scanmend (schema {version}, this is {VERSION});"
            " start the daemon of this version: systemctl restart scanmend"
        )

    def close(self) -> None:
        """Close; a statement of another thread that is under way ends first."""
        with self._lock:
            self._db.close()

    # documents ------------------------------------------------------------------------------------

    def claim(
        self, seen: FileSnapshot, sha256: str, profile: str, doubts: Sequence[EndDoubt] = ()
    ) -> Document | None:
        """A file that is whole enters the line; None when it is in hand already.

        ``doubts``: why it may be unfinished; ``Document.end_doubts`` has them until the contents are known.
        """
        with self._change() as db:
            if self._in_hand(seen) or self._touched(seen, sha256):
                return None
            earlier = self._rows("path = ? AND state IN ('settling', 'failed')", seen.path)
            now = time.time()
            first_seen = min(
                (d.first_seen for d in earlier if d.state == State.SETTLING), default=now
            )
            for old in earlier:
                if old.state == State.FAILED and old.sha256 == sha256:
                    self._move(old, State.GONE, "dropped again")
            waiting = next((d for d in earlier if d.state == State.SETTLING), None)
            values = {"size": seen.size, "mtime_ns": seen.mtime_ns, "inode": seen.inode,
                      "sha256": sha256, "profile": profile, "warnings": json.dumps([dataclasses.asdict(d) for d in doubts])}  # fmt: skip
            why = doubts[0].warning if doubts else "whole"
            if waiting:
                return self._move(waiting, State.QUEUED, why, **values)
            row = db.execute(
                f"INSERT INTO documents (path, state, reason, since, first_seen, {', '.join(values)})"
                f" VALUES (?, ?, ?, ?, ?{', ?' * len(values)}) RETURNING {_COLUMNS}",
                (seen.path, State.QUEUED, why, now, first_seen, *values.values()),
            ).fetchone()
            document = _document(row)
            self._log_move(document.id, None, State.QUEUED, why, now)
            return document

    def settling(self, seen: FileSnapshot, first_seen: float, why: str) -> Document:
        """A file whose wait has become noticeable; called again when the reason changes."""
        with self._change() as db:
            waiting = self._rows("path = ? AND state = 'settling'", seen.path)
            if waiting:
                # of a changed file nothing is known any more; its hash says that this version was tried
                tried = waiting[0].sha256 if waiting[0].identity == seen.identity else ""
                db.execute(
                    "UPDATE documents SET reason = ?, size = ?, mtime_ns = ?, inode = ?, sha256 = ? WHERE id = ?",
                    (why, *seen.identity, tried, waiting[0].id),
                )
                return waiting[0]
            row = db.execute(
                f"INSERT INTO documents (path, size, mtime_ns, inode, state, reason, since, first_seen)"
                f" VALUES (?, ?, ?, ?, 'settling', ?, ?, ?) RETURNING {_COLUMNS}",
                (seen.path, *seen.identity, why, time.time(), first_seen),
            ).fetchone()
            document = _document(row)
            self._log_move(document.id, None, State.SETTLING, why, document.since)
            return document

    def waiting(self, path: bytes) -> Document | None:
        """The SETTLING row of this path, if its wait was noted."""
        rows = self._rows("path = ? AND state = 'settling'", path)
        return rows[0] if rows else None

    def known(self, seen: FileSnapshot) -> bool:
        """Whether this very file is in work, or was done and stays in the inbox by policy."""
        with self._lock:
            return self._in_hand(seen)

    def lease_state(self, path: bytes) -> tuple[bool, str]:
        """Whether a document of this path is in work; else the sha256 of the one that is done and stays there."""
        rows = self._rows(f"path = ? AND {_IN_HAND}", path)
        kept = [row.sha256 for row in rows if row.state not in ACTIVE]
        return len(kept) < len(rows), kept[-1] if kept else ""

    def _in_hand(self, seen: FileSnapshot) -> bool:
        return any(
            row.identity == seen.identity
            for row in self._rows(f"path = ? AND {_IN_HAND}", seen.path)
        )

    def _touched(self, seen: FileSnapshot, sha256: str) -> bool:
        """A file in hand whose time or inode changed, but not its content (a NAS does that): still the one."""
        same = self._db.execute(
            f"UPDATE documents SET mtime_ns = ?, inode = ? WHERE path = ? AND size = ? AND sha256 = ? AND {_IN_HAND}",
            (seen.mtime_ns, seen.inode, seen.path, seen.size, sha256),
        )
        return same.rowcount > 0

    def move(self, document: Document, new: State, reason: str, **columns: Any) -> Document:
        """Take the document to its next state, with its reason; returns the new row.

        The only way a state changes. Raises RuntimeError when the journal says that the document is not
        in the state that the caller believes: two hands on one document are a bug.
        """
        with self._change():
            return self._move(document, new, reason, **columns)

    def _move(self, document: Document, new: State, reason: str, **columns: Any) -> Document:
        assert new in MOVES[document.state], f"{document.state} -> {new} is no move"
        now = time.time()
        columns = {"state": new, "reason": reason, "since": now, **columns}
        row = self._db.execute(
            f"UPDATE documents SET {', '.join(f'{c} = ?' for c in columns)}"
            f" WHERE id = ? AND state = ? RETURNING {_COLUMNS}",
            (*columns.values(), document.id, document.state),
        ).fetchone()
        if row is None:
            raise RuntimeError(
                f"{document.name}: not {document.state} any more, so it can't become {new}"
            )
        self._log_move(document.id, document.state, new, reason, now)
        if columns.get("outcome") == "published":
            self._enter_parts(document)
        if new in (State.SETTLING, State.DONE, State.FAILED, State.GONE):
            self._db.execute("DELETE FROM pages WHERE document = ?", (document.id,))
            self._db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
        return _document(row)

    def _enter_parts(self, document: Document) -> None:
        """Queue the embedded files of a document that is published, in the same transaction, each once."""
        now = time.time()
        reason = f"embedded in {document.name}"
        numbers = self._db.execute(
            "INSERT INTO documents (path, size, mtime_ns, inode, sha256, profile, state, reason, since, first_seen,"
            " parent, part, part_of) SELECT path, size, ?, 0, sha256, ?, ?, ?, ?, ?, parent, number, part_of"
            " FROM parts WHERE parent = ? ORDER BY number RETURNING id",
            (document.mtime_ns, document.profile, State.QUEUED, reason, now, document.first_seen, document.id),
        ).fetchall()  # fmt: skip
        self._db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
        for (number,) in numbers:
            self._log_move(number, None, State.QUEUED, reason, now)

    def parts_in_line(self, document: Document) -> list[Document]:
        """Return the documents that were embedded in this one and are not begun."""
        return self._rows("parent = ? AND state = 'queued' ORDER BY part", document.id)

    def parts_in_hand(self) -> set[tuple[int, int]]:
        """Return parent and number of each embedded file that is not done."""
        marks = ", ".join("?" * len(ACTIVE))
        with self._lock:
            rows = self._db.execute(
                "SELECT parent, number FROM parts UNION SELECT parent, part FROM documents"
                f" WHERE state IN ({marks}) AND parent IS NOT NULL",
                ACTIVE,
            ).fetchall()
        return {(parent, number) for parent, number in rows}

    def _log_move(
        self, document: int, old: State | None, new: State, reason: str, now: float
    ) -> None:
        assert new in MOVES[old]
        self._db.execute(
            "INSERT INTO moves VALUES (?, ?, ?, ?, ?)", (document, now, old, new, reason)
        )

    def note(self, document: Document, **columns: Any) -> Document:
        """Set columns without a change of state (contents, the names chosen)."""
        with self._change():
            return self._note(document, **columns)

    def _note(self, document: Document, **columns: Any) -> Document:
        row = self._db.execute(
            f"UPDATE documents SET {', '.join(f'{c} = ?' for c in columns)} WHERE id = ? RETURNING {_COLUMNS}",
            (*columns.values(), document.id),
        ).fetchone()
        return _document(row)

    def document(self, number: int) -> Document:
        """The row of this id."""
        return self._rows("id = ?", number)[0]

    def in_state(self, *states: State, limit: int = -1) -> Iterator[Document]:
        """The documents in these states, oldest first, each as it is when it is come to; never all in memory."""
        marks = ", ".join("?" * len(states))
        with self._lock:
            numbers = self._db.execute(
                f"SELECT id FROM documents WHERE state IN ({marks}) ORDER BY id LIMIT ?",
                (*states, limit),
            ).fetchall()
        for (number,) in numbers:
            yield from self._rows(f"id = ? AND state IN ({marks})", number, *states)

    def counts(self) -> dict[State, int]:
        """How many documents are in each state."""
        with self._lock:
            rows = self._db.execute(
                "SELECT state, documents FROM counts WHERE documents > 0"
            ).fetchall()
        return {State(state): count for state, count in rows}

    def latest(self, state: State, limit: int) -> list[Document]:
        """The documents that came to this state last, newest first."""
        return self._rows("state = ? ORDER BY since DESC, id DESC LIMIT ?", state, limit)

    def last_move(self) -> int:
        """The place of the last move in the journal; 0 before the first."""
        with self._lock:
            return int(self._db.execute("SELECT coalesce(max(rowid), 0) FROM moves").fetchone()[0])

    def next_move(
        self, place: int, states: tuple[State, ...]
    ) -> tuple[int, Document, State, str] | None:
        """The first move after ``place`` into one of these states: its place, the document, the state, why."""
        marks = ", ".join("?" * len(states))
        with self._lock:
            row = self._db.execute(
                f"SELECT rowid, document, new, reason FROM moves WHERE rowid > ? AND new IN ({marks})"
                " ORDER BY rowid LIMIT 1",
                (place, *states),
            ).fetchone()
            return (row[0], self.document(row[1]), State(row[2]), row[3]) if row else None

    def oldest(self) -> float:
        """When the unfinished document that waits longest was first seen; 0 when there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT first_seen FROM documents INDEXED BY documents_unfinished"
                f" WHERE {UNFINISHED} ORDER BY first_seen LIMIT 1"
            ).fetchone()
        return float(row[0]) if row else 0.0

    def written(self) -> float:
        """When anything was last written, by the files' times."""
        with self._lock:
            path = self._db.execute("PRAGMA database_list").fetchone()[2]
        times = [0.0]
        for name in (path, f"{path}-wal"):
            with contextlib.suppress(OSError):
                times.append(os.stat(name).st_mtime)
        return max(times)

    def history(self, document: Document) -> list[tuple[float, str | None, str, str]]:
        """Every move of the document: when, from, to, why."""
        with self._lock:
            return self._db.execute(
                "SELECT at, old, new, reason FROM moves WHERE document = ? ORDER BY rowid",
                (document.id,),
            ).fetchall()

    def _rows(self, where: str, *values: Any) -> list[Document]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM documents WHERE {where}", values
            ).fetchall()
        return [_document(row) for row in rows]

    # pages ----------------------------------------------------------------------------------------

    def keep_contents(
        self, document: Document, contents: Contents, parts: Sequence[NewPart] = ()
    ) -> Document:
        """Keep what the file holds, so that a restart need not look again; ``parts`` become documents when it is published."""
        with self._change() as db:
            db.execute("DELETE FROM parts WHERE parent = ?", (document.id,))
            db.executemany(
                "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                [(document.id, *dataclasses.astuple(part)) for part in parts],
            )
            warnings = (*contents.warnings, *contents.off_pages)
            return self._note(document, media_type=contents.media_type, pages=contents.pages,
                              warnings=json.dumps(warnings))  # fmt: skip

    def keep_text(self, document: int, text: PageText) -> None:
        """A page as read."""
        self._keep(document, text.index, "text", json.dumps(text.to_json()))

    def keep_result(self, document: int, result: PageResult) -> None:
        """A page as corrected; its text stands inside, so the text alone is dropped."""
        self._keep(document, result.page.index, "result", json.dumps(result.to_json()))

    def _keep(self, document: int, number: int, column: str, value: str) -> None:
        with self._change() as db:
            db.execute(
                f"INSERT INTO pages (document, number, {column}) VALUES (?, ?, ?)"
                f" ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
                + (", text = NULL" if column == "result" else ""),
                (document, number, value),
            )

    def page_progress(self, document: int) -> tuple[set[int], set[int]]:
        """The numbers of the pages that are read but not corrected, and of those that are corrected."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, result IS NOT NULL FROM pages WHERE document = ?"
                " AND (text IS NOT NULL OR result IS NOT NULL)",
                (document,),
            ).fetchall()
        return {n for n, corrected in rows if not corrected}, {
            n for n, corrected in rows if corrected
        }

    def text(self, document: int, number: int) -> PageText | None:
        """A page that was read; None when it is corrected already."""
        from scanmend.page import PageText  # noqa: PLC0415

        value = self._page(document, number, "text")
        return PageText.from_json(json.loads(value)) if value else None

    def result(self, document: int, number: int) -> PageResult:
        """A page that was corrected."""
        from scanmend.page import PageResult  # noqa: PLC0415

        return PageResult.from_json(json.loads(self._page(document, number, "result")))

    def _page(self, document: int, number: int, column: str) -> Any:
        with self._lock:
            return self._db.execute(
                f"SELECT {column} FROM pages WHERE document = ? AND number = ?", (document, number)
            ).fetchone()[0]

    def drop_orphans(self) -> None:
        """Pages of documents that were finished while a page was still being read."""
        with self._change() as db:
            db.execute(
                "DELETE FROM pages WHERE (SELECT state FROM documents WHERE id = document) IN"
                " ('done', 'failed', 'gone')"
            )

    def count_attempt(self, document: int, number: int, failure: str) -> int:
        """A failed attempt of a page; returns how many there are now, over all restarts."""
        with self._change() as db:
            attempts: int = db.execute(
                "INSERT INTO pages (document, number, attempts, failure) VALUES (?, ?, 1, ?) ON CONFLICT DO"
                " UPDATE SET attempts = attempts + 1, failure = excluded.failure RETURNING attempts",
                (document, number, failure),
            ).fetchone()[0]
        return attempts

    def attempts(self, document: int) -> int:
        """Failed attempts over all pages of the document."""
        with self._lock:
            total: int = self._db.execute(
                "SELECT coalesce(sum(attempts), 0) FROM pages WHERE document = ?", (document,)
            ).fetchone()[0]
        return total

    # age ------------------------------------------------------------------------------------------

    def prune(self, before: float, most: int) -> int:
        """Forget documents that were done, or gone, before this moment, the oldest first; how many it were.

        Those that stay in the inbox are never forgotten: they would be taken for new. Failed ones neither: a person
        is to see them until they are dropped again. Nor the last ones: their numbers must not be given twice, hooks
        remember how far they are by them.
        """
        with self._change() as db:
            old = db.execute(
                "SELECT id FROM documents WHERE state IN ('done', 'gone') AND kept = 0 AND since < ?"
                " AND id <> (SELECT max(id) FROM documents)"
                " AND id <> (SELECT document FROM moves ORDER BY rowid DESC LIMIT 1) LIMIT ?",
                (before, most),
            ).fetchall()
            db.executemany("DELETE FROM moves WHERE document = ?", old)
            db.executemany("DELETE FROM documents WHERE id = ?", old)
        return len(old)

    # facts ----------------------------------------------------------------------------------------

    def set_fact(self, key: str, value: str, reason: str = "") -> None:
        """What holds now and is no document's state: a share is gone, the model is loaded."""
        with self._change() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value,"
                " reason = excluded.reason, since = excluded.since",
                (key, value, reason, time.time()),
            )

    def clear_fact(self, key: str) -> None:
        """It holds no more."""
        with self._change() as db:
            db.execute("DELETE FROM facts WHERE key = ?", (key,))

    def facts(self) -> dict[str, Fact]:
        """Return every fact by its key."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, value, reason, since FROM facts ORDER BY key"
            ).fetchall()
        return {key: Fact(value, reason, since) for key, value, reason, since in rows}

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; a full or failing disk comes out as an error of this machine."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                if "full" in str(error):
                    raise DiskFull(
                        f"the journal can't be written: {error}; free space in folders.state"
                    ) from None
                raise MachineError(f"the journal can't be written: {error}") from None
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _document(row: tuple[Any, ...]) -> Document:
    document = Document(*row)
    return dataclasses.replace(document, state=State(document.state))


def _uri(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
