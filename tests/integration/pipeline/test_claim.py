"""Test the claim step on real files."""

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Bench, bench, other_daemon
from running import eventually
from samples import encoded, numbered
from scanmend.document import State
from scanmend.intake.events import Claimed, InWorkElsewhere, NotReady, RetryOn
from scanmend.intake.lease import Leases
from scanmend.intake.lease_folders import Holder, PublishedMark
from scanmend.pipeline.claim import Claim
from scanmend.pipeline.scheduler import ContentsJob


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def step(made: Bench) -> Claim:
    return Claim(made.current, made.stores, made.queues)


def test_a_complete_file_is_queued(made: Bench, step: Claim) -> None:
    snapshot = made.drop("a.png", encoded("png"))

    step.claim(snapshot)

    assert made.queues.events.get(timeout=0) == Claimed(b"a.png")
    (document,) = made.journal.in_state(State.QUEUED)
    assert document.identity == snapshot.identity
    assert document.end_doubts == ()
    assert made.queues.pages.take(0) == ContentsJob(document.id)


def test_a_file_that_is_queued_already_is_not_queued_again(made: Bench, step: Claim) -> None:
    snapshot = made.drop("a.png", encoded("png"))

    for _ in range(2):
        step.claim(snapshot)
        assert made.queues.events.get(timeout=0) == Claimed(b"a.png")

    assert len(list(made.journal.in_state(*State))) == 1


def test_an_incomplete_file_is_sent_back(made: Bench, step: Claim) -> None:
    snapshot = made.drop("a.png", encoded("png")[:200])

    step.claim(dataclasses.replace(snapshot, waited=True))

    answer = made.queues.events.get(timeout=0)
    assert isinstance(answer, NotReady)
    assert answer.reason.startswith("incomplete: ")
    assert answer.retry_on is RetryOn.TIMER


def test_a_pdf_with_an_odd_end_waits_and_is_then_claimed_with_a_doubt(
    made: Bench, step: Claim
) -> None:
    snapshot = made.drop("a.pdf", encoded("pdf", numbered(1)).rstrip()[:-3])

    step.claim(snapshot)
    answer = made.queues.events.get(timeout=0)
    step.claim(dataclasses.replace(snapshot, waited=True))

    assert isinstance(answer, NotReady)
    assert answer.retry_on is RetryOn.QUIET
    (document,) = made.journal.in_state(State.QUEUED)
    (doubt,) = document.end_doubts
    assert doubt.what.startswith("the end of the PDF looks incomplete: no %%EOF")
    assert doubt.warning == f"{doubt.what}; it was read after 2 min of quiet"


def test_a_version_that_was_tried_waits_for_a_change(made: Bench, step: Claim) -> None:
    snapshot = made.drop("a.pdf", encoded("pdf", numbered(1))[:900])
    step.claim(dataclasses.replace(snapshot, waited=True))
    made.queues.events.get(timeout=0)
    (document,) = made.journal.in_state(State.QUEUED)
    document = made.journal.move(document, State.READING, "")
    made.journal.move(document, State.SETTLING, "incomplete: it does not open")

    step.claim(snapshot)

    expected = NotReady(b"a.pdf", "incomplete: it does not open", RetryOn.CHANGE)
    assert made.queues.events.get(timeout=0) == expected


def test_a_file_over_the_size_limit_fails_without_being_read(made: Bench, step: Claim) -> None:
    made.change(limits=dataclasses.replace(made.context.settings.limits, file_size=1000))
    snapshot = made.drop("a.png", encoded("png"))

    step.claim(snapshot)

    (document,) = made.journal.in_state(State.PUTTING_AWAY)
    assert document.outcome == "too-big"
    assert document.sha256 == ""
    assert "more than 1,000 bytes (limits.file_size)" in document.reason
    assert made.queues.results.get(0) == document.id


@pytest.mark.parametrize("replaced", ["changed", "gone", "a link"])
def test_a_file_that_has_been_replaced_is_sent_back(
    made: Bench, step: Claim, replaced: str
) -> None:
    snapshot = made.drop("a.png", encoded("png"))
    (made.inbox / "a.png").unlink()
    if replaced == "changed":
        made.drop("a.png", encoded("png", numbered(1)))
    elif replaced == "a link":
        (made.inbox / "a.png").symlink_to(made.home)

    step.claim(snapshot)

    answer = made.queues.events.get(timeout=0)
    assert isinstance(answer, NotReady)
    assert answer.reason == ("still changing" if replaced == "changed" else "gone")
    assert list(made.journal.in_state(*State)) == []


# other daemons --------------------------------------------------------------------------------------

PNG = encoded("png")
PNG_SHA256 = hashlib.sha256(PNG).hexdigest()


def test_a_file_in_work_elsewhere_is_left_alone(made: Bench, step: Claim) -> None:
    snapshot = made.drop("a.png", PNG)
    with other_daemon(made) as other:
        other.claim(snapshot, PNG_SHA256)

        step.claim(snapshot)

    half = made.context.settings.watch.lease / 2
    expected = InWorkElsewhere(b"a.png", f"in work by {other.owner}", half)
    assert made.queues.events.get(timeout=0) == expected
    assert list(made.journal.in_state(*State)) == []


def test_a_file_that_was_published_elsewhere_is_recorded_as_such(made: Bench, step: Claim) -> None:
    """Claim it twice: a restarted watcher may hand it on again."""
    snapshot = made.drop("a.png", PNG)
    with other_daemon(made) as other:
        other.publish(snapshot, PNG_SHA256)

        for _ in range(2):
            step.claim(snapshot)

            assert made.queues.events.get(timeout=0) == Claimed(b"a.png")

    (document,) = made.journal.in_state(*State)
    assert (document.state, document.kept) == (State.GONE, 1)
    assert document.reason == f"published by {other.owner}"
    assert made.queues.pages.take(0) is None


def test_a_new_version_of_a_file_that_was_published_elsewhere_is_queued(
    made: Bench, step: Claim
) -> None:
    snapshot = made.drop("a.png", PNG)
    with other_daemon(made) as other:
        other.publish(snapshot, "of the version before")

        step.claim(snapshot)

    (document,) = made.journal.in_state(State.QUEUED)
    assert document.sha256 == PNG_SHA256


def test_only_one_daemon_gets_the_new_version_of_a_published_file(made: Bench) -> None:
    """Let the other daemon supersede its mark a moment earlier."""
    snapshot = made.drop("a.png", PNG)
    with other_daemon(made) as other:
        other.publish(snapshot, "of the version before")

        class LateLeases(Leases):
            def acquire(
                self, path: bytes, superseding: PublishedMark | None = None
            ) -> Holder | None:
                if superseding:
                    assert other.leases.acquire(path, superseding) is None
                return super().acquire(path, superseding)

        watch = made.context.settings.watch
        leases = LateLeases(made.stores.roots.inbox, made.journal, watch)
        stores = dataclasses.replace(made.stores, leases=leases)
        Claim(made.current, stores, made.queues).claim(snapshot)

    answer = made.queues.events.get(timeout=0)
    assert isinstance(answer, InWorkElsewhere)
    assert list(made.journal.in_state(*State)) == []


# the thread's body ----------------------------------------------------------------------------------


class StopInPause(threading.Event):
    """A stop event that is set during the first pause."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_files_are_claimed_until_the_queue_is_closed(made: Bench, step: Claim) -> None:
    for name in ("a.png", "b.png"):
        made.queues.claims.put(made.drop(name, PNG))
    thread = threading.Thread(target=step.run, args=(threading.Event(),))
    thread.start()
    answers = [made.queues.events.get(timeout=30) for _ in range(2)]

    made.queues.claims.close()

    thread.join(30)
    assert not thread.is_alive()
    assert answers == [Claimed(b"a.png"), Claimed(b"b.png")]


def test_a_file_is_tried_again_during_an_outage_until_the_stop(made: Bench, step: Claim) -> None:
    made.queues.claims.put(made.drop("a.png", PNG))
    made.inbox.rename(made.home / "elsewhere")

    step.run(StopInPause())

    assert made.queues.events.empty()
    assert list(made.journal.in_state(*State)) == []


def test_a_stop_ends_the_wait_for_the_outbox(made: Bench, step: Claim) -> None:
    made.queues.results.block("the outbox is full")
    made.queues.claims.put(made.drop("a.png", PNG))
    stop = threading.Event()
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()
    eventually(lambda: len(made.queues.claims) == 0)

    stop.set()
    made.queues.results.release()

    thread.join(30)
    assert not thread.is_alive()
    assert made.queues.events.empty()


def test_a_file_that_meets_a_bug_is_sent_back(made: Bench, step: Claim) -> None:
    """Cause the bug by taking the profiles away, which loading would not allow."""
    made.current.replace(dataclasses.replace(made.context, profiles={}))
    made.queues.claims.put(made.drop("a.png", PNG))
    stop = threading.Event()
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()

    answer = made.queues.events.get(timeout=30)

    made.queues.claims.close()
    thread.join(30)
    assert answer == NotReady(b"a.png", "KeyError: 'default'")
