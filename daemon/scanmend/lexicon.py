"""Which words there are, and how common: evidence for the gate when the model's word is far from what was read.

``models/lexicon.bin`` holds a 32-bit checksum and a class of frequency for each of 320,000 words of six languages,
sorted by checksum: 1.6 MB, and no text. One in 13,000 other words is taken for one that is known.
``models/corrector/data/lexicon.py`` makes it.
"""

import functools
import re
import struct
import sys
import unicodedata
import zlib
from array import array
from bisect import bisect_left

from scanmend.shipped import place

MAGIC = b"scanmend lexicon 1\n"
_PARTS = re.compile(r"[-'‐]")  # not-withstanding, l'homme


class Lexicon:
    """Words and their frequency; by default none."""

    def __init__(self, data: bytes = b"") -> None:
        """``data``: the file. ValueError when it is another one."""
        self.numbers = array("I")
        self.classes = b""
        self.most = 0  # the class of the most common word
        if not data:
            return
        if not data.startswith(MAGIC):
            raise ValueError("this is no lexicon of scanmend's")
        (count,) = struct.unpack_from("<I", data, len(MAGIC))
        start = len(MAGIC) + 4
        self.numbers.frombytes(data[start : start + 4 * count])
        if sys.byteorder == "big":
            self.numbers.byteswap()
        self.classes = data[start + 4 * count :]
        self.most = max(self.classes, default=0)

    def frequency(self, word: str) -> int:
        """0: not known; else 1 + the binary logarithm, rounded down, of how often it was seen.

        Of what is put together by a hyphen or an apostrophe, that of the rarest part. Signs at its ends don't count.
        """
        bare = self.bare(word)
        found = self.exact(bare)
        if not found and _PARTS.search(bare):
            found = min(map(self.exact, filter(None, _PARTS.split(bare))), default=0)
        return found

    @staticmethod
    def bare(word: str) -> str:
        """The word as it is looked up."""
        return _bare(_normal(word))

    def exact(self, word: str) -> int:
        """Of a word that is ``bare`` already, and whole."""
        number = zlib.crc32(word.encode("utf-8", "replace"))
        at = bisect_left(self.numbers, number)
        there = at < len(self.numbers) and self.numbers[at] == number
        return self.classes[at] if there else 0


def _normal(word: str) -> str:
    return unicodedata.normalize("NFC", word).replace("’", "'").replace("ſ", "s").casefold()


def _bare(word: str) -> str:
    start, end = 0, len(word)
    while start < end and not word[start].isalpha():
        start += 1
    while end > start and not word[end - 1].isalpha():
        end -= 1
    return word[start:end]


@functools.cache
def shipped() -> Lexicon:
    """The one that comes with scanmend."""
    return Lexicon(place("models/lexicon.bin").read_bytes())
