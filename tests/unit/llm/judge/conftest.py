"""A small lexicon to search."""

import pytest

from lexicons import lexicon_file
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.judge.word_search import LanguageSearch

ENGLISH = {
    "the": 20,
    "of": 20,
    "that": 18,
    "this": 17,
    "there": 15,
    "should": 15,
    "water": 13,
    "watch": 11,
    "modern": 12,
    "modem": 5,
    "house": 13,
    "form": 12,
    "from": 17,
    "farm": 10,
    "notwithstanding": 8,
    "standing": 10,
    "with": 18,
    "not": 17,
    "we": 17,
    "zax": 3,
}
GERMAN = {
    "der": 19,
    "und": 19,
    "nicht": 17,
    "strasse": 12,
    "haus": 13,
    "versicherung": 10,
    "gesellschaft": 12,
    "wir": 17,
    "von": 17,
    "die": 19,
}


@pytest.fixture(scope="session")
def languages() -> LanguageSearch:
    """Return the search of a lexicon of English and German words."""
    of = {**{key: ["en"] for key in ENGLISH}, **{key: ["de"] for key in GERMAN}}
    return LanguageSearch(Lexicon(lexicon_file({**ENGLISH, **GERMAN}, {}, of)))
