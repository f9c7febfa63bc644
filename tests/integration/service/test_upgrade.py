"""Test the real daemon on a journal that another version of scanmend left behind."""

import hashlib
from pathlib import Path

import pytest

from running import tree
from samples import encoded, put
from scanmend.document import Contents, FileSnapshot, State
from scanmend.store.journal import Journal


@pytest.mark.parametrize("state", [State.READING, State.PUBLISHING])
def test_a_page_that_can_not_be_decoded_is_read_again(tmp_path: Path, state: State) -> None:
    with tree(tmp_path, "llm: {enabled: false}") as made:
        scan = put(made.inbox, "scan.png", encoded("png"))
        made.state.mkdir()
        journal = Journal.open(str(made.state))
        digest = hashlib.sha256(scan.read_bytes()).hexdigest()
        document = journal.claim(FileSnapshot.of(b"scan.png", scan.stat()), digest, "default")
        assert document
        document = journal.keep_contents(document, Contents("image/png", 1))
        document = journal.move(document, State.READING, "")
        kept = ('UPDATE pages SET result = \'{"of": "another version"}\'',)
        journal.pages.count_attempt(document.id, 0, "")
        journal._db.connection.execute(*kept)
        if state == State.PUBLISHING:
            journal.move(document, State.PUBLISHING, "")
        journal.close()
        made.start()

        assert "Winterbourne" in made.published("scan")["pages"][0]["lines"][0]["text"]
        assert "pages are read again" in made.log_text()
