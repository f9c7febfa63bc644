"""Make the lexicon models/lexicon.bin: words, their frequencies, and frequent pairs of neighbours.

    python -m data.lexicon --data FOLDER [--more manuals.txt.xz ...] [--words LIST ...] --out lexicon.bin

The program counts the words of the training texts and takes those that occur at least MIN_COUNT times. It adds names of people
and places (from Faker), the words of our documents, and word lists. It takes the pairs of neighbours that occur at least
MIN_PAIR_COUNT times. A text's name tells its language (LANGUAGE_OF); texts in many languages count for none.
``scanmend.correction.lexicon`` describes the file's format.
"""

import argparse
import lzma
import re
import struct
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np
from faker import Faker
from numpy.typing import NDArray

from data.clean import files_of
from data.documents import DRUGS, FOREIGN, LOCALES, UNITS, WORDS

MAGIC = b"scanmend lexicon 3\n"
LANGUAGES = ("en", "de", "es", "fr")  # in the order of their bits in the file
LANGUAGE_OF = {
    "books": "en",
    "novels-de": "de",
    "law-de": "de",
    "novels-es": "es",
    "novels-fr": "fr",
    "law-fr": "fr",
}
# A word's two bits for a language are the index of the first limit that its difference does not exceed: how many classes less
# frequent it is in texts of this language than in all texts. A greater difference counts as absence, whose bits are ABSENT.
DIFFERENCE_LIMITS = (1, 4, 8)
ABSENT = 3
FREQUENT_WORDS = 200  # of a language; those that are not frequent in another one are typical of it
MIN_TYPICAL_SHARE = 0.2  # of a paragraph's words are typical of its language
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


def counts_by_language(files: list[Path]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Return the counts of the words in all texts, and in the texts of each of LANGUAGES."""
    total: Counter[str] = Counter()
    by_language: dict[str, Counter[str]] = {language: Counter() for language in LANGUAGES}
    mixed = [file for file in files if file.name.partition(".")[0] not in LANGUAGE_OF]
    for file in files:
        if file not in mixed:
            found = word_counts([file])
            total.update(found)
            by_language[LANGUAGE_OF[file.name.partition(".")[0]]].update(found)
    typical = typical_words(by_language)
    for file in mixed:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                words = [normal(word) for word in WORD.findall(line)]
                total.update(words)
                language = paragraph_language(words, typical)
                if language:
                    by_language[language].update(words)
    return total, by_language


def typical_words(by_language: Mapping[str, Counter[str]]) -> dict[str, frozenset[str]]:
    """Return for each language frequent words that are not frequent in another one."""
    frequent = {
        language: {word for word, _ in counts.most_common(FREQUENT_WORDS)}
        for language, counts in by_language.items()
    }
    return {
        language: frozenset(
            words.difference(*(frequent[other] for other in frequent if other != language))
        )
        for language, words in frequent.items()
    }


def paragraph_language(words: Collection[str], typical: Mapping[str, frozenset[str]]) -> str | None:
    """Return the language of a paragraph; None if too few of its words are typical of one."""
    hits = {language: sum(word in found for word in words) for language, found in typical.items()}
    best = max(hits, key=hits.__getitem__)
    return best if hits[best] >= MIN_TYPICAL_SHARE * len(words) else None


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


def document_words() -> Iterator[tuple[str | None, str]]:
    """Yield the words of the document templates, each with its language; None for all languages."""
    for language, kinds in WORDS.items():
        for texts in kinds.values():
            yield from ((language, word) for text in texts for word in WORD.findall(text))
    yield from ((None, word) for text in (*DRUGS, *UNITS) for word in WORD.findall(text))


def listed_words(files: list[Path]) -> Iterator[str]:
    """Yield the words of word lists."""
    for file in files:
        for word in map(normal, file.read_text(encoding="utf-8").split()):
            if len(word) >= MIN_LISTED_LETTERS and word.isalpha():
                yield word


def add_listed(
    counts: Counter[str], by_language: Mapping[str, Counter[str]], word_lists: list[Path]
) -> None:
    """Raise the counts of names, document words and listed words. Names belong to every language, the lists are English."""
    raised: list[tuple[str | None, str, int]] = [(None, normal(w), NAME_COUNT) for w in names()]
    raised += [(name, normal(w), DOCUMENT_WORD_COUNT) for name, w in document_words()]
    raised += [("en", word, LISTED_WORD_COUNT) for word in listed_words(word_lists)]
    for language, word, count in raised:
        counts[word] = max(counts[word], count)
        for name in by_language if language is None else [language]:
            if name in by_language:
                by_language[name][word] = max(by_language[name][word], count)


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


def frequency_class(count: int) -> int:
    """Return 1 + ⌊log₂ count⌋, which is the number of the count's binary digits."""
    return min(MAX_FREQUENCY, count.bit_length())


def language_shares(frequency: int, in_languages: Mapping[str, int]) -> int:
    """Return a word's language shares by its class in all texts, and its class in the texts of each language."""
    shares = 0
    for n, language in enumerate(LANGUAGES):
        of_language = in_languages.get(language, 0)
        bits = ABSENT
        if of_language:
            difference = frequency - of_language
            within = (i for i, limit in enumerate(DIFFERENCE_LIMITS) if difference <= limit)
            bits = next(within, ABSENT)
        shares |= bits << 2 * n
    return shares


def word_table(classes: Mapping[str, int], by_language: Mapping[str, Mapping[str, int]]) -> bytes:
    """Return the file's table of words.

    ``classes``: each word's class. ``by_language``: for each language, the words' counts in its texts.
    """
    trie = marisa_trie.Trie(word for word in classes if word != BOUNDARY)
    words = [trie.restore_key(number) for number in range(len(trie))]
    shares = bytes(
        language_shares(
            classes[word],
            {name: frequency_class(counts.get(word, 0)) for name, counts in by_language.items()},
        )
        for word in words
    )
    encoded: bytes = trie.tobytes()
    head = struct.pack("<BI", classes.get(BOUNDARY, 0), len(encoded))
    print(len(words), "words, a trie of", len(encoded), "bytes")
    return head + encoded + bytes(classes[word] for word in words) + shares


def pair_table(counts: Mapping[str, int]) -> bytes:
    """Return the file's table of the pairs that occur at least MIN_PAIR_COUNT times: checksums, then classes."""
    classes: dict[int, int] = {}
    for pair, count in counts.items():
        if count >= MIN_PAIR_COUNT:
            checksum = zlib.crc32(pair.encode())
            classes[checksum] = max(classes.get(checksum, 0), frequency_class(count))
    checksums = array("I", sorted(classes))
    print(len(checksums), "pairs")
    return (
        struct.pack("<I", len(checksums))
        + checksums.tobytes()
        + bytes(classes[n] for n in checksums)
    )


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
    counts, by_language = counts_by_language(files)
    add_listed(counts, by_language, options.words)
    pairs = pair_counts(files, {word for word, count in counts.items() if count >= MIN_COUNT})
    counts[BOUNDARY] = sum(count for pair, count in pairs.items() if pair.startswith(" "))
    classes = {word: frequency_class(n) for word, n in counts.items() if n >= MIN_COUNT}
    options.out.write_bytes(MAGIC + word_table(classes, by_language) + pair_table(pairs))


if __name__ == "__main__":
    main()
