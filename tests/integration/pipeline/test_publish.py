"""Test the publish step: outages, a bug in one document, crashes between its parts, files that change meanwhile."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from journals import unwritable
from pipelines import Bench, bench, other_daemon
from running import eventually
from scanmend.document import Document, State
from scanmend.errors import MachineError
from scanmend.intake.events import Look
from scanmend.intake.lease import Leases
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.pipeline.publish import Publish
from scanmend.store.journal import PUBLISHED


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


# one turn by hand -----------------------------------------------------------------------------------


@pytest.fixture
def step(made: Bench) -> Publish:
    return Publish(made.current, made.stores, made.queues)


def _published(made: Bench, name: str = "a.png") -> Document:
    """Return a document whose result is written and whose original is to be put away."""
    document = _corrected(made, name)
    return made.journal.move(document, State.PUTTING_AWAY, "published", outcome=PUBLISHED)


def _names(made: Bench, folder: str) -> list[str]:
    return sorted(path.name for path in (made.home / folder).iterdir())


def _reason(made: Bench, document: Document) -> str:
    assert made.state(document) == State.DONE
    return made.journal.document(document.id).reason


def test_a_file_that_was_replaced_after_its_publication_is_looked_at_again(
    made: Bench, step: Publish
) -> None:
    document = _published(made)
    made.drop("a.png", b"another scan")

    step.turn(document.id)

    assert _reason(made, document).startswith("published; the original was changed in the inbox")
    assert made.queues.events.get(timeout=0) == Look(b"a.png")
    assert _names(made, "inbox") == ["a.png"]
    assert _names(made, "archive") == []


def test_a_file_that_was_taken_away_after_its_path_was_chosen_is_not_missed(
    made: Bench, step: Publish
) -> None:
    document = _published(made)
    made.journal.note_put_away(document, bytes(made.home / "archive" / "a.png"))
    (made.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(made, document) == "published; the original was taken out of the inbox"


@pytest.mark.parametrize("crash", ["after the move", "between copy and removal"])
def test_an_original_that_a_crash_left_half_moved_is_put_away_once(
    made: Bench, step: Publish, crash: str
) -> None:
    document = _published(made)
    target = made.home / "archive" / "a.png"
    made.journal.note_put_away(document, bytes(target))
    target.write_bytes((made.inbox / "a.png").read_bytes())
    if crash == "after the move":
        (made.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(made, document) == f"published; the original is in {target}"
    assert _names(made, "inbox") == []
    assert _names(made, "archive") == ["a.png"]


def test_an_original_gets_another_name_if_its_path_was_taken_meanwhile(
    made: Bench, step: Publish
) -> None:
    document = _published(made)
    target = made.home / "archive" / "a.png"
    made.journal.note_put_away(document, bytes(target))
    target.write_bytes(b"somebody else's")

    step.turn(document.id)

    assert target.read_bytes() == b"somebody else's"
    (own,) = set(_names(made, "archive")) - {"a.png"}
    assert _reason(made, document).endswith(own)
    assert _names(made, "inbox") == []


def test_the_begun_result_of_a_file_that_was_taken_away_is_removed(
    made: Bench, step: Publish
) -> None:
    """Crash before the sidecar: without it, the result is not complete."""
    document = made.journal.note_stem(_corrected(made, "a.png"), "a")
    (made.home / "outbox" / "a.txt").write_text("the ledger")
    (made.inbox / "a.png").unlink()

    step.turn(document.id)

    assert made.state(document) == State.GONE
    assert _names(made, "outbox") == []
    assert made.queues.events.get(timeout=0) == Look(b"a.png")


def test_a_complete_result_counts_though_the_file_was_taken_away(
    made: Bench, step: Publish
) -> None:
    """Crash after the sidecar, before the journal has it."""
    document = made.journal.note_stem(_corrected(made, "a.png"), "a")
    with unwritable(made.journal), pytest.raises(MachineError):
        step.turn(document.id)
    assert _names(made, "outbox") == ["a.json", "a.txt"]
    (made.inbox / "a.png").unlink()

    step.turn(document.id)

    assert _reason(made, document) == "published; the original was taken out of the inbox"
    assert _names(made, "outbox") == ["a.json", "a.txt"]


def test_a_document_that_another_daemon_took_over_is_not_published_twice(
    made: Bench, step: Publish
) -> None:
    """Let the other daemon take the file over while this one was silent for too long."""
    document = _corrected(made, "a.png")
    with other_daemon(made) as other:
        snapshot = made.stores.inbox.snapshot(b"a.png")
        assert snapshot
        other.publish(snapshot, document.sha256)

        step.turn(document.id)

    gone = made.journal.document(document.id)
    assert gone.state == State.GONE
    assert gone.reason == f"published by {other.owner}, which took it over"
    assert _names(made, "outbox") == []


def test_a_document_waits_while_another_daemon_works_on_its_file(
    made: Bench, step: Publish
) -> None:
    document = _corrected(made, "a.png")
    with other_daemon(made) as other:
        snapshot = made.stores.inbox.snapshot(b"a.png")
        assert snapshot
        other.claim(snapshot, document.sha256)

        with pytest.raises(MachineError, match="took it over; its end is waited for"):
            step.turn(document.id)

    assert made.state(document) == State.PUBLISHING


def test_the_error_for_a_full_or_broken_outbox_names_the_path(made: Bench, step: Publish) -> None:
    """Break it by a folder in the place of the text file, which no file can replace."""
    document = made.journal.note_stem(_corrected(made, "a.png"), "a")
    (made.home / "outbox" / "a.txt").mkdir()

    with pytest.raises(MachineError, match=r"^putting out a\.png: .*outbox"):
        step.turn(document.id)
