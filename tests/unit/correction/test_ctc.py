"""What an engine saw, and what may have been on the paper."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmend.correction.ctc import LEAST, LONGEST, MOST, UNSEEN, readings, seen
from scanmend.page import CharAlternatives

LINE = "the fallaving week"
DOUBTS = (
    CharAlternatives(5, {"a": 0.6, "o": 0.4}),
    CharAlternatives(8, {"a": 0.7, "o": 0.3}),
    CharAlternatives(9, {"v": 0.9, "w": 0.1}),
)


def test_what_the_engine_nearly_read_is_likelier_than_what_it_did_not_see() -> None:
    near, far, same = seen(DOUBTS, 4, 13, LINE, ["following", "fullaving", "fallaving"])

    assert near == pytest.approx(math.log(0.4 / 0.6 * 0.3 / 0.7 * 0.1 / 0.9), abs=0.01)
    assert far == pytest.approx(math.log(UNSEEN / 0.6), abs=0.01)
    assert same == 0


def test_a_word_that_was_not_doubted_is_none_else() -> None:
    assert seen(DOUBTS, 14, 18, LINE, ["weak", "weed"]) == [LEAST, LEAST]
    assert readings(DOUBTS, 14, 18, LINE) == []


def test_the_known_word_is_among_the_readings_the_likelier_first() -> None:
    found = readings(DOUBTS, 4, 13, LINE)

    assert found[0] == "follaving"
    assert "following" in found
    assert "fallaving" not in found
    looks = seen(DOUBTS, 4, 13, LINE, found)
    assert looks == sorted(looks, reverse=True)


def test_spaces_are_characters_that_come_and_go() -> None:
    torn = (CharAlternatives(3, {" ": 0.6, "": 0.4}),)
    joined = (CharAlternatives(3, {"": 0.8, " ": 0.2}, between=True),)

    assert seen(torn, 0, 9, "dis harge", ["disharge"]) == [pytest.approx(math.log(0.4 / 0.6), abs=0.01)]  # fmt: skip
    assert seen((), 0, 9, "dis harge", ["disharge"]) == [LEAST]
    assert readings(joined, 0, 8, "disharge") == ["dis harge"]


def test_what_was_lost_stands_between() -> None:
    doubts = (CharAlternatives(4, {"": 0.7, "c": 0.3}, between=True), CharAlternatives(9, {"": 0.9, "s": 0.1}, between=True))  # fmt: skip

    assert readings(doubts, 4, 9, "dis harge") == ["charge", "harges", "charges"]
    assert seen(doubts, 4, 9, "dis harge", ["charge", "harges"]) == [
        pytest.approx(math.log(0.3 / 0.7), abs=0.02),
        pytest.approx(math.log(0.1 / 0.9), abs=0.02),
    ]


def test_a_letter_may_be_there_twice() -> None:
    doubts = (CharAlternatives(0, {"a": 0.9, "o": 0.1}),)

    once, twice = seen(doubts, 0, 4, "alle", ["ale", "olle"])
    assert twice == pytest.approx(math.log(0.1 / 0.9), abs=0.01)
    assert once < math.log(UNSEEN) + 2  # a step between them was sure to be none


def test_of_what_is_no_word_nothing_is_told() -> None:
    long = "a" * (LONGEST + 1)
    doubts = [CharAlternatives(n, {"a": 0.6, "o": 0.4}) for n in range(len(long))]

    assert seen(doubts, 0, len(long), long, ["o" + long[1:]]) == [LEAST]
    assert readings(doubts, 0, len(long), long) == []


def test_what_hardly_anything_speaks_for_is_told_too() -> None:
    """So many doubts that nothing of a probability is left."""
    line = "a" * 70
    doubts = [CharAlternatives(n, {"o": 0.99}) for n in range(len(line))]

    assert seen(doubts, 0, len(line), line, ["u" * 70, "o" * 70]) == [0.0, MOST]


STEP = st.dictionaries(st.sampled_from(["", "a", "b"]), st.sampled_from([0.1, 0.3, 0.6]), min_size=1)  # fmt: skip


@given(st.lists(STEP, min_size=1, max_size=5), st.text("ab", max_size=3))
@pytest.mark.slow
def test_a_text_is_as_likely_as_all_ways_that_write_it(
    steps: list[dict[str, float]], other: str
) -> None:
    """Against the definition: every way through the steps, repeats merged, nothing left out."""

    def likely(text: str) -> float:
        ways = itertools.product(("", "a", "b"), repeat=len(steps))
        return sum(
            math.prod(step.get(c, UNSEEN) for step, c in zip(steps, way, strict=True))
            for way in ways
            if "".join(c for c, _ in itertools.groupby(way)) == text
        )

    doubts = [
        CharAlternatives(0, steps[0]),
        *(CharAlternatives(1, step, between=True) for step in steps[1:]),
    ]
    (look,) = seen(doubts, 0, 1, "a", [other])

    ratio = math.log(max(likely(other), 1e-99) / likely("a"))
    assert look == pytest.approx(min(MOST, max(LEAST, ratio)), abs=1e-6)
