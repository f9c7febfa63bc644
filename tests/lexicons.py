"""Build lexicons of a few words."""

import struct
import zlib
from collections.abc import Mapping

from scanmend.correction.lexicon import MAGIC, Lexicon


def lexicon(pairs: Mapping[str, int] | None = None, **words: int) -> Lexicon:
    """Return a lexicon of these words and pairs of words with their frequency classes."""
    return Lexicon(MAGIC + _table(words) + _table(pairs or {}))


def _table(classes: Mapping[str, int]) -> bytes:
    rows = sorted((zlib.crc32(text.encode()), kind) for text, kind in classes.items())
    numbers = b"".join(struct.pack("<I", number) for number, _ in rows)
    return struct.pack("<I", len(rows)) + numbers + bytes(kind for _, kind in rows)
