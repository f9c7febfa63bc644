"""Which words there are, how common they are, and which stand side by side: models/lexicon.bin.

    python -m data.lexicon --data FOLDER [--more manuals.txt.xz ...] [--words LIST ...] --out lexicon.bin

Counts the words of the training texts, and takes those that occur LEAST times in all. Names of people and places
(Faker's), the words of our documents and of word lists are known too. Of their pairs, those that occur LEAST_PAIR times.
``scanmend.correction.lexicon`` says how the file is laid out.
"""

import argparse
import lzma
import re
import struct
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from faker import Faker
from numpy.typing import NDArray

from data.clean import files_of
from data.documents import DRUGS, FOREIGN, LOCALES, UNITS, WORDS

MAGIC = b"scanmend lexicon 2\n"
LEAST, LEAST_PAIR = 3, 5
MADE = 40  # a word of our documents counts as if it had occurred so often
NAMED = 8  # a name
LISTED = 4  # a word of a list
SHORTEST = 5  # letters of those: engines make short rare words of others
AT_ONCE = 6_000_000  # pairs that are held
BOUNDARY = ""  # of a sentence
STOPS = ".!?:;"
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


def listed(files: list[Path]) -> Iterator[str]:
    """The words of lists."""
    for file in files:
        for word in map(normal, file.read_text(encoding="utf-8").split()):
            if len(word) >= SHORTEST and word.isalpha():
                yield word


class Pairs:
    """Counts neighbours; words by number, of known ones alone."""

    def __init__(self, known: Collection[str]) -> None:
        self.words = [BOUNDARY, *sorted(known)]
        self._numbers = {word: n for n, word in enumerate(self.words)}
        self._seen: dict[str, tuple[int | None, bool]] = {}
        self._held: list[int] = []
        self._counted: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def add(self, line: str) -> None:
        """The words of a paragraph."""
        before: int | None = 0
        for token in line.split():
            if token not in self._seen:
                self._seen[token] = self._known(token)
            word, ends = self._seen[token]
            if word is not None and before is not None:
                self._held.append((before << 32) | word)
            if ends and word is not None:
                self._held.append(word << 32)
            before = 0 if ends else word
        if len(self._held) > AT_ONCE:
            self._count()

    def _known(self, token: str) -> tuple[int | None, bool]:
        ends = token.rstrip("\"'»«”’)")[-1:] in STOPS if token.strip("\"'»«”’)") else False
        bare = normal(token)
        start = next((n for n, c in enumerate(bare) if c.isalpha()), len(bare))
        end = next((n for n in range(len(bare), start, -1) if bare[n - 1].isalpha()), start)
        return self._numbers.get(bare[start:end]) if start < end else None, ends

    def _count(self) -> None:
        keys, counts = np.unique(np.array(self._held, np.uint64), return_counts=True)
        self._counted.append((keys, counts))
        self._held.clear()

    def common(self) -> Iterator[tuple[str, int]]:
        """Pairs that are common enough, and how often they occur."""
        self._count()
        keys = np.concatenate([k for k, _ in self._counted])
        counts = np.concatenate([c for _, c in self._counted])
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        sums = np.add.reduceat(counts, first)
        for key, count in zip(keys[first].tolist(), sums.tolist(), strict=True):
            if count >= LEAST_PAIR:
                yield f"{self.words[key >> 32]} {self.words[key & 0xFFFFFFFF]}", count


def paired(files: list[Path], known: Collection[str]) -> Counter[str]:
    """How often which known words stand side by side, parted by a space."""
    pairs = Pairs(known)
    for file in files:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                pairs.add(line)
    return Counter(dict(pairs.common()))


def table(counts: Counter[str], least: int) -> bytes:
    """Checksums of the texts that are common enough, and the classes of their frequency."""
    classes: dict[int, int] = {}
    for text, count in counts.items():
        if count >= least:
            number = zlib.crc32(text.encode())
            classes[number] = max(classes.get(number, 0), min(255, count.bit_length()))
    numbers = array("I", sorted(classes))
    print(len(numbers), "of", len(counts))
    return struct.pack("<I", len(numbers)) + numbers.tobytes() + bytes(classes[n] for n in numbers)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    parser.add_argument("--words", type=Path, nargs="*", default=[], help="a word a line")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files = files_of(options.data, options.more)
    counts = counted(files)
    for word in map(normal, named()):
        counts[word] = max(counts[word], NAMED)
    for word in map(normal, made()):
        counts[word] = max(counts[word], MADE)
    for word in listed(options.words):
        counts[word] = max(counts[word], LISTED)
    pairs = paired(files, {word for word, count in counts.items() if count >= LEAST})
    counts[BOUNDARY] = sum(count for pair, count in pairs.items() if pair.startswith(" "))
    options.out.write_bytes(MAGIC + table(counts, LEAST) + table(pairs, LEAST_PAIR))


if __name__ == "__main__":
    main()
