"""Test the read step with real OCR children, on errors that are rare in the whole daemon."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journals import unwritable
from pipelines import Bench, bench
from running import eventually
from samples import encoded
from scanmend.document import State
from scanmend.errors import Died, FolderGone
from scanmend.pipeline.queues import PageToCorrect
from scanmend.pipeline.read import Read
from scanmend.pipeline.read_slot import ReadSlot
from scanmend.pipeline.scheduler import ContentsJob, PageJob
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("SCANMEND_NULL_ENGINE", "1")
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def slot(made: Bench) -> Iterator[ReadSlot]:
    slot = ReadSlot(made.context)
    yield slot
    slot.close()


def _do(made: Bench, slot: ReadSlot) -> None:
    """Let the read step do the next job."""
    job = made.queues.pages.take(0)
    assert job
    Read(made.current, made.stores, made.queues).do(job, slot.child, made.context)


def test_a_page_waits_while_the_inbox_is_away(made: Bench, slot: ReadSlot) -> None:
    """Remove the share in the middle of a page: no attempt is counted, and the document is not gone."""
    document = made.reading()
    made.queues.pages.add_pages(document.id, [0], 0.0)
    made.inbox.rename(made.home / "elsewhere")

    _do(made, slot)

    assert made.queues.pages.take(30) == PageJob(document.id, 0)
    waiting = made.journal.document(document.id)
    assert waiting.state == State.READING
    assert waiting.waits
    assert made.journal.pages.attempts(document.id) == 0


def test_a_document_whose_file_disappears_is_gone(made: Bench, slot: ReadSlot) -> None:
    document = made.reading()
    made.queues.pages.add_pages(document.id, [0], 0.0)
    (made.inbox / "a.png").unlink()

    _do(made, slot)

    assert made.state(document) == State.GONE
    assert len(made.queues.pages) == 0


def test_the_contents_job_adds_the_page_jobs(made: Bench, slot: ReadSlot) -> None:
    document = made.journal.claim(made.drop("a.png", encoded("png")), "f00", "default")
    assert document
    made.queues.pages.add_contents(document.id, 0.0)

    _do(made, slot)
    assert made.journal.document(document.id).pages == 1
    _do(made, slot)

    assert made.queues.corrections.get(0) == PageToCorrect(document.id, 0)
    assert len(made.queues.pages) == 0


def test_a_file_that_does_not_open_fails(made: Bench, slot: ReadSlot) -> None:
    document = made.journal.claim(made.drop("a.png", b"no picture"), "f00", "default")
    assert document
    made.queues.pages.add_contents(document.id, 0.0)

    _do(made, slot)

    assert made.state(document) == State.PUTTING_AWAY
    assert made.journal.document(document.id).outcome == "unsupported"
    assert made.queues.results.get(0) == document.id


def test_after_an_unforeseen_error_the_page_is_tried_in_a_new_child(
    made: Bench, slot: ReadSlot
) -> None:
    """Cause an unforeseen error by rendering a page at 0 dpi: the next attempt must get a new child.

    OpenVINO without memory once failed and then returned its last good answer for the pages that followed. Its memory
    can't be made scarce at the right moment.
    """
    made.change(ocr=dataclasses.replace(made.context.settings.ocr, dpi=0))
    document = made.reading("a.pdf", encoded("pdf"))
    attempts = made.context.settings.ocr.attempts
    for failed in range(1, attempts + 1):
        made.queues.pages.add_pages(document.id, [0], 0.0)
        slot.child.start()

        _do(made, slot)

        assert not slot.child.alive
        if failed < attempts:
            assert made.journal.pages.attempts(document.id) == failed
            made.queues.pages.drop(document.id)

    assert made.state(document) == State.PUTTING_AWAY
    reason = made.journal.document(document.id).reason
    assert reason.startswith(f"a.pdf: page 1 failed {attempts} times: ")
    assert "scanmend retry" in reason


def test_a_child_near_its_memory_limit_is_replaced(made: Bench, slot: ReadSlot) -> None:
    slot.child.start()
    eventually(lambda: slot.child.memory() > 2**20)
    for limit, near in ((2 * slot.child.memory(), False), (slot.child.memory(), True), (0, False)):
        ocr = dataclasses.replace(made.context.settings.ocr, memory=limit)
        context = made.change(ocr=ocr)
        assert slot.is_near_limit(context) == near

    slot.prepare(context, idle=False)
    assert slot.child.alive
    slot.prepare(made.change(ocr=dataclasses.replace(ocr, memory=1)), idle=False)
    assert not slot.child.alive


def test_a_child_of_another_engine_is_replaced(made: Bench, slot: ReadSlot) -> None:
    slot.child.start()
    first = slot.child

    slot.prepare(dataclasses.replace(made.context, engine="rapidocr"), idle=False)

    assert not first.alive
    assert slot.child is not first


def test_an_idle_child_is_ended(made: Bench, slot: ReadSlot) -> None:
    slot.child.start()

    slot.prepare(made.context, idle=True)

    assert not slot.child.alive


def test_a_job_in_hand_goes_back_when_the_grace_is_over(made: Bench, slot: ReadSlot) -> None:
    document = made.journal.claim(made.drop("a.png", b"no picture"), "f00", "default")
    assert document
    made.queues.pages.add_contents(document.id, 0.0)
    read = Read(made.current, made.stores, made.queues)
    read.interrupt()
    job = made.queues.pages.take(0)
    assert job

    read.do(job, slot.child, made.context)

    assert made.queues.pages.take(0) == ContentsJob(document.id)
    assert made.state(document) == State.READING


@pytest.mark.parametrize("data", [encoded("png"), b"no picture"], ids=["taken away", "damaged"])
def test_a_document_is_not_lost_while_the_journal_cant_be_written(
    made: Bench, slot: ReadSlot, data: bytes
) -> None:
    """The move to its next state fails: the job must come back, or nothing would move it before a restart."""
    document = made.reading("a.png", data)
    made.queues.pages.add_pages(document.id, [0], 0.0)
    if data != b"no picture":
        (made.inbox / "a.png").unlink()

    with unwritable(made.journal):
        _do(made, slot)

    assert made.state(document) == State.READING
    eventually(lambda: made.queues.pages.take(0) is not None)
    made.queues.pages.give_back(PageJob(document.id, 0))
    _do(made, slot)
    assert made.state(document) in (State.GONE, State.PUTTING_AWAY)
    assert len(made.queues.pages) == 0


def test_a_document_that_failed_at_another_page_keeps_its_reason(made: Bench) -> None:
    """One slot waits for the inbox, while another one gives the document up."""

    class LateChild(Child):
        def ask(self, *_: Any) -> Any:
            made.journal.move(document, State.PUTTING_AWAY, "page 2 failed", outcome="died")
            raise FolderGone("the inbox is away")

    document = made.reading(pages=2)
    made.queues.pages.add_pages(document.id, [0], 0.0)
    job = made.queues.pages.take(0)
    assert job
    child = LateChild("none", "OCR", {}, 0, Sandbox())

    Read(made.current, made.stores, made.queues).do(job, child, made.context)

    assert made.journal.document(document.id).reason == "page 2 failed"


def test_a_job_of_a_document_that_failed_at_another_page_is_dropped(
    made: Bench, slot: ReadSlot
) -> None:
    document = made.reading(pages=2)
    made.queues.pages.add_pages(document.id, [0, 1], 0.0)
    made.journal.move(document, State.PUTTING_AWAY, "page 2 failed", outcome="died")

    _do(made, slot)

    assert len(made.queues.pages) == 0
    assert not slot.child.alive


def test_the_remedy_of_an_error_is_not_followed_by_general_advice(made: Bench) -> None:
    """Imitate a child of another engine: the one of these tests has no error with a remedy."""

    class BrokenChild(Child):
        def ask(self, *_: Any) -> Any:
            raise Died("the engine ended", "install libssl")

    made.change(ocr=dataclasses.replace(made.context.settings.ocr, attempts=1))
    document = made.reading()
    made.queues.pages.add_pages(document.id, [0], 0.0)
    job = made.queues.pages.take(0)
    assert job
    child = BrokenChild("none", "OCR", {}, 0, Sandbox())

    Read(made.current, made.stores, made.queues).do(job, child, made.context)

    reason = made.journal.document(document.id).reason
    assert reason == "a.png: page 1 failed 1 times: the engine ended; install libssl"
