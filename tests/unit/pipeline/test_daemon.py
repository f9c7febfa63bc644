"""Test the daily pruning of the journal."""

import dataclasses
from pathlib import Path

from scanmend.config.settings import JournalSettings, Settings
from scanmend.document import FileSnapshot, State
from scanmend.pipeline.daemon import Daemon
from scanmend.store.journal import Journal


def _done(journal: Journal, name: str) -> None:
    document = journal.claim(FileSnapshot(name.encode(), 1, 2, 3), f"of {name}", "default")
    assert document is not None
    for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY, State.DONE):
        document = journal.move(document, state, "")


def test_old_documents_are_pruned_once_a_day(tmp_path: Path) -> None:
    """Write nothing when nothing is old: `scanmend status` takes each write to the journal for progress."""
    journal = Journal.open(str(tmp_path))
    daemon = Daemon(dataclasses.replace(Settings(), journal=JournalSettings(keep=-1.0)))
    for number in range(3):
        _done(journal, f"{number}")
    daemon.prune(journal)
    assert journal.counts() == {State.DONE: 1}  # the last document stays
    daemon.prune(journal)

    _done(journal, "aged meanwhile")
    daemon.prune(journal)

    assert journal.counts() == {State.DONE: 2}
    journal.close()
