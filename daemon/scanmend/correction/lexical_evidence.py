"""Compare the words of an edit in the lexicon, and find the words of a line that may be misread.

Where the model also gives a margin, the lexicon is better evidence than the list of usual
confusions, and it overrules the gate's plausibility rules in both directions. This was measured on
the single words that the built-in model wanted to change in four sets of old print:

    edit into a frequent word       346 nearer to the truth, 12 farther from it
    edit into a rarer known word     50 nearer, 12 farther
    edit between unknown words       84 nearer, 69 farther
    edit away from a known word      35 nearer, 44 farther
"""

import enum
import itertools
import re
from collections.abc import Collection, Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from scanmend.correction.ctc import log_likelihood_ratios, readings
from scanmend.correction.lexicon import FrequencyClass, Lexicon, core
from scanmend.correction.lookalikes import better_fitting, look_alikes
from scanmend.page import CharAlternatives

FREQUENT_CLASS: FrequencyClass = 9  # lowest class of a frequent word
# A known word so many classes rarer than another (256 times as rare) counts as misread.
RARER_BY_CLASSES = 8
# Lowest class of each part when a word is split. It is high because German compounds, and names,
# are also words without a space.
MIN_SPLIT_PART_CLASS: FrequencyClass = 12
# Letters. A shorter word is most often one letter away from another real word.
MIN_SAFE_WORD_LENGTH = 5
# A misread word may differ by this many times the share of its characters that a profile allows.
MAX_MISREAD_SHARE_FACTOR = 4 / 3
# Nats. The engine nearly read a text whose log-likelihood ratio to the text as read is no lower.
MIN_NEARLY_READ_LOG_RATIO = -3.0
# No word has these signs: one within a word, or at its end, stands in place of a letter.
SIGNS_NOT_IN_WORDS = frozenset("«»*^<>|~■•\\{}_¦§¢¥£@#=+")

_TOKEN = re.compile(r"\S+")


class LexicalEvidence(enum.Enum):
    """The lexicon's evidence on an edit, from the words before and after it."""

    INTO_FREQUENT = "an unknown or far rarer word becomes a frequent one"
    INTO_KNOWN = "an unknown or far rarer word becomes a known one"
    BOTH_UNKNOWN = "neither is known"
    AGAINST = "a known word would change, or become an unknown one"
    SAME_WORDS = "the words stay, and only signs around them change"


def compare(before: str, after: str, lexicon: Lexicon) -> LexicalEvidence:
    """Return the lexicon's evidence on an edit. Both texts are words that spaces separate."""
    old_words, new_words = _words(before), _words(after)
    if [lexicon.bare(w) for w in old_words] == [lexicon.bare(w) for w in new_words]:
        return LexicalEvidence.SAME_WORDS
    classes = (0 if _has_sign_for_letter(w, after) else lexicon.frequency(w) for w in old_words)
    old = min(classes, default=0)
    new = min(map(lexicon.frequency, new_words), default=0)
    joined = len(new_words) == 1 < len(old_words) and "".join(old_words) == new_words[0]
    if new and (old == 0 or new - old >= (1 if joined else RARER_BY_CLASSES)):
        if new >= FREQUENT_CLASS:
            return LexicalEvidence.INTO_FREQUENT
        return LexicalEvidence.INTO_KNOWN
    return LexicalEvidence.BOTH_UNKNOWN if old == new == 0 else LexicalEvidence.AGAINST


def words_in_doubt(
    text: str,
    unsure: Collection[int],
    lexicon: Lexicon,
    alternatives: Sequence[CharAlternatives] | None = None,
) -> Iterator[tuple[int, int]]:
    """Yield the spans of a line's words that may be misread.

    ``unsure`` holds the offsets of the characters that the engine doubted. A word may be misread
    when it has no digit and

    - it is unknown, and known together with the word behind it, or
    - the engine doubted one of its letters or a gap between them, it is no abbreviation, and
      - it is unknown, or a look-alike is far more frequent, or
      - a look-alike fits far better between its neighbours, or
      - the engine nearly read another known word.

    The gate accepts almost no edits of other words: when every doubted sign or space, every rarer
    word and every abbreviation counted too, the model got a quarter more text, which brought 3 of
    931 edits.
    """
    tokens = list(_TOKEN.finditer(text))
    for match, following in itertools.zip_longest(tokens, tokens[1:]):
        word = match.group()
        if any(map(str.isnumeric, word)) or not any(map(str.isalpha, word)):
            continue
        has_sign = not SIGNS_NOT_IN_WORDS.isdisjoint(word)
        frequency = 0 if has_sign else lexicon.frequency(word)
        if following and not frequency and lexicon.frequency(word + following.group()):
            yield match.start(), following.end()
            continue
        start, end = (0, len(word)) if has_sign else core(word)
        if not _is_doubted(match.start() + start, match.start() + end, unsure, alternatives or ()):
            continue
        if not has_sign and is_abbreviation(word):
            continue
        if (
            not frequency
            or _is_far_rarer_than_look_alike(word, frequency, lexicon)
            or better_fitting(match, lexicon)
            or _another_word_nearly_read(match, alternatives or (), lexicon)
        ):
            yield match.span()


def _is_doubted(
    start: int, end: int, unsure: Collection[int], alternatives: Sequence[CharAlternatives]
) -> bool:
    """Return whether the engine doubted a character from ``start`` to ``end``, or a gap there."""
    if any(start <= offset < end for offset in unsure):
        return True
    return any(a.between and start <= a.at <= end for a in alternatives)


def _is_far_rarer_than_look_alike(word: str, frequency: FrequencyClass, lexicon: Lexicon) -> bool:
    """Return whether a known word is rare, and one of its look-alikes far more frequent."""
    if frequency > lexicon.max_class - 2 * RARER_BY_CLASSES:
        return False
    start, end = core(word)
    similar = look_alikes(word[start:end], lexicon)
    return any(c.frequency - frequency >= RARER_BY_CLASSES for c in similar)


def is_abbreviation(word: str) -> bool:
    """Return whether a word is probably an abbreviation (JLN): short, and in capitals."""
    return word.isupper() and sum(map(str.isalnum, word)) < MIN_SAFE_WORD_LENGTH


def is_nearly_read(
    alternatives: Sequence[CharAlternatives],
    start: int,
    end: int,
    text: str,
    other: str,
    lexicon: Lexicon,
) -> bool:
    """Return whether the engine nearly read the known words ``other`` at ``text[start:end]``."""
    if not all(map(lexicon.frequency, other.split())):
        return False
    (log_ratio,) = log_likelihood_ratios(alternatives, start, end, text, [other])
    return log_ratio >= MIN_NEARLY_READ_LOG_RATIO


def _another_word_nearly_read(
    match: re.Match[str], alternatives: Sequence[CharAlternatives], lexicon: Lexicon
) -> bool:
    """Return whether the engine nearly read another known word in place of this one."""
    start, end = (match.start() + offset for offset in core(match[0]))
    others = (r for r in readings(alternatives, start, end, match.string) if r.isalpha())
    return any(is_nearly_read(alternatives, start, end, match.string, r, lexicon) for r in others)


def splits_into_frequent_words(before: str, after: str, lexicon: Lexicon) -> bool:
    """Return whether ``before`` is probably the frequent words ``after`` without their spaces."""
    rarest = min(map(lexicon.frequency, _words(after)), default=0)
    if rarest < MIN_SPLIT_PART_CLASS:
        return False
    return compare(before, after, lexicon) is LexicalEvidence.INTO_FREQUENT


def is_misreading_within(before: str, after: str, share: float) -> bool:
    """Return whether so few characters differ that one word may be the other, badly misread.

    ``share`` (0 to 1) is the share of a word's characters that a profile lets change. A badly
    misread word may differ by a third more, and always by one character.
    """
    longest = max(len(before), len(after))
    limit = max(1, MAX_MISREAD_SHARE_FACTOR * share * longest)
    return Levenshtein.distance(before, after) <= limit


def _words(text: str) -> list[str]:
    """Return the words that have a letter."""
    return [word for word in text.split() if any(map(str.isalpha, word))]


def _has_sign_for_letter(word: str, after: str) -> bool:
    """Return whether a word has a sign that stands for a letter, and that ``after`` lacks."""
    return any(c in SIGNS_NOT_IN_WORDS and c not in after for c in word)
