"""What the lexicon says of an edit: whether a word that is none becomes one that is known.

Where the model also tells how sure it is, that is better evidence than what engines usually misread, and it
overrules the gate's rules of plausibility, in both directions. Measured on the edits of the built-in model on old
newspapers: no word into a known one, or a rare one into one at least 256 times as common, was right in 96 of 100
edits; a known word into any other, or into none that is known, in 20.
"""

import enum

from rapidfuzz.distance import Levenshtein

from scanmend.lexicon import Lexicon

RARER = 8  # classes of frequency: at least 256 times as common
BADLY = 4 / 3  # how much more of a word may be misread than otherwise
DIRT = frozenset("«»*^<>|~■•\\{}_¦§¢¥£@#=+")  # within a word, or at its end in a letter's place
PART = 9  # class of each word that one is split into: German writes its compounds in one
KNOWN, UNKNOWN = (
    0.5,
    2.0,
)  # shares of min_margin that an edit takes into a known word, and between unknown ones


class Evidence(enum.Enum):
    """What speaks for an edit."""

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
        return Evidence.FOR
    return Evidence.NONE if old == new == 0 else Evidence.AGAINST


def splits(after: str, lexicon: Lexicon) -> bool:
    """Whether these words are so common that the one that was read is rather all of them without their spaces."""
    return min(map(lexicon.frequency, _words(after)), default=0) >= PART


def near(before: str, after: str, share: float) -> bool:
    """Whether one may be the other misread badly: in one character, or a third more than ``share`` of them."""
    distance = Levenshtein.distance(before, after)
    return distance <= max(1, BADLY * share * max(len(before), len(after)))


def _words(text: str) -> list[str]:
    return [word for word in text.split() if any(map(str.isalpha, word))]


def _dirty(word: str, after: str) -> bool:
    """Whether a sign stands where the other text has a letter."""
    return any(c in DIRT and c not in after for c in word)
