"""What a step does when things go wrong that the whole daemon is seldom in."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tinygguf
from children.echo import Unknown
from running import eventually
from scanmend.config.profiles import Profile
from scanmend.config.settings import FoldersSettings, ModelsSettings, Settings
from scanmend.document import Contents, Document, FileSnapshot, State
from scanmend.errors import FolderGone
from scanmend.intake.inbox import Inbox
from scanmend.page import Box, EngineInfo, Line, PageText
from scanmend.pipeline import correct
from scanmend.pipeline.publish import Publish
from scanmend.pipeline.read import Read
from scanmend.pipeline.scheduler import Job, Scheduler
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts
from scanmend.telemetry.liveness import Liveness
from scanmend.workers.client import Child


def _reading(journal: Journal, folder: Path | None = None) -> Document:
    """``folder``: where the file is; without it, it is nowhere."""
    seen = (
        FileSnapshot.of(b"a.png", (folder / "a.png").lstat())
        if folder
        else FileSnapshot(b"a.png", 3, 4, 5)
    )
    document = journal.claim(seen, "f00", "default")
    assert document is not None
    document = journal.keep_contents(document, Contents("image/png", 1))
    return journal.move(document, State.READING, "")


@contextlib.contextmanager
def _reader(tmp_path: Path) -> Iterator[tuple[Read, Child, Scheduler]]:
    """The read step with a child, over a journal and an inbox with the file that ``_reading`` claims."""
    (tmp_path / "a.png").write_bytes(b"...")
    (tmp_path / "state").mkdir()
    journal, schedule = Journal.open(str(tmp_path / "state")), Scheduler()
    base = Settings()
    settings = replace(base, folders=replace(base.folders, state=str(tmp_path / "state")))
    none = lambda *_: None  # noqa: E731
    inbox = Inbox(Root(str(tmp_path)), Parts(str(tmp_path)))
    read = Read(inbox, journal, schedule, settings, "null", none, none, Liveness(), none)
    child = read._new_child()
    try:
        yield read, child, schedule
    finally:
        child.end()
        journal.close()


def test_a_page_waits_while_the_inbox_is_away(tmp_path: Path) -> None:
    """The share went in the middle of a page: no attempt is counted, the document is not gone."""
    journal = Journal.open(str(tmp_path))
    schedule = Scheduler()
    inbox = Inbox(Root(str(tmp_path / "away")), Parts(str(tmp_path)))
    none = lambda *_: None  # noqa: E731
    read = Read(inbox, journal, schedule, Settings(), "rapidocr", none, none, Liveness(), none)
    try:
        document = _reading(journal)
        schedule.add(document.id, [0], 0.0)
        assert schedule.take(0) == Job(document.id, 0)

        read._failed(Job(document.id, 0), FolderGone("the share is away"))

        assert schedule.take(30) == Job(document.id, 0)
        assert journal.document(document.id).state == State.READING
        assert "waits" in journal.document(document.id).reason
        assert journal.pages.attempts(document.id) == 0
    finally:
        journal.close()


def test_a_child_that_has_grown_is_replaced(tmp_path: Path) -> None:
    with _reader(tmp_path) as (read, child, _):
        child.start()
        eventually(lambda: child.memory() > 2**20)
        for limit, worn in ((2 * child.memory(), False), (child.memory(), True), (0, False)):
            read.settings = replace(read.settings, ocr=replace(read.settings.ocr, memory=limit))
            assert read._worn(child) == worn


def test_after_an_error_that_nobody_foresaw_the_page_is_tried_in_a_new_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO without memory failed, and then gave its last good answer for the pages after.

    Its memory can't be made scarce at the right moment: the error is another one, of a request that no child knows.
    """
    with _reader(tmp_path) as (read, child, schedule):
        document = _reading(read._journal, tmp_path)
        schedule.add(document.id, [0], 0.0)
        job = schedule.take(0)
        assert job
        child.start()
        monkeypatch.setattr(Read, "_page", lambda *_: child.ask(Unknown(), 30))

        read.turn(child, job)

        assert not child.alive
        assert read._journal.pages.attempts(document.id) == 1


def test_who_begins_work_lets_finished_work_pass(tmp_path: Path) -> None:
    """Else, of 100,000 files, all are claimed and read before the machine gets round to publishing."""
    journal = Journal.open(str(tmp_path))
    inbox = Inbox(Root(str(tmp_path)), Parts(str(tmp_path)))
    publish = Publish(inbox, journal, FoldersSettings(), "archive", {}, lambda _: None)
    stop, passed = threading.Event(), threading.Event()

    def begin() -> None:
        publish.let_pass(2, stop)
        passed.set()

    try:
        for number in range(3):
            publish.submit(number)
        publish.let_pass(3, stop)
        waiting = threading.Thread(target=begin)
        waiting.start()
        assert not passed.wait(0.2)
        publish._queue.get()
        assert passed.wait(30)
        publish.submit(3)
        stop.set()
        publish.let_pass(0, stop)  # the daemon stops: nobody waits
    finally:
        stop.set()
        waiting.join(30)
        journal.close()


def test_a_bug_in_one_pages_correction_costs_that_page_its_correction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text is known that makes the gate fail, so it is made to."""
    tinygguf.write(tmp_path / "models" / "tiny.gguf")
    base = Settings()
    settings = replace(
        base, models=ModelsSettings(str(tmp_path / "models")), llm=replace(base.llm, context=1024)
    )
    journal = Journal.open(str(tmp_path))
    done: list[int] = []
    profiles = {"default": Profile("default", "copy")}
    step = correct.Correct(journal, settings, profiles, done.append, Liveness())
    monkeypatch.setattr(correct, "review", lambda *_: 1 / 0)
    try:
        document = _reading(journal)
        line = Line("the ledger", Box(0, 0, 9, 9), 0.9)
        journal.pages.keep_text(
            document.id, PageText(0, 9, 9, 72.0, 0, (line,), EngineInfo("rapidocr", "3"))
        )

        step.turn(document.id, 0)

        result = journal.pages.result(document.id, 0)
        assert result.lines == ("the ledger",)
        assert result.correction.status == "failed"
        assert "ZeroDivisionError" in result.correction.reason
        assert done == [document.id]
    finally:
        step._model.close()
        journal.close()
