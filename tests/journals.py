"""Read a journal while the daemon writes it, and make a journal fail."""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanmend.document import Document, State
from scanmend.store.journal import Journal
from scanmend.store.queries import JournalReader


def documents(state: Path) -> list[Document]:
    """Return all documents in the journal of a state folder, by id; an empty dict if there is no journal yet."""
    journal = JournalReader.open_beside(str(state))
    if journal is None:
        return []
    try:
        return list(journal.in_state(*State))
    finally:
        journal.close()


def moves(state: Path, document: int) -> list[str]:
    """Return the states that a document has entered, in order."""
    db = sqlite3.connect(f"file:{state / 'journal.sqlite'}?mode=ro", uri=True)
    try:
        statement = "SELECT new FROM moves WHERE document = ? ORDER BY rowid"
        return [new for (new,) in db.execute(statement, (document,))]
    finally:
        db.close()


@contextlib.contextmanager
def unwritable(journal: Journal) -> Iterator[None]:
    """Make SQLite refuse each write to the journal, as on a read-only disk; reads still work."""
    connection = journal._db.connection
    connection.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA query_only = OFF")


def document(**changes: Any) -> Document:
    """Return a document in READING, as a row of the journal; ``changes`` replace its values."""
    made = Document(
        id=1,
        path=b"desk/book.pdf",
        size=1000,
        mtime_ns=1,
        inode=1,
        sha256="",
        profile="default",
        media_type="application/pdf",
        pages=5,
        state=State.READING,
        reason="",
        since=0.0,
        first_seen=0.0,
        outcome="",
        stem=None,
        put_away=None,
        kept=0,
        warnings="[]",
    )
    return dataclasses.replace(made, **changes)
