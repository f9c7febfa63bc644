"""Compute the features of replacements, which the judge weighs, from a page's words and the model's likelihoods."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.correction.channel import Nats
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind
from scanmend.llm.judge.replacement import MAX_COST, Replacement, ReplacementSource, bits
from scanmend.llm.judge.scorer import Likelihood

PRIOR_WORDS = (
    30  # added to a page's words, since a few lines say little about the share of unknown ones
)
MIN_MODEL_LLR, MAX_MODEL_LLR = -12.0, 16.0  # nats
MAX_WEIGHED_LENGTH = 12  # code points
MAX_SHORT_WORD = 3  # code points
MAX_SHORT_NAME = 4  # code points of a name or a title in a list of names: Kev, Dvr, Ptes
MIN_CAPITALISED_SHARE = 0.5  # of the words of a line and its neighbours in a list of names
MAX_RECURRENCES = 15  # other words with the same misreading
SENTENCE_STARTS = '.!?:"“„»«'
CAPITALISES_NOUNS = "de"  # the language in which capital letters tell nothing about names

Misreadings = frozenset[tuple[str, str]]  # as read, as printed, in lower case


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A doubtful word, its replacements, and the model's likelihoods: of the word as read, then of each of them."""

    word: DoubtfulWord
    replacements: tuple[Replacement, ...]
    likelihoods: tuple[Likelihood, ...]

    def llr(self, number: int) -> Nats:
        """Return the log of how many times likelier a replacement is, with the words behind it."""
        return self.likelihoods[number + 1].with_following - self.likelihoods[0].with_following

    def llr_alone(self, number: int) -> Nats:
        """Return the same without the words behind it."""
        return self.likelihoods[number + 1].alone - self.likelihoods[0].alone

    def joined(self, other: "ScoredWord") -> "ScoredWord":
        """Return the word with the replacements of another scoring of it.

        Only differences to the word as read count, and one scoring may lack the words behind it: the other one is moved, so
        that the word as read is as likely in both.
        """
        ours, theirs = self.likelihoods[0], other.likelihoods[0]
        alone = ours.alone - theirs.alone
        with_following = ours.with_following - theirs.with_following
        moved = (
            Likelihood(one.alone + alone, one.with_following + with_following)
            for one in other.likelihoods[1:]
        )
        replacements = self.replacements + other.replacements
        return ScoredWord(self.word, replacements, (*self.likelihoods, *moved))


class JudgeFeatures:
    """The features of one page's words, which are evidence for each other."""

    def __init__(self, lines: Sequence[str], language: str, scored: Sequence[ScoredWord]) -> None:
        """Count which words and which misreadings the page repeats. ``language``: of the page, such as "de"."""
        self._lines = lines
        doubtful = [s for s in scored if s.word.kind is not DoubtKind.KNOWN]
        self._repeats = Counter(s.word.read.lower() for s in doubtful)
        words = sum(len(line.split()) for line in lines)
        unknown = sum(s.word.kind in (DoubtKind.UNKNOWN, DoubtKind.RARE) for s in doubtful)
        self._unknown_share = unknown / (words + PRIOR_WORDS)
        self.likely = [_likely_misreadings(s) for s in scored]
        """The misreadings of each scored word's best replacement; none if it is more likely wrong."""
        self._words_with = Counter(m for misreadings in self.likely for m in misreadings)
        self._among_names = [
            language != CAPITALISES_NOUNS and _lists_names(lines[max(0, n - 1) : n + 2])
            for n in range(len(lines))
        ]

    def of(
        self, scored: ScoredWord, number: int, likely: Misreadings = frozenset()
    ) -> dict[str, float]:
        """Return the features of one replacement, by name.

        ``likely``: the word's own likely misreadings, which are no evidence for itself.
        """
        word, replacement = scored.word, scored.replacements[number]
        read, source = word.read, replacement.source
        misreadings = _misreadings(read, replacement.text)
        recurrences = max((self._words_with[m] - (m in likely) for m in misreadings), default=0)
        before = self._lines[word.line][: word.start].rstrip()
        starts_sentence = not before or before[-1] in SENTENCE_STARTS
        short, long = sorted((read.lower(), replacement.text.lower()), key=len)
        return {
            "intercept": 1.0,
            "unknown": word.kind is DoubtKind.UNKNOWN,
            "rare": word.kind is DoubtKind.RARE,
            "torn": word.kind is DoubtKind.TORN,
            "model_llr": _clipped(scored.llr(number)),
            "model_llr_of_word": _clipped(scored.llr_alone(number)),
            "misreading_cost": min(replacement.cost, MAX_COST),
            "replacement_frequency": replacement.frequency,
            "word_frequency": bits(word.frequency),
            "length": min(len(read), MAX_WEIGHED_LENGTH),
            "short_word": len(read) <= MAX_SHORT_WORD,
            "capitalised_inside": read[0].isupper() and not starts_sentence and not read.isupper(),
            "in_capitals": read.isupper() and len(read) > 1,
            "short_in_names": self._among_names[word.line] and len(read) <= MAX_SHORT_NAME,
            "splits_word": source is ReplacementSource.SPLIT,
            "page_word": source is ReplacementSource.PAGE,
            "compound": source is ReplacementSource.COMPOUND,
            "corrector_wish": source is ReplacementSource.CORRECTOR,
            "model_word": source is ReplacementSource.MODEL,
            "unknown_replacement": not replacement.frequency,
            "unknown_share": self._unknown_share,
            "repeats": math.log2(max(1, self._repeats[read.lower()])),
            "repeated_misreading": math.log2(1 + min(recurrences, MAX_RECURRENCES)),
            "has_digit": any(map(str.isdigit, read)),
            "other_ending": len(long) == len(short) + 1 and long[:-1] == short,
        }


def _lists_names(lines: Sequence[str]) -> bool:
    """Return whether most words of these lines begin with a capital letter, and go on in small ones."""
    words = [word for line in lines for part in line.split() if len(word := _bare(part)) > 1]
    names = sum(word[0].isupper() and not word.isupper() for word in words)
    return names > MIN_CAPITALISED_SHARE * len(words)


def _bare(part: str) -> str:
    """Return a part of a line between spaces from its first letter on; "" if it has none."""
    first = next((n for n, c in enumerate(part) if c.isalpha()), len(part))
    return part[first:]


def _likely_misreadings(scored: ScoredWord) -> Misreadings:
    """Return the misreadings of an unknown word's best replacement; none if it is more likely wrong."""
    if scored.word.kind not in (DoubtKind.UNKNOWN, DoubtKind.RARE) or not scored.replacements:
        return frozenset()
    gains = [scored.llr(n) - r.cost for n, r in enumerate(scored.replacements)]
    best = max(range(len(gains)), key=gains.__getitem__)
    if gains[best] <= 0:
        return frozenset()
    return _misreadings(scored.word.read, scored.replacements[best].text)


def _misreadings(read: str, printed: str) -> Misreadings:
    """Return the pairs of differing character runs (as read, as printed), in lower case."""
    read, printed = read.lower(), printed.lower()
    return frozenset(
        (read[code.src_start : code.src_end], printed[code.dest_start : code.dest_end])
        for code in Levenshtein.opcodes(read, printed)
        if code.tag != "equal"
    )


def _clipped(llr: Nats) -> Nats:
    return max(MIN_MODEL_LLR, min(MAX_MODEL_LLR, llr))
