"""Test the claim step on real files."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Pipeline, new_pipeline
from samples import encoded, numbered
from scanmend.document import State
from scanmend.intake.events import Claimed, NotReady, RetryOn
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
