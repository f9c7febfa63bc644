"""Test the gate's decisions on edits that a language model judged."""

import dataclasses
import re

import pytest

from gating import RULES, line
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import shipped
from scanmend.page import Divergence, Edit, Line, LineProposal

SURE = 5.0  # nats


def _edits(read: str | Line, proposal: str, margin: float = SURE) -> list[Edit]:
    """Return the edits of a line of which the language model judged the whole."""
    proposed = LineProposal(proposal, (Divergence(0, len(proposal), margin, judged=True),))
    return list(
        gate([line(read) if isinstance(read, str) else read], [proposed], RULES, shipped()).edits
    )


def _rule(read: str | Line, proposal: str, margin: float = SURE) -> str:
    (edit,) = _edits(read, proposal, margin)
    return edit.rule


@pytest.mark.parametrize(
    ("read", "proposal"),
    [
        ("he sat at tho table", "he sat at the table"),  # short-word
        ("a xgreat house", "a great house"),  # implausible
        ("they went to tbc honsc", "they went to the house"),
        ("the form of the tree", "the farm of the tree"),  # real-word
        ("he came ofthc house", "he came of the house"),  # no-new-words
        ("he did it dont", "he did it don't"),  # case
    ],
)
def test_a_judged_edit_needs_no_usual_confusion(read: str, proposal: str) -> None:
    edits = _edits(read, proposal)

    assert edits
    assert all(e.accepted for e in edits)


@pytest.mark.parametrize(
    ("read", "proposal", "rule"),
    [
        ("room 12", "room 13", "digits"),
        ("the Dontlct man", "the Don'tlct man", "case"),
        ("2nd house", "and house", "digits"),
        ("la 3ème fois", "la même fois", "digits"),
        ("Item5 paid", "Items paid", "digits"),
        ("H2O is water", "HO is water", "digits"),
        ("the CO2s are", "the COs are", "digits"),
        ("five million paid", "five billion paid", "protected"),
        ("the hypertension", "the hypotension", "opposed"),
        ("the hou\u0364se", "the house", "foreign-characters"),
        ("two words", "two more words", "new-word"),
        ("see pages3and more", "see pages and more", "digits"),
        ("the house12which was", "the house which was", "digits"),
    ],
)
def test_what_no_model_may_change_stays_when_it_is_judged(
    read: str, proposal: str, rule: str
) -> None:
    edits = _edits(read, proposal)

    assert not any(e.accepted for e in edits)
    assert rule in {e.rule for e in edits}


@pytest.mark.parametrize(
    ("read", "proposal"),
    [
        ("you shou1d go", "you should go"),
        ("you sh0u1d, go", "you should, go"),
        ("the 1nvoice is", "the invoice is"),
        ("w1th the house", "with the house"),
        ("The Hou5e", "The House"),
    ],
)
def test_a_digit_within_a_word_that_becomes_known_is_repaired(read: str, proposal: str) -> None:
    assert _rule(read, proposal) == "repair-word"


def test_a_digit_of_a_word_stays_if_the_language_model_did_not_judge_it() -> None:
    proposed = LineProposal("you should go", (Divergence(0, 13, SURE),))

    (edit,) = gate([line("you shou1d go")], [proposed], RULES, shipped()).edits

    assert (edit.accepted, edit.rule) == (False, "digits")


def test_a_profile_s_pattern_protects_a_word_with_a_digit() -> None:
    rules = dataclasses.replace(RULES, protected=(re.compile("shou1d"),))
    proposed = LineProposal("you should go", (Divergence(0, 13, SURE, judged=True),))

    (edit,) = gate([line("you shou1d go")], [proposed], rules, shipped()).edits

    assert edit.rule == "protected"


def test_min_margin_means_the_same_for_every_judged_edit() -> None:
    assert _rule("the watcr house", "the water house", 1.9) == "margin"
    assert _rule("the watcr house", "the water house", 2.1) == "ocr-plausible"
    assert _rule("the zxqvp house", "the zxqup house", 2.1) == "ocr-plausible"


def test_characters_of_which_the_engine_is_sure_stay() -> None:
    assert _rule(line("the watcr house", []), "the water house") == "sure-characters"
