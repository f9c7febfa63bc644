"""Test the lexicon: words, pairs of words, and neighbours in a text."""

import signal
from pathlib import Path

import pytest

from lexicons import lexicon, lexicon_file
from running import Tree
from samples import encoded, numbered
from scanmend.cli import main
from scanmend.correction import lexicon as lexicon_module
from scanmend.correction.lexicon import (
    BOUNDARY,
    MAGIC,
    MAX_ASSOCIATION,
    MIN_ASSOCIATION,
    Lexicon,
    load,
    neighbours,
    shipped,
)
from scanmend.errors import MachineError

WORDS_OF_EACH = {
    "en": "the between house invoice received",
    "de": "zwischen Straße Rechnung Umsatzsteuer Bürgermeister",
    "es": "entre después señor había",
    "fr": "entre après monsieur l'homme août",
    "it": "fattura totale",
    "nl": "factuur bedrag",
}


def test_words_are_looked_up_without_the_signs_around_them() -> None:
    words = lexicon(the=20, homme=12, l=15, geschichte=9)

    assert words.frequency("the") == words.frequency("“The,") == 20
    assert words.frequency("l'homme") == words.frequency("l’homme") == 12
    assert words.frequency("Geſchichte") == 9
    assert words.frequency("tho") == words.frequency("") == words.frequency("12") == 0
    assert Lexicon().frequency("the") == 0


def test_a_file_of_another_format_is_rejected() -> None:
    with pytest.raises(ValueError, match="not a scanmend lexicon"):
        Lexicon(b"GGUF....")


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"GGUF....",
        MAGIC,
        MAGIC + b"\xff\xff\xff\xff\xff",
        MAGIC + b"\x01\x04\x00\x00\x00four",
        lexicon_file({"the": 20}, {"of the": 16})[:-1],
    ],
)
def test_a_missing_or_damaged_lexicon_is_the_machines_error(
    data: bytes | None, tmp_path: Path
) -> None:
    if data is not None:
        (tmp_path / "lexicon.bin").write_bytes(data)

    with pytest.raises(MachineError, match=r"lexicon\.bin: .*; install scanmend again"):
        load(tmp_path / "lexicon.bin")


def test_a_lexicon_can_be_searched_through_its_words() -> None:
    """List the words with their classes, in all texts and in the texts of each language."""
    content = lexicon_file({"the": 20, "die": 19}, {}, {"the": ["en"], "die": ["en", "de"]})
    words = Lexicon(content)

    assert len(words) == 2
    assert sorted(words.words()) == [("die", 19, (19, 19, 0, 0)), ("the", 20, (20, 0, 0, 0))]
    assert words.language_classes("the") == (20, 0, 0, 0)
    assert words.language_classes("tho") == (0, 0, 0, 0)
    assert list(words.known(["the", "tho", "", "die"])) == [("the", 20), ("die", 19)]


def test_half_a_surrogate_pair_is_no_word() -> None:
    assert lexicon(the=20).exact("th\ud800") == 0


@pytest.mark.parametrize(
    ("word", "language"), [("the", 0), ("which", 0), ("nicht", 1), ("señor", 2), ("toujours", 3)]
)
def test_a_shipped_word_is_most_frequent_in_its_language(word: str, language: int) -> None:
    classes = shipped().language_classes(word)

    assert classes.index(max(classes)) == language
    assert shipped().exact(word) - 3 <= max(classes) <= shipped().exact(word)


@pytest.mark.parametrize("language", WORDS_OF_EACH)
def test_the_shipped_lexicon_knows_words_of(language: str) -> None:
    words = WORDS_OF_EACH[language].split()

    assert {
        word: shipped().frequency(word) for word in words if not shipped().frequency(word)
    } == {}
    assert shipped().frequency("tlie") == shipped().frequency("qzxv") == 0


@pytest.mark.parametrize("command", ["process", "run"])
def test_no_command_starts_without_the_lexicon(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Refuse the start: without the lexicon, every page would fail later."""
    tree = Tree(tmp_path / "tree")
    (tmp_path / "page.png").write_bytes(encoded("png", numbered(1)))
    files = [str(tmp_path / "page.png"), "--out", str(tmp_path)] if command == "process" else []
    monkeypatch.setattr(lexicon_module, "shipped_file", lambda name: tmp_path / "lexicon.bin")
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # keep the logging of the test run
    shipped.cache_clear()
    try:
        assert main.main(["--config", str(tree.config), command, *files]) == MachineError.exit_code
    finally:
        shipped.cache_clear()
    assert "lexicon.bin: No such file or directory; install scanmend again" in capsys.readouterr().err  # fmt: skip


SIDE_BY_SIDE = lexicon(
    {"thank you": 14, "you for": 12, "for your": 12, " thank": 9, "your ": 5},
    others=27, thank=13, you=20, far=14, your=18, went=12, fur=12, **{"for": 20, "": 22},
)  # fmt: skip


def test_a_frequent_pair_has_a_positive_association() -> None:
    assert SIDE_BY_SIDE.association("thank", "you") > 6
    # both are so frequent that the pair would be stored if it were usual
    assert SIDE_BY_SIDE.association("you", "far") < 0
    # both are so rare that a pair by chance would not be stored either
    assert SIDE_BY_SIDE.association("went", "far") == 0
    assert SIDE_BY_SIDE.association("you", "qzxv") == 0
    assert SIDE_BY_SIDE.fit("for", "you", "your") > SIDE_BY_SIDE.fit("far", "you", "your") + 7
    assert SIDE_BY_SIDE.fit("for", None, None) == 0
    assert SIDE_BY_SIDE.frequency(".") == 0  # the boundary is not a word
    assert shipped().association("of", "the") > 0 > shipped().association("the", "of")


def test_a_neighbour_is_a_known_word_a_boundary_or_none() -> None:
    text = "Thank you. Far (your 12"

    def around(word: str) -> tuple[str | None, str | None]:
        start = text.index(word)
        return neighbours(text, start, start + len(word), SIDE_BY_SIDE)

    assert around("Thank") == (None, "you")
    assert around("you") == ("thank", BOUNDARY)
    assert around("Far") == (BOUNDARY, "your")
    assert around("your") == ("far", None)  # a number is unknown
    assert neighbours("Thank    you", 8, 12, SIDE_BY_SIDE) == (None, None)  # another column


def test_associations_are_clipped() -> None:
    words = lexicon({"a b": 30}, others=40, a=1, b=1, c=40)

    assert words.association("a", "b") == MAX_ASSOCIATION
    assert words.association("c", "c") == MIN_ASSOCIATION
