"""What the tests of the store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmend.store.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal for writing, in ``tmp_path``."""
    journal = Journal.open(str(tmp_path))
    yield journal
    journal.close()
