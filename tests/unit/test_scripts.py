"""Test the scripts of letters: no letter becomes one of another script that looks different."""

import doctest
import itertools

import pytest

from gating import RULES, gate_line, line
from lexicons import lexicon
from scanmend import scripts
from scanmend.correction.gate import needs_correction
from scanmend.scripts import exchanges_scripts, look_alike, mixes_scripts, script_of

# a letter of each script that has no likeness in any of the others, and a word around it
DISTINCT = {
    "LATIN": "R",
    "GREEK": "Ω",
    "CYRILLIC": "Ж",
    "ARMENIAN": "Ֆ",
    "GEORGIAN": "ჟ",
    "HEBREW": "ש",
    "ARABIC": "ض",
    "DEVANAGARI": "क",
    "THAI": "ฒ",
    "HANGUL": "한",
    "HIRAGANA": "あ",
    "KATAKANA": "ツ",
    "HAN": "強",
}
ALIKE = [
    ("А", "A"),
    ("ο", "o"),
    ("Ο", "O"),
    ("Ｘ", "X"),
    ("ё", "ë"),
    ("П", "Π"),
    ("口", "ロ"),
    ("օ", "o"),
    ("K", "K"),
]


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(scripts).failed == 0


@pytest.mark.parametrize(("script", "letter"), list(DISTINCT.items()))
def test_each_letter_has_its_script(script: str, letter: str) -> None:
    assert script_of(letter) == script


@pytest.mark.parametrize("sign", ["7", "٣", " ", "€", "ー", "\u0301", "_"])
def test_signs_and_digits_belong_to_every_script(sign: str) -> None:
    assert script_of(sign) == ""


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(DISTINCT.values(), 2)))
def test_no_letter_becomes_one_of_another_script(one: str, other: str) -> None:
    words = lexicon(None, **{other.casefold(): 20, f"mo{other.casefold()}em": 20})
    for before, after in ((one, other), (f"mo{one}em", f"mo{other}em"), (f"{one}rm", f"m{other}r")):
        read, edits = gate_line(
            f"{other} the {before} house", f"{other} the {after} house", lexicon=words, margin=20.0
        )

        assert exchanges_scripts(before, after)
        assert read == f"{other} the {before} house"
        assert not any(edit.accepted for edit in edits)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_letters_that_look_alike_may_be_exchanged(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert not exchanges_scripts(f"x{one}x", f"x{other}x")


def test_a_word_of_one_script_gets_no_letter_of_another() -> None:
    assert mixes_scripts("Пpивет")
    assert not mixes_scripts("Привет")
    assert gate_line("Скажи Привет нам p", "Скажи Пpивет нам p")[0] == "Скажи Привет нам p"


def test_letters_change_within_their_script() -> None:
    assert not exchanges_scripts("вада", "вода")
    assert not exchanges_scripts("modem", "modern")
    assert not exchanges_scripts("Аррle", "Apple")


def test_the_built_in_model_is_not_asked_about_other_scripts() -> None:
    words = lexicon(total=12)

    assert needs_correction(line("Totai due"), RULES, words)
    assert needs_correction(line("Größe 12 µm"), RULES, words)
    assert not needs_correction(line("Итого к оплате 845,30 руб."), RULES, words)
    assert not needs_correction(line("סכום לתשלום 1250"), RULES, words)
    assert needs_correction(line("Итого к оплате"), RULES)  # a large model may know it
