"""Test the migration of journals of earlier versions."""

import sqlite3
from pathlib import Path

import pytest

from scanmend.document import State
from scanmend.errors import ConfigError
from scanmend.store.journal import Journal
from scanmend.store.queries import JournalReader
from scanmend.store.schema import FIRST, VERSION


def test_a_journal_of_the_first_version_is_migrated(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.executescript(f"{FIRST} PRAGMA user_version = 1;")
    rows = [(n, b"a", 1, 1, 1, "done" if n % 3 else "queued", "", n, n) for n in range(1, 10)]
    db.executemany(
        "INSERT INTO documents (id, path, size, mtime_ns, inode, state, reason, since, first_seen)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match=rf"schema 1, this is {VERSION}.*start the daemon"):
        JournalReader.open_beside(str(tmp_path))

    for _ in range(2):
        journal = Journal.open(str(tmp_path))
        assert journal.counts() == {State.DONE: 6, State.QUEUED: 3}
        assert [d.id for d in journal.latest(State.DONE, 2)] == [8, 7]
        assert journal.waiting_since() == 3
        journal.close()
