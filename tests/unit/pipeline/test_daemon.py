"""Test the daily pruning of the journal, and files that vanished while no daemon ran."""

import dataclasses
from pathlib import Path

from pipelines import new_pipeline
from scanmend.config.settings import JournalSettings, Settings
from scanmend.document import FileSnapshot, State
from scanmend.intake.intake_log import IntakeLog
from scanmend.pipeline.daemon import Daemon, record_vanished
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


def test_waiting_files_that_vanished_while_no_daemon_ran_are_gone(tmp_path: Path) -> None:
    """Record nothing while the inbox itself is away."""
    with new_pipeline(tmp_path) as pipeline:
        inbox = pipeline.stores.roots.inbox
        log = IntakeLog(pipeline.journal, pipeline.stores.leases, pipeline.queues.results)
        for name in ("here.pdf", "vanished.pdf"):
            log.record_waiting(pipeline.drop(name, b"%PDF"), 5.0, "incomplete")
        (pipeline.inbox / "vanished.pdf").unlink()
        pipeline.inbox.rename(tmp_path / "elsewhere")
        record_vanished(pipeline.journal, inbox, log)
        assert pipeline.journal.counts() == {State.SETTLING: 2}
        (tmp_path / "elsewhere").rename(pipeline.inbox)

        record_vanished(pipeline.journal, inbox, log)

        (gone,) = pipeline.journal.in_state(State.GONE)
        assert gone.path == b"vanished.pdf"
