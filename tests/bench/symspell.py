"""Correct OCR text with SymSpell: it replaces each word that is not in its dictionary by the nearest word that is.

The English dictionary comes with symspellpy; those of other languages are made from the novels in the data folder. There is no
gate and no context: this measures the gain and the cost of a dictionary alone.
"""

import collections
import importlib.resources
import lzma
import os
import re
from collections.abc import Callable

from symspellpy import SymSpell, Verbosity

MAX_EDITS = 2  # from a word to its replacement
MIN_LETTERS = 4  # a shorter word has too many neighbours
MIN_COUNT = 5  # occurrences in the novels; rarer words are as often misprints
SAMPLE_CHARACTERS = 25_000_000  # that are read from the novels

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def corrector(language: str, data: str) -> Callable[[str], str] | None:
    """Return a function that corrects a line; None if there is no dictionary for the language."""
    speller = SymSpell(max_dictionary_edit_distance=MAX_EDITS)
    if language == "en":
        name = "frequency_dictionary_en_82_765.txt"
        with importlib.resources.as_file(importlib.resources.files("symspellpy") / name) as path:
            speller.load_dictionary(path, 0, 1)
    else:
        novels = os.path.join(data, f"novels-{language}.txt.xz")
        if not os.path.exists(novels):
            return None
        with lzma.open(novels, "rt", encoding="utf-8") as file:
            counts = collections.Counter(_WORD.findall(file.read(SAMPLE_CHARACTERS).lower()))
        for word, count in counts.items():
            if count >= MIN_COUNT:
                speller.create_dictionary_entry(word, count)
    return lambda line: _WORD.sub(lambda match: _corrected(speller, match[0]), line)


def _corrected(speller: SymSpell, word: str) -> str:
    if len(word) < MIN_LETTERS:
        return word
    found = speller.lookup(
        word, Verbosity.TOP, max_edit_distance=MAX_EDITS, include_unknown=True, transfer_casing=True
    )
    return str(found[0].term) if found else word
