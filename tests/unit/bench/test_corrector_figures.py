"""Test the figures of `make eval-corrector` on cases that can be counted by hand."""

import pytest

from bench.corrector_figures import (
    Judged,
    Outcome,
    bare,
    by_confidence,
    changed_digits,
    figures,
    gain,
    interval,
    match_errors,
    plain,
    preference,
)
from bench.corrector_sets import pages, paired, wrapped
from scanmend.page import Edit


def test_white_space_and_the_encoding_of_accents_do_not_count_as_errors() -> None:
    assert plain("a   b\tcafe\u0301 ") == "a b café"
    assert plain("TOTAL", fold=True) == "total"


def test_the_match_error_ignores_case_and_punctuation() -> None:
    assert bare("The—House, (1)_x!") == "the house 1 x"
    assert match_errors("The house.", "the HOUSE") == (0, 9)
    # one replaced, one inserted over seven hits: 2 of 9
    assert match_errors("the house", "tbe housee")[0] == 2
    assert match_errors("abc", "abcde") == (2, 5)
    assert match_errors("", "") == (0, 0)


def test_a_digit_that_changes_without_a_repair_rule_is_counted() -> None:
    repair = Edit(0, 0, "1O", "10", True, "repair-amount")
    proposed = Edit(0, 3, "modem", "modern", True, "ocr-plausible")

    assert not changed_digits(Judged("1O modem", "10 modern", "", edits=(repair, proposed)))
    assert changed_digits(Judged("10 modem", "19 modem", "", edits=(proposed,)))
    assert not changed_digits(Judged("10 modem", "10 modern", "", edits=(proposed,)))


def test_the_gain_of_an_edit_does_not_include_other_edits() -> None:
    line = Judged("tbe honse", "tbe house", "the house")

    assert gain(line, Edit(0, 4, "honse", "house", True, "ocr-plausible")) == 1
    assert gain(line, Edit(0, 0, "tbe", "tube", False, "short-word")) == -1


def test_the_figures_of_a_set_agree_with_a_count_by_hand() -> None:
    better = Judged("tbe honse", "tbe house", "the house", 0.93)
    worse = Judged("a clean line", "a clear line", "a clean line", 0.99)
    same = Judged("as it is", "as it is", "as it is", 0.99)
    found = figures([Outcome("one", (better, same)), Outcome("two", (worse,))])

    assert (found["documents"], found["lines"], found["characters"]) == (2, 3, 29)
    assert found["cer"] == [pytest.approx(2 / 29), pytest.approx(2 / 29)]
    assert found["wer"] == [pytest.approx(2 / 8), pytest.approx(2 / 8)]
    assert (found["better"], found["worse"], found["same"]) == (1, 1, 1)
    assert (found["clean"], found["clean_touched"]) == (2, 1)
    assert found["mean_reduction"] == pytest.approx(0.5)
    assert found["reduction"] == 0
    assert found["preference"] == 0
    assert found["digits_changed"] == 0
    assert [row["lines"] for row in found["confidence"]] == [1, 2]


def test_a_set_without_lines_has_no_figures() -> None:
    assert figures([]) == {"documents": 0, "lines": 0}
    assert figures([Outcome("empty", ())])["lines"] == 0


def test_preference_and_confidence_interval_agree_with_a_count_by_hand() -> None:
    assert preference([(3, 1), (2, 2), (1, 2), (5, 0)]) == 0.25
    assert preference([]) == 0
    low, high = interval([(10, 5)] * 20)
    assert (low, high) == (0.5, 0.5)


def test_lines_without_a_confidence_are_counted_in_no_confidence_bin() -> None:
    assert by_confidence([(Judged("a", "a", "a"), False)]) == []


def test_page_figures_count_text_that_ocr_missed() -> None:
    line = Judged("tota1", "total", "total")
    found = figures([Outcome("page", (line,), (("tota1", "total", "total\nlost"),))])

    assert found["page_f1"] == [0, pytest.approx(2 / 3)]
    assert found["f1_changes"] == [pytest.approx(2 / 3)]
    assert found["page_cer"] == [pytest.approx(0.6), pytest.approx(0.5)]


def test_lines_are_paired_with_the_most_similar_line_of_the_truth() -> None:
    truth = ["the first line", "the second one", "a third"]

    assert paired(["tbe first Iine", "xx", "the secoud one"], truth) == [truth[0], None, truth[1]]
    assert paired([], truth) == []
    assert paired(["a lost one", "the second one a tlilrd"], truth) == [
        None,
        "the second one a third",
    ]


def test_a_paragraph_is_wrapped_at_spaces_of_both_texts() -> None:
    truth = " ".join(["the amount of this invoice is due"] * 12)
    ocr = truth.replace("amount", "arnount").replace("is due", "isdue")
    pairs = wrapped(ocr, truth)

    assert " ".join(a for a, _ in pairs) == ocr
    assert " ".join(b or "" for _, b in pairs) == truth
    assert max(len(a) for a, _ in pairs) <= 100
    assert all(a.replace("rn", "m").replace("isdue", "is due") == b for a, b in pairs)


def test_pages_have_at_most_sixty_lines() -> None:
    found = list(pages(["a"] * 130, ["b"] * 130))

    assert [len(p.lines) for p in found] == [60, 60, 10]
    assert found[0].truths == ("b",) * 60
