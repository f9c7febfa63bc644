"""Test that pages of unfinished documents survive a restart."""

from pathlib import Path

import pytest

from scanmend.document import Contents, FileSnapshot, State
from scanmend.page import Box, Correction, CorrectionStatus, EngineInfo, Line, PageResult, PageText
from scanmend.store.journal import Journal


def _page(index: int) -> PageText:
    line = Line("text", Box(1, 2, 3, 4), 0.9, 0)
    engine = EngineInfo("rapidocr", "3", ("en",), {"a": 1})
    return PageText(index, 100, 200, 300.0, 0, (line,), engine)


def _result(index: int) -> PageResult:
    return PageResult(_page(index), ("Text",), (), Correction(CorrectionStatus.OFF))


def test_pages_survive_a_restart_and_are_dropped_with_their_document(
    journal: Journal, tmp_path: Path
) -> None:
    document = journal.claim(FileSnapshot(b"a.png", 10, 20, 30), "f00", "default")
    assert document is not None
    document = journal.keep_contents(document, Contents("image/png", 2))
    document = journal.move(document, State.READING, "")
    journal.pages.keep_text(document.id, _page(0))
    journal.pages.keep_text(document.id, _page(1))
    journal.pages.keep_result(document.id, _result(0))
    journal.close()

    again = Journal.open(str(tmp_path))
    try:
        assert again.pages.progress(document.id) == ({1}, {0})
        assert again.pages.text(document.id, 1) == _page(1)
        assert again.pages.text(document.id, 0) is None
        assert again.pages.result(document.id, 0) == _result(0)
        again.move(document, State.GONE, "")
        assert again.pages.progress(document.id) == (set(), set())
    finally:
        again.close()


def test_reading_a_page_that_was_not_kept_is_an_error(journal: Journal) -> None:
    journal.pages.keep_text(1, _page(0))

    assert journal.pages.text(1, 1) is None
    for number in (0, 1):
        with pytest.raises(LookupError, match=f"page {number} of document 1 has no result"):
            journal.pages.result(1, number)


def test_attempts_are_counted_over_restarts(journal: Journal, tmp_path: Path) -> None:
    assert [journal.pages.count_attempt(1, 4, "crash") for _ in range(2)] == [1, 2]
    journal.close()
    again = Journal.open(str(tmp_path))
    try:
        assert again.pages.count_attempt(1, 4, "crash") == 3
        assert again.pages.count_attempt(1, 5, "crash") == 1
        assert again.pages.attempts(1) == 4
        assert again.pages.attempts(2) == 0
    finally:
        again.close()


def test_pages_of_finished_documents_are_dropped(journal: Journal) -> None:
    documents = [
        journal.claim(FileSnapshot(b"%d" % number, 10, 20, 30), f"f{number}", "default")
        for number in range(2)
    ]
    gone, working = documents
    assert gone is not None
    assert working is not None
    journal.move(gone, State.GONE, "taken away")
    for document in (gone, working):
        journal.pages.keep_text(document.id, _page(0))

    journal.pages.drop_orphans()

    assert journal.pages.progress(gone.id) == (set(), set())
    assert journal.pages.progress(working.id) == ({0}, set())


def test_a_page_that_can_not_be_decoded_is_dropped_with_its_attempts_kept(journal: Journal) -> None:
    for number in range(5):
        journal.pages.keep_text(1, _page(number))
    journal.pages.keep_result(1, _result(3))
    journal.pages.count_attempt(1, 2, "crash")
    journal.pages.count_attempt(1, 7, "crash")
    database = journal._db.connection
    for number, text in ((1, "no JSON"), (2, '{"index": "2"}'), (4, '"\\ud800"')):
        database.execute("UPDATE pages SET text = ? WHERE number = ?", (text, number))
    database.execute("UPDATE pages SET result = '{}' WHERE number = 3")

    assert journal.pages.drop_unreadable() == 4
    assert journal.pages.progress(1) == ({0}, set())
    assert journal.pages.attempts(1) == 2
    assert journal.pages.drop_unreadable() == 0
