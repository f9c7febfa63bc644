"""What tests read in a journal beside the daemon."""

import sqlite3
from pathlib import Path

from scanmend.document import Document, State
from scanmend.store.queries import JournalReader


def documents(state: Path) -> list[Document]:
    """Return all documents in the journal of a state folder, by id; none when there is no journal yet."""
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
