"""Small lexicons for tests."""

import struct
import zlib
from collections.abc import Mapping, Sequence

import marisa_trie

from scanmend.correction.lexicon import BOUNDARY, LEXICON_LANGUAGES, MAGIC, Lexicon


def lexicon(pairs: Mapping[str, int] | None = None, **words: int) -> Lexicon:
    """Return a lexicon of these words and pairs of words, each with its frequency class."""
    return Lexicon(lexicon_file(words, pairs or {}))


def lexicon_file(
    words: Mapping[str, int],
    pairs: Mapping[str, int],
    languages: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """Return the content of a lexicon file. ``languages``: those of a word; by default all."""
    trie = marisa_trie.Trie(word for word in words if word != BOUNDARY)
    order = [trie.restore_key(number) for number in range(len(trie))]
    shares = [_shares((languages or {}).get(word, LEXICON_LANGUAGES)) for word in order]
    encoded: bytes = trie.tobytes()
    head = MAGIC + struct.pack("<BI", words.get(BOUNDARY, 0), len(encoded))
    classes, language_shares = bytes(words[word] for word in order), bytes(shares)
    return head + encoded + classes + language_shares + _table(pairs)


def _shares(languages: Sequence[str]) -> int:
    absent = 3
    return sum(absent << 2 * n for n, name in enumerate(LEXICON_LANGUAGES) if name not in languages)


def _table(classes: Mapping[str, int]) -> bytes:
    rows = sorted((zlib.crc32(text.encode()), frequency) for text, frequency in classes.items())
    checksums = b"".join(struct.pack("<I", checksum) for checksum, _ in rows)
    return struct.pack("<I", len(rows)) + checksums + bytes(frequency for _, frequency in rows)
