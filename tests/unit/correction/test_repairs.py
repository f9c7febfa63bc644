"""Test the repair of numbers and commas by rules, without a model."""

import doctest
import itertools

import pytest

from gating import RULES, gate_line, line, published, revert
from lexicons import lexicon
from scanmend.correction import digits, number_forms, protected, repairs
from scanmend.correction.gate import gate
from scanmend.correction.repairs import repair_commas, repair_numbers
from scanmend.page import LineProposal


@pytest.mark.parametrize("module", [digits, protected, repairs], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("Total: $1O0.00", "Total: $100.00"),
        ("Sum 1.2l4,5O €", "Sum 1.214,50 €"),
        ("due lO.12.2024", "due 10.12.2024"),
        ("at l2:3O sharp", "at 12:30 sharp"),
        ("VAT 2O%", "VAT 20%"),
        ("take 5O0 mg", "take 500 mg"),
        ("2 × 25O ml", "2 × 250 ml"),
        ("take 1.5O mg", "take 1.50 mg"),
        ("DE89 3704 0044 O532 0130 00", "DE89 3704 0044 0532 0130 00"),
        ("NL9lABNAO4l7164300", "NL91ABNA0417164300"),
        ("card 4111 11l1 1111 1111", "card 4111 1111 1111 1111"),
        ("4OO6381333931", "4006381333931"),
        ("paid (1O0.00).", "paid (100.00)."),
    ],
)
def test_letters_among_digits_are_repaired(text: str, repaired: str) -> None:
    assert published(text, None) == repaired
    assert published(repaired, None) == repaired


@pytest.mark.parametrize(
    "text",
    [
        "5l ml",  # could be litres
        "at 1.3O sharp",  # could be an amount or a time of day
        # the checksum is wrong, and its groups are not a card number
        "DE89 3704 0044 O532 0130 01",
        "card 4111 11l1 1111 1112",
        "4OO6381333932",
        "4OO638l33393I",  # four letters
        "S5.00",  # could be a dollar sign
        "B12 and room 1O",
        "6204-2RS",
        "Ol.Ol.OO24",  # more letters than digits
        "32.Ol.2O24",  # no such day
        "l1-2",
        "１O0.00",  # a digit of another script
        "$ 5",
        "1€lO",
    ],
)
def test_a_number_with_no_repair_or_two_stays_as_it_was_read(text: str) -> None:
    assert published(text, None) == text


def test_repairs_are_in_order_and_do_not_overlap() -> None:
    text = "5O0 mg, card 4111 11l1 1111 1111 on lO.12.2024, DE89 3704 0044 O532 0130 00"

    found = repair_numbers(text)

    assert [r.rule for r in found] == ["repair-dose", "repair-card", "repair-date", "repair-iban"]
    assert all(a.span[1] <= b.span[0] for a, b in itertools.pairwise(found))
    assert all(text[slice(*r.span)] == r.before for r in found)


@pytest.mark.parametrize(
    ("text", "is_date"),
    [
        ("29.02.2024", True),
        ("29.02.2023", False),
        ("12/31/2023", True),
        ("31/12/23", True),
        ("2024-12-31", True),
        ("2024-31-12", False),
        ("2024", False),
    ],
)
def test_only_days_that_exist_are_dates(text: str, is_date: bool) -> None:
    assert number_forms.is_valid_date(text) == is_date


COMMAS = [
    ("iron nails. probably", "iron nails, probably"),
    ("iron nails. Probably", None),
    ("iron nails. 12 of them", None),
    ("incl. delivery", None),
    ("Nr. sieben", None),
    ("see www.example. com", None),
    ("(nails. probably", "(nails, probably"),
    ("see example. com for more", None),
    ("see www.example.co. uk/shop", None),
    ("write to a.smith@firm. example or call", None),
    ("open report. pdf first", None),
    ("the Smith Bros. store", None),
]


@pytest.mark.parametrize(("text", "repaired"), COMMAS)
def test_a_doubted_full_stop_within_a_sentence_is_a_comma(text: str, repaired: str | None) -> None:
    at = text.rindex(".")

    doubted, edits = gate_line(line(text, [at]), None)

    assert doubted == (repaired or text)
    assert published(line(text, []), None) == text
    if repaired:
        (edit,) = edits
        assert (edit.start, edit.before, edit.after, edit.rule) == (at, ".", ",", "repair-comma")


def test_a_doubted_full_stop_behind_an_unknown_word_stays() -> None:
    """Leave an abbreviation alone that no list has: its word is in no lexicon."""
    words = lexicon(nails=12, the=20)

    assert repair_commas("the Whse. store", [8], words) == []
    assert len(repair_commas("the nails. store", [9], words)) == 1


def test_a_repaired_comma_stays_when_its_word_changes_too() -> None:
    read = line("iron dovels. probably old", [7, 11])

    gated = gate([read], [LineProposal("iron dowels. probably old")], RULES)

    assert gated.lines == ("iron dowels, probably old",)
    assert [(e.before, e.after) for e in gated.edits if e.accepted] == [("dovels.", "dowels,")]
    assert revert(gated.lines[0], gated.edits) == read.text


def test_a_model_that_copies_the_full_stop_changes_nothing() -> None:
    text, edits = gate_line(line("iron nails. probably cld", [10]), "iron nails. probably old")

    assert text.startswith("iron nails, probably ")
    assert [(e.before, e.after) for e in edits] == [(".", ","), ("cld", "old")]
