"""What the lexicon says of an edit: whether a word that is none becomes one that is known.

Where the model also tells how sure it is, that is better evidence than what engines usually misread, and it
overrules the gate's rules of plausibility, in both directions. Measured on what the built-in model wanted of single
words on four sets of old print: into a common word brought nearer to the truth in 346 edits and farther in 12, into a
rarer known one in 50 and 12, between unknown ones in 84 and 69, away from a known word in 35 and 44.
"""

import enum
import itertools
import re
from collections.abc import Collection, Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from scanmend.correction.ctc import readings, seen
from scanmend.correction.lexicon import Lexicon, core
from scanmend.correction.lookalikes import better, look_alikes
from scanmend.page import CharAlternatives

RARER = 8  # classes of frequency: at least 256 times as common
BADLY = 4 / 3  # how much more of a word may be misread than otherwise
DIRT = frozenset("«»*^<>|~■•\\{}_¦§¢¥£@#=+")  # within a word, or at its end in a letter's place
SHORT = 5  # letters: a shorter word is most often another real word away from itself (form, farm)
OFTEN = 9  # class of a common word
PART = 12  # class of each word that one is split into: German writes its compounds in one, and names are compounds
_TOKEN = re.compile(r"\S+")
NEARLY = -3.0  # logarithm of how many times less likely than what was read, at least
INTO_COMMON, UNKNOWN = 0.5, 2.0  # shares of min_margin: into a common word, between unknown ones


class Evidence(enum.Enum):
    """What speaks for an edit."""

    COMMON = "common"  # no word was read, a common one is meant
    FOR = "for"  # no word was read, one is meant
    NONE = "none"  # neither is known
    AGAINST = "against"  # what was read is a word, or what is meant is none
    SAME = "same"  # the words are the same, only their signs or spaces change


def evidence(before: str, after: str, lexicon: Lexicon) -> Evidence:
    """Of the words ``before``, as read, and ``after``, as proposed; parted by spaces."""
    ours, theirs = _words(before), _words(after)
    if [lexicon.bare(w) for w in ours] == [lexicon.bare(w) for w in theirs]:
        return Evidence.SAME
    old = min((0 if _dirty(w, after) else lexicon.frequency(w) for w in ours), default=0)
    new = min(map(lexicon.frequency, theirs), default=0)
    joined = len(theirs) == 1 < len(ours) and "".join(ours) == theirs[0]
    if new and (old == 0 or new - old >= (1 if joined else RARER)):
        return Evidence.COMMON if new >= OFTEN else Evidence.FOR
    return Evidence.NONE if old == new == 0 else Evidence.AGAINST


def doubtful(
    text: str,
    unsure: Collection[int],
    lexicon: Lexicon,
    doubts: Sequence[CharAlternatives] | None = None,
) -> Iterator[tuple[int, int]]:
    """The words of a line that may be others, from where to where: the engine doubted a letter of one that is none.

    Or of one that is, and a look-alike would stand far better between its neighbours, or the engine nearly read
    another; or it is none, and one with the word behind it. Of the rest hardly an edit would be taken: when any sign
    or space that was doubted, any rarer word and any abbreviation counted, a quarter more text was sent, for 3 of 931
    edits. ``unsure``: characters that the engine doubted, by place.
    """
    tokens = list(_TOKEN.finditer(text))
    for match, behind in itertools.zip_longest(tokens, tokens[1:]):
        word = match.group()
        # where there are digits, nothing is changed
        if any(map(str.isnumeric, word)) or not any(map(str.isalpha, word)):
            continue
        dirty = DIRT & set(word)
        common = 0 if dirty else lexicon.frequency(word)
        if behind and not common and lexicon.frequency(word + behind.group()):
            yield match.start(), behind.end()
            continue
        start, end = (0, len(word)) if dirty else core(word)
        start, end = match.start() + start, match.start() + end
        doubted = any(start <= place < end for place in unsure)
        if not doubted and not any(d.between and start <= d.at <= end for d in doubts or ()):
            continue
        if not dirty and abbreviated(word):
            continue
        if (
            not common
            or _rare(word, common, lexicon)
            or better(match, lexicon)
            or (doubts and _another(match, doubts, lexicon))
        ):
            yield match.span()


def _rare(word: str, common: int, lexicon: Lexicon) -> bool:
    """Whether a word that looks like this one is far more common."""
    start, end = core(word)
    return common <= lexicon.most - 2 * RARER and any(
        c.common - common >= RARER for c in look_alikes(word[start:end], lexicon)
    )


def abbreviated(word: str) -> bool:
    """Whether a word is rather an abbreviation (JLN), known or not: a short one in capitals."""
    return word.isupper() and sum(map(str.isalnum, word)) < SHORT


def nearly_read(
    doubts: Sequence[CharAlternatives],
    start: int,
    end: int,
    text: str,
    other: str,
    lexicon: Lexicon,
) -> bool:
    """Whether the engine nearly read other words from ``start`` to ``end`` of a line, which are known."""
    if not all(map(lexicon.frequency, other.split())):
        return False
    return seen(doubts, start, end, text, [other])[0] >= NEARLY


def _another(match: re.Match[str], doubts: Sequence[CharAlternatives], lexicon: Lexicon) -> bool:
    """Whether the engine nearly read another known word than this one."""
    start, end = (match.start() + at for at in core(match[0]))
    others = (r for r in readings(doubts, start, end, match.string) if r.isalpha())
    return any(nearly_read(doubts, start, end, match.string, r, lexicon) for r in others)


def splits(before: str, after: str, lexicon: Lexicon) -> bool:
    """Whether no word was read, and these are so common that it is rather all of them without their spaces."""
    parts = min(map(lexicon.frequency, _words(after)), default=0)
    return parts >= PART and evidence(before, after, lexicon) is Evidence.COMMON


def near(before: str, after: str, share: float) -> bool:
    """Whether one may be the other misread badly: in one character, or a third more than ``share`` of them."""
    distance = Levenshtein.distance(before, after)
    return distance <= max(1, BADLY * share * max(len(before), len(after)))


def _words(text: str) -> list[str]:
    return [word for word in text.split() if any(map(str.isalpha, word))]


def _dirty(word: str, after: str) -> bool:
    """Whether a sign stands where the other text has a letter."""
    return any(c in DIRT and c not in after for c in word)
