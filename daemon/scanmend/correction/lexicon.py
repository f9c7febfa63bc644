"""Look up how frequent words and pairs of neighbouring words are.

``models/lexicon.bin`` holds a CRC-32 and a frequency class (``FrequencyClass``) for each of 424,000
words of six languages and for each of 1,130,000 pairs of neighbours, sorted by checksum: 7.8 MB,
and no text. Checksums collide: one in 10,000 unknown words is taken for a known one, and one in
3,800 unknown pairs. ``models/corrector/data/lexicon.py`` makes the file.
"""

import functools
import itertools
import math
import re
import sys
import unicodedata
import zlib
from array import array
from bisect import bisect_left
from pathlib import Path
from typing import TypeAlias

from scanmend.errors import MachineError
from scanmend.resources import shipped_file

FrequencyClass: TypeAlias = int
"""How often a word or a pair occurs in the lexicon's texts: 0 never, else ``floor(log2(count)) + 1``.

A class holds counts from 2 ** (class - 1) up to 2 ** class. A word n classes above another is about
2 ** n times as frequent."""

Bits: TypeAlias = float
"""A binary logarithm of a ratio of frequencies."""

MAGIC = b"scanmend lexicon 2\n"
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

    def __init__(self, data: bytes = b"") -> None:
        """Parse the bytes of a lexicon file. Raises ValueError if they are not a complete one."""
        self.checksums, self.classes = array("I"), b""
        self.pair_checksums, self.pair_classes = array("I"), b""
        self.max_class: FrequencyClass = 0
        self.total_class = 0.0  # of all words together; not rounded down
        if not data:
            return
        if not data.startswith(MAGIC):
            raise ValueError("this is not a scanmend lexicon")
        self.checksums, self.classes, end = _read_table(data, len(MAGIC))
        self.pair_checksums, self.pair_classes, _ = _read_table(data, end)
        self.max_class = max(self.classes, default=0)
        # a class's counts are taken as 2 ** (class - 0.5), the middle of its range
        occurrences = sum(
            self.classes.count(frequency) * 2 ** (frequency - 0.5)
            for frequency in range(1, self.max_class + 1)
        )
        self.total_class = math.log2(max(1.0, occurrences)) + 1

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
        return _look_up(self.checksums, self.classes, word)

    def association(self, word: str, following: str) -> Bits:
        """Return the pointwise mutual information of two neighbouring words.

        It is the binary logarithm of how many times as often ``following`` stands behind ``word`` as
        chance would have it; 0 where one of them is unknown. Both are in bare form, or BOUNDARY.
        """
        word_class, following_class = self.exact(word), self.exact(following)
        if not word_class or not following_class:
            return 0.0
        expected = word_class + following_class - self.total_class
        pair = _look_up(self.pair_checksums, self.pair_classes, f"{word} {following}")
        if not pair:
            return max(MIN_ASSOCIATION, -max(0.0, expected - MAX_OMITTED_PAIR_CLASS))
        return max(MIN_ASSOCIATION, min(MAX_ASSOCIATION, pair - expected))

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


def _read_table(data: bytes, start: int) -> tuple["array[int]", bytes, int]:
    """Return the checksums and classes of the table at ``start``, and the offset of its end.

    Raises ValueError if the data end before the table does.
    """
    count = int.from_bytes(data[start : start + 4], "little")
    middle, end = start + 4 + 4 * count, start + 4 + 5 * count
    if len(data) < max(end, start + 4):
        raise ValueError("the file is truncated")
    checksums = array("I")
    checksums.frombytes(data[start + 4 : middle])
    if sys.byteorder == "big":  # pragma: no cover - the tests run on little-endian machines
        checksums.byteswap()
    return checksums, data[middle:end], end


def _look_up(checksums: "array[int]", classes: bytes, text: str) -> FrequencyClass:
    """Return the class of a word or pair in a table; 0 when the table lacks it."""
    checksum = zlib.crc32(text.encode("utf-8", "replace"))
    row = bisect_left(checksums, checksum)
    return classes[row] if row < len(checksums) and checksums[row] == checksum else 0


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
    """Return the lexicon in a file. Raises MachineError when the file is missing or damaged."""
    try:
        return Lexicon(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {reason}", "install scanmend again") from error


@functools.cache
def shipped() -> Lexicon:
    """Return the lexicon that ships with scanmend. Raises MachineError as ``load`` does."""
    return load(shipped_file("models/lexicon.bin"))
