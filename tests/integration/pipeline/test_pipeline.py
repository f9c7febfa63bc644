"""Test the pipeline with its threads: what an earlier run left is taken up, and a stop ends threads that hang."""

import contextlib
import dataclasses
import hashlib
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from journals import moves
from pipelines import Pipeline as Parts
from pipelines import new_pipeline
from running import eventually
from samples import encoded, numbered
from scanmend.document import Document, State
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.pipeline import pipeline as pipeline_module
from scanmend.pipeline.pipeline import Pipeline
from scanmend.store.facts import Memory
from scanmend.store.journal import PUBLISHED
from scanmend.store.mounts import Root

TIFF = encoded("tiff", numbered(3))


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """Return the parts of a pipeline whose pages are read by the null engine and not corrected."""
    monkeypatch.setenv("SCANMEND_NULL_ENGINE", "1")
    with new_pipeline(tmp_path) as built:
        built.change(llm=dataclasses.replace(built.context.settings.llm, enabled=False))
        yield built


def _pipeline(parts: Parts) -> Pipeline:
    return Pipeline(parts.context, parts.journal, parts.stores.roots, queue.SimpleQueue())


@contextlib.contextmanager
def _started(parts: Parts) -> Iterator[Pipeline]:
    pipeline = _pipeline(parts)
    pipeline.start(workers=1)
    try:
        yield pipeline
    finally:
        pipeline.close(grace=30)


def _text(number: int) -> PageText:
    line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
    return PageText(number, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))


def _keep_result(parts: Parts, document: Document, number: int) -> None:
    correction = Correction(CorrectionStatus.OFF, "llm.enabled is false")
    result = PageResult(_text(number), ("the ledger",), (), correction)
    parts.journal.pages.keep_result(document.id, result)


def _queued(parts: Parts, name: str) -> Document:
    sha256 = hashlib.sha256(TIFF).hexdigest()
    document = parts.journal.claim(parts.drop(name, TIFF), sha256, "default")
    assert document
    return document


def _opened(parts: Parts, name: str) -> Document:
    """Return a document in READING with three pages: one corrected, one read, one neither."""
    document = parts.reading(name, TIFF, pages=3)
    _keep_result(parts, document, 0)
    parts.journal.pages.keep_text(document.id, _text(1))
    return document


def _corrected(parts: Parts, name: str, pages: int = 3) -> Document:
    """Return a document in READING with three pages, of which the first are corrected."""
    document = parts.reading(name, TIFF, pages=3)
    for number in range(pages):
        _keep_result(parts, document, number)
    return document


def _move(parts: Parts, document: Document, *states: State, outcome: str = "") -> Document:
    for state in states:
        document = parts.journal.move(document, state, "the test", outcome=outcome)
    return document


def test_documents_in_each_state_are_taken_up_and_finished(parts: Parts) -> None:
    """Let an earlier run have ended at each point of a document's way."""
    left = {
        "claimed": _queued(parts, "claimed.tiff"),
        "being opened": _move(parts, _queued(parts, "opening.tiff"), State.READING),
        "opened, then queued": _move(parts, _opened(parts, "queued.tiff"), State.QUEUED),
        "being read": _opened(parts, "reading.tiff"),
        "all pages corrected": _corrected(parts, "corrected.tiff"),
        "publishing": _move(parts, _corrected(parts, "publishing.tiff"), State.PUBLISHING),
        "a page lost": _move(parts, _corrected(parts, "lost.tiff", pages=2), State.PUBLISHING),
        "putting away": _move(
            parts,
            _move(parts, _corrected(parts, "away.tiff"), State.PUBLISHING),
            State.PUTTING_AWAY,
            outcome=PUBLISHED,
        ),
    }

    with _started(parts) as pipeline:
        eventually(lambda: parts.journal.counts() == {State.DONE: len(left)})
        assert pipeline.dead_threads() == []

    assert pipeline.dead_threads() == []
    state = parts.home / "state"
    again = moves(state, left["a page lost"].id)
    assert again[-6:] == ["publishing", "queued", "reading", "publishing", "putting-away", "done"]
    assert len(list((parts.home / "archive").iterdir())) == len(left)
    assert len(list((parts.home / "outbox").glob("*.json"))) == len(left) - 1


def test_pages_of_another_version_are_read_again_if_they_cant_be_decoded(parts: Parts) -> None:
    document = _corrected(parts, "a.tiff")
    parts.journal.facts.remember(Memory.VERSION, "", "0.0")
    with contextlib.closing(sqlite3.connect(parts.home / "state" / "journal.sqlite")) as db, db:
        db.execute("UPDATE pages SET result = '{}' WHERE number = 1")

    with capture_logs() as logs, _started(parts):
        eventually(lambda: parts.state(document) == State.DONE)

    (warning,) = [entry for entry in logs if "another version" in entry["event"]]
    assert warning["pages"] == 1
    assert [entry["page"] for entry in logs if entry["event"] == "page read"] == [2]


def test_a_reload_reaches_the_steps(parts: Parts) -> None:
    with _started(parts) as pipeline:
        pipeline.reload(parts.change(originals="keep"))
        pipeline.intake.claims.put(parts.drop("a.png", encoded("png")))
        eventually(lambda: parts.journal.counts() == {State.DONE: 1})

    assert (parts.inbox / "a.png").exists()


@pytest.mark.parametrize("how", ["close", "kill"])
def test_a_page_at_a_model_that_hangs_is_interrupted(parts: Parts, how: str) -> None:
    """Let the model be a server that accepts the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        llm = dataclasses.replace(
            parts.context.settings.llm, enabled=True, backend="openai", base_url=address
        )
        parts.change(llm=llm)
        document = _opened(parts, "a.tiff")
        pipeline = _pipeline(parts)
        pipeline.start(workers=1)
        connection, _ = server.accept()

        with connection:
            if how == "kill":
                pipeline.kill()
                connection.settimeout(30)
                while connection.recv(4096):  # until the model's process ends
                    pass
            pipeline.close(grace=0.1)

    assert parts.state(document) == State.READING
    assert parts.journal.pages.text(document.id, 1) is not None


def test_a_thread_that_hangs_on_a_share_is_left_behind(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the outbox's check hang, since a share that does so needs a file server."""
    hanging, released = threading.Event(), threading.Event()

    class HangingRoot(Root):
        def check(self) -> str | None:
            hanging.set()
            released.wait(60)
            return super().check()

    monkeypatch.setattr(pipeline_module, "JOIN_SECONDS", 0.1)
    outbox = HangingRoot(str(parts.home / "outbox"))
    roots = dataclasses.replace(parts.stores.roots, outbox=outbox)
    document = _move(parts, _corrected(parts, "a.tiff"), State.PUBLISHING)
    pipeline = Pipeline(parts.context, parts.journal, roots, queue.SimpleQueue())
    pipeline.start(workers=1)
    assert hanging.wait(30)
    began = time.monotonic()

    with capture_logs() as logs:
        pipeline.close(grace=0.1)

    assert time.monotonic() - began < 10
    assert [entry["thread"] for entry in logs if "left behind" in entry["event"]] == ["publish"]
    released.set()
    eventually(lambda: "publish" not in [thread.name for thread in threading.enumerate()])
    assert parts.journal.document(document.id).state in (State.PUBLISHING, State.DONE)
