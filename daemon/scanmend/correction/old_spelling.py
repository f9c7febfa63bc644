"""Tell the spellings of another time or place from misreadings: seyn, theil, jezt, fuͤr, Aerger, colour, enfans, étoit."""

import functools

# Spellings of the same sound. They are applied in this order to both words.
_SAME_SOUNDS = (
    *(("th", "t"), ("ey", "ei"), ("ay", "ai"), ("y", "i"), ("tz", "z"), ("ck", "k")),
    *(("ß", "ss"), ("ſ", "s"), ("dtl", "dl"), ("dt", "t"), ("ph", "f")),
    *(("c", "k"), ("ieh", "ie"), ("ah", "a"), ("eh", "e"), ("oh", "o"), ("uh", "u")),
    *(("our", "or"), ("ise", "ize"), ("isi", "izi"), ("shew", "show")),
    *(("u\u0364", "ü"), ("a\u0364", "ä"), ("o\u0364", "ö")),
)
# not at a word's start, where a doubled letter is a misreading: eeine
_DOUBLED_VOWELS = (("aa", "a"), ("ee", "e"), ("oo", "o"))
# German capital letters for which many founts had no umlaut: Aerger, Oel, Uebel
_UMLAUTS_AT_START = {"ae": "ä", "oe": "ö", "ue": "ü"}
# Ends of old words, and what is written for them today.
_OLD_ENDS = {
    # until 1835 and later (the reform of the Académie's sixth edition): enfans, momens, printems, étoit
    "fr": (
        *(("ans", "ants"), ("ens", "ents"), ("ems", "emps"), ("ois", "ais"), ("oit", "ait")),
        *(("oient", "aient"), ("oître", "aître"), ("oyent", "oient"), ("encor", "encore")),
    ),
    "de": (("inn", "in"), ("niß", "nis")),  # worinn, Zeugniß
}
# German vowels that are spoken or not: andre, andere; erreichet, erreicht; dem Manne. In English, a lost e is
# a misreading: Invoic, evry.
_WEAK_VOWEL = "e"
_OMITTED_VOWELS = "ei"  # also left out by old texts, and never added: gewaltger
_MIN_LETTERS_BEFORE_WEAK_VOWEL = 2


def is_other_spelling(read: str, other: str, language: str) -> bool:
    """Return whether ``read`` is the word ``other`` in the spelling of another time or place.

    ``language``: of the page, such as "de".
    """
    first, second = _simplified(read, language), _simplified(other, language)
    if first == second or _has_old_end(read.lower(), other.lower(), language):
        return True
    if language != "de":
        return False
    if len(first) < len(second):
        return _lacks_one(first, second, _OMITTED_VOWELS)
    return _lacks_one(second, first, _WEAK_VOWEL)


def _has_old_end(read: str, other: str, language: str) -> bool:
    """Return whether only the end differs, as it does between an old spelling and today's."""
    return any(
        read.endswith(old) and read.removesuffix(old) + new == other
        for old, new in _OLD_ENDS.get(language, ())
    )


def _lacks_one(short: str, long: str, vowels: str) -> bool:
    """Return whether one of these vowels is all that ``short`` lacks."""
    return len(long) == len(short) + 1 and any(
        long[n] in vowels and long[:n] + long[n + 1 :] == short
        for n in range(_MIN_LETTERS_BEFORE_WEAK_VOWEL, len(long))
    )


@functools.lru_cache(4096)
def _simplified(word: str, language: str) -> str:
    """Return a word in lower case, with one spelling for each sound."""
    word = word.lower()
    if language == "de":
        word = _UMLAUTS_AT_START.get(word[:2], word[:2]) + word[2:]
    for spelling, simple in _SAME_SOUNDS:
        word = word.replace(spelling, simple)
    start, rest = word[:1], word[1:]
    for spelling, simple in _DOUBLED_VOWELS:
        rest = rest.replace(spelling, simple)
    return start + rest
