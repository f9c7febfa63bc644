"""What the journal costs does not grow with what it remembers, and it forgets in time."""

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scanmend.config.settings import JournalSettings, Settings
from scanmend.document import Document, FileSnapshot, State
from scanmend.errors import ConfigError
from scanmend.pipeline.daemon import Daemon
from scanmend.store.journal import Journal
from scanmend.store.schema import FIRST, VERSION

WAY = (State.READING, State.PUBLISHING, State.PUTTING_AWAY, State.DONE)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(str(tmp_path))
    yield journal
    journal.close()


def _claimed(journal: Journal, name: str) -> Document:
    document = journal.claim(FileSnapshot(name.encode(), 1, 2, 3), f"of {name}", "default")
    assert document is not None
    return document


def _done(journal: Journal, name: str, **columns: object) -> Document:
    document = _claimed(journal, name)
    for state in WAY:
        document = journal.move(document, state, "", **columns if state == State.DONE else {})
    return document


def _steps(journal: Journal, ask: Callable[[], object]) -> int:
    """The work of a question, in instructions of SQLite's machine."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    journal._db.set_progress_handler(step, 1)
    ask()
    journal._db.set_progress_handler(None, 1)
    return count


def test_what_is_asked_all_the_time_costs_the_same_with_many_documents(journal: Journal) -> None:
    def ask() -> list[int]:
        return [
            _steps(journal, journal.counts),
            _steps(journal, journal.oldest),
            _steps(journal, lambda: journal.latest(State.DONE, 2)),
            _steps(journal, lambda: journal.prune(1.0, 100)),
            _steps(journal, journal.drop_orphans),
        ]

    for number in range(5):
        _done(journal, f"few-{number}")
        _claimed(journal, f"waits-{number}")
    few = ask()
    for number in range(50):
        _done(journal, f"many-{number}")
        _claimed(journal, f"waits-too-{number}")

    assert all(many <= before + 5 for many, before in zip(ask(), few, strict=True))


def test_the_counts_are_those_of_the_documents(journal: Journal) -> None:
    for number in range(4):
        _done(journal, f"{number}")
    gone = _claimed(journal, "gone")
    journal.move(gone, State.GONE, "taken away")
    journal.settling(FileSnapshot(b"growing", 1, 1, 1), 5.0, "growing")
    _claimed(journal, "waits")

    assert journal.counts() == {
        State.DONE: 4,
        State.GONE: 1,
        State.SETTLING: 1,
        State.QUEUED: 1,
    }
    assert journal.oldest() == 5.0
    journal.prune(time.time() + 1, 3)
    assert journal.counts()[State.DONE] == 1


def test_a_journal_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
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
        Journal.read_only(str(tmp_path))

    for _ in range(2):
        journal = Journal.open(str(tmp_path))
        assert journal.counts() == {State.DONE: 6, State.QUEUED: 3}
        assert [d.id for d in journal.latest(State.DONE, 2)] == [8, 7]
        assert journal.oldest() == 3
        journal.close()


def test_old_documents_are_forgotten_a_few_at_a_time(journal: Journal) -> None:
    for number in range(5):
        _done(journal, f"{number}")
    failed = _claimed(journal, "failed")
    journal.move(failed, State.PUTTING_AWAY, "broken", outcome="damaged")
    journal.move(journal.document(failed.id), State.FAILED, "broken")
    kept = _done(journal, "kept", kept=1)
    last = _done(journal, "last")
    later = time.time() + 1

    assert journal.prune(1.0, 10) == 0
    assert [journal.prune(later, 3), journal.prune(later, 3), journal.prune(later, 3)] == [3, 2, 0]

    assert [d.id for d in journal.in_state(*State)] == [failed.id, kept.id, last.id]
    assert [d for (d,) in journal._db.execute("SELECT DISTINCT document FROM moves")] == [
        failed.id,
        kept.id,
        last.id,
    ]


def test_no_number_is_given_twice(journal: Journal) -> None:
    """A hook that has been told everything would miss what comes next."""
    old = _done(journal, "old")
    place = journal.last_move()
    journal.prune(time.time() + 1, 10)

    new = _done(journal, "new")

    assert new.id > old.id
    found = journal.next_move(place, (State.DONE,))
    assert found is not None
    assert found[1].id == new.id


def test_documents_are_not_all_in_memory_at_once(journal: Journal) -> None:
    """Each is read when it is come to, hence as it is by then."""
    first, second, third = (_claimed(journal, name) for name in ("first", "second", "third"))
    found = journal.in_state(State.QUEUED)
    assert next(found).id == first.id
    journal.move(second, State.GONE, "taken away")

    assert [d.id for d in found] == [third.id]


def test_what_is_old_is_looked_for_once_a_day(journal: Journal) -> None:
    """Each write into the journal is a sign of life to `status`; forgetting must not be one for ever."""
    settings = dataclasses.replace(Settings(), journal=JournalSettings(keep=-1.0))
    daemon = Daemon(settings)
    for number in range(3):
        _done(journal, f"{number}")
    daemon._forget_old(journal)
    assert journal.counts() == {State.DONE: 1}  # the last one stays
    daemon._forget_old(journal)

    _done(journal, "aged meanwhile")
    daemon._forget_old(journal)

    assert journal.counts() == {State.DONE: 2}
