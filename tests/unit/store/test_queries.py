"""Test the journal's queries, and that polled ones take the same time whatever the journal's size."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scanmend.document import Document, FileSnapshot, State
from scanmend.store.database import JOURNAL_FILE_NAME, Database
from scanmend.store.journal import Journal


def _claimed(journal: Journal, name: str) -> Document:
    document = journal.claim(FileSnapshot(name.encode(), 1, 2, 3), f"of {name}", "default")
    assert document is not None
    return document


def _done(journal: Journal, name: str) -> Document:
    document = _claimed(journal, name)
    for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY, State.DONE):
        document = journal.move(document, state, "")
    return document


def _instructions(database: Database, query: Callable[[], object]) -> int:
    """Return the cost of a query, in instructions of SQLite's virtual machine."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    database.connection.set_progress_handler(step, 1)
    query()
    database.connection.set_progress_handler(None, 1)
    return count


@pytest.mark.slow
def test_polled_queries_cost_the_same_with_many_documents(tmp_path: Path) -> None:
    database = Database.open(str(tmp_path))
    journal = Journal(database)

    def costs() -> list[int]:
        return [
            _instructions(database, journal.counts),
            _instructions(database, journal.waiting_since),
            _instructions(database, lambda: journal.latest(State.DONE, 2)),
            _instructions(database, lambda: journal.prune(1.0, 100)),
            _instructions(database, journal.pages.drop_orphans),
        ]

    for number in range(5):
        _done(journal, f"few-{number}")
        _claimed(journal, f"waits-{number}")
    few = costs()
    for number in range(50):
        _done(journal, f"many-{number}")
        _claimed(journal, f"waits-too-{number}")

    assert all(many <= before + 5 for many, before in zip(costs(), few, strict=True))
    journal.close()


@pytest.mark.slow
def test_a_claim_costs_the_same_with_many_failed_and_waiting_documents(tmp_path: Path) -> None:
    """SQLite would rather look through all documents of a state than through the few of a path."""
    database = Database.open(str(tmp_path))
    journal = Journal(database)

    def costs(path: bytes) -> list[int]:
        snapshot = FileSnapshot(path, 1, 2, 3)
        return [
            _instructions(database, lambda: journal.note_waiting(snapshot, 1.0, "growing")),
            _instructions(database, lambda: journal.claim(snapshot, "sha256", "default")),
            _instructions(database, lambda: journal.lease_state(path)),
            _instructions(database, lambda: journal.in_hand(snapshot)),
        ]

    costs(b"first")  # into an empty journal
    few = costs(b"second")
    for number in range(50):
        failed = journal.move(_claimed(journal, f"bad-{number}"), State.PUTTING_AWAY, "bad")
        journal.move(failed, State.FAILED, "bad")
        journal.note_waiting(FileSnapshot(f"growing-{number}".encode(), 1, 1, 1), 5.0, "growing")
        _claimed(journal, f"queued-{number}")

    assert all(many <= before + 5 for many, before in zip(costs(b"third"), few, strict=True))
    journal.close()


def test_the_counts_agree_with_the_documents(journal: Journal) -> None:
    assert journal.counts() == {}
    assert journal.waiting_since() == 0
    for number in range(4):
        _done(journal, f"{number}")
    gone = _claimed(journal, "gone")
    journal.move(gone, State.GONE, "taken away")
    journal.note_waiting(FileSnapshot(b"growing", 1, 1, 1), 5.0, "growing")
    _claimed(journal, "waits")

    expected = {State.DONE: 4, State.GONE: 1, State.SETTLING: 1, State.QUEUED: 1}
    assert journal.counts() == expected
    assert journal.waiting_since() == 5.0
    journal.prune(time.time() + 1, 3)
    assert journal.counts()[State.DONE] == 1


def test_documents_are_read_when_they_are_yielded(journal: Journal) -> None:
    """Read each row late, so that few are in memory at once and each is current."""
    first, second, third = (_claimed(journal, name) for name in ("first", "second", "third"))
    found = journal.in_state(State.QUEUED)
    assert next(found).id == first.id
    journal.move(second, State.GONE, "taken away")

    assert [d.id for d in found] == [third.id]


def test_next_move_returns_one_move_after_another(journal: Journal) -> None:
    assert journal.last_move() == 0
    assert journal.next_move(0, (State.DONE,)) is None
    first, second = _done(journal, "first"), _done(journal, "second")

    found = journal.next_move(0, (State.DONE, State.FAILED))
    assert found is not None
    number, document, state, _ = found
    assert (document.id, state) == (first.id, State.DONE)
    found = journal.next_move(number, (State.DONE, State.FAILED))
    assert found is not None
    assert (found[0], found[1].id) == (journal.last_move(), second.id)


def test_the_last_write_is_that_of_the_journal_or_its_wal(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_FILE_NAME
    for name, moment in ((path, 2e9), (f"{path}-wal", 3e9)):
        os.utime(name, (moment, moment))
    assert journal.last_write() == 3e9

    os.utime(f"{path}-wal", (1e9, 1e9))

    assert journal.last_write() == 2e9
