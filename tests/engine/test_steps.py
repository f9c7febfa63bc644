"""What a step does when things go wrong that the whole daemon is seldom in."""

from dataclasses import replace
from pathlib import Path

import pytest

import tinygguf
from scanmend import config, correct
from scanmend.errors import FolderGone
from scanmend.inbox import Inbox
from scanmend.journal import Journal
from scanmend.mounts import Root
from scanmend.profiles import Profile
from scanmend.pulse import Pulse
from scanmend.read import Read
from scanmend.schedule import Job, Schedule
from scanmend.states import Document, State
from scanmend.values import Box, Contents, EngineInfo, Line, PageText, Seen


def _reading(journal: Journal) -> Document:
    document = journal.claim(Seen(b"a.png", 3, 4, 5), "f00", "default")
    assert document is not None
    document = journal.keep_contents(document, Contents("image/png", 1))
    return journal.move(document, State.READING, "")


def test_a_page_waits_while_the_inbox_is_away(tmp_path: Path) -> None:
    """The share went in the middle of a page: no attempt is counted, the document is not gone."""
    journal = Journal.open(str(tmp_path))
    schedule = Schedule()
    inbox = Inbox(Root(str(tmp_path / "away")))
    none = lambda *_: None  # noqa: E731
    read = Read(inbox, journal, schedule, config.Settings(), "rapidocr", none, none, Pulse())
    try:
        document = _reading(journal)
        schedule.add(document.id, [0], 0.0)
        assert schedule.take(0) == Job(document.id, 0)

        read._failed(Job(document.id, 0), FolderGone("the share is away"))

        assert schedule.take(30) == Job(document.id, 0)
        assert journal.document(document.id).state == State.READING
        assert "waits" in journal.document(document.id).reason
        assert journal.attempts(document.id) == 0
    finally:
        journal.close()


def test_a_bug_in_one_pages_correction_costs_that_page_its_correction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text is known that makes the gate fail, so it is made to."""
    tinygguf.write(tmp_path / "models" / "tiny.gguf")
    base = config.Settings()
    settings = replace(
        base, models=config.Models(str(tmp_path / "models")), llm=replace(base.llm, context=1024)
    )
    journal = Journal.open(str(tmp_path))
    done: list[int] = []
    profiles = {"default": Profile("default", "copy")}
    step = correct.Correct(journal, settings, profiles, done.append, Pulse())
    monkeypatch.setattr(correct, "review", lambda *_: 1 / 0)
    try:
        document = _reading(journal)
        line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
        journal.keep_text(
            document.id, PageText(0, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
        )

        step.turn(document.id, 0)

        result = journal.result(document.id, 0)
        assert result.lines == ("the ledger",)
        assert result.correction.status == "failed"
        assert "ZeroDivisionError" in result.correction.reason
        assert done == [document.id]
    finally:
        step._model.close()
        journal.close()
