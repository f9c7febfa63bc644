"""Search of a page for words that may be misread, with the words that may be meant.

A small model knows few words by heart and copies what it does not know. A noisy channel (Kernighan, Church and Gale
1990) asks it the other way round. The candidates are words of the lexicon that engines misread as the word on the page:
an unknown word, or a known one that seldom stands between such neighbours (Mays, Damerau and Mercer 1991). Five sources
judge a candidate: the model (how likely it is there), the lexicon (how common it is, and beside which words), the engine
(``correction.ctc``: how well it fits what was seen), the page (which misreadings repeat), and its cost as a misreading.
``ranking`` combines them.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from scanmend.correction import ctc
from scanmend.correction.lexicon import FrequencyClass, Lexicon, core, neighbours
from scanmend.correction.lookalikes import (
    LETTER_LIKE_SIGNS,
    MIN_CANDIDATE_CLASS,
    WITHOUT_ACCENT,
    Candidate,
    better_fitting,
    fit_gain,
)
from scanmend.llm.candidates import COST_IN_CLASSES, candidates_for
from scanmend.llm.ranking import SHORT_WORD_LETTERS, log_odds_without_model, threshold
from scanmend.llm.suspect_word import SuspectWord
from scanmend.page import CharAlternatives

MAX_CANDIDATES = 4  # of one word that the model scores
MIN_LETTERS, MAX_LETTERS = 3, 30  # of an unknown word: the number of its candidates grows with it
PRIOR_KNOWN_WORDS = (
    30  # added to a page's known words: a few lines say little about the share of unknown ones
)
NEARLY_READ_COST = 1.0  # of a candidate that the engine's alternatives spell
MIN_STEM_LETTERS = 4  # of a known word that may have an ending
ENDINGS = (
    *("s", "n", "t", "e", "r", "m", "es", "en", "et", "er", "em", "st", "nt"),
    *("ed", "ing", "ly", "'s"),
)
JOINED_FREQUENCY: FrequencyClass = 3  # least frequency class of a word that a space tore in two
_WORD = re.compile(r"\S+")

Alternatives = Sequence[CharAlternatives]
Token = tuple[re.Match[str], FrequencyClass]  # a word of a line, and its frequency class


@dataclass(frozen=True, slots=True)
class Pruning:
    """Which candidates the model need not score, by their log-odds (nats) without it. Its time is what costs."""

    model_gain: float = 0.7
    """The model seldom adds more than this to a candidate's log-odds."""
    model_reorders: float = 2.5
    """The model seldom makes up for more than this between two candidates of a word."""
    threshold: float | None = None
    """Log-odds from which a candidate is proposed; None: those of the word's regression."""


PRUNING = Pruning()


def find_suspects(
    texts: Sequence[str],
    lexicon: Lexicon,
    expired: Callable[[], bool] = lambda: False,
    alternatives: Sequence[Alternatives | None] | None = None,
    pruning: Pruning = PRUNING,
) -> list[list[SuspectWord]]:
    """Return for each line of a page its suspect words from left to right; none overlaps another.

    A suspect word is unknown and has candidates, or is known and a look-alike fits far better between its neighbours.
    A line that is reached after ``expired`` has none. ``alternatives``: of each line, or None where its engine tells none.
    """
    page = [_tokens(text, lexicon) for text in texts]
    classes = [frequency for tokens in page for _, frequency in tokens]
    unknown_share = classes.count(0) / (len(classes) + PRIOR_KNOWN_WORDS)
    told = alternatives or [None] * len(texts)
    found = [
        [] if expired() else _LineSearch(text, lexicon, unknown_share, saw).suspects(tokens)
        for text, tokens, saw in zip(texts, page, told, strict=True)
    ]
    evidence = _PageEvidence(found)
    pruned = ([_pruned(evidence.added_to(one), pruning) for one in line] for line in found)
    return [[suspect for suspect in line if suspect.candidates] for line in pruned]


def _tokens(text: str, lexicon: Lexicon) -> list[Token]:
    words = (m for m in _WORD.finditer(text) if any(map(str.isalpha, m.group())))
    return [(m, lexicon.frequency(m.group())) for m in words]


class _LineSearch:
    """The search of one line."""

    def __init__(
        self, text: str, lexicon: Lexicon, unknown_share: float, alternatives: Alternatives | None
    ) -> None:
        self._text = text
        self._lexicon = lexicon
        self._unknown_share = unknown_share
        self._alternatives = alternatives

    def suspects(self, tokens: Sequence[Token]) -> list[SuspectWord]:
        """Return the words that have candidates."""
        found: list[SuspectWord] = []
        for n, (match, _) in enumerate(tokens):
            if found and match.start() < found[-1].end:
                continue
            suspect = self._torn_word(tokens[n : n + 2]) or self._single_word(tokens[n])
            if self._alternatives is not None:
                suspect = self._with_engine_evidence(suspect, self._alternatives)
            if suspect.candidates:
                found.append(_most_plausible(self._with_neighbours(suspect)))
        return found

    def _single_word(self, token: Token) -> SuspectWord:
        match, frequency = token
        start, end = core(match.group())
        word, start = match.group()[start:end], match.start() + start
        if frequency:
            candidates = tuple(better_fitting(match, self._lexicon))
            return SuspectWord(start, word, candidates, self._unknown_share, frequency)
        candidates = ()
        if _may_be_misread(word):
            # the engine's alternatives are better candidates than words two misreadings away
            two = self._alternatives is None
            candidates = candidates_for(word, self._lexicon, two_misreadings=two)
        stem = _has_known_stem(word, self._lexicon)
        return SuspectWord(start, word, candidates, self._unknown_share, known_stem=stem)

    def _torn_word(self, pair: Sequence[Token]) -> SuspectWord | None:
        """Return two words, one of them unknown, as one suspect if they make a known word without their space."""
        if len(pair) < 2 or all(frequency for _, frequency in pair):
            return None
        (one, _), (other, _) = pair
        first, second = one.group(), other.group().rstrip(".,;:!?)")
        if other.start() - one.end() != 1 or not (first.isalpha() and second.isalpha()):
            return None
        if second[0].isupper() and not first.isupper():
            return None
        joined = first + second
        frequency = self._lexicon.frequency(joined)
        if frequency < JOINED_FREQUENCY or len(joined) <= MIN_LETTERS:
            return None
        word = self._text[one.start() : other.start() + len(second)]
        candidate = Candidate(joined, frequency, 0.0)
        return SuspectWord(one.start(), word, (candidate,), self._unknown_share)

    def _with_engine_evidence(
        self, suspect: SuspectWord, alternatives: Alternatives
    ) -> SuspectWord:
        """Add candidates that the engine's alternatives spell, and the engine's log-likelihood ratio of each."""
        start, end, lexicon = suspect.start, suspect.end, self._lexicon
        known = {c.text for c in suspect.candidates}
        others = [
            Candidate(reading, frequency, NEARLY_READ_COST)
            for reading in ctc.readings(alternatives, start, end, self._text)
            if reading not in known
            and not _loses_accents(suspect.word, reading)
            and (frequency := _rarest(reading, lexicon)) >= MIN_CANDIDATE_CLASS
        ]
        if suspect.frequency and others:
            beside = neighbours(self._text, start, end, lexicon)
            others = [
                replace(c, neighbour_gain=fit_gain(suspect.word, c.text, beside, lexicon))
                for c in others
            ]
        found = [*suspect.candidates, *others]
        ratios = ctc.log_likelihood_ratios(
            alternatives, start, end, self._text, [c.text for c in found]
        )
        seen = (replace(c, log_ratio=ratio) for c, ratio in zip(found, ratios, strict=True))
        # the gate lets no letter go from a word that the engine did not doubt
        kept = tuple(
            c for c in seen if c.log_ratio > ctc.MIN_LOG_RATIO or _only_adds(suspect.word, c.text)
        )
        return replace(suspect, candidates=kept, has_alternatives=True)

    def _with_neighbours(self, suspect: SuspectWord) -> SuspectWord:
        """Add how well each candidate fits between the words beside it."""
        beside = neighbours(self._text, suspect.start, suspect.end, self._lexicon)
        candidates = suspect.candidates
        if not suspect.frequency:
            candidates = tuple(
                replace(c, neighbour_gain=self._lexicon.fit(c.text, *beside)) for c in candidates
            )
        rest = self._text[suspect.end :]
        return replace(
            suspect,
            candidates=candidates,
            known_neighbours=sum(word is not None for word in beside),
            full_stop_follows=rest.startswith(".") and bool(rest[1:].strip()),
        )


class _PageEvidence:
    """What the suspect words of one page have in common."""

    def __init__(self, lines: Sequence[Sequence[SuspectWord]]) -> None:
        suspects = [suspect for line in lines for suspect in line]
        self._words = Counter(suspect.word for suspect in suspects)
        self._likely_misreadings = {s.word: _likely_misreadings(s) for s in suspects}
        self._words_with = Counter(
            misreading for several in self._likely_misreadings.values() for misreading in several
        )

    def added_to(self, suspect: SuspectWord) -> SuspectWord:
        """Add how often the page has this word, and how many other words have a candidate's misreading."""
        own = self._likely_misreadings[suspect.word]
        found = []
        for candidate in suspect.candidates:
            misreadings = _misreadings(suspect.word, candidate.text)
            others = max((self._words_with[m] - (m in own) for m in misreadings), default=0)
            found.append(replace(candidate, recurrence=math.log2(1 + others)))
        repeats = math.log2(self._words[suspect.word])
        return replace(suspect, candidates=tuple(found), repeats=repeats)


def _likely_misreadings(suspect: SuspectWord) -> set[tuple[str, str]]:
    """Return the misreadings of an unknown word's first candidate if it is more likely right than wrong without the model."""
    if suspect.frequency or " " in suspect.word or log_odds_without_model(suspect)[0] < 0:
        return set()
    return _misreadings(suspect.word, suspect.candidates[0].text)


def _misreadings(read: str, meant: str) -> set[tuple[str, str]]:
    """Return the pairs of differing character runs (as read, as meant), in lower case."""
    a, b = read.lower(), meant.lower()
    return {
        (a[o.src_start : o.src_end], b[o.dest_start : o.dest_end])
        for o in Levenshtein.opcodes(a, b)
        if o.tag != "equal"
    }


def _most_plausible(suspect: SuspectWord) -> SuspectWord:
    """Keep the MAX_CANDIDATES most plausible candidates, best first."""

    def order(c: Candidate) -> tuple[float, str]:
        return COST_IN_CLASSES * c.cost - c.frequency - c.neighbour_gain - c.log_ratio, c.text

    return replace(
        suspect, candidates=tuple(sorted(suspect.candidates, key=order)[:MAX_CANDIDATES])
    )


def _pruned(suspect: SuspectWord, pruning: Pruning) -> SuspectWord:
    """Drop the candidates that would not be proposed, however likely the model finds them."""
    odds = log_odds_without_model(suspect)
    proposed = threshold(suspect) if pruning.threshold is None else pruning.threshold
    behind_best = max(odds, default=0.0) - pruning.model_reorders
    least = max(proposed - pruning.model_gain, behind_best)
    found = [c for c, one in zip(suspect.candidates, odds, strict=True) if one >= least]
    return replace(suspect, candidates=tuple(found))


def _may_be_misread(word: str) -> bool:
    """Return whether an unknown word may be a misread one: letters, and at most one sign that engines read for a letter.

    Short words in capitals are abbreviations.
    """
    signs = [c for c in word if not c.isalpha()]
    return (
        MIN_LETTERS <= len(word) <= MAX_LETTERS
        and len(signs) <= 1
        and all(c in LETTER_LIKE_SIGNS for c in signs)
        and not (word.isupper() and len(word) < SHORT_WORD_LETTERS)
    )


def _has_known_stem(word: str, lexicon: Lexicon) -> bool:
    """Return whether ``word`` may be a word of the lexicon with a grammatical ending."""
    stems = (word[: -len(ending)] for ending in ENDINGS if word.endswith(ending))
    return any(
        len(s) >= MIN_STEM_LETTERS and lexicon.frequency(s) >= MIN_CANDIDATE_CLASS for s in stems
    )


def _only_adds(word: str, other: str) -> bool:
    """Return whether ``other`` has all characters of ``word`` in order, spaces aside."""
    rest = iter(other)
    return all(c in rest for c in word if c != " ")


def _loses_accents(word: str, reading: str) -> bool:
    """Return whether ``reading`` is ``word`` with the same or fewer accents: engines make up none."""
    return len(word) == len(reading) and all(
        a == b or WITHOUT_ACCENT.get(a) == b for a, b in zip(word, reading, strict=True)
    )


def _rarest(reading: str, lexicon: Lexicon) -> FrequencyClass:
    """Return the lowest frequency class of the words of ``reading``; 0 when one is unknown or no word."""
    words = reading.split(" ")
    return min(map(lexicon.frequency, words)) if all(map(str.isalpha, words)) else 0
