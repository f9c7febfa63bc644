"""Tell the spellings of another time or place from misreadings: seyn, theil, jezt, fuͤr, colour, enfans, étoit."""

# Spellings of the same sound. They are applied in this order to both words.
_SAME_SOUNDS = (
    *(("th", "t"), ("ey", "ei"), ("ay", "ai"), ("y", "i"), ("tz", "z"), ("ck", "k")),
    *(("ß", "ss"), ("ſ", "s"), ("dt", "t"), ("aa", "a"), ("ee", "e"), ("oo", "o"), ("ph", "f")),
    *(("c", "k"), ("ieh", "ie"), ("ah", "a"), ("eh", "e"), ("oh", "o"), ("uh", "u")),
    *(("our", "or"), ("ise", "ize"), ("isi", "izi"), ("shew", "show")),
    *(("u\u0364", "ü"), ("a\u0364", "ä"), ("o\u0364", "ö")),
)
# Ends of French words until 1835 and later (the reform of the Académie's sixth edition): enfans, momens, printems, étoit.
_OLD_FRENCH_ENDS = (
    *(("ans", "ants"), ("ens", "ents"), ("ems", "emps"), ("ois", "ais"), ("oit", "ait")),
    *(("oient", "aient"), ("oître", "aître"), ("oyent", "oient"), ("encor", "encore")),
)
# In German, some are spoken or not: andre, andere; gewaltger; erreichet; dem Manne. In English, a
# lost e is a misreading: Invoic, evry.
_WEAK_VOWELS = {"de": "ei"}
_MIN_LETTERS_BEFORE_WEAK_VOWEL = 2


def is_other_spelling(read: str, other: str, language: str) -> bool:
    """Return whether the two are one word in the spellings of two times, or of two places.

    ``language``: of the page, such as "de".
    """
    first, second = _simplified(read), _simplified(other)
    if first == second or (language == "fr" and _is_old_french(read.lower(), other.lower())):
        return True
    weak = _WEAK_VOWELS.get(language, "")
    short, long = sorted((first, second), key=len)
    return len(long) == len(short) + 1 and any(
        long[n] in weak and long[:n] + long[n + 1 :] == short
        for n in range(_MIN_LETTERS_BEFORE_WEAK_VOWEL, len(long))
    )


def _is_old_french(read: str, other: str) -> bool:
    """Return whether only the end differs, as it does between old and modern French."""
    return any(
        read.endswith(old) and read.removesuffix(old) + new == other
        for old, new in _OLD_FRENCH_ENDS
    )


def _simplified(word: str) -> str:
    """Return a word in lower case, with one spelling for each sound."""
    word = word.lower()
    for spelling, simple in _SAME_SOUNDS:
        word = word.replace(spelling, simple)
    return word
