"""Test the claim step on real files."""

import dataclasses
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Pipeline, new_pipeline, other_daemon
from running import eventually
from samples import encoded, numbered
from scanmend.document import State
from scanmend.intake.events import Claimed, InWorkElsewhere, NotReady, RetryOn
from scanmend.intake.lease import Leases
from scanmend.intake.lease_folders import Holder, PublishedMark
from scanmend.pipeline.claim import Claim
from scanmend.pipeline.scheduler import ContentsJob


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def step(pipeline: Pipeline) -> Claim:
    return Claim(pipeline.current, pipeline.stores, pipeline.queues)


def test_a_complete_file_is_queued(pipeline: Pipeline, step: Claim) -> None:
    snapshot = pipeline.drop("a.png", encoded("png"))

    step.claim(snapshot)

    assert pipeline.queues.events.get(timeout=0) == Claimed(b"a.png")
    (document,) = pipeline.journal.in_state(State.QUEUED)
    assert document.identity == snapshot.identity
    assert document.end_doubts == ()
    assert pipeline.queues.pages.take(0) == ContentsJob(document.id)


def test_a_file_that_is_queued_already_is_not_queued_again(pipeline: Pipeline, step: Claim) -> None:
    snapshot = pipeline.drop("a.png", encoded("png"))

    for _ in range(2):
        step.claim(snapshot)
        assert pipeline.queues.events.get(timeout=0) == Claimed(b"a.png")

    assert len(list(pipeline.journal.in_state(*State))) == 1


def test_an_incomplete_file_is_sent_back(pipeline: Pipeline, step: Claim) -> None:
    snapshot = pipeline.drop("a.png", encoded("png")[:200])

    step.claim(dataclasses.replace(snapshot, waited=True))

    answer = pipeline.queues.events.get(timeout=0)
    assert isinstance(answer, NotReady)
    assert answer.reason.startswith("incomplete: ")
    assert answer.retry_on is RetryOn.TIMER


def test_a_pdf_with_an_odd_end_waits_and_is_then_claimed_with_a_doubt(
    pipeline: Pipeline, step: Claim
) -> None:
    snapshot = pipeline.drop("a.pdf", encoded("pdf", numbered(1)).rstrip()[:-3])

    step.claim(snapshot)
    answer = pipeline.queues.events.get(timeout=0)
    step.claim(dataclasses.replace(snapshot, waited=True))

    assert isinstance(answer, NotReady)
    assert answer.retry_on is RetryOn.QUIET
    (document,) = pipeline.journal.in_state(State.QUEUED)
    (doubt,) = document.end_doubts
    assert doubt.what.startswith("the end of the PDF looks incomplete: no %%EOF")
    assert doubt.warning == f"{doubt.what}; it was read after 2 min of quiet"


def test_a_version_that_was_tried_waits_for_a_change(pipeline: Pipeline, step: Claim) -> None:
    snapshot = pipeline.drop("a.pdf", encoded("pdf", numbered(1))[:900])
    step.claim(dataclasses.replace(snapshot, waited=True))
    pipeline.queues.events.get(timeout=0)
    (document,) = pipeline.journal.in_state(State.QUEUED)
    document = pipeline.journal.move(document, State.READING, "")
    pipeline.journal.move(document, State.SETTLING, "incomplete: it does not open")

    step.claim(snapshot)

    expected = NotReady(b"a.pdf", "incomplete: it does not open", RetryOn.CHANGE)
    assert pipeline.queues.events.get(timeout=0) == expected


def test_a_file_over_the_size_limit_fails_without_being_read(
    pipeline: Pipeline, step: Claim
) -> None:
    pipeline.change(limits=dataclasses.replace(pipeline.context.settings.limits, file_size=1000))
    snapshot = pipeline.drop("a.png", encoded("png"))

    step.claim(snapshot)

    (document,) = pipeline.journal.in_state(State.PUTTING_AWAY)
    assert document.outcome == "too-big"
    assert document.sha256 == ""
    assert "more than 1,000 bytes (limits.file_size)" in document.reason
    assert pipeline.queues.results.get(0) == document.id


def test_a_file_over_the_limit_is_claimed_and_failed_together_or_not_at_all(
    pipeline: Pipeline, step: Claim
) -> None:
    """Let SQLite refuse the second of the two changes, by a trigger; claimed alone, the file would be read later."""
    pipeline.change(limits=dataclasses.replace(pipeline.context.settings.limits, file_size=1000))
    snapshot = pipeline.drop("a.png", encoded("png"))
    connection = pipeline.journal._db.connection
    refusal = "BEGIN SELECT RAISE(ABORT, 'no move today'); END"
    connection.execute(f"CREATE TEMP TRIGGER refuse BEFORE UPDATE OF state ON documents {refusal}")

    with pytest.raises(sqlite3.IntegrityError, match="no move today"):
        step.claim(snapshot)

    assert list(pipeline.journal.in_state(*State)) == []
    connection.execute("DROP TRIGGER refuse")
    step.claim(snapshot)
    (document,) = pipeline.journal.in_state(*State)
    assert document.state == State.PUTTING_AWAY


@pytest.mark.parametrize("replaced", ["changed", "gone", "a link"])
def test_a_file_that_has_been_replaced_is_sent_back(
    pipeline: Pipeline, step: Claim, replaced: str
) -> None:
    snapshot = pipeline.drop("a.png", encoded("png"))
    (pipeline.inbox / "a.png").unlink()
    if replaced == "changed":
        pipeline.drop("a.png", encoded("png", numbered(1)))
    elif replaced == "a link":
        (pipeline.inbox / "a.png").symlink_to(pipeline.home)

    step.claim(snapshot)

    answer = pipeline.queues.events.get(timeout=0)
    assert isinstance(answer, NotReady)
    assert answer.reason == ("still changing" if replaced == "changed" else "gone")
    assert list(pipeline.journal.in_state(*State)) == []


# other daemons --------------------------------------------------------------------------------------

PNG = encoded("png")
PNG_SHA256 = hashlib.sha256(PNG).hexdigest()


def test_a_file_in_work_elsewhere_is_left_alone(pipeline: Pipeline, step: Claim) -> None:
    snapshot = pipeline.drop("a.png", PNG)
    with other_daemon(pipeline) as other:
        other.claim(snapshot, PNG_SHA256)

        step.claim(snapshot)

    half = pipeline.context.settings.watch.lease / 2
    expected = InWorkElsewhere(b"a.png", f"in work by {other.owner}", half)
    assert pipeline.queues.events.get(timeout=0) == expected
    assert list(pipeline.journal.in_state(*State)) == []


def test_a_file_that_was_published_elsewhere_is_recorded_as_such(
    pipeline: Pipeline, step: Claim
) -> None:
    """Claim it twice: a restarted watcher may hand it on again."""
    snapshot = pipeline.drop("a.png", PNG)
    with other_daemon(pipeline) as other:
        other.publish(snapshot, PNG_SHA256)

        for _ in range(2):
            step.claim(snapshot)

            assert pipeline.queues.events.get(timeout=0) == Claimed(b"a.png")

    (document,) = pipeline.journal.in_state(*State)
    assert (document.state, document.kept) == (State.GONE, 1)
    assert document.reason == f"published by {other.owner}"
    assert pipeline.queues.pages.take(0) is None


def test_a_new_version_of_a_file_that_was_published_elsewhere_is_queued(
    pipeline: Pipeline, step: Claim
) -> None:
    snapshot = pipeline.drop("a.png", PNG)
    with other_daemon(pipeline) as other:
        other.publish(snapshot, "of the version before")

        step.claim(snapshot)

    (document,) = pipeline.journal.in_state(State.QUEUED)
    assert document.sha256 == PNG_SHA256


def test_only_one_daemon_gets_the_new_version_of_a_published_file(pipeline: Pipeline) -> None:
    """Let the other daemon supersede its mark a moment earlier."""
    snapshot = pipeline.drop("a.png", PNG)
    with other_daemon(pipeline) as other:
        other.publish(snapshot, "of the version before")

        class LateLeases(Leases):
            def acquire(
                self, path: bytes, superseding: PublishedMark | None = None
            ) -> Holder | None:
                if superseding:
                    assert other.leases.acquire(path, superseding) is None
                return super().acquire(path, superseding)

        watch = pipeline.context.settings.watch
        leases = LateLeases(pipeline.stores.roots.inbox, pipeline.journal, watch)
        stores = dataclasses.replace(pipeline.stores, leases=leases)
        Claim(pipeline.current, stores, pipeline.queues).claim(snapshot)

    answer = pipeline.queues.events.get(timeout=0)
    assert isinstance(answer, InWorkElsewhere)
    assert list(pipeline.journal.in_state(*State)) == []


# the thread's body ----------------------------------------------------------------------------------


class StopInPause(threading.Event):
    """A stop event that is set during the first pause."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_files_are_claimed_until_the_queue_is_closed(pipeline: Pipeline, step: Claim) -> None:
    for name in ("a.png", "b.png"):
        pipeline.queues.claims.put(pipeline.drop(name, PNG))
    thread = threading.Thread(target=step.run, args=(threading.Event(),))
    thread.start()
    answers = [pipeline.queues.events.get(timeout=30) for _ in range(2)]

    pipeline.queues.claims.close()

    thread.join(30)
    assert not thread.is_alive()
    assert answers == [Claimed(b"a.png"), Claimed(b"b.png")]


def test_a_file_is_tried_again_during_an_outage_until_the_stop(
    pipeline: Pipeline, step: Claim
) -> None:
    pipeline.queues.claims.put(pipeline.drop("a.png", PNG))
    pipeline.inbox.rename(pipeline.home / "elsewhere")

    step.run(StopInPause())

    assert pipeline.queues.events.empty()
    assert list(pipeline.journal.in_state(*State)) == []


def test_a_stop_ends_the_wait_for_the_outbox(pipeline: Pipeline, step: Claim) -> None:
    pipeline.queues.results.block("the outbox is full")
    pipeline.queues.claims.put(pipeline.drop("a.png", PNG))
    stop = threading.Event()
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()
    eventually(lambda: len(pipeline.queues.claims) == 0)

    stop.set()
    pipeline.queues.results.release()

    thread.join(30)
    assert not thread.is_alive()
    assert pipeline.queues.events.empty()


def test_a_file_that_meets_a_bug_is_sent_back(pipeline: Pipeline, step: Claim) -> None:
    """Cause the bug by taking the profiles away, which loading would not allow."""
    pipeline.current.replace(dataclasses.replace(pipeline.context, profiles={}))
    pipeline.queues.claims.put(pipeline.drop("a.png", PNG))
    stop = threading.Event()
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()

    answer = pipeline.queues.events.get(timeout=30)

    pipeline.queues.claims.close()
    thread.join(30)
    assert answer == NotReady(b"a.png", "KeyError: 'default'")
