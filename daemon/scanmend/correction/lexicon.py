"""Which words there are, how common, and which stand side by side: evidence on what may have been misread.

``models/lexicon.bin`` holds a 32-bit checksum and a class of frequency for each of 424,000 words of six languages, and
for each of 1,130,000 pairs of neighbours, sorted by checksum: 7.8 MB, and no text. One in 10,000 other words is taken
for one that is known, one in 3,800 other pairs. ``models/corrector/data/lexicon.py`` makes it.
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

from scanmend.errors import MachineError
from scanmend.resources import shipped_file

MAGIC = b"scanmend lexicon 2\n"
BOUNDARY = ""  # the neighbour at the start and the end of a sentence
SELDOM = 2.0  # class of the most common pairs that are left out
LONG = 60  # characters: a neighbour is not looked for further away
_QUOTES = "\"'»«”’)"
_LEFT = re.compile(r"(\S+)\s{1,2}[^\w\s]*$")
_RIGHT = re.compile(r"([^\w\s]*)(?:\s{1,2}(\S+))?")
_PARTS = re.compile(r"[-'‐]")  # not-withstanding, l'homme


class Lexicon:
    """Words and their frequency; by default none."""

    def __init__(self, data: bytes = b"") -> None:
        """``data``: the file. ValueError when it is another one."""
        self.numbers, self.classes = array("I"), b""
        self.pairs, self.pair_classes = array("I"), b""
        self.most, self.total = 0, 0.0  # the class of the most common word, and of all together
        if not data:
            return
        if not data.startswith(MAGIC):
            raise ValueError("this is no lexicon of scanmend's")
        self.numbers, self.classes, end = _table(data, len(MAGIC))
        self.pairs, self.pair_classes, _ = _table(data, end)
        self.most = max(self.classes, default=0)
        seen = sum(self.classes.count(k) * 2 ** (k - 0.5) for k in range(1, self.most + 1))
        self.total = math.log2(max(1.0, seen)) + 1  # as a class

    def frequency(self, word: str) -> int:
        """0: not known; else 1 + the binary logarithm, rounded down, of how often it was seen.

        Of what is put together by a hyphen or an apostrophe, that of the rarest part. Signs at its ends don't count.
        """
        bare = self.bare(word)
        found = self.exact(bare) if bare else 0
        if not found and _PARTS.search(bare):
            found = min(map(self.exact, filter(None, _PARTS.split(bare))), default=0)
        return found

    @staticmethod
    def bare(word: str) -> str:
        """The word as it is looked up."""
        normal = _normal(word)
        return normal[slice(*core(normal))]

    @functools.lru_cache(8192)  # noqa: B019 - there is one, for ever
    def exact(self, word: str) -> int:
        """Of a word that is ``bare`` already, and whole."""
        return _class(self.numbers, self.classes, word)

    def together(self, word: str, behind: str) -> float:
        """How much oftener the one stands before the other than chance would have it: binary logarithm, -8 to 12.

        Both ``bare``, or BOUNDARY; 0 where nothing is known.
        """
        one, other = self.exact(word), self.exact(behind)
        if not one or not other:
            return 0.0
        expected = one + other - self.total
        seen = _class(self.pairs, self.pair_classes, f"{word} {behind}")
        if not seen:
            return -min(8.0, max(0.0, expected - SELDOM))
        return max(-8.0, min(12.0, seen - expected))

    def fits(self, words: str, left: str | None, right: str | None) -> float:
        """How well one or several words stand between these neighbours (None: not known): ``together`` of all pairs."""
        row = [left, *map(self.bare, words.split()), right]
        known = ((a, b) for a, b in itertools.pairwise(row) if a is not None and b is not None)
        return sum(self.together(a, b) for a, b in known)


def _table(data: bytes, start: int) -> tuple["array[int]", bytes, int]:
    """Checksums and classes that start there, and where they end."""
    count = int.from_bytes(data[start : start + 4], "little")
    middle, end = start + 4 + 4 * count, start + 4 + 5 * count
    if len(data) < max(end, start + 4):
        raise ValueError("it is cut short")
    numbers = array("I")
    numbers.frombytes(data[start + 4 : middle])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers, data[middle:end], end


def _class(numbers: "array[int]", classes: bytes, text: str) -> int:
    number = zlib.crc32(text.encode("utf-8", "replace"))
    at = bisect_left(numbers, number)
    return classes[at] if at < len(numbers) and numbers[at] == number else 0


def _normal(word: str) -> str:
    return unicodedata.normalize("NFC", word).replace("’", "'").replace("ſ", "s").casefold()


def core(word: str) -> tuple[int, int]:
    """Where the first letter of a word is, and the end of its last one: without the signs and digits around them."""
    start, end = 0, len(word)
    while start < end and not word[start].isalpha():
        start += 1
    while end > start and not word[end - 1].isalpha():
        end -= 1
    return start, end


def neighbours(text: str, start: int, end: int, lexicon: Lexicon) -> tuple[str | None, str | None]:
    """The known words before ``start`` and behind ``end``: BOUNDARY for a sentence's, None where nothing can be said."""
    left = _LEFT.search(text[max(0, start - LONG) : start])
    right = _RIGHT.match(text[end : end + LONG])
    return (
        _neighbour(left[1], left[1], lexicon) if left else None,
        _neighbour(right[1], right[2], lexicon) if right else None,
    )


def _neighbour(signs: str, word: str | None, lexicon: Lexicon) -> str | None:
    if signs.rstrip(_QUOTES)[-1:] in tuple(".!?:;"):
        return BOUNDARY
    bare = lexicon.bare(word) if word else ""
    return bare if bare and lexicon.exact(bare) else None


@functools.cache
def shipped() -> Lexicon:
    """The one that comes with scanmend. MachineError when it is not there whole."""
    path = shipped_file("models/lexicon.bin")
    try:
        return Lexicon(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {why}; install scanmend again") from error
