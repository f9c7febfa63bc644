"""Make the lexicon models/lexicon.bin: words, their frequencies, and frequent pairs of neighbours.

    python -m data.lexicon --data FOLDER [--more manuals.txt.xz ...] [--words LIST ...] --out lexicon.bin

The program counts the words of the training texts and takes those that occur at least MIN_COUNT times. It adds names of people
and places (from Faker), the words of our documents, and word lists. It takes the pairs of neighbours that occur at least
MIN_PAIR_COUNT times. ``scanmend.correction.lexicon`` describes the file's format.
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
MIN_COUNT, MIN_PAIR_COUNT = 3, 5
# A word from one of these sources counts as if it had occurred this often:
DOCUMENT_WORD_COUNT = 40
NAME_COUNT = 8
LISTED_WORD_COUNT = 4
MIN_LISTED_LETTERS = 5  # in a word of a list: engines misread other words as short rare ones
MAX_FREQUENCY = 255  # highest frequency class, which fits into a byte
PAIRS_IN_MEMORY = 6_000_000
BOUNDARY = ""  # the neighbour at the start and the end of a sentence
SENTENCE_ENDS = ".!?:;"
QUOTES = "\"'»«”’)"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def normal(word: str) -> str:
    """Return a word in the normalised form in which the lexicon has it."""
    return unicodedata.normalize("NFC", word).replace("’", "'").replace("ſ", "s").casefold()


def word_counts(files: list[Path]) -> Counter[str]:
    """Return the number of occurrences of each word."""
    found: Counter[str] = Counter()
    for file in files:
        exact: Counter[str] = Counter()
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                exact.update(WORD.findall(line))
        for word, count in exact.items():
            found[normal(word)] += count
    return found


def names() -> Iterator[str]:
    """Yield Faker's first names, family names and places for the supported languages and some of their neighbours."""
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


def document_words() -> Iterator[str]:
    """Yield the words of the document templates."""
    for kinds in WORDS.values():
        yield from (word for texts in kinds.values() for t in texts for word in WORD.findall(t))
    yield from (word for text in (*DRUGS, *UNITS) for word in WORD.findall(text))


def listed_words(files: list[Path]) -> Iterator[str]:
    """Yield the words of word lists."""
    for file in files:
        for word in map(normal, file.read_text(encoding="utf-8").split()):
            if len(word) >= MIN_LISTED_LETTERS and word.isalpha():
                yield word


class PairCounter:
    """A counter of pairs of neighbouring known words, which it represents by their numbers."""

    def __init__(self, known: Collection[str]) -> None:
        self.words = [BOUNDARY, *sorted(known)]
        self._numbers = {word: n for n, word in enumerate(self.words)}
        self._tokens: dict[str, tuple[int | None, bool]] = {}  # cache of _looked_up
        self._held: list[int] = []
        self._counted: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def add(self, line: str) -> None:
        """Add the pairs of a paragraph."""
        before: int | None = 0
        for token in line.split():
            if token not in self._tokens:
                self._tokens[token] = self._looked_up(token)
            word, ends = self._tokens[token]
            if word is not None and before is not None:
                self._held.append((before << 32) | word)
            if ends and word is not None:
                self._held.append(word << 32)
            before = 0 if ends else word
        if len(self._held) > PAIRS_IN_MEMORY:
            self._count()

    def _looked_up(self, token: str) -> tuple[int | None, bool]:
        """Return the number of a token's word (None: unknown), and whether the token ends a sentence."""
        ends = token.rstrip(QUOTES)[-1:] in SENTENCE_ENDS if token.strip(QUOTES) else False
        bare = normal(token)
        start = next((n for n, c in enumerate(bare) if c.isalpha()), len(bare))
        end = next((n for n in range(len(bare), start, -1) if bare[n - 1].isalpha()), start)
        return self._numbers.get(bare[start:end]) if start < end else None, ends

    def _count(self) -> None:
        keys, counts = np.unique(np.array(self._held, np.uint64), return_counts=True)
        self._counted.append((keys, counts))
        self._held.clear()

    def common(self) -> Iterator[tuple[str, int]]:
        """Yield the pairs that occur at least MIN_PAIR_COUNT times ("one other"), with their counts."""
        self._count()
        keys = np.concatenate([k for k, _ in self._counted])
        counts = np.concatenate([c for _, c in self._counted])
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        sums = np.add.reduceat(counts, first)
        for key, count in zip(keys[first].tolist(), sums.tolist(), strict=True):
            if count >= MIN_PAIR_COUNT:
                yield f"{self.words[key >> 32]} {self.words[key & 0xFFFFFFFF]}", count


def pair_counts(files: list[Path], known: Collection[str]) -> Counter[str]:
    """Return the counts of the frequent pairs of neighbouring known words, joined by a space."""
    pairs = PairCounter(known)
    for file in files:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                pairs.add(line)
    return Counter(dict(pairs.common()))


def table(counts: Counter[str], min_count: int) -> bytes:
    """Return the file's table of the texts that occur at least ``min_count`` times: checksums, then frequency classes.

    The frequency class is 1 + ⌊log₂ count⌋, which is the number of the count's binary digits.
    """
    classes: dict[int, int] = {}
    for text, count in counts.items():
        if count >= min_count:
            checksum = zlib.crc32(text.encode())
            frequency = min(MAX_FREQUENCY, count.bit_length())
            classes[checksum] = max(classes.get(checksum, 0), frequency)
    checksums = array("I", sorted(classes))
    print(len(checksums), "of", len(counts))
    frequencies = bytes(classes[n] for n in checksums)
    return struct.pack("<I", len(checksums)) + checksums.tobytes() + frequencies


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--words", type=Path, nargs="*", default=[], help="files with one word per line"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files = files_of(options.data, options.more)
    counts = word_counts(files)
    for word in map(normal, names()):
        counts[word] = max(counts[word], NAME_COUNT)
    for word in map(normal, document_words()):
        counts[word] = max(counts[word], DOCUMENT_WORD_COUNT)
    for word in listed_words(options.words):
        counts[word] = max(counts[word], LISTED_WORD_COUNT)
    pairs = pair_counts(files, {word for word, count in counts.items() if count >= MIN_COUNT})
    counts[BOUNDARY] = sum(count for pair, count in pairs.items() if pair.startswith(" "))
    options.out.write_bytes(MAGIC + table(counts, MIN_COUNT) + table(pairs, MIN_PAIR_COUNT))


if __name__ == "__main__":
    main()
