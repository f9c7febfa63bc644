"""Judge whether one word can be the misreading of another: what OCR engines confuse.

The tables hold the confusions on which published lists agree (such as Tesseract's unicharambigs),
and those that our engines were observed to make. An engine may also lose a letter, double it, or
get its accent wrong.
"""

import re
import unicodedata

from rapidfuzz.distance import Levenshtein

_LONG_S_AND_LIGATURES = "ſﬁﬂﬀﬃﬄ"


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a table that is written as "rn=m cl=d"."""
    entries = (entry.partition("=") for entry in text.split())
    return tuple((run, confused_with) for run, _, confused_with in entries)


# the characters of a group are confused with each other
_GROUPS = (
    "Iil1|!jtfJT[] O0oQDCcGeU S5s8B Zz2 aoesuc unvii hbkn gqy9 mnrw vyuw ftr xX kK pP cC sS vV wW uU"
    " EFRPB HNMW dao ceo lk YV"
)
CONFUSED_CHARACTERS = frozenset(
    (a, b) for group in _GROUPS.split() for a in group for b in group if a != b
)
# runs of one to three characters that are confused with a run of another length
CONFUSED_RUNS = _pairs(
    "rn=m nn=m cl=d vv=w ii=u li=h ri=n iii=m ſ=s ﬁ=fi ﬂ=fl ﬀ=ff ﬃ=ffi ﬄ=ffl in=m ni=m lc=k fi=h"
)

# prefixes that differ by a letter or two, and whose exchange reverses the meaning
_CONTRASTS = (
    *(("hyper", "hypo"), ("inter", "intra"), ("ante", "anti"), ("pre", "pro", "per")),
    *(("micro", "macro"), ("mono", "meno"), ("endo", "ecto", "exo"), ("supra", "super")),
    *(("brady", "tachy"), ("ab", "ad"), ("sub", "sur")),
    ("in", "un", "an", "ein", "im", "en", "on"),
)
_NEGATING_PREFIXES = ("a", "s")  # asymptomatic; sfortunato
# A grammatical ending, not a misreading: payment, payments; keine, keinen.
_ONE_LETTER_ENDINGS = frozenset("snmr")

_MAX_LETTERS_LOST_OR_DOUBLED = 1
_MIN_LENGTH_TO_LOSE_A_LETTER = 4

_REGULAR_CASE = re.compile(r"[^\W\d_]?[^\W\d_A-ZÀ-ÖØ-Þ]*|[^\W\d_a-zß-öø-ÿ]+")


def has_regular_case(word: str) -> bool:
    """Return whether capitals stand as in print: invoice, Invoice, INVOICE; not InvoIce."""
    return _REGULAR_CASE.fullmatch("".join(c for c in word if c.isalpha())) is not None


def has_old_letters(word: str) -> bool:
    """Return whether a word has a long s or a ligature, which modern text does not use."""
    return any(c in _LONG_S_AND_LIGATURES for c in word)


def is_one_run(before: str, after: str) -> bool:
    """Return whether one confused run of characters explains the change (rn/m, cl/d, ﬁ/fi)."""
    for pair in CONFUSED_RUNS:
        for old, new in (pair, pair[::-1]):
            start = before.find(old)
            while start >= 0:
                if before[:start] + new + before[start + len(old) :] == after:
                    return True
                start = before.find(old, start + 1)
            if old in _LONG_S_AND_LIGATURES and before.replace(old, new) == after:
                return True
    return False


def is_plausible_misreading(before: str, after: str) -> bool:
    """Return whether every change undoes a confusion that OCR engines make."""
    if is_one_run(before, after):
        return True
    lost_or_doubled = 0
    for operation in Levenshtein.editops(before, after):
        at = operation.src_pos
        if operation.tag == "replace":
            is_inside = 0 < at < len(before) - 1
            if not _are_alike(before[at], after[operation.dest_pos], inside=is_inside):
                return False
            continue
        if operation.tag == "insert":
            if not after[operation.dest_pos].isalpha():
                return False
        # an engine loses and doubles letters; it does not invent them
        elif before[at] * 2 not in before or not before[at].isalpha():
            return False
        lost_or_doubled += 1
    if not lost_or_doubled:
        return True
    if lost_or_doubled > _MAX_LETTERS_LOST_OR_DOUBLED:
        return False
    return len(before) >= _MIN_LENGTH_TO_LOSE_A_LETTER


def _are_alike(old: str, new: str, *, inside: bool) -> bool:
    """Return whether ``new`` may have been read as ``old``.

    The characters look alike, or differ only in case or accents. ``inside``: the character is
    neither the word's first nor its last, so that ``old`` may be a sign.
    """
    if not new.isalpha() or not (old.isalpha() or inside):
        return False
    if (old, new) in CONFUSED_CHARACTERS or old.casefold() == new.casefold():
        return True
    base, new_base = (unicodedata.normalize("NFD", c)[0] for c in (old, new))
    return base == new_base or (base, new_base) in CONFUSED_CHARACTERS


def reverses_meaning(before: str, after: str) -> bool:
    """Return whether a change of prefix reverses the meaning: hypertension, hypotension."""
    old, new = before.casefold(), after.casefold()
    for contrast in _CONTRASTS:
        old_prefixes = {prefix for prefix in contrast if old.startswith(prefix)}
        new_prefixes = {prefix for prefix in contrast if new.startswith(prefix)}
        if old_prefixes and new_prefixes and old_prefixes != new_prefixes:
            return True
    short, long = sorted((old, new), key=len)
    return long in {prefix + short for prefix in _NEGATING_PREFIXES}


def differs_by_ending(before: str, after: str) -> bool:
    """Return whether the words differ only by a one-letter grammatical ending."""
    short, long = sorted((before.casefold(), after.casefold()), key=len)
    return len(long) == len(short) + 1 and long[:-1] == short and long[-1] in _ONE_LETTER_ENDINGS
