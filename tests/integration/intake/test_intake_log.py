"""Test the records about files that are not claimed yet, in a real journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Pipeline, new_pipeline, other_daemon
from scanmend.document import FileSnapshot, State
from scanmend.intake.intake_log import IntakeLog

FILE = FileSnapshot(b"a.pdf", 1, 2, 3)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def log(pipeline: Pipeline) -> IntakeLog:
    return IntakeLog(pipeline.journal, pipeline.stores.leases, pipeline.queues.results)


def test_a_waiting_file_is_remembered_over_a_restart(pipeline: Pipeline, log: IntakeLog) -> None:
    assert log.first_seen(FILE.path) is None

    log.record_waiting(FILE, 5.0, "incomplete: no %%EOF")

    assert log.first_seen(FILE.path) == 5.0
    (document,) = pipeline.journal.in_state(State.SETTLING)
    assert document.reason == "incomplete: no %%EOF"


def test_a_waiting_file_that_disappears_is_recorded_as_gone(
    pipeline: Pipeline, log: IntakeLog
) -> None:
    log.record_waiting(FILE, 5.0, "empty")

    for _ in range(2):
        log.record_gone(FILE.path)

    assert pipeline.journal.counts() == {State.GONE: 1}


def test_a_file_that_never_became_complete_fails(pipeline: Pipeline, log: IntakeLog) -> None:
    log.record_waiting(FILE, 5.0, "empty")

    log.record_never_completed(FILE, "empty", patience=86400.0)

    (document,) = pipeline.journal.in_state(State.PUTTING_AWAY)
    assert document.outcome == "never-completed"
    expected = "a.pdf: never completed (empty) for 24 h (settle.patience); send it again"
    assert document.reason == expected
    assert pipeline.queues.results.get(0) == document.id


def test_a_refused_link_is_recorded_once_and_stays_in_the_inbox(
    pipeline: Pipeline, log: IntakeLog
) -> None:
    for _ in range(2):
        log.record_refused(FILE, "a symbolic link; put the file itself into the inbox")

    (document,) = pipeline.journal.in_state(*State)
    assert (document.state, document.outcome, document.kept) == (State.FAILED, "refused", 1)
    assert log.is_known(FILE)


def test_an_inbox_that_is_away_is_recorded_as_a_fact(pipeline: Pipeline, log: IntakeLog) -> None:
    log.record_inbox_away("the share is not mounted")
    assert pipeline.journal.facts.all()["inbox"].reason == "the share is not mounted"

    log.record_inbox_back()
    assert pipeline.journal.facts.all() == {}


def test_a_file_in_work_elsewhere_does_not_fail_here(pipeline: Pipeline, log: IntakeLog) -> None:
    log.record_waiting(FILE, 5.0, "empty")
    with other_daemon(pipeline) as other:
        other.claim(FILE, "f00")

        log.record_never_completed(FILE, "empty", patience=86400.0)

    assert pipeline.journal.counts() == {State.SETTLING: 1}
