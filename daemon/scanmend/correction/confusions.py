"""What OCR engines take for what: whether one word can be the misreading of another.

The look-alikes are those that the field's lists agree on (as in Tesseract's unicharambigs), and what the
engines here were seen to do; a lost, doubled or accented letter besides.
"""

import re
import unicodedata

from rapidfuzz.distance import Levenshtein

_GROUPS = ("Iil1|!jtfJT[]", "O0oQDCcGeU", "S5s8B", "Zz2", "aoesuc", "unvii", "hbkn", "gqy9", "mnrw", "vyuw", "ftr",
          "xX", "kK", "pP", "cC", "sS", "vV", "wW", "uU", "EFRPB", "HNMW", "dao", "ceo", "lk", "YV")  # fmt: skip
RUNS = (("rn", "m"), ("nn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"), ("ri", "n"), ("iii", "m"),
         ("ſ", "s"), ("ﬁ", "fi"), ("ﬂ", "fl"), ("ﬀ", "ff"), ("ﬃ", "ffi"), ("ﬄ", "ffl"), ("in", "m"), ("ni", "m"),
         ("lc", "k"), ("fi", "h"))  # fmt: skip
ALIKE = frozenset((a, b) for group in _GROUPS for a in group for b in group if a != b)
_ORDINARY_CASE = re.compile(r"[^\W\d_]?[^\W\d_A-ZÀ-ÖØ-Þ]*|[^\W\d_a-zß-öø-ÿ]+")

# beginnings that are one letter or two apart and worlds apart in meaning
_CONTRASTS = (("hyper", "hypo"), ("inter", "intra"), ("ante", "anti"), ("pre", "pro", "per"), ("micro", "macro"),
              ("mono", "meno"), ("endo", "ecto", "exo"), ("supra", "super"), ("brady", "tachy"), ("ab", "ad"),
              ("sub", "sur"), ("in", "un", "an", "ein", "im", "en", "on"))  # fmt: skip
_NEGATING = ("a", "s")  # asymptomatic; sfortunato
_ENDINGS = frozenset("snmr")  # grammar's, not the engine's: payment, payments; keine, keinen
_MOST_LETTERS_LOST = 1


def regular_case(word: str) -> bool:
    """Whether capitals stand where they do in print: invoice, Invoice, INVOICE; not InvoIce."""
    return _ORDINARY_CASE.fullmatch("".join(c for c in word if c.isalpha())) is not None


def by_runs(before: str, after: str) -> bool:
    """Whether confusions of one kind over several characters explain it all (rn/m, cl/d, a broken ligature)."""
    for a, b in RUNS:
        for x, y in ((a, b), (b, a)):
            start = before.find(x)
            while start >= 0:
                if before[:start] + y + before[start + len(x) :] == after:
                    return True
                start = before.find(x, start + 1)
            if x in "ſﬁﬂﬀﬃﬄ" and before.replace(x, y) == after:
                return True
    return False


def plausible(before: str, after: str) -> bool:
    """Whether every change is one that OCR makes."""
    if by_runs(before, after):
        return True
    lost = 0
    for operation in Levenshtein.editops(before, after):
        place = operation.src_pos
        if operation.tag == "replace":
            if not _alike(before[place], after[operation.dest_pos], 0 < place < len(before) - 1):
                return False
        elif operation.tag == "insert":
            if not after[operation.dest_pos].isalpha():
                return False
            lost += 1
        else:  # an engine loses letters and doubles them; it does not invent them
            if before[place] * 2 not in before or not before[place].isalpha():
                return False
            lost += 1
    return lost <= _MOST_LETTERS_LOST and (not lost or len(before) >= 4)


def _alike(old: str, new: str, inside: bool) -> bool:
    if not new.isalpha() or not (old.isalpha() or inside):
        return False
    if (old, new) in ALIKE or old.casefold() == new.casefold():
        return True
    base, new_base = (unicodedata.normalize("NFD", c)[0] for c in (old, new))
    return base == new_base or (base, new_base) in ALIKE


def opposed(before: str, after: str) -> bool:
    """Whether the two begin with prefixes that turn the meaning: hypertension, hypotension; certain, uncertain."""
    a, b = before.casefold(), after.casefold()
    for contrast in _CONTRASTS:
        one = {p for p in contrast if a.startswith(p)}
        other = {p for p in contrast if b.startswith(p)}
        if one and other and one != other:
            return True
    short, long = sorted((a, b), key=len)
    return long in {prefix + short for prefix in _NEGATING}


def inflected(before: str, after: str) -> bool:
    """Whether they differ by an ending of grammar alone."""
    short, long = sorted((before.casefold(), after.casefold()), key=len)
    return len(long) == len(short) + 1 and long[:-1] == short and long[-1] in _ENDINGS
