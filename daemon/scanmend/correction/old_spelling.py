"""Tell the spellings of another time or place from misreadings: seyn, theil, jezt, fuͤr, Aerger, colour, enfans, étoit."""

from collections.abc import Iterable, Iterator

from scanmend.correction.lexicon import FrequencyClass

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
# English has few old spellings, and the lexicon holds them.
_LANGUAGES_WITH_OLD_SPELLINGS = ("de", "fr")
MIN_MODERN_CLASS: FrequencyClass = 5  # of a word that may be known by an old spelling


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


class OldSpellings:
    """The more frequent words of a language by their sounds, to look up of which of them a word is an old spelling."""

    def __init__(self, words: Iterable[tuple[str, FrequencyClass]], language: str) -> None:
        """Take words in lower case with their classes. ``language``: such as "de"; in most languages none is old."""
        self._language = language
        self._classes: dict[str, FrequencyClass] = {}
        self._by_sound: dict[str, FrequencyClass] = {}
        if language not in _LANGUAGES_WITH_OLD_SPELLINGS:
            return
        for word, frequency in words:
            if frequency >= MIN_MODERN_CLASS:
                self._classes[word] = frequency
                sound = _simplified(word, language)
                self._by_sound[sound] = max(frequency, self._by_sound.get(sound, 0))

    def modern_frequency(self, word: str) -> FrequencyClass:
        """Return the class of the most frequent word of which ``word``, in lower case, is a spelling; 0 if there is none.

        A word is a spelling of itself.
        """
        if not self._classes:
            return 0
        sounds = (self._by_sound.get(sound, 0) for sound in self._sounds(word))
        ends = (self._classes.get(modern, 0) for modern in _modern_ends(word, self._language))
        return max((*sounds, *ends), default=0)

    def _sounds(self, word: str) -> Iterator[str]:
        """Yield a word as it sounds, and as it may have sounded with a weak vowel more or less.

        The end stays, since so many words differ by a last e alone (klein, kleine).
        """
        sound = _simplified(word, self._language)
        yield sound
        if self._language != "de":
            return
        for n in range(_MIN_LETTERS_BEFORE_WEAK_VOWEL, len(sound)):
            yield from (sound[:n] + vowel + sound[n:] for vowel in _OMITTED_VOWELS)
            if sound[n] == _WEAK_VOWEL and n < len(sound) - 1:
                yield sound[:n] + sound[n + 1 :]


def _has_old_end(read: str, other: str, language: str) -> bool:
    """Return whether only the end differs, as it does between an old spelling and today's."""
    return other in _modern_ends(read, language)


def _modern_ends(word: str, language: str) -> list[str]:
    """Return what is written today for a word with an old end, in lower case."""
    ends = _OLD_ENDS.get(language, ())
    return [word.removesuffix(old) + new for old, new in ends if word.endswith(old)]


def _lacks_one(short: str, long: str, vowels: str) -> bool:
    """Return whether one of these vowels is all that ``short`` lacks."""
    return len(long) == len(short) + 1 and any(
        long[n] in vowels and long[:n] + long[n + 1 :] == short
        for n in range(_MIN_LETTERS_BEFORE_WEAK_VOWEL, len(long))
    )


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
