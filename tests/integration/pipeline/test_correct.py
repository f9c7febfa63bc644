"""Test the correct step with a real model: errors that are rare in the whole daemon, and the choice of lines."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygguf
from pipelines import PROFILE, Bench, bench
from scanmend.document import Document, State
from scanmend.page import Box, EngineInfo, Line, PageText
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.queues import PageToCorrect


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


def test_another_model_gets_a_line_of_known_words(made: Bench, step: Correct) -> None:
    tinygguf.write(made.home / "state" / "models" / "tiny.gguf")
    llm = dataclasses.replace(made.context.settings.llm, context=1024)
    made.change(llm=llm)
    document = _read(made, "the ledger and the harbour")

    step.turn(PageToCorrect(document.id, 0), made.context)

    assert made.journal.pages.result(document.id, 0).correction.status == "done"
