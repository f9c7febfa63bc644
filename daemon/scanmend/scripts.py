"""Tell the script of a letter, and whether letters of two scripts look alike.

A model that corrects text may take a letter of one script for one of another: Han 強 for Latin X. Only where the two
look alike on paper, as Cyrillic А and Latin A do, can the engine have mistaken one for the other.
"""

import functools
import re
import unicodedata

COMMON = ""  # the script of signs, digits and marks: they belong to every script
HAN = "HAN"
LATIN = "LATIN"

# the first word of a letter's Unicode name -> its script, where the two differ
_SCRIPTS = {
    "CJK": HAN,
    "IDEOGRAPHIC": HAN,
    "BOPOMOFO": HAN,
    "KATAKANA-HIRAGANA": COMMON,  # the long vowel sign ー
    "MODIFIER": COMMON,
    "COPTIC": "GREEK",
    "DOUBLE-STRUCK": COMMON,
}

# the scripts with which Chinese and Japanese words mix
_WRITTEN_WITH = {"HIRAGANA": HAN, "KATAKANA": HAN, "HANGUL": HAN}
_LETTER_RUN = re.compile(r"[^\W\d_]+")

# Each group: letters of several scripts whose printed forms are the same, or nearly so.
_ALIKE = """
    AАΑ BВΒ CСϹ EЕΕ HНΗ IlІΙӀ JЈ KКΚ MМΜ NΝ OОΟՕ PРΡ QԚ SЅՏ TТΤ UՍ VѴ WԜ XХΧ YУΥҮ ZΖ LԼ GԌ
    aаα cсϲ dԁ eе gց hһհ iіι jј kкκ nո oоοօ pрρ qԛզ sѕ uսυ vνѵ wԝ xхχ yуγ
    ГΓ ПΠ ФΦ ЛΛ фφ пπ тτ Ѳθ ßβ
    口ロ 力カ 二ニ 八ハ 工エ 卜ト 夕タ 千チ 一ー へヘ べベ ぺペ りリ
"""


def script_of(character: str) -> str:
    """Return the script of a letter, such as "LATIN" or "HAN"; COMMON for everything else.

    >>> script_of("é"), script_of("Я"), script_of("強"), script_of("7")
    ('LATIN', 'CYRILLIC', 'HAN', '')
    """
    if character.isascii():
        return LATIN if character.isalpha() else COMMON
    return _script(character)


def look_alike(one: str, other: str) -> bool:
    """Return whether two characters have the same printed form, or nearly so, whatever their scripts.

    >>> look_alike("А", "A"), look_alike("Ο", "O"), look_alike("Ａ", "A"), look_alike("強", "X")
    (True, True, True, False)
    """
    return _printed_form(one) == _printed_form(other)


def exchanges_scripts(before: str, after: str) -> bool:
    """Return whether letters of one script are lost and letters of another, which look different, gained.

    >>> exchanges_scripts("Аpple", "Apple"), exchanges_scripts("強", "X")
    (False, True)
    """
    if before.isascii() and after.isascii():
        return False
    # Letters that stand on both sides, or have a likeness there, are no exchange, wherever they stand.
    lost, gained = list(before), list(after)
    for letter in before:
        alike = next((other for other in gained if look_alike(letter, other)), None)
        if alike is not None:
            gained.remove(alike)
            lost.remove(letter)
    lost_scripts = {script for letter in lost if (script := script_of(letter))}
    gained_scripts = {script for letter in gained if (script := script_of(letter))}
    return any(one != other for one in lost_scripts for other in gained_scripts)


def mixes_scripts(text: str) -> bool:
    """Return whether a run of letters has letters of several scripts. Those of Japanese count as one.

    >>> mixes_scripts("Пpивет"), mixes_scripts("お支払い"), mixes_scripts("α-Tocopherol")
    (True, False, False)
    """
    if text.isascii():
        return False
    runs = _LETTER_RUN.findall(text)
    return any(
        len({_WRITTEN_WITH.get(s := script_of(c), s) for c in run} - {COMMON}) > 1 for run in runs
    )


def is_mostly_latin(text: str) -> bool:
    """Return whether at least half of a text's letters are Latin.

    >>> is_mostly_latin("Total 12.50"), is_mostly_latin("Итого 845,30 руб."), is_mostly_latin("α = 0.5 mm")
    (True, False, True)
    """
    if text.isascii():
        return True
    scripts = [script for c in text if (script := script_of(c)) != COMMON]
    return 2 * scripts.count(LATIN) >= len(scripts)


@functools.lru_cache(4096)
def _script(character: str) -> str:
    if not character.isalpha():
        return COMMON
    plain = unicodedata.normalize("NFKC", character)  # full-width and other forms of a letter
    name = unicodedata.name(plain[0], "")
    first = name.partition(" ")[0]
    return _SCRIPTS.get(first, first)


def _forms() -> dict[str, str]:
    """Return the Latin or first letter of its group for each letter that has a likeness in another script."""
    return {letter: group[0] for group in _ALIKE.split() for letter in group}


_FORMS = _forms()


@functools.lru_cache(4096)
def _printed_form(character: str) -> str:
    """Return a text that is the same for all characters that look like this one."""
    if character.isascii():
        return _FORMS.get(character, character)
    parts = unicodedata.normalize("NFKD", character)
    return "".join(_FORMS.get(part, part) for part in parts)
