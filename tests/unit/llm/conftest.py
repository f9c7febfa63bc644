"""A lexicon that the tests in this folder share."""

import pytest

from lexicons import lexicon
from scanmend.correction.lexicon import Lexicon


@pytest.fixture(scope="session")
def words() -> Lexicon:
    """Return a lexicon of common words in four languages, with some pairs of neighbours."""
    pairs = {
        "of which": 10,
        "the which": 10,
        "of the": 16,
        "the modern": 8,
        "modern house": 5,
    }
    english = {"which": 16, "mich": 15, "watch": 11, "the": 20, "of": 20, "work": 14}
    house = {"modern": 12, "house": 13, "productive": 10, "tive": 3}
    others = {"días": 13, "clínica": 4, "rechnung": 12, "strasse": 12, "others": 27}
    return lexicon(pairs, **english, **house, **others)
