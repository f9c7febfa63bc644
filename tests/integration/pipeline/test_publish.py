"""Test the publish step: outages, a bug in one document, crashes between its parts, files that change meanwhile."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from structlog.testing import capture_logs

from journals import unwritable
from pipelines import Pipeline, new_pipeline, other_daemon
from running import SCHEMA, eventually
from scanmend.document import Document, State
from scanmend.errors import MachineError
from scanmend.intake.events import Look
from scanmend.intake.lease import Leases
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.pipeline.publish import Publish
from scanmend.store.journal import PUBLISHED


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


def _corrected(pipeline: Pipeline, name: str, unread: tuple[Box, ...] = ()) -> Document:
    """Return a document whose page has been corrected."""
    document = pipeline.reading(name)
    line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
    page = PageText(0, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"), unread=unread)
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


# one turn by hand -----------------------------------------------------------------------------------


@pytest.fixture
def step(pipeline: Pipeline) -> Publish:
    return Publish(pipeline.current, pipeline.stores, pipeline.queues)


def _published(pipeline: Pipeline, name: str = "a.png") -> Document:
    """Return a document whose result is written and whose original is to be put away."""
    document = _corrected(pipeline, name)
    return pipeline.journal.move(document, State.PUTTING_AWAY, "published", outcome=PUBLISHED)


def _names(pipeline: Pipeline, folder: str) -> list[str]:
    return sorted(path.name for path in (pipeline.home / folder).iterdir())


def _reason(pipeline: Pipeline, document: Document) -> str:
    assert pipeline.state(document) == State.DONE
    return pipeline.journal.document(document.id).reason


def test_unread_ink_is_a_warning_in_the_sidecar_and_in_the_log(
    pipeline: Pipeline, step: Publish
) -> None:
    document = _corrected(pipeline, "a.png", unread=(Box(1, 2, 3, 4.06),))

    with capture_logs() as logs:
        step.turn(document.id)

    warning = "page 1: 1 place with ink that could not be read (see pages[].unread)"
    logged = [entry["reason"] for entry in logs if entry["log_level"] == "warning"]
    assert logged == [warning]
    sidecar = json.loads((pipeline.home / "outbox" / "a.json").read_text())
    jsonschema.validate(sidecar, SCHEMA)
    assert sidecar["warnings"] == [warning]
    assert sidecar["pages"][0]["unread"] == [{"box": [1, 2, 3, 4.1]}]
    assert (pipeline.home / "outbox" / "a.txt").read_text() == "the ledger\n"


def test_a_file_that_was_replaced_after_its_publication_is_looked_at_again(
    pipeline: Pipeline, step: Publish
) -> None:
    document = _published(pipeline)
    pipeline.drop("a.png", b"another scan")

    step.turn(document.id)

    assert _reason(pipeline, document).startswith(
        "published; the original was changed in the inbox"
    )
    assert pipeline.queues.events.get(timeout=0) == Look(b"a.png")
    assert _names(pipeline, "inbox") == ["a.png"]
    assert _names(pipeline, "archive") == []


def test_a_file_that_was_taken_away_after_its_path_was_chosen_is_not_missed(
    pipeline: Pipeline, step: Publish
) -> None:
    document = _published(pipeline)
    pipeline.journal.note_put_away(document, bytes(pipeline.home / "archive" / "a.png"))
    (pipeline.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(pipeline, document) == "published; the original was taken out of the inbox"


@pytest.mark.parametrize("crash", ["after the move", "between copy and removal"])
def test_an_original_that_a_crash_left_half_moved_is_put_away_once(
    pipeline: Pipeline, step: Publish, crash: str
) -> None:
    document = _published(pipeline)
    target = pipeline.home / "archive" / "a.png"
    pipeline.journal.note_put_away(document, bytes(target))
    target.write_bytes((pipeline.inbox / "a.png").read_bytes())
    if crash == "after the move":
        (pipeline.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(pipeline, document) == f"published; the original is in {target}"
    assert _names(pipeline, "inbox") == []
    assert _names(pipeline, "archive") == ["a.png"]


def test_an_original_gets_another_name_if_its_path_was_taken_meanwhile(
    pipeline: Pipeline, step: Publish
) -> None:
    document = _published(pipeline)
    target = pipeline.home / "archive" / "a.png"
    pipeline.journal.note_put_away(document, bytes(target))
    target.write_bytes(b"somebody else's")

    step.turn(document.id)

    assert target.read_bytes() == b"somebody else's"
    (own,) = set(_names(pipeline, "archive")) - {"a.png"}
    assert _reason(pipeline, document).endswith(own)
    assert _names(pipeline, "inbox") == []


def test_the_begun_result_of_a_file_that_was_taken_away_is_removed(
    pipeline: Pipeline, step: Publish
) -> None:
    """Crash before the sidecar: without it, the result is not complete."""
    document = pipeline.journal.note_stem(_corrected(pipeline, "a.png"), "a")
    (pipeline.home / "outbox" / "a.txt").write_text("the ledger")
    (pipeline.inbox / "a.png").unlink()

    step.turn(document.id)

    assert pipeline.state(document) == State.GONE
    assert _names(pipeline, "outbox") == []
    assert pipeline.queues.events.get(timeout=0) == Look(b"a.png")


def test_a_complete_result_counts_though_the_file_was_taken_away(
    pipeline: Pipeline, step: Publish
) -> None:
    """Crash after the sidecar, before the journal has it."""
    document = pipeline.journal.note_stem(_corrected(pipeline, "a.png"), "a")
    with unwritable(pipeline.journal), pytest.raises(MachineError):
        step.turn(document.id)
    assert _names(pipeline, "outbox") == ["a.json", "a.txt"]
    (pipeline.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(pipeline, document) == "published; the original was taken out of the inbox"
    assert _names(pipeline, "outbox") == ["a.json", "a.txt"]


def test_a_document_that_another_daemon_took_over_is_not_published_twice(
    pipeline: Pipeline, step: Publish
) -> None:
    """Let the other daemon take the file over while this one was silent for too long."""
    document = _corrected(pipeline, "a.png")
    with other_daemon(pipeline) as other:
        snapshot = pipeline.stores.inbox.snapshot(b"a.png")
        assert snapshot
        other.publish(snapshot, document.sha256)

        step.turn(document.id)

    gone = pipeline.journal.document(document.id)
    assert gone.state == State.GONE
    assert gone.reason == f"published by {other.owner}, which took it over"
    assert _names(pipeline, "outbox") == []


def test_a_document_waits_while_another_daemon_works_on_its_file(
    pipeline: Pipeline, step: Publish
) -> None:
    document = _corrected(pipeline, "a.png")
    with other_daemon(pipeline) as other:
        snapshot = pipeline.stores.inbox.snapshot(b"a.png")
        assert snapshot
        other.claim(snapshot, document.sha256)

        with pytest.raises(MachineError, match="took it over; its end is waited for"):
            step.turn(document.id)

    assert pipeline.state(document) == State.PUBLISHING


def test_the_error_for_a_full_or_broken_outbox_names_the_path(
    pipeline: Pipeline, step: Publish
) -> None:
    """Break it by a folder in the place of the text file, which no file can replace."""
    document = pipeline.journal.note_stem(_corrected(pipeline, "a.png"), "a")
    (pipeline.home / "outbox" / "a.txt").mkdir()

    with pytest.raises(MachineError, match=r"^putting out a\.png: .*outbox"):
        step.turn(document.id)
