"""What the lexicon offers for unknown words, and which of it is proposed."""

import pytest

from lexicons import lexicon
from scanmend.correction.lexicon import Lexicon
from scanmend.correction.lookalikes import Candidate
from scanmend.llm import suspect_search
from scanmend.llm.candidates import candidates
from scanmend.llm.ranking import MARGIN, SuspectWord, best
from scanmend.llm.suspect_search import placed
from scanmend.page import CharAlternatives

WORDS = lexicon(
    {"of which": 10, "the which": 10, "of the": 16, "the modern": 8, "modern house": 5},
    others=27,
    which=16, mich=15, watch=11, the=20, of=20, productive=10, tive=3, work=14, días=13, modern=12, house=13,
    clínica=4, rechnung=12, strasse=12,
)  # fmt: skip


def spots(text: str, words: Lexicon) -> list[SuspectWord]:
    """Of a page of one line."""
    (found,) = suspect_search.spots([text], words)
    return found


def _offered(word: str) -> list[str]:
    return [c.text for c in candidates(word, WORDS)]


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("wnich", "which"),
        ("whlch", "which"),
        ("wlnch", "which"),  # two look-alikes
        ("Rechnvng", "Rechnung"),
        ("RECHNVNG", "RECHNUNG"),
        ("modem", "modern"),
        ("clinica", "clínica"),
        ("Dias", "Días"),
        ("hous", "house"),
        ("houuse", "house"),
        ("ofthe", "of the"),
        ("h0use", "house"),
        ("straBe", "straße"),
    ],
)
def test_the_word_that_is_meant_is_offered(read: str, meant: str) -> None:
    assert meant in _offered(read)


def test_nothing_is_offered_where_nothing_is_near() -> None:
    assert _offered("Mukherjee") == []
    assert candidates("wnich", Lexicon()) == ()


def test_what_is_seldom_misread_so_costs_more() -> None:
    often, seldom = candidates("wnich", WORDS)[0], candidates("wpich", WORDS)[0]

    assert (often.text, seldom.text) == ("which", "which")
    assert often.cost < seldom.cost


def test_an_accent_is_restored_and_never_taken() -> None:
    assert _offered("clinica") == ["clínica"]
    assert candidates("hoúse", lexicon(house=13)) == ()


def test_a_known_word_a_number_and_a_short_one_are_not_questioned() -> None:
    assert spots("which 12,50 the wo W-12 modern", WORDS) == []


def test_an_abbreviation_in_capitals_is_not_questioned() -> None:
    words = lexicon(jen=12, work=14, others=27)

    assert spots("JLN", words) == []
    assert [s.word for s in spots("jln wokk", words)] == ["jln", "wokk"]


def test_an_endless_word_is_not_questioned() -> None:
    """Its candidates would take minutes."""
    assert spots("the " + "wnich" * 40, WORDS) == []


def test_nothing_is_questioned_when_the_time_is_over() -> None:
    times = iter([False, True])

    assert [len(line) for line in suspect_search.spots(["the wnich", "the wnich"], WORDS, lambda: next(times))] == [1, 0]  # fmt: skip


def test_the_share_of_unknown_words_is_told() -> None:
    page = ["the house of wnich", "of the house", "work"]
    (spot,), *others = suspect_search.spots(page, WORDS)

    assert (spot.start, spot.word, spot.unknown) == (13, "wnich", 1 / (8 + suspect_search.FEW))
    assert others == [[], []]


def test_signs_around_a_word_stay_outside() -> None:
    (spot,) = spots("the (wnich), house", WORDS)

    assert (spot.start, spot.end, spot.word) == (5, 10, "wnich")


NEIGHBOURS = lexicon(
    {"back on": 12, "on both": 11, "both seats": 6, " thank": 9, "thank you": 14, "you for": 12, "for your": 12,},
    others=27, back=17, on=19, an=19, both=15, seats=12, morning=13, follows=11, normal=11, thank=13, you=20, far=14, your=18, **{"for": 20, "": 22},
)  # fmt: skip


def test_a_known_word_is_questioned_where_a_look_alike_fits_far_better_on_such_a_page() -> None:
    line = "went back an both seats"
    worn = "the marning follaws the narmal evening"

    (spot,), others = suspect_search.spots([line, worn], NEIGHBOURS)

    assert (spot.word, spot.common, spot.candidates[0].text) == ("an", 19, "on")
    assert spot.candidates[0].fits > 8
    assert spot.candidates[0].again == 2.0  # three other words have an a for an o
    assert [s.candidates[0].text for s in others] == ["morning", "follows", "normal"]
    assert [s.candidates[0].again for s in spots(line, NEIGHBOURS)] == [0.0]
    assert suspect_search.spots(["went back on both seats", worn], NEIGHBOURS)[0] == []


def test_an_unknown_word_that_stands_twice_on_a_page_is_rather_a_name() -> None:
    assert [s.word for s in spots("the Rechnvng house", WORDS)] == ["Rechnvng"]
    assert suspect_search.spots(["the Rechnvng house", "the Rechnvng"], WORDS) == [[], []]


def test_a_full_stop_within_the_line_is_noted() -> None:
    assert [s.dot for s in spots("the wnich. the wlnch.", WORDS)] == [True, False]


def test_a_torn_word_is_one_spot() -> None:
    found = spots("the produc tive, work", WORDS)

    assert [(s.word, [c.text for c in s.candidates]) for s in found] == [("produc tive", ["productive"])]  # fmt: skip


def test_two_known_words_are_not_joined() -> None:
    assert spots("of the house", lexicon(of=20, the=20, ofthe=12, house=12)) == []


def test_a_spot_is_found_again_in_what_the_model_wrote() -> None:
    read = "the wnich of tho rnodem house"
    found = spots(read, WORDS)
    written = "the whiich of the modem house"

    assert [written[a:b] for _, a, b in placed(found, read, written)] == ["whiich", "the", "modem"]
    assert placed(found, read, "") == []
    assert [(a, b) for _, a, b in placed(found, read, read)] == [(s.start, s.end) for s in found]


def test_the_likely_one_is_proposed_and_nothing_when_none_is() -> None:
    spot = SuspectWord(0, "wnich", (Candidate("which", 16, 1.0), Candidate("watch", 11, 2.0)), 0.1)

    chosen = best(spot, [-9.0, -2.0, -12.0])
    assert chosen is not None
    assert chosen[0].text == "which"
    assert chosen[1] > MARGIN
    assert best(spot, [-0.1, -15.0, -20.0]) is None


def test_the_surer_the_model_the_greater_the_margin() -> None:
    spot = SuspectWord(0, "wnich", (Candidate("which", 16, 1.0),), 0.1)

    margins = [found[1] for x in (-3.0, -2.0, -1.0) if (found := best(spot, [0.0, x]))]
    assert len(margins) > 1
    assert margins == sorted(margins)


def test_a_word_that_the_engine_nearly_read_is_offered_however_far_it_is() -> None:
    words = lexicon(others=27, following=15, week=14, the=20)
    saw = [CharAlternatives(5, {"a": 0.6, "o": 0.4}), CharAlternatives(8, {"a": 0.7, "o": 0.3}), CharAlternatives(9, {"v": 0.9, "w": 0.1})]  # fmt: skip

    ((spot,),) = suspect_search.spots(["the fallaving week"], words, doubts=[saw])

    assert spot.told
    assert [c.text for c in spot.candidates] == ["following"]
    assert spot.candidates[0].seen > -4
    assert spots("the fallaving week", words) == []


def test_a_known_word_is_questioned_where_the_engine_nearly_read_another() -> None:
    words = lexicon(others=27, chair=15, choir=14, the=20)
    saw = [CharAlternatives(6, {"a": 0.5, "o": 0.5})]

    ((spot,),) = suspect_search.spots(["the chair"], words, doubts=[saw])

    assert (spot.word, [c.text for c in spot.candidates]) == ("chair", ["choir"])
    assert suspect_search.spots(["the chair"], words, doubts=[[]]) == [[]]


def test_no_accent_is_taken_away() -> None:
    words = lexicon(others=27, kerguelen=9, the=20)

    assert suspect_search.spots(["the Kerguélen"], words, doubts=[[CharAlternatives(8, {"é": 0.6, "e": 0.4})]]) == [[]]  # fmt: skip


def test_of_a_word_that_the_engine_did_not_doubt_no_letter_is_lost() -> None:
    words = lexicon({"the permission": 14}, others=27, which=16, permission=18, the=20)

    def offered(word: str, *doubts: CharAlternatives) -> list[str]:
        (found,) = suspect_search.spots([f"the {word}"], words, doubts=[doubts])
        return [c.text for spot in found for c in spot.candidates]

    assert offered("permisson") == ["permission"]
    assert offered("permiscion") == offered("wnich") == []
    assert offered("wnich", CharAlternatives(5, {"n": 0.7, "h": 0.3})) == ["which"]


def test_a_known_word_with_an_ending_is_noted() -> None:
    words = lexicon(others=27, hecht=9, recht=15, rechtes=13, the=20)

    (spot,) = spots("the Hechtes", words)
    (other,) = spots("the wnich", WORDS)

    assert (spot.word, spot.form) == ("Hechtes", True)
    assert not other.form
