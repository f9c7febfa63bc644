"""Test the read step with real OCR children, on errors that are rare in the whole daemon."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journals import unwritable
from pipelines import Pipeline, new_pipeline
from running import eventually
from samples import CASES, encoded
from scanmend.document import State
from scanmend.errors import Died, FolderGone
from scanmend.pipeline.queues import PageToCorrect
from scanmend.pipeline.read import Read
from scanmend.pipeline.read_slot import ReadSlot
from scanmend.pipeline.scheduler import ContentsJob, PageJob
from scanmend.telemetry.metrics import REGISTRY
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.setenv("SCANMEND_NULL_ENGINE", "1")
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def slot(pipeline: Pipeline) -> Iterator[ReadSlot]:
    slot = ReadSlot(pipeline.context)
    yield slot
    slot.close()


def _do(pipeline: Pipeline, slot: ReadSlot) -> None:
    """Let the read step do the next job."""
    job = pipeline.queues.pages.take(0)
    assert job
    Read(pipeline.current, pipeline.stores, pipeline.queues).do(job, slot.child, pipeline.context)


def test_a_page_waits_while_the_inbox_is_away(pipeline: Pipeline, slot: ReadSlot) -> None:
    """Remove the share in the middle of a page: no attempt is counted, and the document is not gone."""
    document = pipeline.reading()
    pipeline.queues.pages.add_pages(document.id, [0], 0.0)
    pipeline.inbox.rename(pipeline.home / "elsewhere")

    _do(pipeline, slot)

    assert pipeline.queues.pages.take(30) == PageJob(document.id, 0)
    waiting = pipeline.journal.document(document.id)
    assert waiting.state == State.READING
    assert waiting.waits
    assert pipeline.journal.pages.attempts(document.id) == 0


def test_a_document_whose_file_disappears_is_gone(pipeline: Pipeline, slot: ReadSlot) -> None:
    document = pipeline.reading()
    pipeline.queues.pages.add_pages(document.id, [0], 0.0)
    (pipeline.inbox / "a.png").unlink()

    _do(pipeline, slot)

    assert pipeline.state(document) == State.GONE
    assert len(pipeline.queues.pages) == 0


def test_the_contents_job_adds_the_page_jobs(pipeline: Pipeline, slot: ReadSlot) -> None:
    document = pipeline.journal.claim(pipeline.drop("a.png", encoded("png")), "f00", "default")
    assert document
    pipeline.queues.pages.add_contents(document.id, 0.0)

    _do(pipeline, slot)
    assert pipeline.journal.document(document.id).pages == 1
    _do(pipeline, slot)

    assert pipeline.queues.corrections.get(0) == PageToCorrect(document.id, 0)
    assert len(pipeline.queues.pages) == 0


def test_a_file_that_does_not_open_fails(pipeline: Pipeline, slot: ReadSlot) -> None:
    document = pipeline.journal.claim(pipeline.drop("a.png", b"no picture"), "f00", "default")
    assert document
    pipeline.queues.pages.add_contents(document.id, 0.0)

    _do(pipeline, slot)

    assert pipeline.state(document) == State.PUTTING_AWAY
    assert pipeline.journal.document(document.id).outcome == "unsupported"
    assert pipeline.queues.results.get(0) == document.id


def test_after_an_unforeseen_error_the_page_is_tried_in_a_new_child(
    pipeline: Pipeline, slot: ReadSlot
) -> None:
    """Cause an unforeseen error by rendering a page at 0 dpi: the next attempt must get a new child.

    OpenVINO without memory once failed and then returned its last good answer for the pages that followed. Its memory
    can't be made scarce at the right moment.
    """
    pipeline.change(ocr=dataclasses.replace(pipeline.context.settings.ocr, dpi=0))
    document = pipeline.reading("a.pdf", encoded("pdf"))
    attempts = pipeline.context.settings.ocr.attempts
    for failed in range(1, attempts + 1):
        pipeline.queues.pages.add_pages(document.id, [0], 0.0)
        slot.child.start()

        _do(pipeline, slot)

        assert not slot.child.alive
        if failed < attempts:
            assert pipeline.journal.pages.attempts(document.id) == failed
            pipeline.queues.pages.drop(document.id)

    assert pipeline.state(document) == State.PUTTING_AWAY
    reason = pipeline.journal.document(document.id).reason
    assert reason.startswith(f"a.pdf: page 1 failed {attempts} times: ")
    assert "scanmend retry" in reason


def test_a_page_with_unread_ink_is_counted(tmp_path: Path) -> None:
    """Read Russian print by an engine that can't."""
    name = "scanmend_unread_pages_total"
    before = REGISTRY.get_sample_value(name)
    assert before is not None
    with new_pipeline(tmp_path, "rapidocr") as pipeline:
        document = pipeline.reading(data=(CASES / "lang-ru.png").read_bytes())
        pipeline.queues.pages.add_pages(document.id, [0], 0.0)
        slot = ReadSlot(pipeline.context)
        _do(pipeline, slot)
        slot.close()

        text = pipeline.journal.pages.text(document.id, 0)

    assert text
    assert text.unread
    assert REGISTRY.get_sample_value(name) == before + 1


def test_a_child_near_its_memory_limit_is_replaced(pipeline: Pipeline, slot: ReadSlot) -> None:
    slot.child.start()
    eventually(lambda: slot.child.memory() > 2**20)
    for limit, near in ((2 * slot.child.memory(), False), (slot.child.memory(), True), (0, False)):
        ocr = dataclasses.replace(pipeline.context.settings.ocr, memory=limit)
        context = pipeline.change(ocr=ocr)
        assert slot.is_near_limit(context) == near

    slot.prepare(context, idle=False)
    assert slot.child.alive
    slot.prepare(pipeline.change(ocr=dataclasses.replace(ocr, memory=1)), idle=False)
    assert not slot.child.alive


def test_a_child_of_another_engine_is_replaced(pipeline: Pipeline, slot: ReadSlot) -> None:
    slot.child.start()
    first = slot.child

    slot.prepare(dataclasses.replace(pipeline.context, engine="rapidocr"), idle=False)

    assert not first.alive
    assert slot.child is not first


def test_an_idle_child_is_ended(pipeline: Pipeline, slot: ReadSlot) -> None:
    slot.child.start()

    slot.prepare(pipeline.context, idle=True)

    assert not slot.child.alive


def test_a_job_in_hand_goes_back_when_the_grace_is_over(pipeline: Pipeline, slot: ReadSlot) -> None:
    document = pipeline.journal.claim(pipeline.drop("a.png", b"no picture"), "f00", "default")
    assert document
    pipeline.queues.pages.add_contents(document.id, 0.0)
    read = Read(pipeline.current, pipeline.stores, pipeline.queues)
    read.interrupt()
    job = pipeline.queues.pages.take(0)
    assert job

    read.do(job, slot.child, pipeline.context)

    assert pipeline.queues.pages.take(0) == ContentsJob(document.id)
    assert pipeline.state(document) == State.READING


@pytest.mark.parametrize("data", [encoded("png"), b"no picture"], ids=["taken away", "damaged"])
def test_a_document_is_not_lost_while_the_journal_cant_be_written(
    pipeline: Pipeline, slot: ReadSlot, data: bytes
) -> None:
    """Fail the move to the next state: the job must come back, or nothing would move the document before a restart."""
    document = pipeline.reading("a.png", data)
    pipeline.queues.pages.add_pages(document.id, [0], 0.0)
    if data != b"no picture":
        (pipeline.inbox / "a.png").unlink()

    with unwritable(pipeline.journal):
        _do(pipeline, slot)

    assert pipeline.state(document) == State.READING
    eventually(lambda: pipeline.queues.pages.take(0) is not None)
    pipeline.queues.pages.give_back(PageJob(document.id, 0))
    _do(pipeline, slot)
    assert pipeline.state(document) in (State.GONE, State.PUTTING_AWAY)
    assert len(pipeline.queues.pages) == 0


def test_a_document_that_failed_at_another_page_keeps_its_reason(pipeline: Pipeline) -> None:
    """Let one slot wait for the inbox while another one gives the document up."""

    class LateChild(Child):
        def ask(self, *_: Any) -> Any:
            pipeline.journal.move(document, State.PUTTING_AWAY, "page 2 failed", outcome="died")
            raise FolderGone("the inbox is away")

    document = pipeline.reading(pages=2)
    pipeline.queues.pages.add_pages(document.id, [0], 0.0)
    job = pipeline.queues.pages.take(0)
    assert job
    child = LateChild("none", "OCR", {}, 0, Sandbox())

    Read(pipeline.current, pipeline.stores, pipeline.queues).do(job, child, pipeline.context)

    assert pipeline.journal.document(document.id).reason == "page 2 failed"


def test_a_job_of_a_document_that_failed_at_another_page_is_dropped(
    pipeline: Pipeline, slot: ReadSlot
) -> None:
    document = pipeline.reading(pages=2)
    pipeline.queues.pages.add_pages(document.id, [0, 1], 0.0)
    pipeline.journal.move(document, State.PUTTING_AWAY, "page 2 failed", outcome="died")

    _do(pipeline, slot)

    assert len(pipeline.queues.pages) == 0
    assert not slot.child.alive


def test_the_remedy_of_an_error_is_not_followed_by_general_advice(pipeline: Pipeline) -> None:
    """Imitate a child of another engine: the one of these tests has no error with a remedy."""

    class BrokenChild(Child):
        def ask(self, *_: Any) -> Any:
            raise Died("the engine ended", "install libssl")

    pipeline.change(ocr=dataclasses.replace(pipeline.context.settings.ocr, attempts=1))
    document = pipeline.reading()
    pipeline.queues.pages.add_pages(document.id, [0], 0.0)
    job = pipeline.queues.pages.take(0)
    assert job
    child = BrokenChild("none", "OCR", {}, 0, Sandbox())

    Read(pipeline.current, pipeline.stores, pipeline.queues).do(job, child, pipeline.context)

    reason = pipeline.journal.document(document.id).reason
    assert reason == "a.png: page 1 failed 1 times: the engine ended; install libssl"
