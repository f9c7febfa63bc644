"""The lexicon, and what the gate makes of its evidence."""

import signal
from pathlib import Path

import pytest

from lexicons import lexicon
from running import Tree
from samples import encoded, numbered
from scanmend.cli import main
from scanmend.config.profiles import Profile
from scanmend.correction import lexicon as lexicon_module
from scanmend.correction.gate import gate, needs_correction
from scanmend.correction.lexical_evidence import Evidence, evidence, near
from scanmend.correction.lexicon import BOUNDARY, MAGIC, Lexicon, neighbours, shipped
from scanmend.errors import MachineError
from scanmend.page import Box, CharAlternatives, Divergence, Line, LineProposal

RULES = Profile("default", "correct")


WORDS = lexicon(
    the=20, of=20, tho=8, form=13, farm=11, house=12, pinto=4, hypotension=9, it=19, and_=1
)
WORDS_OF_EACH = {
    "en": "the between house invoice received",
    "de": "zwischen Straße Rechnung Umsatzsteuer Bürgermeister",
    "es": "entre después señor había",
    "fr": "entre après monsieur l'homme août",
    "it": "fattura totale",
    "nl": "factuur bedrag",
}


def _decided(before: str, after: str, margin: float | None = 9.0, words: Lexicon = WORDS) -> str:
    """The rule that decides on one word within a line."""
    text, said = f"Here lies {before} 12", f"Here lies {after} 12"
    divergences = None if margin is None else (Divergence(10, 10 + len(after), margin),)
    gated = gate(
        [Line(text, Box(0, 0, 1, 1), 0.5)], [LineProposal(said, divergences)], RULES, words
    )
    assert gated.lines[0] == (said if gated.edits[0].accepted else text)
    return gated.edits[0].rule


def test_words_are_looked_up_whatever_surrounds_them() -> None:
    words = lexicon(the=20, homme=12, l=15, geschichte=9)

    assert words.frequency("the") == words.frequency("“The,") == 20
    assert words.frequency("l'homme") == words.frequency("l’homme") == 12
    assert words.frequency("Geſchichte") == 9
    assert words.frequency("tho") == words.frequency("") == words.frequency("12") == 0
    assert Lexicon().frequency("the") == 0


def test_another_file_is_no_lexicon() -> None:
    with pytest.raises(ValueError, match="no lexicon"):
        Lexicon(b"GGUF....")


@pytest.mark.parametrize(
    "data", [None, b"GGUF....", MAGIC, MAGIC + b"\xff\xff\xff\xff", MAGIC + bytes(7)]
)
def test_a_package_without_its_lexicon_is_said_to_be_broken(
    data: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if data is not None:
        (tmp_path / "lexicon.bin").write_bytes(data)
    monkeypatch.setattr(lexicon_module, "place", lambda name: tmp_path / "lexicon.bin")

    with pytest.raises(MachineError, match=r"lexicon\.bin: .*; install scanmend again"):
        shipped.__wrapped__()


@pytest.mark.parametrize("language", WORDS_OF_EACH)
def test_the_one_that_comes_along_knows_words_of(language: str) -> None:
    words = WORDS_OF_EACH[language].split()

    assert {
        word: shipped().frequency(word) for word in words if not shipped().frequency(word)
    } == {}
    assert shipped().frequency("tlie") == shipped().frequency("qzxv") == 0


@pytest.mark.parametrize("command", ["process", "run"])
def test_nothing_is_begun_without_the_lexicon(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every page would wait for it."""
    made = Tree(tmp_path / "tree")
    (tmp_path / "page.png").write_bytes(encoded("png", numbered(1)))
    files = [str(tmp_path / "page.png"), "--out", str(tmp_path)] if command == "process" else []
    monkeypatch.setattr(lexicon_module, "place", lambda name: tmp_path / "lexicon.bin")
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the tests' own stay
    shipped.cache_clear()
    try:
        assert main.main(["--config", str(made.config), command, *files]) == MachineError.exit_code
    finally:
        shipped.cache_clear()
    assert "lexicon.bin: No such file or directory; install scanmend again" in capsys.readouterr().err  # fmt: skip


SIDE_BY_SIDE = lexicon(
    {"thank you": 14, "you for": 12, "for your": 12, " thank": 9, "your ": 5},
    others=27, thank=13, you=20, far=14, your=18, went=12, fur=12, **{"for": 20, "": 22},
)  # fmt: skip


def test_pairs_tell_what_stands_side_by_side() -> None:
    assert SIDE_BY_SIDE.together("thank", "you") > 6
    assert SIDE_BY_SIDE.together("you", "far") < 0  # it would be seen, were it usual
    assert SIDE_BY_SIDE.together("went", "far") == 0  # both too rare to tell
    assert SIDE_BY_SIDE.together("you", "qzxv") == 0
    assert SIDE_BY_SIDE.fits("for", "you", "your") > SIDE_BY_SIDE.fits("far", "you", "your") + 7
    assert SIDE_BY_SIDE.fits("for", None, None) == 0
    assert SIDE_BY_SIDE.frequency(".") == 0  # the boundary is no word
    assert shipped().together("of", "the") > 0 > shipped().together("the", "of")


def test_neighbours_are_words_boundaries_or_nobody() -> None:
    text = "Thank you. Far (your 12"

    def of(word: str) -> tuple[str | None, str | None]:
        start = text.index(word)
        return neighbours(text, start, start + len(word), SIDE_BY_SIDE)

    assert of("Thank") == (None, "you")
    assert of("you") == ("thank", BOUNDARY)
    assert of("Far") == (BOUNDARY, "your")
    assert of("your") == ("far", None)  # a number is nobody
    assert neighbours("Thank    you", 8, 12, SIDE_BY_SIDE) == (None, None)  # another column


def test_a_known_word_changes_only_where_its_neighbours_want_it() -> None:
    def decided(text: str, said: str) -> str:
        at = text.index("far")
        proposal = LineProposal(said, (Divergence(at, at + 3, 9.0),))
        gated = gate([Line(text, Box(0, 0, 1, 1), 0.5)], [proposal], RULES, SIDE_BY_SIDE)
        assert gated.lines[0] == (said if gated.edits[0].accepted else text)
        return gated.edits[0].rule

    assert decided("Thank you far your", "Thank you for your") == "known-word"
    assert decided("Thank you far. Your", "Thank you for. Your") == "real-word"
    assert decided("I went far", "I went for") == "short-word"
    assert decided("Thank you far your", "Thank you fur your") == "short-word"


def test_what_speaks_for_an_edit_and_what_against() -> None:
    assert evidence("tbe", "the", WORDS) is Evidence.COMMON
    assert evidence("tho", "the", WORDS) is Evidence.COMMON  # a word, but 4,000 times as rare
    assert evidence("ofthe", "of the", WORDS) is Evidence.COMMON
    assert evidence("pint", "pinto", WORDS) is Evidence.FOR
    assert evidence("form", "farm", WORDS) is Evidence.AGAINST
    assert evidence("house", "hause", WORDS) is Evidence.AGAINST
    assert evidence("Kovaes", "Kovacs", WORDS) is Evidence.NONE


def test_a_word_may_be_read_badly_but_not_into_any_other() -> None:
    assert near("tbe", "the", 0.34)
    assert near("Commilteo", "Committee", 0.34)
    assert not near("tlie", "the", 0.34)
    assert not near("Modedirne", "Mode", 0.34)


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
    ],
)
def test_the_gate_hears_the_lexicon_when_the_model_is_sure(
    before: str, after: str, rule: str
) -> None:
    assert _decided(before, after) == rule


def test_an_abbreviation_in_capitals_is_no_misread_word() -> None:
    words = lexicon(jen=12, the=20)

    assert _decided("JLN", "JEN", words=words) == "short-word"
    assert _decided("tbe", "the", words=words) == "known-word"


def test_a_known_word_becomes_another_that_the_engine_nearly_read() -> None:
    words = lexicon(chair=15, choir=14, an=19, on=19, farm=10, house=12, others=27)

    def decided(before: str, after: str, *doubts: CharAlternatives) -> str:
        line = Line(f"lies {before}", Box(0, 0, 1, 1), 0.5, unsure=tuple(d.at for d in doubts), doubts=doubts)  # fmt: skip
        said = LineProposal(f"lies {after}", (Divergence(5, 5 + len(after), 2.5),))
        return gate([line], [said], RULES, words).edits[0].rule

    assert decided("chair", "choir", CharAlternatives(7, {"a": 0.6, "o": 0.4})) == "ocr-plausible"
    assert decided("chair", "choir", CharAlternatives(7, {"a": 0.98, "o": 0.02})) == "real-word"
    assert decided("an", "on", CharAlternatives(5, {"a": 0.6, "o": 0.4})) == "known-word"
    assert decided("an", "on", CharAlternatives(5, {"a": 0.6, "u": 0.4})) == "short-word"
    assert decided("farmhouse", "farm house", CharAlternatives(9, {"": 0.9, " ": 0.1}, between=True)) == "ocr-plausible"  # fmt: skip
    assert decided("farmhouse", "farm house") == "real-word"


def test_without_a_margin_the_lexicon_says_nothing() -> None:
    assert _decided("tbe", "the", None) == "short-word"
    assert _decided("house", "housc", None) == "ocr-plausible"


def test_how_sure_the_model_must_be_follows_from_the_evidence() -> None:
    assert _decided("Kovaes", "Kovacs", 1.9 * RULES.min_margin) == "margin"
    assert _decided("Kovaes", "Kovacs", 2.1 * RULES.min_margin) == "ocr-plausible"
    assert _decided("housc", "house", 0.6 * RULES.min_margin) == "ocr-plausible"
    assert _decided("tbe", "the", 0.6 * RULES.min_margin) == "known-word"
    assert _decided("tbe", "the", 0.4 * RULES.min_margin) == "margin"


def test_a_word_is_split_into_common_ones_only() -> None:
    assert _decided("ofthe", "of the") == "ocr-plausible"
    assert (
        _decided("thefarmhouse", "the farm house", words=lexicon(the=20, farm=11, house=12))
        == "real-word"
    )
    assert _decided("ofthe", "of the", 0.9 * RULES.min_margin) == "margin"
    assert _decided("“house", "“ house") == "punctuation"
    oranges = lexicon(orange=11, ange=13)
    assert _decided("orange", "or ange", words=oranges) == "real-word"
    assert _decided("ofthc", "of the") == "no-new-words"


def _needs(text: str, unsure: tuple[int, ...] | None = (), confidence: float = 0.9) -> bool:
    words = lexicon(the=20, house=12, tho=2, of=19)
    return needs_correction(Line(text, Box(0, 0, 1, 1), confidence, unsure=unsure), RULES, words)


def test_a_line_of_known_words_needs_no_model() -> None:
    assert not _needs("The house of the house, 12.50 W-12")
    assert not _needs("The house", unsure=(5,))
    assert not _needs("12.50")
    assert not _needs("tbe house", unsure=(1,), confidence=0.999)
    assert not _needs("tbe house")  # a name, as far as the engine can tell


def test_a_known_word_that_was_doubted_and_stands_oddly_needs_it() -> None:
    def line(text: str, unsure: tuple[int, ...]) -> Line:
        return Line(text, Box(0, 0, 1, 1), 0.9, unsure=unsure)

    assert needs_correction(line("Thank you far your", (11,)), RULES, SIDE_BY_SIDE)
    assert not needs_correction(line("Thank you far your", (1,)), RULES, SIDE_BY_SIDE)
    assert not needs_correction(line("Thank you for your", (11,)), RULES, SIDE_BY_SIDE)


def test_a_known_word_beside_which_the_engine_saw_another_needs_it() -> None:
    words = lexicon(the=20, chair=15, choir=14, others=20)

    def line(saw: dict[str, float]) -> Line:
        return Line(
            "the chair.", Box(0, 0, 1, 1), 0.9, unsure=(6,), doubts=(CharAlternatives(6, saw),)
        )

    assert needs_correction(line({"a": 0.6, "o": 0.4}), RULES, words)
    assert not needs_correction(line({"a": 0.6, "u": 0.4}), RULES, words)
    assert not needs_correction(line({"a": 0.97, "o": 0.03}), RULES, words)


def test_a_line_that_may_be_read_wrong_needs_it() -> None:
    assert _needs("tbe house", unsure=(1,))
    assert _needs("of the ho use")
    assert _needs("the <house", unsure=(4,))
    assert _needs("of tho house", unsure=(4,))
    assert _needs("of the house", unsure=None)  # an engine that tells no doubts
    assert not _needs("of tho house", unsure=(0,))
    assert not _needs("of tho, house", unsure=(6,))  # a sign
    assert not _needs("THO of the house", unsure=(1,))  # rather an abbreviation
    lost = (CharAlternatives(0, {"": 0.6, "b": 0.4}, between=True),)
    assert needs_correction(
        Line("ouse", Box(0, 0, 1, 1), 0.9, unsure=(), doubts=lost), RULES, WORDS
    )
    assert needs_correction(Line("the house", Box(0, 0, 1, 1), 0.9), RULES)  # without a lexicon
