"""The journal: one state machine, on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.document import MOVES, FileSnapshot, State
from scanmend.errors import AlreadyRunning
from scanmend.page import (
    Box,
    Contents,
    Correction,
    CorrectionStatus,
    EngineInfo,
    Line,
    PageResult,
    PageText,
)
from scanmend.store.journal import Journal
from scanmend.store.lock import lock, running

SEEN = FileSnapshot(b"a/b\xff.png", 10, 20, 30)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(str(tmp_path))
    yield journal
    journal.close()


def _page(index: int) -> PageText:
    line = Line("text", Box(1, 2, 3, 4), 0.9, 0)
    return PageText(
        index, 100, 200, 300.0, 0, (line,), EngineInfo("rapidocr", "3", ("en",), {"a": 1})
    )


def test_every_state_is_in_the_table_and_ends_are_ends() -> None:
    assert {*State, None} == set(MOVES)
    assert MOVES[State.DONE] == MOVES[State.GONE] == frozenset()


def test_a_file_is_claimed_once(journal: Journal) -> None:
    document = journal.claim(SEEN, "f00", "default")

    assert document is not None
    assert document.state == State.QUEUED
    assert journal.claim(SEEN, "f00", "default") is None
    assert journal.known(SEEN)
    assert not journal.known(FileSnapshot(SEEN.path, 11, 20, 30))


def test_a_wait_becomes_the_claim(journal: Journal) -> None:
    journal.settling(SEEN, 1234.5, "growing")
    journal.settling(SEEN, 9999.9, "incomplete")
    waiting = journal.waiting(SEEN.path)
    assert waiting is not None
    assert (waiting.first_seen, waiting.reason) == (1234.5, "incomplete")

    document = journal.claim(SEEN, "f00", "default")

    assert document is not None
    assert document.id == waiting.id
    assert document.first_seen == 1234.5
    assert [new for _, _, new, _ in journal.history(document)] == ["settling", "queued"]


def test_moves_are_checked_by_table_and_by_row(journal: Journal) -> None:
    document = journal.claim(SEEN, "f00", "default")
    assert document is not None
    with pytest.raises(AssertionError, match="queued -> done is no move"):
        journal.move(document, State.DONE, "no")
    journal.move(document, State.READING, "yes")
    with pytest.raises(RuntimeError, match="not queued any more"):
        journal.move(document, State.READING, "again")

    assert journal.counts() == {State.READING: 1}


def test_pages_survive_and_go_with_the_document(journal: Journal, tmp_path: Path) -> None:
    document = journal.claim(SEEN, "f00", "default")
    assert document is not None
    document = journal.keep_contents(document, Contents("image/png", 2))
    document = journal.move(document, State.READING, "")
    result = PageResult(_page(0), ("Text",), (), Correction(CorrectionStatus.OFF))
    journal.keep_text(document.id, _page(0))
    journal.keep_text(document.id, _page(1))
    journal.keep_result(document.id, result)
    journal.close()

    again = Journal.open(str(tmp_path))
    try:
        assert again.page_progress(document.id) == ({1}, {0})
        assert again.text(document.id, 1) == _page(1)
        assert again.text(document.id, 0) is None
        assert again.result(document.id, 0) == result
        again.move(document, State.GONE, "")
        assert again.page_progress(document.id) == (set(), set())
    finally:
        again.close()


def test_attempts_are_counted_over_restarts(journal: Journal, tmp_path: Path) -> None:
    assert [journal.count_attempt(1, 4, "crash"), journal.count_attempt(1, 4, "crash")] == [1, 2]
    journal.close()
    again = Journal.open(str(tmp_path))
    try:
        assert again.count_attempt(1, 4, "crash") == 3
        assert again.attempts(1) == 3
    finally:
        again.close()


def test_a_failed_file_dropped_again_is_a_new_document(journal: Journal) -> None:
    first = journal.claim(SEEN, "f00", "default")
    assert first is not None
    first = journal.move(first, State.PUTTING_AWAY, "broken", outcome="damaged")
    first = journal.move(first, State.FAILED, "broken")

    second = journal.claim(SEEN, "f00", "default")

    assert second is not None
    assert second.id != first.id
    assert journal.counts() == {State.GONE: 1, State.QUEUED: 1}


def test_a_kept_original_is_known_for_ever(journal: Journal) -> None:
    document = journal.claim(SEEN, "f00", "default")
    assert document is not None
    for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY):
        document = journal.move(document, state, "")
    journal.move(document, State.DONE, "", kept=1)

    assert journal.claim(SEEN, "f00", "default") is None


def test_a_reader_sees_what_the_writer_wrote(journal: Journal, tmp_path: Path) -> None:
    journal.set_fact("inbox", "gone", "the share is not mounted")
    reader = Journal.read_only(str(tmp_path))
    assert reader is not None
    try:
        fact = reader.facts()["inbox"]
        assert (fact.value, fact.reason) == ("gone", "the share is not mounted")
        journal.clear_fact("inbox")
        assert reader.facts() == {}
    finally:
        reader.close()


def test_no_journal_is_no_error_for_a_reader(tmp_path: Path) -> None:
    assert Journal.read_only(str(tmp_path / "nowhere")) is None


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    import os

    fd = lock(str(tmp_path))
    try:
        assert running(str(tmp_path)) == os.getpid()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*own folders.state"):
            lock(str(tmp_path), patience=0.1)
    finally:
        os.close(fd)
    assert running(str(tmp_path)) is None


def test_a_touched_file_is_still_the_one_in_hand(journal: Journal) -> None:
    """A NAS or a virus scanner sets a new time, or copies the file: the content tells."""
    document = journal.claim(SEEN, "f00", "default")
    assert document is not None
    touched = FileSnapshot(SEEN.path, SEEN.size, 99, 98)

    assert journal.claim(touched, "f00", "default") is None
    assert journal.known(touched)
    assert (
        journal.claim(FileSnapshot(SEEN.path, SEEN.size, 97, 96), "another", "default") is not None
    )
