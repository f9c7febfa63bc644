"""Test the arithmetic of the bench for ink that is not published."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from bench import ink_pictures
from bench.ink import Read, complete_share, pictures_row, results, truth_row, worst
from bench.ink_account import (
    Account,
    account,
    false_boxes,
    holds,
    missing_lines,
    unexplained,
)
from bench.ink_words import SeenWord, Share, looks_like_word, sure_words, turned
from scanmend.page import Box, EngineInfo, Line, PageText

TOP: Share = (0.1, 0.1, 0.3, 0.12)  # of the page
MIDDLE: Share = (0.1, 0.5, 0.3, 0.52)


def _page(*lines: tuple[str, Share], rotation: int = 0) -> PageText:
    """Return a page of 1000 × 1000 pixels with these lines."""
    placed = tuple(
        Line(text, Box(*(1000 * value for value in share)), 0.9) for text, share in lines
    )
    return PageText(0, 1000, 1000, 100.0, rotation, placed, EngineInfo("rapidocr", "3"))


def _word(text: str, box: Share = TOP) -> SeenWord:
    return SeenWord(text, 0.95, box)


# the words of the independent engine ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Total", "invoice", "IBAN", "straße", "don't", "1,455.20", "2026-11"]
)
def test_a_word_or_a_number_counts(text: str) -> None:
    assert looks_like_word(text)


def test_a_short_word_must_be_in_the_lexicon_and_a_long_one_may_be_a_name() -> None:
    assert not looks_like_word("WOYM")
    assert looks_like_word("Mirzayance")


@pytest.mark.parametrize(
    "text", ["of", "15", "xkcd7", "brrr", "iNvoice", "aaaah", "—", "1.5.", "bcdfg"]
)
def test_noise_does_not_count(text: str) -> None:
    assert not looks_like_word(text)


def test_only_sure_words_of_the_pages_usual_height_count() -> None:
    words = [
        _word("(Total:"),
        _word("amount"),
        SeenWord("doubtful", 0.89, TOP),
        _word("picture", (0.1, 0.2, 0.9, 0.9)),
    ]

    assert [word.text for word in sure_words(words)] == ["Total", "amount"]


@pytest.mark.parametrize(
    ("degrees", "corner"),
    [(0, (0.0, 0.0, 0.2, 0.1)), (90, (0.9, 0.0, 1.0, 0.2)), (180, (0.8, 0.9, 1.0, 1.0)), (270, (0.0, 0.8, 0.1, 1.0))],
)  # fmt: skip
def test_a_box_turns_with_its_page(degrees: int, corner: Share) -> None:
    assert turned((0.0, 0.0, 0.2, 0.1), degrees) == pytest.approx(corner)


# published, unread or lost ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Grand total 12.50", "Total"),
        ("GrandTotal12.50", "total"),
        ("Gebühren", "Gebuhren"),
        ("amoumt due", "amount"),
        ("1 455,20", "1,455.20"),
        ("xxreceivabiexx", "receivable"),
    ],
)
def test_case_accents_spaces_and_a_small_misreading_are_passed_over(text: str, word: str) -> None:
    assert holds(text, word)


@pytest.mark.parametrize(
    ("text", "word"), [("Grand 12.50", "Total"), ("cat sat", "dog"), ("", "abc")]
)
def test_another_word_does_not_stand_for_it(text: str, word: str) -> None:
    assert not holds(text, word)


def test_each_word_is_published_or_unread_or_lost() -> None:
    page = _page(("Total due", TOP))
    words = [_word("Total"), _word("Signed", MIDDLE), _word("Rupert", (0.6, 0.8, 0.7, 0.82))]

    found = account(page, [Box(90, 490, 320, 530)], words)

    assert found.published == 1
    assert [word.text for word in found.unread] == ["Signed"]
    assert [word.text for word in found.lost] == ["Rupert"]
    assert found.share == pytest.approx(2 / 3)


def test_a_misread_word_is_published_but_not_letter_by_letter() -> None:
    page = _page(("amoumt", TOP), ("Total", MIDDLE))

    found = account(page, (), [_word("amount"), _word("Total", MIDDLE)])

    assert (found.published, found.spelled) == (2, 1)


def test_a_word_may_be_published_at_another_place_but_only_as_often_as_it_is_there() -> None:
    page = _page(("Total", TOP), ("and Total", (0.6, 0.8, 0.9, 0.82)))
    words = [_word("Total"), _word("Total", MIDDLE), _word("Total", (0.1, 0.7, 0.3, 0.72))]

    found = account(page, (), words)

    assert (found.published, len(found.lost)) == (2, 1)


def test_a_word_at_the_other_end_of_a_long_line_does_not_stand_for_the_one_here() -> None:
    line = "Nothing of this kind " * 3 + "Rupert"
    page = _page((line, (0.0, 0.1, 1.0, 0.12)))
    twice = [_word("Rupert", (0.92, 0.1, 1.0, 0.12)), _word("Rupert", (0.0, 0.1, 0.08, 0.12))]

    assert len(account(page, (), twice).lost) == 1


def test_places_are_compared_on_the_upright_page() -> None:
    upright = (0.2, 0.1, 0.4, 0.12)
    page = _page(("Total", upright), rotation=90)

    found = account(page, (), [_word("Total", turned(upright, 270))])

    assert found.published == 1


def test_a_page_without_sure_words_is_complete() -> None:
    assert account(_page(), (), []).share == 1.0


# the lines of a truth ---------------------------------------------------------------------------------


def test_a_missing_line_is_found_whatever_the_order_and_the_breaks() -> None:
    truth = "TOTAL 12.50\nCASH 20.00\nCHANGE 7.50\nTHANK YOU COME AGAIN\n*"
    text = "Thank you\nChange 7.5O   Total\n12.50"

    assert missing_lines(truth, text) == ["CASH 20.00"]


def test_nothing_is_missing_from_the_truth_itself() -> None:
    truth = "A 1\nNet amount   528.50\nTax\n"

    assert missing_lines(truth, truth) == []


def test_boxes_explain_as_many_missing_lines_as_they_have_room_for() -> None:
    boxes = [Box(0, 0, 100, 5), Box(0, 0, 100, 42)]

    assert unexplained(4, boxes, line_height=20.0) == 1
    assert unexplained(2, boxes, line_height=20.0) == 0
    assert unexplained(2, (), line_height=20.0) == 2


def test_a_box_is_false_unless_a_sure_word_lies_in_it_or_the_truth_has_missing_lines() -> None:
    boxes = [Box(90, 90, 320, 130), Box(600, 600, 700, 700)]

    assert false_boxes(_page(), boxes, [_word("Total")], []) == (1, 1)
    assert false_boxes(_page(), boxes, [_word("Total")], ["a line"]) == (1, 0)
    assert false_boxes(_page(), (), [], []) == (0, 0)


# figures ----------------------------------------------------------------------------------------------


def _read(published: int, lost: int, name: str = "a.png", boxes: int = 0) -> Read:
    seen = Account(published, (), tuple(_word(f"word{n}") for n in range(lost)))
    return Read(f"/d/receipts/{name}", boxes=boxes, account=seen)


def test_a_document_counts_if_98_per_cent_of_its_words_are_accounted_for() -> None:
    accounts = [r.account for r in (_read(98, 2), _read(97, 3), _read(5, 0)) if r.account]

    assert complete_share(accounts) == pytest.approx(2 / 3)
    assert pictures_row("set", accounts)["lost"] == 5


def test_the_rows_count_pages_boxes_and_lines() -> None:
    pages = [
        Read("/d/receipts/a.png", boxes=2, missing=("x", "y"), unexplained=1, false_strict=1),
        Read("/d/receipts/b.png", boxes=1, false_strict=1, false_lenient=1),
        Read("/d/receipts/c.png"),
    ]

    row = truth_row("receipts", pages)

    assert list(row.values()) == ["receipts", 3, 2, 2, 1, 2, 1]


def test_the_targets_leave_out_what_could_not_be_read() -> None:
    pictures = [_read(98, 2), _read(1, 1, "b.png"), Read("/d/c.png", "c.png: not a picture")]
    pages = [_read(1, 0, boxes=1)]

    found = results(pages, pictures)

    assert [target.got for target in found.targets] == [0.0, 0, 0.5]
    assert found.notes[-1] == "1 files could not be read."


def test_the_worst_documents_are_named_with_their_lost_words() -> None:
    assert worst([_read(98, 2), _read(1, 1, "b.png"), _read(9, 0, "c.png")], 1) == [
        " 50.0% b.png: word0"
    ]


# the pictures -----------------------------------------------------------------------------------------


def test_pictures_are_collected_once_each_and_pdfs_as_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "clone"
    source.mkdir()
    for name, grey in (("a.png", 0), ("same.png", 0), ("b.pdf", 120), ("tiny.png", 60)):
        size = (40, 40) if name == "tiny.png" else (400, 300)
        image = Image.new("L", size, 255)
        image.paste(grey, (10, 10, size[0] // 2, 30))
        image.save(source / name)
    (source / "damaged.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setattr(sys, "argv", ["ink_pictures", str(tmp_path / "out"), str(source)])

    assert ink_pictures.main() == 0

    rows = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert sorted(json.loads(row)["source"] for row in rows) == ["clone/a.png", "clone/b.pdf"]
    suffixes = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert suffixes == [".jsonl", ".png", ".png"]


def test_a_beginning_of_the_order_is_spread_over_all() -> None:
    paths = [str(n) for n in range(8)]

    assert sorted(ink_pictures.spread(paths)) == paths
    assert {int(path) // 2 for path in ink_pictures.spread(paths)[:4]} == {0, 1, 2, 3}
