"""Search the words of the lexicon within an edit distance of a given word.

The search compares a word with all words of one language that are about as long, by rapidfuzz. On one core, 60 words of a
page take about 0.3 s.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from scanmend.correction.lexicon import LEXICON_LANGUAGES, FrequencyClass, Lexicon, shipped
from scanmend.correction.old_spelling import OldSpellings

MIN_CLASS: FrequencyClass = 2  # of a short word that is searched, in the page's language
MIN_LETTERS_OF_RARE_WORD = 5  # a longer word is searched, however rare it is
MAX_ENDS_CUT = 2  # letters by which the lengths may differ
DOMAIN_CLASS: FrequencyClass = 8  # of a domain's word in its texts, roughly
OTHER_LANGUAGE = (
    ""  # of a page in none of LEXICON_LANGUAGES: all words count, as often as in all texts
)


@dataclass(frozen=True, slots=True)
class NearWord:
    """A word of the lexicon, in lower case, near another one. ``distance``: the edit distance."""

    text: str
    frequency: FrequencyClass
    distance: int


class WordSearch:
    """The words of one language, by their lengths. ``frequency`` is a word's class in this language."""

    def __init__(self, words: Mapping[str, FrequencyClass]) -> None:
        """Take the words in lower case."""
        self._classes = words
        self._by_length: dict[int, list[str]] = {}
        for word, frequency in words.items():
            if frequency > MIN_CLASS or len(word) >= MIN_LETTERS_OF_RARE_WORD:
                self._by_length.setdefault(len(word), []).append(word)
        self.near = functools.lru_cache(4096)(self._near)

    def frequency(self, word: str) -> FrequencyClass:
        """Return the class of a word, which must be in lower case; 0 if it is unknown in this language."""
        return self._classes.get(word, 0)

    def _near(self, word: str, distance: int, length_difference: int) -> tuple[NearWord, ...]:
        """Return the other words within an edit distance of ``word``, the nearest and most frequent first."""
        found = []
        shortest = max(1, len(word) - length_difference)
        for length in range(shortest, len(word) + length_difference + 1):
            words = self._by_length.get(length)
            if not words:
                continue
            (distances,) = process.cdist(
                [word], words, scorer=Levenshtein.distance, score_cutoff=distance, dtype=np.uint8
            )
            for n in np.nonzero(distances <= distance)[0].tolist():
                other = words[n]
                if other != word:
                    found.append(NearWord(other, self._classes[other], int(distances[n])))
        found.sort(key=lambda near: (near.distance, -near.frequency, near.text))
        return tuple(found)


class DomainSearch(WordSearch):
    """A search that also knows the words of a domain, such as names of drugs, as if they were of DOMAIN_CLASS."""

    def __init__(self, language: WordSearch, words: Iterable[str]) -> None:
        """Add words in lower case to the search of a language."""
        super().__init__(dict.fromkeys(words, DOMAIN_CLASS))
        self._language = language

    def frequency(self, word: str) -> FrequencyClass:
        """Return the class of a word, which must be in lower case; 0 if it is unknown."""
        return self._language.frequency(word) or super().frequency(word)

    def _near(self, word: str, distance: int, length_difference: int) -> tuple[NearWord, ...]:
        """Return the near words of the language and of the domain."""
        near = self._language.near(word, distance, length_difference)
        of_domain = super()._near(word, distance, length_difference)
        new = (n for n in of_domain if not self._language.frequency(n.text))
        return tuple(sorted((*near, *new), key=lambda n: (n.distance, -n.frequency, n.text)))


class LanguageSearch:
    """A word search for each language of a lexicon, made when it is first needed."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Search this lexicon."""
        self.lexicon = lexicon
        self._searches: dict[str, WordSearch] = {}
        self._old_spellings: dict[str, OldSpellings] = {}

    def language_of(self, words: Iterable[str]) -> str:
        """Return the language in which these words, in lower case, are most frequent; OTHER_LANGUAGE if in none."""
        sums = [0] * len(LEXICON_LANGUAGES)
        for word in words:
            classes = self.lexicon.language_classes(self.lexicon.bare(word))
            sums = [total + c for total, c in zip(sums, classes, strict=True)]
        best = max(sums)
        return LEXICON_LANGUAGES[sums.index(best)] if best else OTHER_LANGUAGE

    def search(self, language: str) -> WordSearch:
        """Return the search in the words of a language."""
        if language not in self._searches:
            self._searches[language] = WordSearch(dict(self._words_of(language)))
        return self._searches[language]

    def old_spellings(self, language: str) -> OldSpellings:
        """Return the words of a language by their sounds."""
        if language not in self._old_spellings:
            self._old_spellings[language] = OldSpellings(self._words_of(language), language)
        return self._old_spellings[language]

    def _words_of(self, language: str) -> Iterator[tuple[str, FrequencyClass]]:
        """Yield the words of a language with their classes there; words of no known language belong to each."""
        if language == OTHER_LANGUAGE:
            yield from ((word, frequency) for word, frequency, _ in self.lexicon.words())
            return
        index = LEXICON_LANGUAGES.index(language)
        for word, frequency, classes in self.lexicon.words():
            in_language = classes[index] if any(classes) else min(frequency, MIN_CLASS + 1)
            if in_language:
                yield word, in_language


@functools.cache
def shipped_search() -> LanguageSearch:
    """Return the search of the lexicon that ships with scanmend. Raises MachineError when it is damaged."""
    return LanguageSearch(shipped())


def splits(word: str, search: WordSearch, min_class: FrequencyClass) -> Iterator[int]:
    """Yield the offsets at which ``word``, in lower case, is two frequent words without their space."""
    for at in range(1, len(word)):
        head, tail = word[:at], word[at:]
        if min(search.frequency(head), search.frequency(tail)) < min_class:
            continue
        if min(len(head), len(tail)) > 1 or head in "ai" or tail in "aià":
            yield at


def misread_spaces(word: str, search: WordSearch, min_class: FrequencyClass) -> Iterator[int]:
    """Yield the offsets in ``word``, in lower case, of a letter that stands between two frequent words.

    A digit or sign between two words is meant: and/or, pages3and.
    """
    for at in range(2, len(word) - 2):
        if (
            word[at].isalpha()
            and min(search.frequency(word[:at]), search.frequency(word[at + 1 :])) >= min_class
        ):
            yield at


def compounds(
    word: str, search: WordSearch, min_class: FrequencyClass
) -> Iterator[tuple[str, FrequencyClass]]:
    """Yield the German compounds near ``word``: a frequent word joined with one that is misread by one letter.

    Each comes with the class of the rarer part. A word that is two frequent words yields nothing.
    """
    min_letters = 3
    for at in range(min_letters, len(word) - min_letters):
        head, tail = word[:at], word[at:]
        of_head, of_tail = search.frequency(head), search.frequency(tail)
        if min(of_head, of_tail) >= min_class:
            return
        pairs: Iterable[tuple[str, FrequencyClass]] = ()
        if of_head >= min_class and len(tail) > min_letters:
            near = (n for n in search.near(tail, 1, 1) if n.frequency >= min_class)
            pairs = ((head + n.text, min(of_head, n.frequency)) for n in near)
        if of_tail >= min_class and len(head) > min_letters:
            near_head = (n for n in search.near(head, 1, 1) if n.frequency >= min_class)
            pairs = itertools.chain(
                pairs, ((n.text + tail, min(of_tail, n.frequency)) for n in near_head)
            )
        yield from pairs
