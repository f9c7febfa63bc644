"""Small lexicons for tests."""

import struct
import zlib
from collections.abc import Mapping

from scanmend.correction.lexicon import MAGIC, Lexicon


def lexicon(pairs: Mapping[str, int] | None = None, **words: int) -> Lexicon:
    """Return a lexicon of these words and pairs of words, each with its frequency class."""
    return Lexicon(MAGIC + _table(words) + _table(pairs or {}))


def _table(classes: Mapping[str, int]) -> bytes:
    rows = sorted((zlib.crc32(text.encode()), frequency) for text, frequency in classes.items())
    checksums = b"".join(struct.pack("<I", checksum) for checksum, _ in rows)
    return struct.pack("<I", len(rows)) + checksums + bytes(frequency for _, frequency in rows)
