"""A journal that the tests of the store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.store.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a journal for writing in ``tmp_path``; close it after the test."""
    journal = Journal.open(str(tmp_path))
    yield journal
    journal.close()
