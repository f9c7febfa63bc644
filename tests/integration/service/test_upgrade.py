"""Test the real daemon on a journal that another version of scanmend left behind."""

import hashlib
from pathlib import Path

import pytest

from running import new_tree
from samples import encoded, put
from scanmend.document import Contents, FileSnapshot, State
from scanmend.store.journal import Journal


@pytest.mark.parametrize("state", [State.READING, State.PUBLISHING])
def test_a_page_that_can_not_be_decoded_is_read_again(tmp_path: Path, state: State) -> None:
    with new_tree(tmp_path, "llm: {enabled: false}") as tree:
        scan = put(tree.inbox, "scan.png", encoded("png"))
        tree.state.mkdir()
        journal = Journal.open(str(tree.state))
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
        tree.start()

        assert "Winterbourne" in tree.published("scan")["pages"][0]["lines"][0]["text"]
        assert "pages are read again" in tree.log_text()
