"""Test the properties of a document that are derived from its row."""

import dataclasses
import json
from pathlib import Path

from scanmend.document import Contents, Document, EndDoubt, FileSnapshot
from scanmend.store.journal import Journal

DOUBT = EndDoubt("the end looks incomplete", "the end looks incomplete; it was read after 2 min")


def _claimed(folder: Path) -> tuple[Journal, Document]:
    journal = Journal.open(str(folder))
    document = journal.claim(FileSnapshot(b"a.pdf", 1, 2, 3), "f00", "default", [DOUBT])
    assert document is not None
    return journal, document


def test_doubts_about_the_end_are_kept_until_the_contents_are_known(
    tmp_path: Path,
) -> None:
    journal, document = _claimed(tmp_path)
    assert document.end_doubts == (DOUBT,)
    assert document.reason == DOUBT.warning

    document = journal.keep_contents(document, Contents("application/pdf", 1, ("a warning",)))

    assert document.end_doubts == ()
    assert json.loads(document.warnings) == ["a warning"]
    journal.close()


def test_the_doubts_of_the_previous_version_stay_readable(tmp_path: Path) -> None:
    """Read a row of the previous version, which stored only the text of the warning."""
    journal, document = _claimed(tmp_path)
    journal.close()

    old = dataclasses.replace(document, warnings=json.dumps([DOUBT.warning]))

    assert old.end_doubts == (EndDoubt(DOUBT.warning, DOUBT.warning),)


def test_a_reason_that_begins_with_waits_marks_a_waiting_document(tmp_path: Path) -> None:
    journal, document = _claimed(tmp_path)
    assert not document.waits

    assert journal.note_reason(document, "waits: the share is away").waits
    assert journal.note_reason(document, "waits for a model: it is being downloaded").waits
    journal.close()
