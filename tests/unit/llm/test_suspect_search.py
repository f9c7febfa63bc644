"""Test which words of a page are suspect, and with which candidates."""

import pytest

from lexicons import lexicon
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.suspect_search import PRIOR_KNOWN_WORDS, Pruning, find_suspects
from scanmend.llm.suspect_word import SuspectWord
from scanmend.page import CharAlternatives


def _suspects(text: str, words: Lexicon) -> list[SuspectWord]:
    """Return the suspects of a page of one line."""
    (found,) = find_suspects([text], words)
    return found


def test_known_words_numbers_and_short_words_are_not_suspect(words: Lexicon) -> None:
    assert _suspects("which 12,50 the wo W-12 modern", words) == []


def test_an_abbreviation_in_capitals_is_not_suspect() -> None:
    words = lexicon(jen=12, work=14, others=27)

    assert _suspects("JLN", words) == []
    assert [s.word for s in _suspects("jln wokk", words)] == ["jln", "wokk"]


def test_an_endless_word_is_not_suspect(words: Lexicon) -> None:
    """Guard against a search for candidates that would take minutes."""
    assert _suspects("the " + "wnich" * 40, words) == []


def test_lines_after_the_deadline_have_no_suspects(words: Lexicon) -> None:
    times = iter([False, True])

    found = find_suspects(["the wnich", "the wnich"], words, lambda: next(times))
    assert [len(line) for line in found] == [1, 0]


def test_the_page_s_share_of_unknown_words_is_evidence(words: Lexicon) -> None:
    page = ["the house of wnich", "of the house", "work"]
    (suspect,), *others = find_suspects(page, words)

    share = 1 / (8 + PRIOR_KNOWN_WORDS)
    assert (suspect.start, suspect.word, suspect.unknown_share) == (13, "wnich", share)
    assert others == [[], []]


def test_signs_around_a_word_are_not_part_of_it(words: Lexicon) -> None:
    (suspect,) = _suspects("the (wnich), house", words)

    assert (suspect.start, suspect.end, suspect.word) == (5, 10, "wnich")


@pytest.fixture(scope="module")
def neighbours() -> Lexicon:
    pairs = {
        "back on": 12,
        "on both": 11,
        "both seats": 6,
        " thank": 9,
        "thank you": 14,
        "you for": 12,
        "for your": 12,
    }
    one = {"back": 17, "on": 19, "an": 19, "both": 15, "seats": 12, "morning": 13, "follows": 11}
    two = {"normal": 11, "thank": 13, "you": 20, "far": 14, "your": 18, "for": 20, "": 22}
    return lexicon(pairs, **one, **two, others=27)


def test_a_known_word_is_suspect_where_a_look_alike_fits_far_better(neighbours: Lexicon) -> None:
    line = "went back an both seats"
    worn = "the marning follaws the narmal evening"

    (suspect,), others = find_suspects([line, worn], neighbours)

    assert (suspect.word, suspect.frequency, suspect.candidates[0].text) == ("an", 19, "on")
    assert suspect.candidates[0].neighbour_gain > 8
    # three other words of the page have an a in place of an o
    assert suspect.candidates[0].recurrence == 2.0
    assert [s.candidates[0].text for s in others] == ["morning", "follows", "normal"]
    assert [s.candidates[0].recurrence for s in _suspects(line, neighbours)] == [0.0]
    assert find_suspects(["went back on both seats", worn], neighbours)[0] == []


def test_an_unknown_word_that_a_page_repeats_is_more_likely_a_name(words: Lexicon) -> None:
    assert [s.word for s in _suspects("the Rechnvng house", words)] == ["Rechnvng"]
    assert find_suspects(["the Rechnvng house", "the Rechnvng"], words) == [[], []]


def test_a_full_stop_within_the_line_is_evidence(words: Lexicon) -> None:
    found = _suspects("the wnich. the wlnch.", words)

    assert [s.full_stop_follows for s in found] == [True, False]


def test_the_parts_of_a_torn_word_are_one_suspect(words: Lexicon) -> None:
    (suspect,) = _suspects("the produc tive, work", words)

    assert suspect.word == "produc tive"
    assert [c.text for c in suspect.candidates] == ["productive"]


def test_two_known_words_are_not_joined() -> None:
    assert _suspects("of the house", lexicon(of=20, the=20, ofthe=12, house=12)) == []


def test_a_word_that_the_engine_nearly_read_is_a_candidate_however_far_it_is() -> None:
    words = lexicon(others=27, following=15, week=14, the=20)
    alternatives = [
        CharAlternatives(5, {"a": 0.6, "o": 0.4}),
        CharAlternatives(8, {"a": 0.7, "o": 0.3}),
        CharAlternatives(9, {"v": 0.9, "w": 0.1}),
    ]

    found = find_suspects(["the fallaving week"], words, alternatives=[alternatives])
    ((suspect,),) = found

    assert suspect.has_alternatives
    assert [c.text for c in suspect.candidates] == ["following"]
    assert suspect.candidates[0].log_ratio > -4
    assert _suspects("the fallaving week", words) == []


def test_a_known_word_is_suspect_where_the_engine_nearly_read_another() -> None:
    words = lexicon(others=27, chair=15, choir=14, the=20)
    alternatives = [CharAlternatives(6, {"a": 0.5, "o": 0.5})]

    ((suspect,),) = find_suspects(["the chair"], words, alternatives=[alternatives])

    assert (suspect.word, [c.text for c in suspect.candidates]) == ("chair", ["choir"])
    assert find_suspects(["the chair"], words, alternatives=[[]]) == [[]]


def test_a_reading_with_fewer_accents_is_not_a_candidate() -> None:
    words = lexicon(others=27, kerguelen=9, the=20)
    alternatives = [CharAlternatives(8, {"é": 0.6, "e": 0.4})]

    assert find_suspects(["the Kerguélen"], words, alternatives=[alternatives]) == [[]]


def test_a_word_that_the_engine_did_not_doubt_loses_no_letter() -> None:
    words = lexicon({"the permission": 14}, others=27, which=16, permission=18, the=20)

    def candidates(word: str, *alternatives: CharAlternatives) -> list[str]:
        (found,) = find_suspects([f"the {word}"], words, alternatives=[alternatives])
        return [c.text for suspect in found for c in suspect.candidates]

    assert candidates("permisson") == ["permission"]
    assert candidates("permiscion") == candidates("wnich") == []
    assert candidates("wnich", CharAlternatives(5, {"n": 0.7, "h": 0.3})) == ["which"]


def test_a_known_word_with_an_ending_is_evidence(words: Lexicon) -> None:
    german = lexicon(others=27, hecht=9, recht=15, rechtes=13, the=20)

    (inflected,) = _suspects("the Hechtes", german)
    (other,) = _suspects("the wnich", words)

    assert (inflected.word, inflected.known_stem) == ("Hechtes", True)
    assert not other.known_stem


def test_pruning_decides_which_candidates_the_model_scores() -> None:
    words = lexicon(cat=15, oat=9, the=20, others=27)

    def candidates(pruning: Pruning) -> list[str]:
        (found,) = find_suspects(["the eat"], words, pruning=pruning)
        return [c.text for suspect in found for c in suspect.candidates]

    assert candidates(Pruning(threshold=100.0)) == []
    assert candidates(Pruning(threshold=-100.0, model_reorders=0.0)) == ["oat"]
    assert sorted(candidates(Pruning(threshold=-100.0, model_reorders=100.0))) == ["cat", "oat"]
