"""Test how the judge weighs the replacements of a word."""

import dataclasses
import json
import math

import pytest

from scanmend.llm.judge.doubtful_words import DoubtfulWord, DoubtKind
from scanmend.llm.judge.judge_features import ScoredWord
from scanmend.llm.judge.odds import (
    JUDGE_FORMAT,
    MORE_FOR_ONLY_MISREADING,
    JudgedKind,
    Judgement,
    PageJudge,
    parsed_regressions,
    shipped_regressions,
)
from scanmend.llm.judge.replacement import Replacement, ReplacementSource
from scanmend.llm.judge.scorer import Likelihood

EMPTY_REGRESSION = {"threshold": 1, "coefficients": {}}


def _scored(
    read: str, text: str, llr: float, cost: float = 5.0, kind: DoubtKind = DoubtKind.UNKNOWN
) -> ScoredWord:
    word = DoubtfulWord(0, 0, len(read), read, kind, 10 if kind is DoubtKind.KNOWN else 0)
    replacement = Replacement(text, cost, 12.0, ReplacementSource.LEXICON)
    return ScoredWord(word, (replacement,), (Likelihood(0, 0), Likelihood(llr / 2, llr)))


def _judged(*scored: ScoredWord, language: str = "en") -> list[Judgement]:
    return list(PageJudge([s.word.read for s in scored], language, scored).judgements())


def test_a_replacement_that_the_model_prefers_has_higher_odds() -> None:
    (sure,) = _judged(_scored("watcr", "water", 14))
    (unsure,) = _judged(_scored("watcr", "water", -3))

    assert sure.log_odds > sure.threshold > unsure.log_odds


def test_an_unusual_misreading_has_lower_odds() -> None:
    (usual,) = _judged(_scored("watcr", "water", 10, 5))
    (unusual,) = _judged(_scored("watcr", "water", 10, 20))

    assert usual.log_odds > unusual.log_odds


def test_a_misreading_that_the_page_repeats_has_higher_odds() -> None:
    alone = _judged(_scored("watcr", "water", 5))[0]
    repeated = _judged(_scored("watcr", "water", 5), _scored("ordcr", "order", 9))[0]

    assert repeated.log_odds > alone.log_odds


@pytest.mark.parametrize(
    ("read", "text", "language"),
    [
        ("seyn", "sein", "de"),
        ("l0O", "100", "en"),
        ("1l", "11", "en"),
        ("w1", "we", "en"),
        ("fu\u0364r", "fur", "de"),
    ],
)
def test_a_number_a_mark_or_another_spelling_is_never_proposed(
    read: str, text: str, language: str
) -> None:
    assert _judged(_scored(read, text, 16, 1), language=language) == []


def test_a_second_scoring_of_a_word_keeps_its_differences_to_the_word_as_read() -> None:
    first = _scored("watcr", "watch", 2)
    second = dataclasses.replace(
        _scored("watcr", "water", 9), likelihoods=(Likelihood(-3, -13), Likelihood(-1, -8))
    )

    joined = first.joined(second)

    assert [r.text for r in joined.replacements] == ["watch", "water"]
    assert [joined.llr(n) for n in (0, 1)] == [first.llr(0), second.llr(0)]
    assert [joined.llr_alone(n) for n in (0, 1)] == [first.llr_alone(0), second.llr_alone(0)]


def test_a_page_printed_with_a_small_e_gets_no_modern_umlauts() -> None:
    scored = _scored("spater", "später", 14)
    modern = PageJudge(["spater"], "de", [scored])
    old = PageJudge(["spater fu\u0364r"], "de", [scored])

    assert len(list(modern.judgements())) == 1
    assert list(old.judgements()) == []


def test_a_known_word_changes_only_where_the_model_prefers_the_other() -> None:
    assert _judged(_scored("modem", "modern", -0.1, 2, DoubtKind.KNOWN)) == []
    assert _judged(_scored("modem", "modern", 12, 2, DoubtKind.KNOWN))[0].log_odds > 1


def test_the_utility_of_a_forbidden_replacement_is_minus_infinity() -> None:
    judge = PageJudge(["the modem"], "en", ())

    assert judge.utility(_scored("modem", "modern", -1, 2, DoubtKind.KNOWN), 0) == -math.inf
    assert judge.utility(_scored("modem", "modern", 20, 2, DoubtKind.KNOWN), 0) > 1


def test_the_shipped_file_has_both_regressions() -> None:
    assert set(shipped_regressions()) == set(JudgedKind)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"format": "other"},
        {"format": JUDGE_FORMAT},
        {"format": JUDGE_FORMAT, "regressions": {"unknown": EMPTY_REGRESSION}},
        {
            "format": JUDGE_FORMAT,
            "regressions": {
                "unknown": {"threshold": 1, "coefficients": {"colour": 1}},
                "known": EMPTY_REGRESSION,
            },
        },
    ],
)
def test_a_damaged_file_is_rejected(content: object) -> None:
    with pytest.raises(ValueError, match=r"judge|format|unknown features"):
        parsed_regressions(json.dumps(content).encode())


def test_a_short_word_in_a_list_of_names_has_lower_odds() -> None:
    scored = _scored("Dvr", "Dr", 9)
    names = ["Dvr", "Kev Smith, Pte Jno McCoy", "Spr Walter"]
    text = ["Dvr", "of the house and the farm", "that should"]

    (among_names,) = PageJudge(names, "en", [scored]).judgements()
    (in_text,) = PageJudge(text, "en", [scored]).judgements()
    (german,) = PageJudge(names, "de", [scored]).judgements()

    assert among_names.log_odds < in_text.log_odds - 0.5
    assert german.log_odds > among_names.log_odds


def test_a_page_with_small_e_gets_no_modern_umlaut_and_may_lose_a_misread_one() -> None:
    lines = ["maͤßig Lökals Handen"]

    def judged(read: str, text: str) -> list[Judgement]:
        return list(PageJudge(lines, "de", [_scored(read, text, 9)]).judgements())

    assert judged("Lökals", "Lokals")
    assert not judged("Handen", "Händen")


def test_a_wish_is_judged_even_where_another_replacement_is_better() -> None:
    best = _scored("watcr", "water", 14)
    wish = Replacement("watch", 5.0, 11.0, ReplacementSource.CORRECTOR)
    both = dataclasses.replace(
        best,
        replacements=(*best.replacements, wish),
        likelihoods=(*best.likelihoods, Likelihood(1, 1)),
    )
    judge = PageJudge(["watcr"], "en", [both])

    (judgement,) = judge.judgements()
    (wished,) = judge.wishes()

    assert judgement.replacement.text == "water"
    assert wished.replacement == wish
    assert wished.log_odds < judgement.log_odds


def test_a_known_word_that_the_model_prefers_goes_only_if_its_look_alike_is_far_more_frequent() -> (
    None
):
    def judged(frequency: int) -> list[Judgement]:
        scored = _scored("tho", "the", -2, cost=3.0, kind=DoubtKind.KNOWN)
        word = dataclasses.replace(scored.word, frequency=frequency)
        return _judged(dataclasses.replace(scored, word=word))

    assert judged(frequency=6)
    assert not judged(frequency=10)


def test_on_a_page_that_seems_clean_a_known_word_needs_more_evidence() -> None:
    known = _scored("form", "from", 11, kind=DoubtKind.KNOWN)
    misread = _scored("watcr", "water", 14)

    def sure(words: int, *scored: ScoredWord) -> list[str]:
        lines = ["form watcr" + " of" * (words - 2)]
        return [j.replacement.text for j in PageJudge(lines, "en", scored).sure()]

    assert sure(200, known, misread) == ["water", "from"]
    assert sure(200, known) == []
    assert sure(20, known) == ["from"]


def test_the_only_misreading_of_a_page_needs_more_evidence() -> None:
    def sure(*llrs: float) -> list[float]:
        scored = [_scored("watcr", "water", llr) for llr in llrs]
        judge = PageJudge(["watcr" + " of" * 200], "en", scored)
        return [round(j.threshold, 3) for j in judge.sure()]

    (alone,) = sure(14)
    assert sure(14, 14) == [alone - MORE_FOR_ONLY_MISREADING] * 2
    assert sure(5.5) == []
    assert len(sure(5.5, 14)) == 2
