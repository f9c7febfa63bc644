"""SymSpell as people put it behind an OCR engine: each word that its dictionary has not, by the nearest it has.

English by the frequency dictionary that comes with symspellpy; other languages by the words of the novels of the
data folder. No gate, no context: what a dictionary alone brings, and costs.
"""

import collections
import importlib.resources
import lzma
import os
import re
from collections.abc import Callable

from symspellpy import SymSpell, Verbosity

DISTANCE = 2  # edits
LEAST = 4  # letters: a shorter word has too many neighbours
OFTEN = 5  # times in the novels: rarer words are as often misprints
SAMPLE = 25_000_000  # characters of the novels

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def corrector(language: str, data: str) -> Callable[[str], str] | None:
    """What corrects a line; None where there is no dictionary of the language."""
    speller = SymSpell(max_dictionary_edit_distance=DISTANCE)
    if language == "en":
        name = "frequency_dictionary_en_82_765.txt"
        with importlib.resources.as_file(importlib.resources.files("symspellpy") / name) as path:
            speller.load_dictionary(path, 0, 1)
    else:
        novels = os.path.join(data, f"novels-{language}.txt.xz")
        if not os.path.exists(novels):
            return None
        with lzma.open(novels, "rt", encoding="utf-8") as file:
            counts = collections.Counter(_WORD.findall(file.read(SAMPLE).lower()))
        for word, count in counts.items():
            if count >= OFTEN:
                speller.create_dictionary_entry(word, count)
    return lambda line: _WORD.sub(lambda match: _word(speller, match[0]), line)


def _word(speller: SymSpell, word: str) -> str:
    if len(word) < LEAST:
        return word
    found = speller.lookup(
        word, Verbosity.TOP, max_edit_distance=DISTANCE, include_unknown=True, transfer_casing=True
    )
    return str(found[0].term) if found else word
