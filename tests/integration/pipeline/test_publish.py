"""Test the publish step while the outbox is away, and after a bug in one document."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import Bench, bench
from running import eventually
from scanmend.document import Document, State
from scanmend.errors import MachineError
from scanmend.intake.lease import Leases
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.pipeline.publish import Publish


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def running(made: Bench) -> Iterator[None]:
    """Run the publish step in a thread during the test."""
    stop = threading.Event()
    step = Publish(made.current, made.stores, made.queues)
    thread = threading.Thread(target=step.run, args=(stop,))
    thread.start()
    yield
    stop.set()
    made.queues.results.close()
    thread.join(30)


def _corrected(made: Bench, name: str) -> Document:
    """Return a document whose page has been corrected."""
    document = made.reading(name)
    line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
    page = PageText(0, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
    correction = Correction(CorrectionStatus.OFF, "llm.enabled is false")
    result = PageResult(page, ("the ledger",), (), correction)
    made.journal.pages.keep_result(document.id, result)
    return made.journal.move(document, State.PUBLISHING, "the test")


@pytest.mark.usefixtures("running")
def test_an_outbox_that_is_away_holds_back_the_claim_step_until_it_is_back(made: Bench) -> None:
    (made.home / "outbox").rename(made.home / "elsewhere")
    documents = [_corrected(made, f"{name}.png") for name in "ab"]
    for document in documents:
        made.queues.results.put(document.id)
    eventually(lambda: "publish" in made.journal.facts.all())
    assert "folders.outbox" in made.queues.results.obstacle
    eventually(lambda: made.journal.document(documents[1].id).waits)

    (made.home / "elsewhere").rename(made.home / "outbox")

    eventually(lambda: [made.state(document) for document in documents] == [State.DONE] * 2)
    eventually(lambda: made.journal.facts.all() == {})
    assert made.queues.results.obstacle == ""
    names = sorted(path.name for path in (made.home / "outbox").iterdir())
    assert names == ["a.json", "a.txt", "b.json", "b.txt"]


@pytest.mark.usefixtures("running")
def test_a_bug_in_one_document_does_not_hold_up_the_others(made: Bench) -> None:
    """Cause the bug by removing the first document's page from the journal."""
    broken = made.journal.move(made.reading("a.png"), State.PUBLISHING, "the test")
    whole = _corrected(made, "b.png")
    for document in (broken, whole):
        made.queues.results.put(document.id)

    eventually(lambda: made.state(whole) == State.DONE)

    assert made.state(broken) == State.PUBLISHING
    eventually(lambda: made.journal.document(broken.id).waits)
    assert made.queues.results.obstacle == ""


def test_a_finished_document_does_not_wait(made: Bench) -> None:
    """Giving back its lease fails: that is tried again, and is no state of the document."""
    document = _corrected(made, "a.png")
    made.queues.results.put(document.id)

    class FailingLeases(Leases):
        def release_if_done(self, _: bytes) -> None:
            made.queues.results.close()
            raise MachineError("the journal can't be read")

    settings = made.context.settings.watch
    leases = FailingLeases(made.stores.roots.inbox, made.journal, settings)
    stores = dataclasses.replace(made.stores, leases=leases)

    Publish(made.current, stores, made.queues).run(threading.Event())

    assert made.state(document) == State.DONE
    assert not made.journal.document(document.id).waits
