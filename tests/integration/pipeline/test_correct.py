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
from pipelines import PROFILE, Pipeline, new_pipeline
from running import eventually
from scanmend.backends import llm_process
from scanmend.document import Document, State
from scanmend.page import Box, EngineInfo, Line, PageText
from scanmend.pipeline.context import Context
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.queues import ContextChanged, PageToCorrect


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def step(pipeline: Pipeline) -> Iterator[Correct]:
    step = Correct(pipeline.current, pipeline.stores, pipeline.queues)
    yield step
    step.close()


def _read(
    pipeline: Pipeline,
    text: str = "the ledger",
    pages: int = 1,
    unsure: tuple[int, ...] | None = (),
) -> Document:
    """Return a document whose pages have been read. ``unsure``: as of a ``Line``."""
    document = pipeline.reading(pages=pages)
    line = Line(text, Box(0, 0, 9, 9), 0.9, unsure=unsure)
    for number in range(pages):
        page = PageText(number, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
        pipeline.journal.pages.keep_text(document.id, page)
    return document


def test_a_bug_in_one_pages_correction_costs_that_page_its_correction(
    pipeline: Pipeline, step: Correct
) -> None:
    """Break the gate by a profile that loading would have refused, since no text is known that makes it fail."""
    broken = dataclasses.replace(PROFILE, min_confidence_to_skip="high")  # type: ignore[arg-type]
    pipeline.current.replace(dataclasses.replace(pipeline.context, profiles={"default": broken}))
    document = _read(pipeline)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    result = pipeline.journal.pages.result(document.id, 0)
    assert result.lines == ("the ledger",)
    assert result.correction.status == "failed"
    assert "while the page was corrected" in result.correction.reason
    assert pipeline.queues.results.get(0) == document.id


@pytest.mark.parametrize(
    ("unread", "reason"),
    [((), "no text on the page"), ((Box(1, 1, 8, 8),), "no text could be read")],
)
def test_a_page_without_a_line_is_called_empty_only_if_all_its_ink_was_read(
    pipeline: Pipeline, step: Correct, unread: tuple[Box, ...], reason: str
) -> None:
    document = pipeline.reading()
    page = PageText(0, 9, 9, 72.0, 0, (), EngineInfo("rapidocr", "3"), unread=unread)
    pipeline.journal.pages.keep_text(document.id, page)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    result = pipeline.journal.pages.result(document.id, 0)
    assert (result.correction.status, result.correction.reason) == ("nothing", reason)
    assert result.page.unread == unread


def test_a_page_of_a_document_that_failed_at_another_page_is_left_alone(
    pipeline: Pipeline, step: Correct
) -> None:
    document = _read(pipeline, pages=2)
    pipeline.journal.move(document, State.PUTTING_AWAY, "page 2 is damaged", outcome="damaged")

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.journal.pages.progress(document.id)[1] == set()
    assert len(pipeline.queues.results) == 0


def test_a_document_is_passed_on_after_its_last_page(pipeline: Pipeline, step: Correct) -> None:
    pipeline.change(llm=dataclasses.replace(pipeline.context.settings.llm, enabled=False))
    document = _read(pipeline, pages=3)

    for number in range(3):
        assert len(pipeline.queues.results) == 0
        step.turn(PageToCorrect(document.id, number), pipeline.context)

    assert pipeline.queues.results.get(0) == document.id
    assert pipeline.state(document) == State.PUBLISHING


@pytest.mark.parametrize("model", ["builtin", None])
def test_the_built_in_model_gets_no_line_of_known_words(
    pipeline: Pipeline, step: Correct, model: str | None
) -> None:
    """Use a line of words that are all in the lexicon, so that the built-in model need not see it."""
    pipeline.change(llm=dataclasses.replace(pipeline.context.settings.llm, model=model))
    document = _read(pipeline, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    correction = pipeline.journal.pages.result(document.id, 0).correction
    assert (correction.status, correction.reason) == ("nothing", "no line needs it")


def _change_llm(pipeline: Pipeline, **changes: Any) -> None:
    pipeline.change(llm=dataclasses.replace(pipeline.context.settings.llm, **changes))


def _write_model(pipeline: Pipeline) -> None:
    tinygguf.write(pipeline.home / "state" / "models" / "tiny.gguf")
    _change_llm(pipeline, context=1024)


def test_another_model_gets_a_line_of_known_words(pipeline: Pipeline, step: Correct) -> None:
    _write_model(pipeline)
    document = _read(pipeline, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.journal.pages.result(document.id, 0).correction.status == "done"


def test_a_page_whose_result_was_stored_before_needs_no_model(
    pipeline: Pipeline, step: Correct
) -> None:
    """After the result was stored, the move of the document may fail: then the page comes again."""
    document = _read(pipeline)
    step.turn(PageToCorrect(document.id, 0), _without_model(pipeline))
    document = pipeline.journal.move(
        pipeline.journal.document(document.id), State.QUEUED, "the test"
    )
    pipeline.journal.move(document, State.READING, "the test")
    pipeline.queues.results.get(0)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.queues.results.get(0) == document.id
    assert pipeline.state(document) == State.PUBLISHING


def _without_model(pipeline: Pipeline) -> Context:
    _change_llm(pipeline, enabled=False)
    return pipeline.context


def test_a_server_that_is_out_of_reach_leaves_the_page_uncorrected(
    pipeline: Pipeline, step: Correct
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    _change_llm(pipeline, backend="openai", base_url=address)
    document = _read(pipeline)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.journal.pages.result(document.id, 0).correction.status == "unavailable"


def test_in_place_of_a_damaged_model_the_built_in_corrector_corrects(
    pipeline: Pipeline, step: Correct
) -> None:
    path = tinygguf.write(pipeline.home / "state" / "models" / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:50_000])
    _change_llm(pipeline, model="tiny.gguf", context=1024)
    document = _read(pipeline, "Invoic # 12345", unsure=None)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    result = pipeline.journal.pages.result(document.id, 0)
    assert result.lines == ("Invoice # 12345",)
    assert "the built-in corrector alone: tiny.gguf can't be loaded" in result.correction.reason


def test_a_page_that_takes_the_model_too_long_is_published_uncorrected(
    pipeline: Pipeline, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shorten the daemon's own limit: the model ends a page before that unless it hangs."""
    monkeypatch.setattr(llm_process, "page_deadline", lambda _: 0.001)
    _write_model(pipeline)
    document = _read(pipeline)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    correction = pipeline.journal.pages.result(document.id, 0).correction
    assert correction.status == "failed"
    assert "no answer within" in correction.reason
    assert pipeline.state(document) == State.PUBLISHING


def test_a_page_on_which_the_model_fails_is_corrected_by_the_built_in_corrector(
    pipeline: Pipeline, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shorten the daemon's own limit for the first model: no page is known on which one fails."""
    deadlines = iter([0.001])
    monkeypatch.setattr(llm_process, "page_deadline", lambda _: next(deadlines, 60.0))
    _write_model(pipeline)
    document = _read(pipeline, "Invoic # 12345", unsure=None)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    result = pipeline.journal.pages.result(document.id, 0)
    assert result.lines == ("Invoice # 12345",)
    assert result.correction.reason.startswith("the built-in corrector alone")
    assert "no answer within" in result.correction.reason


def test_the_built_in_corrector_does_not_stand_in_for_itself(
    pipeline: Pipeline, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines = iter([0.001])
    monkeypatch.setattr(llm_process, "page_deadline", lambda _: next(deadlines, 60.0))
    document = _read(pipeline, "Invoic # 12345", unsure=None)

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.journal.pages.result(document.id, 0).correction.status == "failed"


@contextlib.contextmanager
def _running(pipeline: Pipeline, step: Correct) -> Iterator[None]:
    thread = threading.Thread(target=step.run, args=(threading.Event(),))
    thread.start()
    try:
        yield
    finally:
        pipeline.queues.corrections.close()
        thread.join(30)


def test_a_page_that_is_interrupted_has_no_result(pipeline: Pipeline, step: Correct) -> None:
    """Interrupt it while a server does not answer; the next start corrects the page."""
    with socket.create_server(("127.0.0.1", 0)) as server, _running(pipeline, step):
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        _change_llm(pipeline, backend="openai", base_url=address)
        document = _read(pipeline)
        pipeline.queues.corrections.put(PageToCorrect(document.id, 0))
        connection, _ = server.accept()

        with connection:
            step.interrupt()
            eventually(lambda: psutil.Process().children() == [])

    assert pipeline.journal.pages.text(document.id, 0) is not None
    assert pipeline.state(document) == State.READING


def _model_state(pipeline: Pipeline) -> tuple[str, str]:
    fact = pipeline.journal.facts.all().get("model")
    return (fact.value, fact.reason) if fact else ("", "")


def test_an_idle_model_is_unloaded(pipeline: Pipeline, step: Correct) -> None:
    _write_model(pipeline)
    _change_llm(pipeline, idle_unload=0.05)
    document = _read(pipeline)
    with _running(pipeline, step):
        pipeline.queues.corrections.put(PageToCorrect(document.id, 0))

        eventually(lambda: _model_state(pipeline) == ("ready", "its memory is free"))

        assert psutil.Process().children() == []
        assert pipeline.state(document) == State.PUBLISHING


def test_a_reload_ends_the_model_of_the_old_settings(pipeline: Pipeline, step: Correct) -> None:
    _write_model(pipeline)
    document = _read(pipeline)
    with _running(pipeline, step):
        pipeline.queues.corrections.put(PageToCorrect(document.id, 0))
        eventually(lambda: pipeline.state(document) == State.PUBLISHING)
        assert psutil.Process().children() != []

        _change_llm(pipeline, enabled=False)
        pipeline.queues.corrections.put(ContextChanged())

        eventually(lambda: psutil.Process().children() == [])


def test_the_progress_of_a_download_is_logged(
    pipeline: Pipeline, step: Correct, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tinygguf.write(pipeline.home / "tiny-q8_0.gguf").read_bytes()
    monkeypatch.setenv("HF_HOME", str(pipeline.home / "hf"))
    with serving(Hub("Linden/Tiny-GGUF", {"tiny-q8_0.gguf": data})) as hub, capture_logs() as logs:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        _change_llm(pipeline, repo_id=hub.repo)
        document = _read(pipeline)

        step.turn(PageToCorrect(document.id, 0), pipeline.context)

        eventually(lambda: _model_state(pipeline) == ("ready", "downloaded and checked"))
    reasons = [entry["reason"] for entry in logs if entry.get("state") == "downloading"]
    assert reasons[-1].startswith("tiny-q8_0.gguf: ")
    assert reasons[-1].endswith("(100 %)")
