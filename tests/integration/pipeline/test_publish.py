"""Test the publish step while the outbox is away, and after a bug in one document."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Pipeline, new_pipeline
from running import eventually
from scanmend.document import Document, State
from scanmend.errors import MachineError
from scanmend.intake.lease import Leases
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.pipeline.publish import Publish


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def running(pipeline: Pipeline) -> Iterator[None]:
    """Run the publish step in a thread during the test."""
    stop = threading.Event()
    step = Publish(pipeline.current, pipeline.stores, pipeline.queues)
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()
    yield
    stop.set()
    pipeline.queues.results.close()
    thread.join(30)


def _corrected(pipeline: Pipeline, name: str) -> Document:
    """Return a document whose page has been corrected."""
    document = pipeline.reading(name)
    line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
    page = PageText(0, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
    correction = Correction(CorrectionStatus.OFF, "llm.enabled is false")
    result = PageResult(page, ("the ledger",), (), correction)
    pipeline.journal.pages.keep_result(document.id, result)
    return pipeline.journal.move(document, State.PUBLISHING, "the test")


@pytest.mark.usefixtures("running")
def test_an_outbox_that_is_away_holds_back_the_claim_step_until_it_is_back(
    pipeline: Pipeline,
) -> None:
    (pipeline.home / "outbox").rename(pipeline.home / "elsewhere")
    documents = [_corrected(pipeline, f"{name}.png") for name in "ab"]
    for document in documents:
        pipeline.queues.results.put(document.id)
    eventually(lambda: "publish" in pipeline.journal.facts.all())
    assert "folders.outbox" in pipeline.queues.results.obstacle
    eventually(lambda: pipeline.journal.document(documents[1].id).waits)

    (pipeline.home / "elsewhere").rename(pipeline.home / "outbox")

    eventually(lambda: [pipeline.state(document) for document in documents] == [State.DONE] * 2)
    eventually(lambda: pipeline.journal.facts.all() == {})
    assert pipeline.queues.results.obstacle == ""
    names = sorted(path.name for path in (pipeline.home / "outbox").iterdir())
    assert names == ["a.json", "a.txt", "b.json", "b.txt"]


@pytest.mark.usefixtures("running")
def test_a_bug_in_one_document_does_not_hold_up_the_others(pipeline: Pipeline) -> None:
    """Cause the bug by removing the first document's page from the journal."""
    broken = pipeline.journal.move(pipeline.reading("a.png"), State.PUBLISHING, "the test")
    whole = _corrected(pipeline, "b.png")
    for document in (broken, whole):
        pipeline.queues.results.put(document.id)

    eventually(lambda: pipeline.state(whole) == State.DONE)

    assert pipeline.state(broken) == State.PUBLISHING
    eventually(lambda: pipeline.journal.document(broken.id).waits)
    assert pipeline.queues.results.obstacle == ""


def test_a_finished_document_does_not_wait(pipeline: Pipeline) -> None:
    """Fail to release the lease of a finished document: the release is tried again, and the document does not wait."""
    document = _corrected(pipeline, "a.png")
    pipeline.queues.results.put(document.id)

    class FailingLeases(Leases):
        def release_if_done(self, _: bytes) -> None:
            pipeline.queues.results.close()
            raise MachineError("the journal can't be read")

    settings = pipeline.context.settings.watch
    leases = FailingLeases(pipeline.stores.roots.inbox, pipeline.journal, settings)
    stores = dataclasses.replace(pipeline.stores, leases=leases)

    Publish(pipeline.current, stores, pipeline.queues).run(threading.Event())

    assert pipeline.state(document) == State.DONE
    assert not pipeline.journal.document(document.id).waits
