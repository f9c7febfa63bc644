"""Which words there are, and how common they are: models/lexicon.bin, for the gate.

    python -m data.lexicon --data FOLDER [--more manuals.txt.xz] --out lexicon.bin

Counts the words of the training texts, and takes those that occur LEAST times in all. Names of people and places
(Faker's) and the words of our documents are known too. ``scanmend.lexicon`` says how the file is laid out.
"""

import argparse
import lzma
import re
import struct
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faker import Faker

from data.clean import files_of
from data.documents import DRUGS, FOREIGN, LOCALES, UNITS, WORDS

MAGIC = b"scanmend lexicon 1\n"
LEAST = 3
MADE = 40  # a word of our documents counts as if it had occurred so often
NAMED = 8  # a name
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def normal(word: str) -> str:
    """As words are looked up."""
    return unicodedata.normalize("NFC", word).replace("’", "'").replace("ſ", "s").casefold()


def counted(files: list[Path]) -> Counter[str]:
    """How often each word occurs."""
    found: Counter[str] = Counter()
    for file in files:
        exact: Counter[str] = Counter()
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                exact.update(WORD.findall(line))
        for word, count in exact.items():
            found[normal(word)] += count
    return found


def named() -> Iterator[str]:
    """First names, family names and places that Faker knows for the languages here and around."""
    for locale in (*LOCALES.values(), "en_US", *FOREIGN):
        for provider in Faker(locale).get_providers():
            for name in ("first_names", "last_names", "cities", "city_names", "countries"):
                yield from _words(getattr(provider, name, ()))


def _words(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield from WORD.findall(value)
        elif isinstance(value, tuple | list):
            yield from _words(value)


def made() -> Iterator[str]:
    """The words of our documents."""
    for kinds in WORDS.values():
        yield from (word for texts in kinds.values() for t in texts for word in WORD.findall(t))
    yield from (word for text in (*DRUGS, *UNITS) for word in WORD.findall(text))


def write(counts: Counter[str], out: Path) -> int:
    """The file; how many words it holds."""
    classes: dict[int, int] = {}
    for word, count in counts.items():
        if count >= LEAST:
            number = zlib.crc32(word.encode())
            classes[number] = max(classes.get(number, 0), min(255, count.bit_length()))
    numbers = array("I", sorted(classes))
    out.write_bytes(
        MAGIC
        + struct.pack("<I", len(numbers))
        + numbers.tobytes()
        + bytes(classes[n] for n in numbers)
    )
    return len(numbers)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    counts = counted(files_of(options.data, options.more))
    for word in map(normal, named()):
        counts[word] = max(counts[word], NAMED)
    for word in map(normal, made()):
        counts[word] = max(counts[word], MADE)
    print(write(counts, options.out), "words")


if __name__ == "__main__":
    main()
