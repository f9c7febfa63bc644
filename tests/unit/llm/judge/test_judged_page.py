"""Test how the judgements of a page become proposals, together with another corrector's edits."""

import dataclasses
import math

import pytest

from scanmend.llm.judge.combined_proposal import combined
from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind
from scanmend.llm.judge.judged_page import (
    JudgedPage,
    ProposedEdit,
    Wish,
    proposal_of,
    wished_text,
)
from scanmend.llm.judge.odds import Judgement
from scanmend.llm.judge.replacement import Replacement, ReplacementSource
from scanmend.page import Divergence

LINE = "tbe watcr of thc ice"


def _word(read: str, line: str = LINE) -> DoubtfulWord:
    start = line.index(read)
    return DoubtfulWord(0, start, start + len(read), read, DoubtKind.UNKNOWN, 0)


def _replacement(text: str) -> Replacement:
    return Replacement(text, 5.0, 12.0, ReplacementSource.LEXICON)


def _page(
    *judged: tuple[str, str, float], wished: tuple[tuple[str, str, float], ...] = ()
) -> JudgedPage:
    """Return a page with judgements (read, new, log-odds), of which ``wished`` are those of the corrector's wishes."""

    def judgements(of: tuple[tuple[str, str, float], ...]) -> tuple[Judgement, ...]:
        return tuple(Judgement(_word(r), _replacement(t), odds, 0.7) for r, t, odds in of)

    return JudgedPage("en", (), judgements(judged), judgements(wished), None, 0)


def _own(read: str, text: str) -> ProposedEdit:
    start = LINE.index(read)
    return ProposedEdit(start, start + len(read), text, 3.0, judged=False)


def test_a_line_without_edits_stays() -> None:
    assert proposal_of(LINE, []).text == LINE
    assert proposal_of(LINE, []).divergences == ()


def test_each_edit_is_a_divergence_with_its_margin() -> None:
    proposal = proposal_of(LINE, _page(("watcr", "water", 4.7), ("tbe", "the", 0.7)).edits(0))

    assert proposal.text == "the water of thc ice"
    assert proposal.divergences == (
        Divergence(0, 3, 2.0, judged=True),
        Divergence(4, 9, 6.0, judged=True),
    )


def test_of_overlapping_judgements_the_surer_one_counts() -> None:
    torn = ("tbe watcr", "thewater", 1.0)

    assert proposal_of(LINE, _page(("watcr", "water", 4.7), torn).edits(0)).text.startswith("tbe w")


def test_the_corrector_s_edit_stays_where_none_was_judged() -> None:
    proposal = combined(0, LINE, [_own("thc", "the")], _page(("watcr", "water", 4.7)))

    assert proposal.text == "tbe water of the ice"
    assert proposal.divergences is not None
    assert [d.judged for d in proposal.divergences] == [True, False]
    assert proposal.divergences[1].margin == 3.0


@pytest.mark.parametrize(
    ("log_odds", "text"), [(-9.0, LINE), (-math.inf, LINE), (0.1, "tbe watcr of the ice")]
)
def test_the_corrector_s_edit_goes_if_the_judge_is_sure_that_it_is_wrong(
    log_odds: float, text: str
) -> None:
    page = _page(wished=(("thc", "the", log_odds),))

    assert combined(0, LINE, [_own("thc", "the")], page).text == text


def test_the_corrector_s_surer_edit_that_joins_a_torn_word_replaces_a_part_s_judgement() -> None:
    judged = _page(("watcr", "water", 1.0))
    joined = ProposedEdit(0, 9, "thewater", 8.0, judged=False)
    unsure = dataclasses.replace(joined, margin=2.0)

    assert combined(0, LINE, [joined], judged).text == "thewater of thc ice"
    assert combined(0, LINE, [unsure], judged).text == "tbe water of thc ice"


def test_a_model_that_does_not_know_the_language_leaves_the_corrector_alone() -> None:
    page = JudgedPage("de", (), (), (), None, 0, knows_language=False)

    assert combined(0, LINE, [_own("thc", "the")], page).text == "tbe watcr of the ice"


def test_a_judged_edit_replaces_the_corrector_s() -> None:
    proposal = combined(0, LINE, [_own("watcr", "watch")], _page(("watcr", "water", 4.7)))

    assert proposal.text == "tbe water of thc ice"


@pytest.mark.parametrize(
    ("wish", "text"), [("(water),", "water"), ("(water)", None), ("[water],", None), ("(),", None)]
)
def test_a_wish_that_changes_the_signs_around_a_word_is_none_for_the_word(
    wish: str, text: str | None
) -> None:
    read = "(watcr),"

    assert wished_text(_word("watcr", read), Wish(0, len(read), wish), read) == text
