"""Search a page for words that may be misread, and for the words that may have been printed instead.

A small model knows few words by heart, and copies those that it does not know. A noisy channel (Kernighan, Church and
Gale 1990) lets it choose instead: the candidates are words of the lexicon that engines misread as the word on the page.
That word is unknown, or known but rare between its neighbours (Mays, Damerau and Mercer 1991). Five sources judge a
candidate: the model (how likely it is there), the lexicon (how common it is, and beside which words), the engine
(``correction.ctc``: how well it fits the alternatives), the page (which misreadings repeat), and its cost as a misreading.
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
from scanmend.correction.protected import WORD
from scanmend.llm.candidates import CLASSES_PER_COST, candidates_for
from scanmend.llm.ranking import MIN_DISTINCT_LETTERS, log_odds_without_model, threshold
from scanmend.llm.suspect_word import SuspectWord
from scanmend.page import CharAlternatives

MAX_SCORED_CANDIDATES = 4  # candidates of one word that the model scores
# Length in letters of an unknown word that is searched: the number of candidates grows with it.
MIN_SEARCHED_LETTERS, MAX_SEARCHED_LETTERS = 3, 30
# Added to a page's known words, since a few lines say little about the share of unknown ones.
PRIOR_KNOWN_WORDS = 30
NEARLY_READ_COST = 1.0  # cost of a candidate that the engine's alternatives spell
MIN_STEM_LETTERS = 4  # of a known word that may stand before an ending
ENDINGS = (
    *("s", "n", "t", "e", "r", "m", "es", "en", "et", "er", "em", "st", "nt"),
    *("ed", "ing", "ly", "'s"),
)
MIN_TORN_WORD_CLASS: FrequencyClass = 3  # of a word that a space has torn in two

Alternatives = Sequence[CharAlternatives]
Token = tuple[re.Match[str], FrequencyClass]  # a word of a line, and its frequency class


@dataclass(frozen=True, slots=True)
class Pruning:
    """Limits (nats) below which a candidate is dropped before the model spends time on scoring it."""

    model_gain: float = 0.7
    """The model seldom adds more than this to a candidate's log-odds."""
    model_reorders: float = 2.5
    """The model seldom reverses a greater difference than this between the log-odds of two candidates."""
    threshold: float | None = None
    """Lowest log-odds of a proposed candidate; None: the threshold of the word's regression."""


PRUNING = Pruning()


def find_suspects(
    texts: Sequence[str],
    lexicon: Lexicon,
    expired: Callable[[], bool] = lambda: False,
    alternatives: Sequence[Alternatives | None] | None = None,
    pruning: Pruning = PRUNING,
) -> list[list[SuspectWord]]:
    """Return the suspect words of each line of a page, from left to right; none overlaps another.

    A suspect word is unknown and has candidates, or it is known and a look-alike fits far better between its neighbours.
    No suspect words are found in the lines that are reached after ``expired``. ``alternatives``: the engine's for each
    line, None where the engine reports none.
    """
    page = [_tokens(text, lexicon) for text in texts]
    classes = [frequency for tokens in page for _, frequency in tokens]
    unknown_share = classes.count(0) / (len(classes) + PRIOR_KNOWN_WORDS)
    line_alternatives = alternatives or [None] * len(texts)
    found = [
        [] if expired() else _LineSearch(text, lexicon, unknown_share, reported).suspects(tokens)
        for text, tokens, reported in zip(texts, page, line_alternatives, strict=True)
    ]
    evidence = _PageEvidence(found)
    pruned = ([_pruned(evidence.added_to(suspect), pruning) for suspect in line] for line in found)
    return [[suspect for suspect in line if suspect.candidates] for line in pruned]


def _tokens(text: str, lexicon: Lexicon) -> list[Token]:
    """Return the words of a line that have a letter, with their frequency classes."""
    matches = (m for m in WORD.finditer(text) if any(map(str.isalpha, m.group())))
    return [(match, lexicon.frequency(match.group())) for match in matches]


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
        """Return a word as a suspect, perhaps without candidates."""
        match, frequency = token
        start, end = core(match.group())
        word, start = match.group()[start:end], match.start() + start
        if frequency:
            candidates = tuple(better_fitting(match, self._lexicon))
            return SuspectWord(start, word, candidates, self._unknown_share, frequency)
        candidates = ()
        if _may_be_misread(word):
            # the engine's alternatives are better candidates than words two misreadings away
            two_misreadings = self._alternatives is None
            candidates = candidates_for(word, self._lexicon, two_misreadings=two_misreadings)
        stem = _has_known_stem(word, self._lexicon)
        return SuspectWord(start, word, candidates, self._unknown_share, known_stem=stem)

    def _torn_word(self, pair: Sequence[Token]) -> SuspectWord | None:
        """Return a pair of words as one suspect if one is unknown and both together make a known word."""
        if len(pair) < 2 or all(frequency for _, frequency in pair):
            return None
        (first_match, _), (second_match, _) = pair
        first, second = first_match.group(), second_match.group().rstrip(".,;:!?)")
        start, second_start = first_match.start(), second_match.start()
        if second_start - first_match.end() != 1 or not (first.isalpha() and second.isalpha()):
            return None
        if second[0].isupper() and not first.isupper():
            return None
        joined = first + second
        frequency = self._lexicon.frequency(joined)
        if frequency < MIN_TORN_WORD_CLASS or len(joined) <= MIN_SEARCHED_LETTERS:
            return None
        word = self._text[start : second_start + len(second)]
        candidate = Candidate(joined, frequency, 0.0)
        return SuspectWord(start, word, (candidate,), self._unknown_share)

    def _with_engine_evidence(
        self, suspect: SuspectWord, alternatives: Alternatives
    ) -> SuspectWord:
        """Add candidates that the engine's alternatives spell, and the engine's log-likelihood ratio of each."""
        start, end, lexicon = suspect.start, suspect.end, self._lexicon
        texts = {c.text for c in suspect.candidates}
        spelled = [
            Candidate(reading, frequency, NEARLY_READ_COST)
            for reading in ctc.readings(alternatives, start, end, self._text)
            if reading not in texts
            and not _loses_accents(suspect.word, reading)
            and (frequency := _rarest(reading, lexicon)) >= MIN_CANDIDATE_CLASS
        ]
        if suspect.frequency and spelled:
            beside = neighbours(self._text, start, end, lexicon)
            spelled = [
                replace(c, neighbour_gain=fit_gain(suspect.word, c.text, beside, lexicon))
                for c in spelled
            ]
        found = [*suspect.candidates, *spelled]
        ratios = ctc.log_likelihood_ratios(
            alternatives, start, end, self._text, [c.text for c in found]
        )
        rated = (replace(c, log_ratio=ratio) for c, ratio in zip(found, ratios, strict=True))
        # the gate does not let the model remove a letter that the engine did not doubt
        kept = tuple(
            c for c in rated if c.log_ratio > ctc.MIN_LOG_RATIO or only_adds(suspect.word, c.text)
        )
        return replace(suspect, candidates=kept, has_alternatives=True)

    def _with_neighbours(self, suspect: SuspectWord) -> SuspectWord:
        """Add how well each candidate fits between its neighbours, and what the neighbours are."""
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
    """The evidence that the suspect words of a page give on each other: repeated words and misreadings."""

    def __init__(self, lines: Sequence[Sequence[SuspectWord]]) -> None:
        suspects = [suspect for line in lines for suspect in line]
        self._words = Counter(suspect.word for suspect in suspects)
        self._likely_misreadings = {s.word: _likely_misreadings(s) for s in suspects}
        self._words_with = Counter(
            misreading
            for misreadings in self._likely_misreadings.values()
            for misreading in misreadings
        )

    def added_to(self, suspect: SuspectWord) -> SuspectWord:
        """Add how often the page has this word, and how many other words share a candidate's misreading."""
        likely = self._likely_misreadings[suspect.word]
        candidates = []
        for candidate in suspect.candidates:
            misreadings = _misreadings(suspect.word, candidate.text)
            others = max((self._words_with[m] - (m in likely) for m in misreadings), default=0)
            candidates.append(replace(candidate, recurrence=math.log2(1 + others)))
        repeats = math.log2(self._words[suspect.word])
        return replace(suspect, candidates=tuple(candidates), repeats=repeats)


def _likely_misreadings(suspect: SuspectWord) -> set[tuple[str, str]]:
    """Return the misreadings of an unknown word's first candidate.

    Empty if that candidate is more likely wrong than right by the evidence without the model.
    """
    if suspect.frequency or " " in suspect.word or log_odds_without_model(suspect)[0] < 0:
        return set()
    return _misreadings(suspect.word, suspect.candidates[0].text)


def _misreadings(read: str, meant: str) -> set[tuple[str, str]]:
    """Return the pairs of differing character runs (as read, as meant), in lower case."""
    read, meant = read.lower(), meant.lower()
    return {
        (read[code.src_start : code.src_end], meant[code.dest_start : code.dest_end])
        for code in Levenshtein.opcodes(read, meant)
        if code.tag != "equal"
    }


def _most_plausible(suspect: SuspectWord) -> SuspectWord:
    """Return the suspect with its MAX_SCORED_CANDIDATES most plausible candidates, best first."""

    def implausibility(c: Candidate) -> tuple[float, str]:
        return CLASSES_PER_COST * c.cost - c.frequency - c.neighbour_gain - c.log_ratio, c.text

    ranked = sorted(suspect.candidates, key=implausibility)
    return replace(suspect, candidates=tuple(ranked[:MAX_SCORED_CANDIDATES]))


def _pruned(suspect: SuspectWord, pruning: Pruning) -> SuspectWord:
    """Return the suspect without the candidates that the model can hardly lift above the threshold."""
    odds = log_odds_without_model(suspect)
    proposed = threshold(suspect) if pruning.threshold is None else pruning.threshold
    lowest_near_best = max(odds, default=0.0) - pruning.model_reorders
    lowest = max(proposed - pruning.model_gain, lowest_near_best)
    kept = [c for c, log_odds in zip(suspect.candidates, odds, strict=True) if log_odds >= lowest]
    return replace(suspect, candidates=tuple(kept))


def _may_be_misread(word: str) -> bool:
    """Return whether an unknown word may be a misread one.

    It has only letters, and at most one sign that engines read in place of a letter. A short word in capitals is an
    abbreviation.
    """
    signs = [c for c in word if not c.isalpha()]
    return (
        MIN_SEARCHED_LETTERS <= len(word) <= MAX_SEARCHED_LETTERS
        and len(signs) <= 1
        and all(c in LETTER_LIKE_SIGNS for c in signs)
        and not (word.isupper() and len(word) < MIN_DISTINCT_LETTERS)
    )


def _has_known_stem(word: str, lexicon: Lexicon) -> bool:
    """Return whether ``word`` may be a word of the lexicon with a grammatical ending."""
    stems = (word[: -len(ending)] for ending in ENDINGS if word.endswith(ending))
    return any(
        len(s) >= MIN_STEM_LETTERS and lexicon.frequency(s) >= MIN_CANDIDATE_CLASS for s in stems
    )


def only_adds(word: str, other: str) -> bool:
    """Return whether ``other`` has all characters of ``word`` in order, spaces aside."""
    rest = iter(other)
    return all(c in rest for c in word if c != " ")


def _loses_accents(word: str, reading: str) -> bool:
    """Return whether ``reading`` is ``word`` with the same or fewer accents. Engines do not invent accents."""
    return len(word) == len(reading) and all(
        a == b or WITHOUT_ACCENT.get(a) == b for a, b in zip(word, reading, strict=True)
    )


def _rarest(reading: str, lexicon: Lexicon) -> FrequencyClass:
    """Return the lowest frequency class among the words of ``reading``; 0 if one is unknown or not a word."""
    words = reading.split(" ")
    return min(map(lexicon.frequency, words)) if all(map(str.isalpha, words)) else 0
