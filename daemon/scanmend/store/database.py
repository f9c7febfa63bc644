"""The SQLite database of a state folder: open it, run transactions, and tell the machine's errors from bugs.

The database is in WAL mode, and each transaction ends with a full fsync. All threads of the daemon share one connection
under a lock. Other processes, such as `scanmend status`, open connections of their own for reading.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any, Self

from scanmend.errors import ConfigError, DiskFull, MachineError
from scanmend.store.schema import VERSION, upgrade

JOURNAL_FILE_NAME = "journal.sqlite"
BUSY_SECONDS = 10.0  # how long a statement waits for another process's transaction

# The primary result codes (https://www.sqlite.org/rescode.html) that are this machine's fault; all others are bugs.
# SQLITE_LOCKED is a bug, too: it reports a conflict within one connection, SQLITE_BUSY one with another process.
_WAIT = "scanmend goes on by itself"
_REMEDIES = {
    sqlite3.SQLITE_FULL: f"free space in folders.state, {_WAIT}",
    sqlite3.SQLITE_IOERR: f"check the disk of folders.state; {_WAIT}",
    sqlite3.SQLITE_BUSY: f"end the other program that holds the journal, {_WAIT}",
    sqlite3.SQLITE_PROTOCOL: f"end the other program that holds the journal, {_WAIT}",
    sqlite3.SQLITE_CANTOPEN: f"check the rights and the disk of folders.state; {_WAIT}",
    sqlite3.SQLITE_READONLY: f"make folders.state writable, {_WAIT}",
    sqlite3.SQLITE_PERM: f"make folders.state writable, {_WAIT}",
    sqlite3.SQLITE_CORRUPT: "stop scanmend and restore folders.state from a backup",
    sqlite3.SQLITE_NOTADB: "stop scanmend and restore folders.state from a backup",
}


class Database:
    """One connection to the journal's database, which all threads of a process share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Wrap a connection. Callers use ``open`` or ``open_read_only``."""
        self.connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: str) -> Self:
        """Open the database for writing; create it or upgrade its schema if need be.

        Raise ConfigError if the folder can't hold it, or a later version of scanmend has written it; DiskFull.
        """
        path = os.path.join(folder, JOURNAL_FILE_NAME)
        try:
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.executescript(upgrade(version))
        except sqlite3.Error as error:
            if _primary_code(error) == sqlite3.SQLITE_FULL:
                raise classified(error, "opened") from None
            raise ConfigError(f"{path}: the journal can't be opened: {error}") from None
        if version > VERSION:
            connection.close()
            raise ConfigError(
                f"{path}: written by another version of scanmend (schema {version})", "update it"
            )
        return cls(connection)

    @classmethod
    def open_read_only(cls, folder: str) -> Self | None:
        """Open the database for reading beside a running daemon. Return None if there is none yet.

        Raise ConfigError if it can't be read, or has another version's schema.
        """
        path = os.path.join(folder, JOURNAL_FILE_NAME)
        if not os.path.exists(path):
            return None
        uri = f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
        try:
            connection = sqlite3.connect(
                uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False
            )
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: the journal can't be read: {error}") from None
        if version == VERSION:
            return cls(connection)
        connection.close()
        if version == 0:
            return None
        raise ConfigError(
            f"{path}: written by another version of scanmend (schema {version}, this is {VERSION})",
            "start the daemon of this version: systemctl restart scanmend",
        )

    def close(self) -> None:
        """Close the connection, after the statement that another thread is executing."""
        with self._lock:
            self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the statements of the block as one transaction, and roll it back if the block raises.

        A transaction inside another one is part of it. Raise the error that ``classified`` returns for one of SQLite's.
        """
        with self._lock:
            if self.connection.in_transaction:
                yield self.connection
                return
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise classified(error, "written") from None
            except BaseException:
                self._roll_back()
                raise

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return all rows of a query. Raise as ``transaction`` does."""
        with self._lock:
            try:
                return self.connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise classified(error, "read") from None

    def row(self, statement: str, *values: Any) -> Any:
        """Return the first row of a query, or None. Raise as ``transaction`` does."""
        with self._lock:
            try:
                return self.connection.execute(statement, values).fetchone()
            except sqlite3.Error as error:
                raise classified(error, "read") from None

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")


def classified(error: sqlite3.Error, failed_to_be: str) -> Exception:
    """Return the error to raise for one of SQLite's.

    It is a MachineError for a full, failing, read-only or damaged disk, and for a lock of another process. Any other
    error is a bug of scanmend (a wrong statement, a violated constraint, a closed connection): it is returned with a
    note. ``failed_to_be``: "read", "written" or "opened".
    """
    primary = _primary_code(error)
    if primary not in _REMEDIES:
        error.add_note("This is a bug in scanmend, not a fault of the disk.")
        return error
    cls = DiskFull if primary == sqlite3.SQLITE_FULL else MachineError
    return cls(f"the journal can't be {failed_to_be}: {error}", _REMEDIES[primary])


def _primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code; None for an error of Python's sqlite3 module."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
