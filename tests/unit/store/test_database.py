"""Test the opening of the journal's database, and the distinction between faults of the machine and bugs."""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.errors import ConfigError, DiskFull, MachineError
from scanmend.store import database
from scanmend.store.database import Database
from scanmend.store.schema import VERSION


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database.open(str(tmp_path))
    yield db
    db.close()


def _insert(db: Database, key: str = "a", value: str = "x") -> None:
    with db.transaction() as connection:
        connection.execute("INSERT INTO facts VALUES (?, ?, '', 0)", (key, value))


def _execute(db: Database, statement: str) -> None:
    with db.transaction() as connection:
        connection.execute(statement)


def _insert_many(db: Database) -> None:
    for number in range(1000):
        _insert(db, str(number), "x" * 10_000)


def _keys(db: Database) -> list[str]:
    return [key for (key,) in db.rows("SELECT key FROM facts")]


def test_a_transaction_that_raises_changes_nothing(db: Database) -> None:
    def half() -> None:
        with db.transaction() as connection:
            connection.execute("INSERT INTO facts VALUES ('a', 'x', '', 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()

    assert _keys(db) == []
    _insert(db)
    assert _keys(db) == ["a"]


def test_a_wrong_statement_is_a_bug(db: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column") as reading:
        db.rows("SELECT wrong FROM facts")
    with pytest.raises(sqlite3.OperationalError, match="no such table") as writing:
        _execute(db, "DELETE FROM nowhere")

    for caught in (reading, writing):
        assert caught.value.__notes__ == ["This is a bug in scanmend, not a fault of the disk."]


def test_a_violated_constraint_is_a_bug(db: Database) -> None:
    _insert(db)

    with pytest.raises(sqlite3.IntegrityError):
        _insert(db)

    _insert(db, "b")
    assert _keys(db) == ["a", "b"]


def test_a_closed_connection_is_a_bug(tmp_path: Path) -> None:
    db = Database.open(str(tmp_path))
    db.close()

    with pytest.raises(sqlite3.ProgrammingError):
        db.row("SELECT 1")


def test_a_full_disk_is_the_machines_fault(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("can't mount a tmpfs here")
    try:
        db = Database.open(str(tmp_path))
        with pytest.raises(DiskFull, match=r"can't be written.*; free space in folders.state"):
            _insert_many(db)
        db.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_failed_write_is_the_machines_fault(db: Database) -> None:
    """Cause an I/O error in SQLite by a limit on the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(MachineError) as caught:
            _insert(db, "big", "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert type(caught.value) in (MachineError, DiskFull)
    _insert(db)
    assert _keys(db) == ["a"]


def test_a_lock_of_another_program_is_the_machines_fault(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / database.JOURNAL_FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(MachineError, match="database is locked; end the other program"):
        _insert(db)

    other.execute("ROLLBACK")
    other.close()
    _insert(db)


def test_a_damaged_journal_is_the_machines_fault(tmp_path: Path) -> None:
    db = Database.open(str(tmp_path))
    _insert(db)
    db.close()
    path = tmp_path / database.JOURNAL_FILE_NAME
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    db = Database(sqlite3.connect(path, isolation_level=None))
    try:
        with pytest.raises(MachineError, match=r"can't be read: .*malformed; stop scanmend"):
            db.rows("SELECT * FROM facts")
    finally:
        db.close()


def test_writing_through_a_reader_is_the_machines_fault(db: Database, tmp_path: Path) -> None:
    """Treat it as a read-only disk, for which SQLite has the same error code."""
    reader = Database.open_read_only(str(tmp_path))
    assert reader is not None
    try:
        with pytest.raises(MachineError, match=r"readonly database; make"):
            _insert(reader)
    finally:
        reader.close()


def test_opening_a_missing_or_empty_journal_for_reading_returns_none(tmp_path: Path) -> None:
    assert Database.open_read_only(str(tmp_path / "nowhere")) is None
    (tmp_path / database.JOURNAL_FILE_NAME).touch()
    assert Database.open_read_only(str(tmp_path)) is None


def test_a_file_that_is_not_a_database_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / database.JOURNAL_FILE_NAME).write_bytes(b"no database" * 1000)

    with pytest.raises(ConfigError, match="can't be opened: file is not a database"):
        Database.open(str(tmp_path))
    with pytest.raises(ConfigError, match="can't be read: file is not a database"):
        Database.open_read_only(str(tmp_path))


def test_a_journal_of_a_later_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / database.JOURNAL_FILE_NAME)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()

    with pytest.raises(ConfigError, match=rf"\(schema {VERSION + 1}\); update it"):
        Database.open(str(tmp_path))
    with pytest.raises(ConfigError, match=rf"schema {VERSION + 1}, this is {VERSION}\); start"):
        Database.open_read_only(str(tmp_path))


def test_a_folders_name_may_contain_the_special_characters_of_uris(tmp_path: Path) -> None:
    folder = tmp_path / "100% #1?"
    folder.mkdir()
    db = Database.open(str(folder))
    _insert(db)

    reader = Database.open_read_only(str(folder))

    assert reader is not None
    assert _keys(reader) == ["a"]
    reader.close()
    db.close()
