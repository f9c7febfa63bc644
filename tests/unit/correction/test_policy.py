"""Test the policy: its rules, their order, their exceptions, and the table in the documentation."""

import itertools
import re
from typing import Any

import pytest

from gating import RULES, gate_line, line, published
from lexicons import lexicon
from scanmend.config.profiles import Profile
from scanmend.correction.lexicon import Lexicon, shipped
from scanmend.correction.line_evidence import SecondPassEvidence
from scanmend.correction.policy import SECOND_PASS, STAGES, markdown
from scanmend.correction.rules import RuleName
from scanmend.page import CharAlternatives, Line

WORDS = lexicon(the=20, of=20, tho=8, form=13, farm=11, house=12, pinto=4, hypotension=9, it=19)
SIDE_BY_SIDE = lexicon(
    {"thank you": 14, "you for": 12, "for your": 12, " thank": 9, "your ": 5},
    others=27, thank=13, you=20, far=14, your=18, went=12, fur=12, **{"for": 20, "": 22},
)  # fmt: skip
SURE = 9.0  # nats; above every threshold


def _rule(
    read: str | Line, proposal: str, margin: float | None = SURE, words: Lexicon | None = WORDS
) -> str:
    """Return the rule that decides on the only edit of a line."""
    text, (edit,) = gate_line(read, proposal, lexicon=words, margin=margin)
    before = read if isinstance(read, str) else read.text
    assert text == (proposal if edit.accepted else before)
    return edit.rule


def _rule_of_word(
    before: str, after: str, margin: float | None = SURE, words: Lexicon = WORDS
) -> str:
    return _rule(f"Here lies {before} 12", f"Here lies {after} 12", margin, words)


# the table ---------------------------------------------------------------------------------------


def _rules() -> list[Any]:
    return [rule for stage in STAGES for rule in stage.rules]


def test_every_rule_has_one_row() -> None:
    names = [rule.name for rule in _rules()]

    assert sorted(names) == sorted(RuleName)


def test_the_table_shows_every_rule_in_the_order_in_which_it_is_tried() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (accepts|rejects) \|", markdown(), re.MULTILINE)

    assert rows == [(r.name, "accepts" if r.accepts else "rejects") for r in _rules()]


def test_each_row_of_the_table_has_its_condition_reason_and_exceptions() -> None:
    lines = markdown().splitlines()
    rows = [one for one in lines if one.startswith("| `")]

    assert len([one for one in lines if one.startswith("### ")]) == len(STAGES)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)
    for rule, row in zip(_rules(), rows, strict=True):
        assert rule.when in row
        assert rule.why in row
        assert all(ground.when in row for ground in rule.overruled_by)


PUBLISHED = """
    repair-iban repair-card repair-ean repair-percentage repair-amount repair-time repair-date repair-dose repair-comma
    repair-accent
    unsafe-characters length sure-line digits new-word dropped-word protected foreign-characters other-script
    full-stop column-gap no-new-words same-text punctuation short-word case too-much implausible opposed inflection sure-characters real-word margin
    repair-word known-word ocr-plausible line-budget ambiguous
"""


def test_published_names_never_change() -> None:
    """Keep the names that sidecars and journals of earlier versions hold."""
    gone = [name for name in PUBLISHED.split() if name not in list(RuleName)]
    new = [str(name) for name in RuleName if name not in PUBLISHED.split()]

    assert gone == [], "published names must stay"
    assert new == [], "add new names to PUBLISHED, where they stand in RuleName"
    assert [str(name) for name in RuleName] == PUBLISHED.split()


# each rule ---------------------------------------------------------------------------------------

CASES = [
    ("the house", "the\u200bhouse", "unsafe-characters"),
    ("the house", "I can't help with that, sorry", "length"),
    ("room 12", "room 13", "digits"),
    ("two words", "two more words", "new-word"),
    ("two more words", "two words", "dropped-word"),
    ("five million paid", "five billion paid", "protected"),
    ("the house", "the hоuse", "foreign-characters"),
    ("the hou\u0364se", "the house", "foreign-characters"),
    ("the 強 signal", "the X signal", "other-script"),
    ("the modem. signal", "the modern, signal", "full-stop"),
    ("name    amount", "nameamount", "column-gap"),
    ("ofthc house", "of the house", "no-new-words"),
    ("cafe\u0301", "café", "same-text"),
    ("so, he said", "so he said", "punctuation"),
    ("a . b", "a. b", "ocr-plausible"),
    (". . .", "...", "punctuation"),
    ("zehn", "zeln", "protected"),
    ("the form", "the farm", "short-word"),
    ("the polish", "the Polish", "case"),
    ("the house", "the hoxse", "implausible"),
    ("the huorsc", "the houses", "too-much"),
    ("the unner", "the inner", "opposed"),
    ("payment due", "payments due", "inflection"),
    ("the modem house", "the modern house", "ocr-plausible"),
    ("the aiiit", "the amt", "ocr-plausible"),
    ("aiiit", "amt", "line-budget"),
]


@pytest.mark.parametrize(("text", "proposal", "rule"), CASES)
def test_a_rule_that_needs_neither_margin_nor_lexicon_rejects_its_edit(
    text: str, proposal: str, rule: str
) -> None:
    assert _rule(text, proposal, None, None) == rule


def test_no_edit_of_a_sure_line_is_accepted() -> None:
    assert _rule(line("the modem", confidence=0.999), "the modern", None, None) == "sure-line"


@pytest.mark.parametrize(
    ("unsure", "rule"),
    [
        ([8], "ocr-plausible"),
        ([], "sure-characters"),
        ([0, 1, 14], "sure-characters"),
        (None, "ocr-plausible"),  # an engine that reports no doubts
    ],
)
def test_characters_that_the_engine_is_sure_of_do_not_change(
    unsure: list[int] | None, rule: str
) -> None:
    assert _rule(line("the modem house", unsure), "the modern house", None, None) == rule


def test_a_lost_character_is_restored_although_the_engine_doubted_nothing() -> None:
    assert published(line("ofthe Invoic", []), "of the Invoice") == "of the Invoice"


def test_an_edit_with_two_runs_of_changes_needs_a_doubt_in_both() -> None:
    assert _rule(line("bouudarv", [3]), "boundary", None, None) == "sure-characters"
    assert _rule(line("bouudarv", [3, 7]), "boundary", None, None) == "ocr-plausible"


@pytest.mark.parametrize(("margin", "rule"), [(5.0, "ocr-plausible"), (0.5, "margin")])
def test_an_edit_below_the_margin_is_rejected(margin: float, rule: str) -> None:
    assert _rule("the modem house", "the modern house", margin, None) == rule


def test_edits_of_a_line_that_a_second_pass_would_change_are_rejected() -> None:
    text = "and mo puri aégId . thacis thk"
    proposal = "and to purify one’s rnind, › that is the tea-"

    unchanged, edits = gate_line(text, proposal, lexicon=shipped(), margin=20.0)

    assert unchanged == text
    assert "ambiguous" in {e.rule for e in edits}
    assert SECOND_PASS.first(SecondPassEvidence(accepted_edits=0, repairs=1)) is not None
    assert SECOND_PASS.first(SecondPassEvidence(accepted_edits=0, repairs=0)) is None


# order -------------------------------------------------------------------------------------------

FIRST_OF_TWO = [
    ("the 1", "the\u200b\u200b 2 and much more text than that", "unsafe-characters"),  # and length
    ("room 12", "room", "digits"),  # and dropped-word
    ("room", "room 12", "digits"),  # and new-word
    ("five mil", "fivе mil", "protected"),  # and foreign-characters
    ("nane    anount", "nаmeаmount", "foreign-characters"),  # and column-gap
    ("nane    anount", "nameamount", "column-gap"),  # and no-new-words
    ("it", "iť", "short-word"),  # and implausible
    ("Cat", "CAT", "short-word"),  # and case
]


@pytest.mark.parametrize(("text", "proposal", "rule"), FIRST_OF_TWO)
def test_the_first_rule_that_applies_decides(text: str, proposal: str, rule: str) -> None:
    assert _rule(text, proposal, None, None) == rule


def test_the_rules_about_certainty_decide_last() -> None:
    """Reject an edit to which several rules apply by the first: implausible, sure-characters, real-word, margin."""
    assert _rule(line("the house", []), "the horse", 0.1) == "implausible"
    assert _rule(line("the house", []), "the housc", 0.1) == "sure-characters"
    assert _rule("the house", "the housc", 0.1) == "real-word"
    assert _rule("Kovaes", "Kovacs", 0.1) == "margin"


# rules that the lexicon, the neighbours or the engine overrule ---------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("tbe", "the", "known-word"),
        ("form", "farm", "short-word"),
        ("Kovaes", "Kovacs", "ocr-plausible"),
        ("housc", "house", "ocr-plausible"),
        ("house", "housc", "real-word"),
        ("hypertensjun", "hypotension", "implausible"),
        ("12", "the", "digits"),
        ("1t", "it", "digits"),
        ("hou5e", "house", "digits"),
        ("ho usc", "house", "known-word"),
    ],
)
def test_the_lexicon_overrules_the_plausibility_rules(before: str, after: str, rule: str) -> None:
    assert _rule_of_word(before, after) == rule


def test_without_a_margin_the_lexicon_is_not_consulted() -> None:
    assert _rule_of_word("tbe", "the", None) == "short-word"
    assert _rule_of_word("house", "housc", None) == "ocr-plausible"
    read = line("lies chair", [7], [CharAlternatives(7, {"a": 0.6, "o": 0.4})])
    assert _rule(read, "lies choir", None, lexicon(chair=15, choir=14)) == "ocr-plausible"


def test_the_lexicon_does_not_overrule_the_engine() -> None:
    assert _rule(line("lies tbe", [6]), "lies the") == "known-word"
    assert _rule(line("lies tbe", []), "lies the") == "sure-characters"


def test_an_abbreviation_in_capitals_is_not_taken_for_a_misread_word() -> None:
    words = lexicon(jen=12, the=20)

    assert _rule_of_word("JLN", "JEN", words=words) == "short-word"
    assert _rule_of_word("tbe", "the", words=words) == "known-word"


@pytest.mark.parametrize(
    ("text", "proposal", "rule"),
    [
        ("Thank you far your", "Thank you for your", "known-word"),
        ("Thank you far. Your", "Thank you for. Your", "real-word"),  # signs end the neighbourhood
        ("I went far", "I went for", "short-word"),
        ("Thank you far your", "Thank you fur your", "short-word"),
    ],
)
def test_a_known_word_changes_only_where_its_neighbours_support_it(
    text: str, proposal: str, rule: str
) -> None:
    assert _rule(text, proposal, SURE, SIDE_BY_SIDE) == rule


def test_a_known_word_becomes_another_that_the_engine_nearly_read() -> None:
    words = lexicon(chair=15, choir=14, an=19, on=19, farm=10, house=12, others=27)

    def rule(before: str, after: str, *seen: CharAlternatives) -> str:
        return _rule(line(f"lies {before}", [a.at for a in seen], seen), f"lies {after}", 2.5, words)  # fmt: skip

    assert rule("chair", "choir", CharAlternatives(7, {"a": 0.6, "o": 0.4})) == "ocr-plausible"
    assert rule("chair", "choir", CharAlternatives(7, {"a": 0.98, "o": 0.02})) == "real-word"
    assert rule("an", "on", CharAlternatives(5, {"a": 0.6, "o": 0.4})) == "known-word"
    assert rule("an", "on", CharAlternatives(5, {"a": 0.6, "u": 0.4})) == "short-word"
    space = CharAlternatives(9, {"": 0.9, " ": 0.1}, between=True)
    assert rule("farmhouse", "farm house", space) == "ocr-plausible"
    assert rule("farmhouse", "farm house") == "real-word"


def test_a_word_is_split_into_frequent_ones_only() -> None:
    rare = lexicon(the=20, farm=11, house=12)
    french = lexicon(orange=11, ange=13)

    assert _rule_of_word("ofthe", "of the") == "ocr-plausible"
    assert _rule_of_word("thefarmhouse", "the farm house", words=rare) == "real-word"
    assert _rule_of_word("orange", "or ange", words=french) == "real-word"
    assert _rule_of_word("“house", "“ house") == "punctuation"
    assert _rule_of_word("ofthc", "of the") == "no-new-words"


# the margin that each edit needs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "factor"),
    [
        ("Kovaes", "Kovacs", 2.0),  # neither is known
        ("InvoIce", "Invoice", 2.0),  # the same word
        ("housc", "house", 0.5),  # into a frequent word
        ("tbe", "the", 0.5),
        ("pinlo", "pinto", 1.0),  # into a rare one
        ("ofthe", "of the", 1.0),
        ("ho use", "house", 0.5),
    ],
)
def test_the_needed_margin_depends_on_the_words(before: str, after: str, factor: float) -> None:
    threshold = factor * RULES.min_margin

    assert _rule_of_word(before, after, 0.99 * threshold) == "margin"
    assert _rule_of_word(before, after, threshold) in {"ocr-plausible", "known-word"}


def test_a_long_run_of_old_letters_needs_the_usual_margin() -> None:
    """Replace the old letters in a run of words that is so long that it counts as one edit."""
    text, proposal = (" ".join([word] * 61) for word in ("ſchiff", "schiff"))

    assert _rule(text, proposal, 0.99 * RULES.min_margin) == "margin"
    assert _rule(text, proposal, RULES.min_margin) == "ocr-plausible"


def test_a_profile_sets_the_needed_margin() -> None:
    rules = Profile("bold", "x", min_margin=0.1).gate_rules

    text, _ = gate_line("the modem house", "the modern house", rules, margin=0.2)

    assert text == "the modern house"


def test_the_table_has_the_order_of_the_enum() -> None:
    """Keep the order of the enum, which a reader of the code sees first."""
    order = list(RuleName)
    names = [rule.name for rule in _rules()]
    swapped = [(a, b) for a, b in itertools.pairwise(names) if order.index(a) > order.index(b)]

    assert swapped == [], "RuleName lists these two in another order than the stages do"
