"""Test the correct step with a real model: errors that are rare in the whole daemon, and the choice of lines."""

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

import tinygguf
from hub import Hub, serving
from pipelines import PROFILE, Bench, bench
from running import eventually
from scanmend.backends import llm_process
from scanmend.document import Document, State
from scanmend.page import Box, EngineInfo, Line, PageText
from scanmend.pipeline.context import Context
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.queues import ContextChanged, PageToCorrect


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def step(made: Bench) -> Iterator[Correct]:
    step = Correct(made.current, made.stores, made.queues)
    yield step
    step.close()


def _read(made: Bench, text: str = "the ledger", pages: int = 1) -> Document:
    """Return a document whose pages have been read."""
    document = made.reading(pages=pages)
    line = Line(text, Box(0, 0, 9, 9), 0.9, unsure=())
    for number in range(pages):
        page = PageText(number, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
        made.journal.pages.keep_text(document.id, page)
    return document


def test_a_bug_in_one_pages_correction_costs_that_page_its_correction(
    made: Bench, step: Correct
) -> None:
    """Break the gate by a profile that loading would have refused, since no text is known that makes it fail."""
    broken = dataclasses.replace(PROFILE, min_confidence_to_skip="high")  # type: ignore[arg-type]
    made.current.replace(dataclasses.replace(made.context, profiles={"default": broken}))
    document = _read(made)

    step.turn(PageToCorrect(document.id, 0), made.context)

    result = made.journal.pages.result(document.id, 0)
    assert result.lines == ("the ledger",)
    assert result.correction.status == "failed"
    assert "while the page was corrected" in result.correction.reason
    assert made.queues.results.get(0) == document.id


def test_a_document_is_passed_on_after_its_last_page(made: Bench, step: Correct) -> None:
    made.change(llm=dataclasses.replace(made.context.settings.llm, enabled=False))
    document = _read(made, pages=3)

    for number in range(3):
        assert len(made.queues.results) == 0
        step.turn(PageToCorrect(document.id, number), made.context)

    assert made.queues.results.get(0) == document.id
    assert made.state(document) == State.PUBLISHING


@pytest.mark.parametrize("model", ["builtin", None])
def test_the_built_in_model_gets_no_line_of_known_words(
    made: Bench, step: Correct, model: str | None
) -> None:
    """Use a line of words that are all in the lexicon, so that the built-in model need not see it."""
    made.change(llm=dataclasses.replace(made.context.settings.llm, model=model))
    document = _read(made, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), made.context)

    correction = made.journal.pages.result(document.id, 0).correction
    assert (correction.status, correction.reason) == ("nothing", "no line needs it")


def _change_llm(made: Bench, **changes: Any) -> None:
    made.change(llm=dataclasses.replace(made.context.settings.llm, **changes))


def _write_model(made: Bench) -> None:
    tinygguf.write(made.home / "state" / "models" / "tiny.gguf")
    _change_llm(made, context=1024)


def test_another_model_gets_a_line_of_known_words(made: Bench, step: Correct) -> None:
    _write_model(made)
    document = _read(made, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), made.context)

    assert made.journal.pages.result(document.id, 0).correction.status == "done"


def test_a_page_whose_result_was_stored_before_needs_no_model(made: Bench, step: Correct) -> None:
    """After the result was stored, the move of the document may fail: then the page comes again."""
    document = _read(made)
    step.turn(PageToCorrect(document.id, 0), _without_model(made))
    document = made.journal.move(made.journal.document(document.id), State.QUEUED, "the test")
    made.journal.move(document, State.READING, "the test")
    made.queues.results.get(0)

    step.turn(PageToCorrect(document.id, 0), made.context)

    assert made.queues.results.get(0) == document.id
    assert made.state(document) == State.PUBLISHING


def _without_model(made: Bench) -> Context:
    _change_llm(made, enabled=False)
    return made.context


def test_a_server_that_is_out_of_reach_leaves_the_page_uncorrected(
    made: Bench, step: Correct
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    _change_llm(made, backend="openai", base_url=address)
    document = _read(made)

    step.turn(PageToCorrect(document.id, 0), made.context)

    assert made.journal.pages.result(document.id, 0).correction.status == "unavailable"


def test_a_page_that_takes_the_model_too_long_is_published_uncorrected(
    made: Bench, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shorten the daemon's own limit: the model ends a page before that unless it hangs."""
    monkeypatch.setattr(llm_process, "page_deadline", lambda _: 0.001)
    _write_model(made)
    document = _read(made)

    step.turn(PageToCorrect(document.id, 0), made.context)

    correction = made.journal.pages.result(document.id, 0).correction
    assert correction.status == "failed"
    assert "no answer within" in correction.reason
    assert made.state(document) == State.PUBLISHING


@contextlib.contextmanager
def _running(made: Bench, step: Correct) -> Iterator[None]:
    thread = threading.Thread(target=step.run, args=(threading.Event(),))
    thread.start()
    try:
        yield
    finally:
        made.queues.corrections.close()
        thread.join(30)


def test_a_page_that_is_interrupted_has_no_result(made: Bench, step: Correct) -> None:
    """Interrupt it while a server does not answer; the next start corrects the page."""
    with socket.create_server(("127.0.0.1", 0)) as server, _running(made, step):
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        _change_llm(made, backend="openai", base_url=address)
        document = _read(made)
        made.queues.corrections.put(PageToCorrect(document.id, 0))
        connection, _ = server.accept()

        with connection:
            step.interrupt()
            eventually(lambda: psutil.Process().children() == [])

    assert made.journal.pages.text(document.id, 0) is not None
    assert made.state(document) == State.READING


def _model_state(made: Bench) -> tuple[str, str]:
    fact = made.journal.facts.all().get("model")
    return (fact.value, fact.reason) if fact else ("", "")


def test_an_idle_model_is_unloaded(made: Bench, step: Correct) -> None:
    _write_model(made)
    _change_llm(made, idle_unload=0.05)
    document = _read(made)
    with _running(made, step):
        made.queues.corrections.put(PageToCorrect(document.id, 0))

        eventually(lambda: _model_state(made) == ("ready", "its memory is free"))

        assert psutil.Process().children() == []
        assert made.state(document) == State.PUBLISHING


def test_a_reload_ends_the_model_of_the_old_settings(made: Bench, step: Correct) -> None:
    _write_model(made)
    document = _read(made)
    with _running(made, step):
        made.queues.corrections.put(PageToCorrect(document.id, 0))
        eventually(lambda: made.state(document) == State.PUBLISHING)
        assert psutil.Process().children() != []

        _change_llm(made, enabled=False)
        made.queues.corrections.put(ContextChanged())

        eventually(lambda: psutil.Process().children() == [])


def test_the_progress_of_a_download_is_logged(
    made: Bench, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tinygguf.write(made.home / "tiny-q8_0.gguf").read_bytes()
    monkeypatch.setenv("HF_HOME", str(made.home / "hf"))
    with serving(Hub("Linden/Tiny-GGUF", {"tiny-q8_0.gguf": data})) as hub, capture_logs() as logs:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        _change_llm(made, repo_id=hub.repo)
        document = _read(made)

        step.turn(PageToCorrect(document.id, 0), made.context)

        eventually(lambda: _model_state(made) == ("ready", "downloaded and checked"))
    reasons = [entry["reason"] for entry in logs if entry.get("state") == "downloading"]
    assert reasons[-1].startswith("tiny-q8_0.gguf: ")
    assert reasons[-1].endswith("(100 %)")
