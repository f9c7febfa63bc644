"""Find the words of a page that may be misread: unknown, rare, torn, or known but perhaps another word."""

import enum
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanmend.correction.lexicon import FrequencyClass
from scanmend.llm.judge.word_search import DomainSearch, LanguageSearch, WordSearch

LINE_END_HYPHENS = "-‐¬—=\u00ad–"  # also what engines read in their place
MIN_JUDGED_LETTERS = 2  # of a word that is judged
MIN_JUDGED_LETTER_SHARE = 0.5  # of its characters
MAX_WORD_LENGTH = 30  # characters
MAX_SIGNS = 1  # in a word: shou1d, w*ter; more are dirt
MAX_RARE_CLASS: FrequencyClass = 2  # of a word that is hardly ever used in the page's language
# of an old spelling that is not questioned: shorter words look like one too often
MIN_OLD_SPELLING_LETTERS = 6
MIN_JOINED_CLASS: FrequencyClass = 4  # of a word that a space has torn
MIN_JOINED_LETTERS = 4
MIN_MISREAD_JOIN_LETTERS, MAX_MISREAD_JOIN_LETTERS = 6, 20  # of a word both torn and misread
# classes by which both parts of a torn word may be more frequent than the whole
MAX_PART_LEAD: FrequencyClass = 4

_SPACED = re.compile(r"\S+")
_ABBREVIATION = re.compile(r"(?:[^\W\d_]\.){2,}")
_SIGN = re.compile(r"[^\w'’]")


class DoubtKind(enum.StrEnum):
    """Why a word may be misread. The values are the names of features."""

    UNKNOWN = "unknown"
    RARE = "rare"
    KNOWN = "known"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class DoubtfulWord:
    """A word of a page that may be misread; ``start`` and ``end`` are offsets in its line, in code points."""

    line: int
    start: int
    end: int
    read: str
    kind: DoubtKind
    frequency: FrequencyClass
    """Its class in the page's language; 0 for a torn word."""
    is_old_spelling: bool = False
    """Whether it is a longer word that is known, and more frequent, in another spelling."""


@dataclass(frozen=True, slots=True)
class _Token:
    """What stands between two spaces, without the signs around it: "(word)," is "word"."""

    start: int
    text: str
    whole: str
    """With the signs around it."""
    whole_start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class PageWords:
    """The words of a page."""

    def __init__(
        self, lines: Sequence[str], languages: LanguageSearch, words: Sequence[str] = ()
    ) -> None:
        """Divide the lines into words, and find the page's language. ``words``: known ones of the domain."""
        self.lines = lines
        self._tokens = [list(_tokens(line)) for line in lines]
        self.counts: Mapping[str, int] = Counter(
            token.text.lower()
            for tokens in self._tokens
            for token in tokens
            if any(map(str.isalpha, token.text))
        )
        self.language = languages.language_of(self.counts)
        self.search = languages.search(self.language)
        self._domain = frozenset(map(normal_form, words))
        if self._domain:
            self.search = DomainSearch(self.search, self._domain)
        self._lexicon = languages.lexicon
        self._old_spellings = languages.old_spellings(self.language)

    def doubtful(self, line: int) -> Iterator[DoubtfulWord]:
        """Yield the doubtful words of a line. A torn word overlaps its first part, which comes behind it."""
        tokens = self._tokens[line]
        for n, token in enumerate(tokens):
            if self._is_half(line, n) or not _may_be_word(token):
                continue
            following = tokens[n + 1] if n + 1 < len(tokens) else None
            if following and not self._is_half(line, n + 1) and self._is_torn(token, following):
                text = self.lines[line][token.start : following.end]
                yield DoubtfulWord(line, token.start, following.end, text, DoubtKind.TORN, 0)
            yield self._single(line, token)

    def _single(self, line: int, token: _Token) -> DoubtfulWord:
        """Return a single word with its kind."""
        text, word = token.text, normal_form(token.text)
        frequency = self.search.frequency(word)
        modern = self._old_spellings.modern_frequency(word)
        is_old = modern > frequency and len(word) >= MIN_OLD_SPELLING_LETTERS
        is_regular = text.replace("’", "").replace("'", "").isalpha()
        in_all_texts = self._lexicon.frequency(text) if is_regular else 0
        if word in self._domain or (in_all_texts and frequency > MAX_RARE_CLASS):
            kind = DoubtKind.KNOWN
        elif modern:
            kind, frequency = DoubtKind.KNOWN, modern
        else:
            kind = DoubtKind.RARE if in_all_texts else DoubtKind.UNKNOWN
        return DoubtfulWord(line, token.start, token.end, text, kind, frequency, is_old)

    def _is_half(self, line: int, number: int) -> bool:
        """Return whether a token is half of a word that is divided over the end of this line or of the one before."""
        tokens = self._tokens[line]
        pairs = itertools.pairwise(tokens[max(0, number - 1) : number + 2])
        if any(self._is_divided(*pair) for pair in pairs):
            return True
        is_last = number == len(self._tokens[line]) - 1
        if is_last and line + 1 < len(self._tokens) and self._tokens[line + 1]:
            whole = self._tokens[line][number].whole
            if len(whole) > 1 and whole[-1] in LINE_END_HYPHENS:
                return True
        if number == 0 and line and self._tokens[line - 1]:
            before = self._tokens[line - 1][-1].whole
            return len(before) > 1 and before[-1] in LINE_END_HYPHENS
        return False

    def _is_divided(self, first: _Token, second: _Token) -> bool:
        """Return whether a hyphen divides a known word into these two, in text whose lines were wrapped anew."""
        if not first.text or not second.text[:1].islower():
            return False
        if first.whole[-1] not in LINE_END_HYPHENS:
            return False
        joined = normal_form(first.text + second.text)
        return bool(self.search.frequency(joined) or self._old_spellings.modern_frequency(joined))

    def _is_torn(self, first: _Token, second: _Token) -> bool:
        """Return whether a space may have torn a word into these two; the word may be misread, too."""
        if not first.text.isalpha() or not second.text.isalpha():
            return False
        follows_directly = second.whole_start - (first.whole_start + len(first.whole)) == 1
        ends_plainly = first.whole.endswith(first.text) and second.whole.startswith(second.text)
        if not follows_directly or not ends_plainly:
            return False
        if second.text[0].isupper() and not first.text.isupper():
            return False
        if joins(normal_form(first.text), normal_form(second.text), self.search):
            return True
        is_known = map(self._lexicon.frequency, (first.text, second.text))
        length = len(first.text) + len(second.text)
        is_usual = MIN_MISREAD_JOIN_LETTERS <= length <= MAX_MISREAD_JOIN_LETTERS
        return is_usual and not all(is_known)


def joins(first: str, second: str, search: WordSearch) -> bool:
    """Return whether two words in lower case make a known one, and may be its parts."""
    joined = first + second
    frequency = search.frequency(joined)
    if frequency < MIN_JOINED_CLASS or len(joined) < MIN_JOINED_LETTERS:
        return False
    rarer = min(search.frequency(first), search.frequency(second))
    return rarer <= frequency + MAX_PART_LEAD


def normal_form(word: str) -> str:
    """Return a word in lower case, as the lexicon spells apostrophes and s; the number of characters stays."""
    return word.lower().replace("’", "'").replace("ſ", "s")


def _tokens(line: str) -> Iterator[_Token]:
    for match in _SPACED.finditer(line):
        whole = match.group()
        start, end = 0, len(whole)
        while start < end and not whole[start].isalnum():
            start += 1
        while end > start and not whole[end - 1].isalnum():
            end -= 1
        yield _Token(match.start() + start, whole[start:end], whole, match.start())


def _may_be_word(token: _Token) -> bool:
    """Return whether a token is written like one word, or nearly so."""
    text = token.text
    letters = sum(map(str.isalpha, text))
    return (
        letters >= max(MIN_JUDGED_LETTERS, MIN_JUDGED_LETTER_SHARE * len(text))
        and len(text) <= MAX_WORD_LENGTH
        and "-" not in text
        and len(_SIGN.findall(text)) <= MAX_SIGNS
        and not _ABBREVIATION.search(token.whole)
    )
