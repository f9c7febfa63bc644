"""Test the claim step on real files."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Bench, bench
from samples import encoded, numbered
from scanmend.document import State
from scanmend.intake.events import Claimed, NotReady, RetryOn
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
