"""Known words in the place of what the model copied: offered by the lexicon, judged by the model.

A small model knows few words by heart, and copies what it does not know. A noisy channel (Kernighan, Church and
Gale 1990) asks it the other way round: candidates are the known words that engines misread as what stands there, an
unknown word, or one that seldom stands between such neighbours (Mays, Damerau and Mercer 1991). How likely each is in
its place, the model says; how common it is, and beside what, the lexicon; how it looks, the engine (``sight``);
``weigh`` puts it together.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from scanmend.correction import ctc
from scanmend.correction.lexicon import Lexicon, core, neighbours
from scanmend.correction.lookalikes import (
    LETTER_LIKE_SIGNS,
    MIN_CANDIDATE_CLASS,
    WITHOUT_ACCENT,
    Candidate,
    better_fitting,
    fit_gain,
)
from scanmend.llm.candidates import candidates
from scanmend.llm.ranking import SHORT, SuspectWord, least, odds_without
from scanmend.page import CharAlternatives

MOST = 4  # candidates of one word that the model is asked about
HOPE = 0.7  # odds that the model seldom adds
BEHIND = 2.5  # odds that it seldom makes up for between two candidates
SHORTEST, LONGEST = 3, 30  # letters of an unknown word that is questioned: candidates grow so
FEW = 30  # words that are thought to be known besides: a few lines tell little of a page
NEARLY_READ = 1.0  # cost of what the engine nearly read
STEM = 4  # letters of a known word that may have an ending, at least
ENDINGS = ("s", "n", "t", "e", "r", "m", "es", "en", "et", "er", "em", "st", "nt", "ed", "ing", "ly", "'s")  # fmt: skip
JOINED = 3  # class of what a torn word is together
_WORD = re.compile(r"\S+")

Doubts = Sequence[CharAlternatives]


def spots(
    texts: Sequence[str],
    lexicon: Lexicon,
    expired: Callable[[], bool] = lambda: False,
    doubts: Sequence[Doubts | None] | None = None,
) -> list[list[SuspectWord]]:
    """The words of a page's lines that may be others, in order; none overlaps another.

    Unknown ones for which there are candidates, and known ones beside which a look-alike would fit better. None of
    the lines that are left when the time has ``expired``. ``doubts``: of each line, or None where no engine tells.
    """
    page = [_words(text, lexicon) for text in texts]
    known = [common for words in page for _, common in words]
    share = known.count(0) / (len(known) + FEW)
    lines = [
        [] if expired() else _questioned(text, words, share, lexicon, told)
        for text, words, told in zip(texts, page, doubts or [None] * len(texts), strict=True)
    ]
    seen = _Seen(lines)
    return [[s for s in (_hopeful(seen.told(spot)) for spot in line) if s.candidates] for line in lines]  # fmt: skip


def _words(text: str, lexicon: Lexicon) -> list[tuple[re.Match[str], int]]:
    """With their classes of frequency."""
    words = (m for m in _WORD.finditer(text) if any(map(str.isalpha, m.group())))
    return [(m, lexicon.frequency(m.group())) for m in words]


def _questioned(
    text: str, words: Sequence[tuple[re.Match[str], int]], share: float, lexicon: Lexicon, doubts: Doubts | None
) -> list[SuspectWord]:  # fmt: skip
    """The words of a line for which there are candidates."""
    found: list[SuspectWord] = []
    for n, (match, common) in enumerate(words):
        if found and match.start() < found[-1].end:
            continue
        start, end = core(match.group())
        word, start = match.group()[start:end], match.start() + start
        torn = _torn(text, words[n : n + 2], lexicon)
        if torn:
            spot = SuspectWord(match.start(), *torn, share)
        elif common:
            spot = SuspectWord(start, word, tuple(better_fitting(match, lexicon)), share, common)
        else:
            # what the engine nearly read is better than what is two misreadings away
            offered = candidates(word, lexicon, twice=doubts is None) if _readable(word) else ()
            spot = SuspectWord(start, word, offered, share, form=_is_form(word, lexicon))
        if doubts is not None:
            spot = _looked_at(spot, text, doubts, lexicon)
        if spot.candidates:
            found.append(_ranked(_fitting(spot, text, lexicon)))
    return found


def _is_form(word: str, lexicon: Lexicon) -> bool:
    """Whether it may be a known word with an ending of grammar."""
    stems = (word[: -len(ending)] for ending in ENDINGS if word.endswith(ending))
    return any(
        len(stem) >= STEM and lexicon.frequency(stem) >= MIN_CANDIDATE_CLASS for stem in stems
    )


def _looked_at(spot: SuspectWord, text: str, doubts: Doubts, lexicon: Lexicon) -> SuspectWord:
    """With the known words that the engine nearly read, and how each candidate looks to it."""
    offered = {c.text for c in spot.candidates}
    others = [
        Candidate(reading, common, NEARLY_READ)
        for reading in ctc.readings(doubts, spot.start, spot.end, text)
        if reading not in offered
        and not _loses_accents(spot.word, reading)
        and (common := _common(reading, lexicon)) >= MIN_CANDIDATE_CLASS
    ]
    if spot.common and others:
        place = neighbours(text, spot.start, spot.end, lexicon)
        others = [replace(c, fits=fit_gain(spot.word, c.text, place, lexicon)) for c in others]
    found = [*spot.candidates, *others]
    looks = ctc.log_likelihood_ratios(doubts, spot.start, spot.end, text, [c.text for c in found])
    seen = (replace(c, seen=look) for c, look in zip(found, looks, strict=True))
    # of a word that it did not doubt, the gate lets no character go
    kept = tuple(c for c in seen if c.seen > ctc.MIN_LOG_RATIO or _only_adds(spot.word, c.text))
    return replace(spot, candidates=kept, told=True)


def _only_adds(word: str, other: str) -> bool:
    """Whether nothing of the word is lost but spaces."""
    rest = iter(other)
    return all(c in rest for c in word if c != " ")


def _loses_accents(word: str, reading: str) -> bool:
    """Whether it is the same with fewer of them: no engine makes up an accent."""
    return len(word) == len(reading) and all(a == b or WITHOUT_ACCENT.get(a) == b for a, b in zip(word, reading, strict=True))  # fmt: skip


def _common(reading: str, lexicon: Lexicon) -> int:
    """The class of frequency of the rarest of its words; 0 when one is none."""
    words = reading.split(" ")
    return min(map(lexicon.frequency, words)) if all(map(str.isalpha, words)) else 0


def _fitting(spot: SuspectWord, text: str, lexicon: Lexicon) -> SuspectWord:
    """With how well each candidate fits between its neighbours."""
    place = neighbours(text, spot.start, spot.end, lexicon)
    found = list(spot.candidates)
    if not spot.common:
        found = [replace(c, fits=lexicon.fit(c.text, *place)) for c in found]
    sides = sum(word is not None for word in place)
    behind = text[spot.end :]
    dot = behind.startswith(".") and bool(behind[1:].strip())
    return replace(spot, candidates=tuple(found), sides=sides, dot=dot)


def _ranked(spot: SuspectWord) -> SuspectWord:
    """The candidates for which most speaks, those first."""
    found = sorted(spot.candidates, key=lambda c: (3 * c.cost - c.common - c.fits - c.seen, c.text))
    return replace(spot, candidates=tuple(found[:MOST]))


def _changes(read: str, meant: str) -> set[tuple[str, str]]:
    """What was read as what."""
    a, b = read.lower(), meant.lower()
    return {(a[o.src_start : o.src_end], b[o.dest_start : o.dest_end]) for o in Levenshtein.opcodes(a, b) if o.tag != "equal"}  # fmt: skip


class _Seen:
    """What the questioned words of a page have in common."""

    def __init__(self, lines: Sequence[Sequence[SuspectWord]]) -> None:
        spots = [spot for line in lines for spot in line]
        self._words = Counter(spot.word for spot in spots)
        self._first_of = {spot.word: self._first(spot) for spot in spots}
        self._changes = Counter(c for changes in self._first_of.values() for c in changes)

    def told(self, spot: SuspectWord) -> SuspectWord:
        """With how often it is there elsewhere, and each candidate's changes in other words."""
        own = self._first_of[spot.word]
        found = []
        for candidate in spot.candidates:
            changes = _changes(spot.word, candidate.text)
            times = max((self._changes[c] - (c in own) for c in changes), default=0)
            found.append(replace(candidate, again=math.log2(1 + times)))
        same = math.log2(self._words[spot.word])
        return replace(spot, candidates=tuple(found), same=same)

    @staticmethod
    def _first(spot: SuspectWord) -> set[tuple[str, str]]:
        """The changes to an unknown word's first candidate, when without the model more speaks for it than against."""
        if spot.common or " " in spot.word or odds_without(spot)[0] < 0:
            return set()
        return _changes(spot.word, spot.candidates[0].text)


def _hopeful(spot: SuspectWord) -> SuspectWord:
    """Without the candidates that will not be proposed, however likely they are: the model's time is dear."""
    odds = odds_without(spot)
    most = max(least(spot) - HOPE, max(odds, default=0.0) - BEHIND)
    found = [c for c, one in zip(spot.candidates, odds, strict=True) if one >= most]
    return replace(spot, candidates=tuple(found))


def placed(
    spots: Sequence[SuspectWord], read: str, written: str
) -> list[tuple[SuspectWord, int, int]]:
    """Each spot of what was read, with the place in what was written of what the model made of it."""
    blocks = Levenshtein.opcodes(read, written).as_matching_blocks()

    def place(at: int) -> int | None:
        for block in blocks:
            if block.a <= at < block.a + block.size:
                return int(block.b + at - block.a)
        return None

    found = []
    for spot in spots:  # the character before it and the one behind it are there
        before = place(spot.start - 1) if spot.start else -1
        behind = place(spot.end) if spot.end < len(read) else len(written)
        if before is not None and behind is not None and before < behind:
            found.append((spot, before + 1, behind))
    return found


def _torn(
    text: str, words: Sequence[tuple[re.Match[str], int]], lexicon: Lexicon
) -> tuple[str, tuple[Candidate, ...]] | None:
    """Two words, one of them unknown, that are a known one without the space between them."""
    if len(words) < 2 or all(common for _, common in words):
        return None
    (one, _), (other, _) = words
    first, second = one.group(), other.group().rstrip(".,;:!?)")
    if other.start() - one.end() != 1 or not (first.isalpha() and second.isalpha()):
        return None
    if second[0].isupper() and not first.isupper():
        return None
    common = lexicon.frequency(first + second)
    if common < JOINED or len(first + second) <= SHORTEST:
        return None
    end = other.start() + len(second)
    return text[one.start() : end], (Candidate(first + second, common, 0.0),)


def _readable(word: str) -> bool:
    """Whether it can be a misread word: letters, and one sign or misread letter at most; no abbreviation in capitals."""
    strange = [c for c in word if not c.isalpha()]
    return (
        SHORTEST <= len(word) <= LONGEST
        and len(strange) <= 1
        and all(c in LETTER_LIKE_SIGNS for c in strange)
        and not (word.isupper() and len(word) < SHORT)
    )
