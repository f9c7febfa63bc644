"""Take specks off letters, where the engine read them as accents: LOCÃTE is LOCATE.

The engine doubts such an accent, and the word is known only without it. The lexicon knows the words of six languages;
with any other language configured, an unknown word may be right, and no accent is touched.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanmend.correction.lexicon import FrequencyClass, Lexicon
from scanmend.correction.protected import WORD, overlaps, protected_spans
from scanmend.correction.repairs import Repair
from scanmend.correction.rules import Rule, RuleName, Stage

ACCENT_LANGUAGES = frozenset({"en", "de", "fr", "es", "it", "nl"})
MIN_CLASS_WITHOUT_ACCENT: FrequencyClass = (
    3  # of the word; a rarer one may be another word's misreading
)
MIN_LETTERS_OF_ACCENTED_WORD = 4  # of the word; a shorter one is near too many others


@dataclass(frozen=True, slots=True)
class AccentedWord:
    """A word of which the engine doubted an accented letter. Frequencies: as read, and without these accents."""

    letters: int
    frequency: FrequencyClass
    frequency_without: FrequencyClass


ACCENT_SPECKS: Stage[AccentedWord] = Stage(
    "Accents",
    "Tried on each word with an accented letter that the engine doubted, if `ocr.languages` names none but"
    " English, German, French, Spanish, Italian and Dutch.",
    (
        Rule(
            RuleName.REPAIR_ACCENT,
            lambda word: (
                word.letters >= MIN_LETTERS_OF_ACCENTED_WORD
                and not word.frequency
                and word.frequency_without >= MIN_CLASS_WITHOUT_ACCENT
            ),
            f"the word has {MIN_LETTERS_OF_ACCENTED_WORD} letters or more, and is known only without the doubted accents",
            "a speck above or below a letter looks like an accent",
            accepts=True,
        ),
    ),
)


def repair_accents(
    text: str, unsure: Sequence[int] | None, lexicon: Lexicon | None, languages: Sequence[str]
) -> list[Repair]:
    """Return the repairs of accents that are specks, from left to right.

    ``unsure`` holds the offsets of the characters that the engine doubted.

    >>> repair_accents("a café", [5], None, ["en"])
    []
    """
    if not unsure or lexicon is None or text.isascii() or not languages:
        return []
    if not {code.partition("-")[0] for code in languages} <= ACCENT_LANGUAGES:
        return []
    return list(_repairs(text, frozenset(unsure), lexicon))


def _repairs(text: str, unsure: frozenset[int], lexicon: Lexicon) -> Iterator[Repair]:
    protected = protected_spans(text)
    for match in WORD.finditer(text):
        doubted = [
            at for at in range(*match.span()) if at in unsure and _base(text[at]) != text[at]
        ]
        if not doubted or overlaps(match.span(), protected):
            continue
        without = "".join(
            _base(text[at]) if at in doubted else text[at] for at in range(*match.span())
        )
        word = AccentedWord(
            sum(map(str.isalpha, without)), lexicon.frequency(match[0]), lexicon.frequency(without)
        )
        rule = ACCENT_SPECKS.first(word)
        if rule:
            for at in doubted:
                yield Repair(at, text[at], _base(text[at]), rule.name)


def _base(character: str) -> str:
    """Return a Latin letter without its accents, and any other character as it is."""
    if character.isascii() or not character.isalpha():
        return character
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character
