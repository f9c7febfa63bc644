"""Find what may have been printed where a doubtful word was read, and how unlikely the engine reads it so.

Sources: the lexicon, within the channel's reach; words of the page itself; splits and joins; German compounds; the words that the
engine's alternatives spell; and the wishes of another corrector.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from scanmend.correction.channel import Channel, Nats
from scanmend.correction.lexicon import FrequencyClass
from scanmend.correction.lookalikes import one_confusion_away
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind, PageWords, joins, normal_form
from scanmend.llm.judge.engine_view import as_engine_saw, engine_doubts, spelled_by_engine
from scanmend.llm.judge.replacement import MAX_COST, Replacement, ReplacementSource, bits
from scanmend.llm.judge.word_search import compounds, misread_spaces, splits
from scanmend.page import CharAlternatives

MAX_FOUND = 12  # replacements of one word; the model is asked about the first of them
MAX_FOUND_FOR_KNOWN = 6
MAX_COST_FOR_KNOWN: Nats = 9.0
MAX_COST_OF_PAGE_WORD: Nats = 12.0
MAX_COST_OF_COMPOUND: Nats = 9.0
MAX_COST_OF_MISREAD_PARTS: Nats = 12.0  # of a word that is both torn and misread
COMPOUND_COST: Nats = 2.0  # added, because a compound is a guess
TORN_COST: Nats = 3.0  # of a space that tears a word
RUN_TOGETHER_COST: Nats = 6.0  # of a lost space
MISREAD_SPACE_COST: Nats = 10.0  # of a space that is read as a letter
GOOD_COST: Nats = 7.0  # no compounds are built for a word that has so good a replacement
MAX_COMPARED = 80  # words of the lexicon, the nearest and most frequent, whose costs are computed
MIN_SPLIT_CLASS: FrequencyClass = 9
MIN_COMPOUND_PART_CLASS: FrequencyClass = 5
MIN_CLASS_FOR_KNOWN: FrequencyClass = 5  # of a replacement for a known word
MIN_COMPOUND_LETTERS = 8
MIN_PAGE_WORD_LETTERS = 4
MIN_PAGE_WORD_COUNT = 2
PAGE_WORD_DISTANCE = 2
MIN_MISREAD_JOIN_CLASS: FrequencyClass = 7
CAPITALS_SHARE = 0.7  # of four letters or more that make a word one in capitals


class ReplacementSearch:
    """The search for the replacements of a page's words."""

    def __init__(self, page: PageWords, channel: Channel) -> None:
        """Search with the page's own words and language."""
        self._page = page
        self._search = page.search
        self._channel = channel

    def find(
        self,
        word: DoubtfulWord,
        wishes: Iterable[str] = (),
        alternatives: Sequence[CharAlternatives] | None = None,
    ) -> tuple[Replacement, ...]:
        """Return the replacements of a word, the best first.

        ``wishes``: of another corrector, which come before. ``alternatives``: the engine's for the line, if it reports them;
        they count in place of what engines misread on average.
        """
        is_known = word.kind is DoubtKind.KNOWN
        if word.is_old_spelling or (is_known and not engine_doubts(word, alternatives)):
            found = []
        elif word.kind is DoubtKind.TORN:
            found = self._joined(word)
        elif is_known:
            found = self._of_known(word)
        else:
            found = self._of_unknown(word)
        wished = [
            Replacement(
                text,
                self._channel.cost(word.read, text),
                bits(min(map(self._search.frequency, normal_form(text).split()), default=0)),
                ReplacementSource.CORRECTOR,
            )
            for text in wishes
            if text != word.read
        ]
        texts = {w.text for w in wished}
        others = [r for r in found if r.text not in texts]
        if alternatives is None:
            return (*wished, *others)
        line = self._page.lines[word.line]
        spelled = spelled_by_engine(word, line, alternatives, self._search)
        seen = [*others, *(r for r in spelled if r.text not in texts)]
        return (
            *as_engine_saw(word, wished, line, alternatives),
            *_best(as_engine_saw(word, seen, line, alternatives), MAX_FOUND),
        )

    def of_model(
        self,
        word: DoubtfulWord,
        texts: Iterable[str],
        alternatives: Sequence[CharAlternatives] | None = None,
    ) -> list[Replacement]:
        """Return the language model's own words, which are in lower case, as replacements."""
        small = normal_form(word.read)
        found = [
            Replacement(
                in_capitals_of(word.read, text),
                self._channel.cost(small, text),
                bits(self._search.frequency(text)),
                ReplacementSource.MODEL,
            )
            for text in texts
        ]
        if alternatives is None:
            return found
        return as_engine_saw(word, found, self._page.lines[word.line], alternatives)

    def _of_unknown(self, word: DoubtfulWord) -> list[Replacement]:
        """Return the replacements of an unknown or rare word."""
        small = normal_form(word.read)
        distance = 1 if len(small) <= 3 else 2 if len(small) <= 8 else 3
        near = self._search.near(small, distance, min(2, distance))[:MAX_COMPARED]
        found = [
            Replacement(text, cost, bits(n.frequency), ReplacementSource.LEXICON)
            for n in near
            for text, cost in self._spelled(word.read, small, n.text)
            if cost <= MAX_COST
        ]
        found += self._page_words(word.read, small)
        found += self._divided(word.read, small)
        if (
            self._page.language == "de"
            and len(small) >= MIN_COMPOUND_LETTERS
            and all(r.cost >= GOOD_COST for r in found)
        ):
            found += self._compounds(word.read, small)
        return _best(found, MAX_FOUND)

    def _divided(self, read: str, small: str) -> Iterator[Replacement]:
        """Yield a word as two, where a space was lost or read as a letter."""
        for at in splits(small, self._search, MIN_SPLIT_CLASS):
            yield self._two_words(read, at, at, RUN_TOGETHER_COST)
        for at in misread_spaces(small, self._search, MIN_SPLIT_CLASS):
            yield self._two_words(read, at, at + 1, MISREAD_SPACE_COST)

    def _two_words(self, read: str, end: int, start: int, cost: Nats) -> Replacement:
        """Return ``read`` as two words: one up to ``end``, the other one from ``start``."""
        words = read[:end], read[start:]
        rarer = min(self._search.frequency(normal_form(word)) for word in words)
        return Replacement(" ".join(words), cost, bits(rarer), ReplacementSource.SPLIT)

    def _of_known(self, word: DoubtfulWord) -> list[Replacement]:
        """Return other known words that are often misread as this one."""
        if not word.read.isalpha():
            return []
        small = normal_form(word.read)
        near = {n.text: n.frequency for n in self._search.near(small, 1, 1)}
        for other in one_confusion_away(small):  # also two edits away: rn for m
            near.setdefault(other, self._search.frequency(other))
        near.pop(small, None)
        found = [
            Replacement(text, cost, bits(frequency), ReplacementSource.LEXICON)
            for other, frequency in near.items()
            if frequency >= MIN_CLASS_FOR_KNOWN and other.isalpha()
            for text, cost in self._spelled(word.read, small, other)
            if cost <= MAX_COST_FOR_KNOWN
        ]
        return _best(found, MAX_FOUND_FOR_KNOWN)

    def _joined(self, word: DoubtfulWord) -> list[Replacement]:
        """Return a torn word without its space, or the known words near it."""
        first, second = normal_form(word.read).split()
        joined = "".join(word.read.split())
        if joins(first, second, self._search):
            frequency = bits(self._search.frequency(first + second))
            return [Replacement(joined, TORN_COST, frequency, ReplacementSource.JOIN)]
        found = [
            Replacement(text, cost + TORN_COST, bits(n.frequency), ReplacementSource.JOIN)
            for n in self._search.near(first + second, 2, 1)
            if n.frequency >= MIN_MISREAD_JOIN_CLASS
            for text, cost in self._spelled(joined, first + second, n.text)
            if cost <= MAX_COST_OF_MISREAD_PARTS
        ]
        return _best(found, 1)

    def _page_words(self, read: str, small: str) -> Iterator[Replacement]:
        """Yield words that the lexicon lacks and the page repeats, such as names."""
        if len(small) < MIN_PAGE_WORD_LETTERS:
            return
        for other, count in self._page.counts.items():
            if count < MIN_PAGE_WORD_COUNT or other == small or not other.isalpha():
                continue
            if self._search.frequency(other) or abs(len(other) - len(small)) > PAGE_WORD_DISTANCE:
                continue
            distance = Levenshtein.distance(other, small, score_cutoff=PAGE_WORD_DISTANCE)
            cost = self._channel.cost(small, other) if distance <= PAGE_WORD_DISTANCE else MAX_COST
            if cost <= MAX_COST_OF_PAGE_WORD:
                text = in_capitals_of(read, other)
                yield Replacement(text, cost, bits(count.bit_length()), ReplacementSource.PAGE)

    def _compounds(self, read: str, small: str) -> Iterator[Replacement]:
        """Yield compounds of a frequent word and a misread one."""
        for whole, frequency in compounds(small, self._search, MIN_COMPOUND_PART_CLASS):
            for text, cost in self._spelled(read, small, whole):
                if cost <= MAX_COST_OF_COMPOUND:
                    yield Replacement(
                        text, cost + COMPOUND_COST, bits(frequency) / 2, ReplacementSource.COMPOUND
                    )

    def _spelled(self, read: str, small: str, other: str) -> Iterator[tuple[str, Nats]]:
        """Yield the spellings of a word of the lexicon, capitalised as ``read``, with their costs.

        The lexicon has one key for ss and ß.
        """
        spellings = [other]
        if self._page.language == "de" and "ss" in other:
            spellings.append(other.replace("ss", "ß", 1))
        for spelling in spellings:
            if spelling != small:
                text = in_capitals_of(read, spelling)
                yield (
                    (text.replace("'", "’") if "’" in read else text),
                    self._channel.cost(small, spelling),
                )


def in_capitals_of(read: str, other: str) -> str:
    """Return ``other``, which is in lower case, capitalised as ``read``, of which some letters may be misread."""
    letters = [c for c in read if c.isalpha()]
    if not letters:
        return other
    capitals = sum(map(str.isupper, letters))
    if len(letters) > 1 and capitals == len(letters):
        return other.upper()
    if len(letters) >= 4 and capitals >= CAPITALS_SHARE * len(letters):
        return other.upper()
    is_capitalised = read[0].isupper() or (not read[0].isalpha() and letters[0].isupper())
    return other[:1].upper() + other[1:] if is_capitalised else other


def _best(found: Iterable[Replacement], count: int) -> list[Replacement]:
    """Return the best replacements, one for each text."""
    ranked = sorted(found, key=lambda r: (r.rank, r.text))
    first_of_text = {r.text: r for r in reversed(ranked)}
    return list(itertools.islice((r for r in ranked if first_of_text[r.text] is r), count))
