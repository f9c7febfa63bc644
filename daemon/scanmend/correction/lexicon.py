"""Look up how frequent words and pairs of neighbouring words are.

``models/lexicon.bin`` holds the words of six languages in a trie (marisa-trie), each with its
frequency class (``FrequencyClass``) and its share of each language in ``LEXICON_LANGUAGES``, and a CRC-32
and a frequency class for each of 1,130,000 pairs of neighbours, sorted by checksum. Processes map
the file into memory and share it. Checksums collide: one in 3,800 unknown pairs is taken for a
known one. ``models/corrector/data/lexicon.py`` makes the file. Its layout, little-endian:

    MAGIC, u8 class of BOUNDARY, u32 size of the trie, the trie,
    for each word, by its number in the trie: u8 class; then for each word: u8 language shares,
    u32 number of pairs, for each pair: u32 checksum; then for each pair: u8 class
"""

import functools
import itertools
import math
import mmap
import re
import sys
import unicodedata
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import marisa_trie

from scanmend.errors import MachineError
from scanmend.resources import shipped_file

FrequencyClass: TypeAlias = int
"""How often a word or a pair occurs in the lexicon's texts: 0 never, else ``floor(log2(count)) + 1``.

A class holds counts from 2 ** (class - 1) up to 2 ** class. A word n classes above another is about
2 ** n times as frequent."""

Bits: TypeAlias = float
"""A binary logarithm of a ratio of frequencies."""

MAGIC = b"scanmend lexicon 3\n"
# The languages of which the file tells how frequent a word is in each, in the order of their bits.
LEXICON_LANGUAGES = ("en", "de", "es", "fr")
# How many classes a word is less frequent in a language than in all texts, by the value of the
# language's two bits. None: it does not occur in texts of this language.
CLASSES_BELOW_TOTAL: tuple[FrequencyClass | None, ...] = (0, 3, 6, None)
BOUNDARY = ""  # stands for the neighbour at the start and at the end of a sentence
MAX_OMITTED_PAIR_CLASS = 2.0  # FrequencyClass of the most frequent pairs that the file omits
MIN_ASSOCIATION, MAX_ASSOCIATION = -8.0, 12.0  # bits
NEIGHBOUR_REACH = 60  # characters on each side that are searched for a neighbour

_QUOTES = "\"'»«”’)"
_SENTENCE_ENDS = (".", "!", "?", ":", ";")
_LEFT = re.compile(r"(\S+)\s{1,2}[^\w\s]*$")
_RIGHT_CONTEXT = re.compile(r"([^\w\s]*)(?:\s{1,2}(\S+))?")
_PART_SEPARATOR = re.compile(r"[-'‐]")  # not-withstanding, l'homme

Neighbours = tuple[str | None, str | None]  # bare known words, BOUNDARY, or None for unknown


class Lexicon:
    """Words and pairs of words with their frequency classes; empty without ``data``."""

    def __init__(self, data: bytes | mmap.mmap = b"") -> None:
        """Parse the content of a lexicon file. Raises ValueError if it is not a complete one."""
        self._trie: marisa_trie.Trie | None = None
        self._boundary_class: FrequencyClass = 0
        self.classes: Sequence[FrequencyClass] = b""
        self._language_shares: Sequence[int] = b""
        self._pair_checksums: Sequence[int] = array("I")
        self._pair_classes: Sequence[FrequencyClass] = b""
        self.max_class: FrequencyClass = 0
        self.total_class = 0.0  # of all words together; not rounded down
        if len(data):
            self._parse(memoryview(data))

    def _parse(self, data: memoryview) -> None:
        """Take the tables from the data, without a copy. Raises ValueError as ``__init__``."""
        if bytes(data[: len(MAGIC)]) != MAGIC:
            raise ValueError("this is not a scanmend lexicon")
        rest = data[len(MAGIC) :]
        (self._boundary_class,), rest = _split(rest, 1)
        size, rest = _split_number(rest)
        # the trie reads the view for as long as it lives
        self._mapped, rest = _split(rest, size)
        self._trie = marisa_trie.Trie()
        try:
            self._trie.map(self._mapped)
        except RuntimeError as error:
            raise ValueError("its trie is damaged") from error
        self.classes, rest = _split(rest, len(self._trie))
        self._language_shares, rest = _split(rest, len(self._trie))
        pairs, rest = _split_number(rest)
        checksums, rest = _split(rest, 4 * pairs)
        self._pair_checksums = _unsigned_integers(checksums)
        self._pair_classes, rest = _split(rest, pairs)
        # a class's counts are taken as 2 ** (class - 0.5), the middle of its range
        classes = bytes(self.classes) + bytes([self._boundary_class])
        self.max_class = max(classes)
        occurrences = sum(
            classes.count(frequency) * 2 ** (frequency - 0.5)
            for frequency in range(1, self.max_class + 1)
        )
        self.total_class = math.log2(max(1.0, occurrences)) + 1

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.classes)

    def frequency(self, word: str) -> FrequencyClass:
        """Return the class of a word in its ``bare`` form.

        A compound, whose parts are joined by a hyphen or an apostrophe, has the class of its rarest
        part.
        """
        bare = self.bare(word)
        frequency = self.exact(bare) if bare else 0
        if not frequency and _PART_SEPARATOR.search(bare):
            parts = filter(None, _PART_SEPARATOR.split(bare))
            frequency = min(map(self.exact, parts), default=0)
        return frequency

    @staticmethod
    def bare(word: str) -> str:
        """Return the form to look a word up in: casefolded, from its first letter to its last."""
        normal = _normal(word)
        return normal[slice(*core(normal))]

    @functools.lru_cache(8192)  # noqa: B019 - a process has one lexicon, which lives as long as it
    def exact(self, word: str) -> FrequencyClass:
        """Return the class of a word in bare form; a compound is looked up as a whole."""
        if word == BOUNDARY:
            return self._boundary_class
        number = self._number(word)
        return 0 if number is None else self.classes[number]

    def known(self, words: Iterable[str]) -> Iterator[tuple[str, FrequencyClass]]:
        """Yield those of the words, in bare form, that the lexicon has, each with its class.

        Nothing is cached, so that a search through thousands of words displaces nothing.
        """
        for word in words:
            number = self._number(word)
            if number is not None:
                yield word, self.classes[number]

    def language_classes(self, word: str) -> tuple[FrequencyClass, ...]:
        """Return the class of a word in bare form in the texts of each of ``LEXICON_LANGUAGES``.

        A class of a language is exact to 1 or 2 classes. All are 0 for a word that occurs in other
        texts only.
        """
        number = self._number(word)
        if number is None:
            return (0,) * len(LEXICON_LANGUAGES)
        return _in_languages(self.classes[number], self._language_shares[number])

    def words(self) -> Iterator[tuple[str, FrequencyClass, tuple[FrequencyClass, ...]]]:
        """Yield each word with its class, and its ``language_classes``."""
        if self._trie is not None:
            for word, number in self._trie.iteritems():
                frequency = self.classes[number]
                yield word, frequency, _in_languages(frequency, self._language_shares[number])

    def _number(self, word: str) -> int | None:
        """Return the number of a word, or None if it is unknown."""
        if self._trie is None or not word:
            return None
        try:
            # asked first, since the exception for a missing word takes far longer
            return int(self._trie.key_id(word)) if word in self._trie else None
        except UnicodeEncodeError:  # a PDF's text may hold half a surrogate pair
            return None

    def association(self, word: str, following: str) -> Bits:
        """Return the pointwise mutual information of two neighbouring words.

        It is the binary logarithm of how many times as often ``following`` stands behind ``word`` as
        chance would have it; 0 where one of them is unknown. Both are in bare form, or BOUNDARY.
        """
        word_class, following_class = self.exact(word), self.exact(following)
        if not word_class or not following_class:
            return 0.0
        expected = word_class + following_class - self.total_class
        pair = self._pair_class(f"{word} {following}")
        if not pair:
            return max(MIN_ASSOCIATION, -max(0.0, expected - MAX_OMITTED_PAIR_CLASS))
        return max(MIN_ASSOCIATION, min(MAX_ASSOCIATION, pair - expected))

    def _pair_class(self, pair: str) -> FrequencyClass:
        """Return the class of two words that a space joins; 0 where the file lacks them."""
        checksum = zlib.crc32(pair.encode("utf-8", "replace"))
        row = bisect_left(self._pair_checksums, checksum)
        found = row < len(self._pair_checksums) and self._pair_checksums[row] == checksum
        return self._pair_classes[row] if found else 0

    def fit(self, words: str, left: str | None, right: str | None) -> Bits:
        """Return how well words fit between two neighbours: the sum of the associations.

        None stands for an unknown neighbour, whose pair does not count.
        """
        row = [left, *map(self.bare, words.split()), right]
        return sum(
            self.association(word, following)
            for word, following in itertools.pairwise(row)
            if word is not None and following is not None
        )


def _split(data: memoryview, size: int) -> tuple[memoryview, memoryview]:
    """Return the first ``size`` bytes, and the rest. Raises ValueError if there are fewer."""
    if len(data) < size:
        raise ValueError("the file is truncated")
    return data[:size], data[size:]


def _split_number(data: memoryview) -> tuple[int, memoryview]:
    """Return the number (u32) at the beginning, and the rest. Raises ValueError as ``_split``."""
    number, rest = _split(data, 4)
    return int.from_bytes(number, "little"), rest


def _unsigned_integers(data: memoryview) -> Sequence[int]:
    """Return little-endian u32 numbers, without a copy where the machine is little-endian, too."""
    if sys.byteorder == "little":
        return data.cast("I")
    numbers = array("I", data)  # pragma: no cover - the tests run on little-endian machines
    numbers.byteswap()  # pragma: no cover
    return numbers  # pragma: no cover


def _in_languages(frequency: FrequencyClass, shares: int) -> tuple[FrequencyClass, ...]:
    """Return a word's class in each of ``LEXICON_LANGUAGES`` by its class and its language shares."""
    below = (CLASSES_BELOW_TOTAL[shares >> 2 * n & 3] for n in range(len(LEXICON_LANGUAGES)))
    return tuple(0 if classes is None else max(0, frequency - classes) for classes in below)


def _normal(word: str) -> str:
    """Return a word casefolded, with one form for each apostrophe, s and accented letter."""
    return unicodedata.normalize("NFC", word).replace("’", "'").replace("ſ", "s").casefold()


def core(word: str) -> tuple[int, int]:
    """Return the span of a word without the signs and digits around its letters."""
    start, end = 0, len(word)
    while start < end and not word[start].isalpha():
        start += 1
    while end > start and not word[end - 1].isalpha():
        end -= 1
    return start, end


def neighbours(text: str, start: int, end: int, lexicon: Lexicon) -> Neighbours:
    """Return the known words before ``start`` and behind ``end``, in bare form.

    BOUNDARY stands for the start or end of a sentence, None for a neighbour that is unknown or in
    another column.
    """
    left = _LEFT.search(text[max(0, start - NEIGHBOUR_REACH) : start])
    right = _RIGHT_CONTEXT.match(text[end : end + NEIGHBOUR_REACH])
    return (
        _neighbour(left[1], left[1], lexicon) if left else None,
        _neighbour(right[1], right[2], lexicon) if right else None,
    )


def _neighbour(signs: str, word: str | None, lexicon: Lexicon) -> str | None:
    """Return the bare word, BOUNDARY where ``signs`` end a sentence, or None if unknown."""
    if signs.rstrip(_QUOTES).endswith(_SENTENCE_ENDS):
        return BOUNDARY
    bare = lexicon.bare(word) if word else ""
    return bare if bare and lexicon.exact(bare) else None


def load(path: Path) -> Lexicon:
    """Return the lexicon in a file. Raises MachineError when the file is missing or damaged.

    The file must not be written in place while the lexicon is in use; replace it as a whole.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise ValueError("the file is empty")
            return Lexicon(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {reason}", "install scanmend again") from error


@functools.cache
def shipped() -> Lexicon:
    """Return the lexicon that ships with scanmend. Raises MachineError as ``load`` does."""
    return load(shipped_file("models/lexicon.bin"))
