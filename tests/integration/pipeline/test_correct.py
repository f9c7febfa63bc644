"""Test the correct step with a real model: errors that are rare in the whole daemon, and the choice of lines."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygguf
from pipelines import PROFILE, Pipeline, new_pipeline
from scanmend.document import Document, State
from scanmend.page import Box, EngineInfo, Line, PageText
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.queues import PageToCorrect


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


@pytest.fixture
def step(pipeline: Pipeline) -> Iterator[Correct]:
    step = Correct(pipeline.current, pipeline.stores, pipeline.queues)
    yield step
    step.close()


def _read(pipeline: Pipeline, text: str = "the ledger", pages: int = 1) -> Document:
    """Return a document whose pages have been read."""
    document = pipeline.reading(pages=pages)
    line = Line(text, Box(0, 0, 9, 9), 0.9, unsure=())
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


def test_another_model_gets_a_line_of_known_words(pipeline: Pipeline, step: Correct) -> None:
    tinygguf.write(pipeline.home / "state" / "models" / "tiny.gguf")
    llm = dataclasses.replace(pipeline.context.settings.llm, context=1024)
    pipeline.change(llm=llm)
    document = _read(pipeline, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), pipeline.context)

    assert pipeline.journal.pages.result(document.id, 0).correction.status == "done"
