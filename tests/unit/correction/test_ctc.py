"""Test how texts are scored against the character probabilities of an engine."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmend.correction.ctc import (
    MAX_LOG_RATIO,
    MAX_STEPS,
    MIN_LOG_RATIO,
    UNSEEN_PROBABILITY,
    log_likelihood_ratios,
    readings,
)
from scanmend.page import CharAlternatives

LINE = "the fallaving week"
ALTERNATIVES = (
    CharAlternatives(5, {"a": 0.6, "o": 0.4}),
    CharAlternatives(8, {"a": 0.7, "o": 0.3}),
    CharAlternatives(9, {"v": 0.9, "w": 0.1}),
)


def test_a_text_that_the_engine_nearly_read_is_likelier_than_one_that_it_did_not_see() -> None:
    near, far, same = log_likelihood_ratios(
        ALTERNATIVES, 4, 13, LINE, ["following", "fullaving", "fallaving"]
    )

    assert near == pytest.approx(math.log(0.4 / 0.6 * 0.3 / 0.7 * 0.1 / 0.9), abs=0.01)
    assert far == pytest.approx(math.log(UNSEEN_PROBABILITY / 0.6), abs=0.01)
    assert same == 0


def test_a_word_without_alternatives_has_no_other_reading() -> None:
    assert log_likelihood_ratios(ALTERNATIVES, 14, 18, LINE, ["weak", "weed"]) == [
        MIN_LOG_RATIO,
        MIN_LOG_RATIO,
    ]
    assert readings(ALTERNATIVES, 14, 18, LINE) == []


def test_readings_are_ordered_by_probability() -> None:
    found = readings(ALTERNATIVES, 4, 13, LINE)

    assert found[0] == "follaving"
    assert "following" in found
    assert "fallaving" not in found
    ratios = log_likelihood_ratios(ALTERNATIVES, 4, 13, LINE, found)
    assert ratios == sorted(ratios, reverse=True)


def test_a_space_may_be_lost_or_added() -> None:
    torn = (CharAlternatives(3, {" ": 0.6, "": 0.4}),)
    joined = (CharAlternatives(3, {"": 0.8, " ": 0.2}, between=True),)

    assert log_likelihood_ratios(torn, 0, 9, "dis harge", ["disharge"]) == [pytest.approx(math.log(0.4 / 0.6), abs=0.01)]  # fmt: skip
    assert log_likelihood_ratios((), 0, 9, "dis harge", ["disharge"]) == [MIN_LOG_RATIO]
    assert readings(joined, 0, 8, "disharge") == ["dis harge"]


def test_a_lost_character_stands_between_two_others() -> None:
    alternatives = (CharAlternatives(4, {"": 0.7, "c": 0.3}, between=True), CharAlternatives(9, {"": 0.9, "s": 0.1}, between=True))  # fmt: skip

    assert readings(alternatives, 4, 9, "dis harge") == ["charge", "harges", "charges"]
    assert log_likelihood_ratios(alternatives, 4, 9, "dis harge", ["charge", "harges"]) == [
        pytest.approx(math.log(0.3 / 0.7), abs=0.02),
        pytest.approx(math.log(0.1 / 0.9), abs=0.02),
    ]


def test_a_doubled_letter_needs_a_blank_between() -> None:
    alternatives = (CharAlternatives(0, {"a": 0.9, "o": 0.1}),)

    once, twice = log_likelihood_ratios(alternatives, 0, 4, "alle", ["ale", "olle"])
    assert twice == pytest.approx(math.log(0.1 / 0.9), abs=0.01)
    assert once < math.log(UNSEEN_PROBABILITY) + 2  # the engine was sure of the blank between them


def test_a_word_with_too_many_steps_is_not_scored() -> None:
    long = "a" * (MAX_STEPS + 1)
    alternatives = [CharAlternatives(n, {"a": 0.6, "o": 0.4}) for n in range(len(long))]

    assert log_likelihood_ratios(alternatives, 0, len(long), long, ["o" + long[1:]]) == [
        MIN_LOG_RATIO
    ]
    assert readings(alternatives, 0, len(long), long) == []


def test_probabilities_below_the_floor_are_scored() -> None:
    """Score a word of so many steps that its probability underflows."""
    line = "a" * 70
    alternatives = [CharAlternatives(n, {"o": 0.99}) for n in range(len(line))]

    assert log_likelihood_ratios(alternatives, 0, len(line), line, ["u" * 70, "o" * 70]) == [
        0.0,
        MAX_LOG_RATIO,
    ]


STEP = st.dictionaries(st.sampled_from(["", "a", "b"]), st.sampled_from([0.1, 0.3, 0.6]), min_size=1)  # fmt: skip


@given(st.lists(STEP, min_size=1, max_size=5), st.text("ab", max_size=3))
@pytest.mark.slow
def test_a_text_is_as_probable_as_all_paths_that_spell_it(
    steps: list[dict[str, float]], other: str
) -> None:
    """Compare with the definition: the sum over every path through the steps, with repeats merged."""

    def probability(text: str) -> float:
        paths = itertools.product(("", "a", "b"), repeat=len(steps))
        return sum(
            math.prod(step.get(c, UNSEEN_PROBABILITY) for step, c in zip(steps, path, strict=True))
            for path in paths
            if "".join(c for c, _ in itertools.groupby(path)) == text
        )

    alternatives = [
        CharAlternatives(0, steps[0]),
        *(CharAlternatives(1, step, between=True) for step in steps[1:]),
    ]
    (log_ratio,) = log_likelihood_ratios(alternatives, 0, 1, "a", [other])

    ratio = math.log(max(probability(other), 1e-99) / probability("a"))
    assert log_ratio == pytest.approx(min(MAX_LOG_RATIO, max(MIN_LOG_RATIO, ratio)), abs=1e-6)
