"""Test the text layer of a PDF: only the text that the page shows, exactly, once and in its place."""

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

import pdfs
import samples
from reading import read, read_made, texts
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels

CASES = Path(__file__).parents[2] / "cases"
TRUTH = json.loads((CASES / "truth.json").read_text())

NUMBER = re.compile(r"\d[\d.,/\-']*\d|\d")

PROSE = [
    "The granary ledger was bound in leather",
    "and 27 letters lay beside it, of 1904",
    "nobody had opened them since",
]


def _scan(lines: list[str], size: tuple[int, int] = (1240, 420)) -> Image.Image:
    return samples.page(lines, size=size, points=40)


@pytest.mark.parametrize("name", TRUTH)
def test_the_text_of_a_case_is_the_text_that_its_page_shows(name: str) -> None:
    """Find each line of the truth with all its digits, and none of the texts that must not appear."""
    page = read(CASES / name)

    lines = texts(page)
    whole = " ".join(lines)
    numbers = set(NUMBER.findall(whole))
    for line in TRUTH[name]["lines"]:
        plain = " ".join(line.split())
        if page.source == "pdf-text":
            assert plain in whole
        else:
            assert plain in whole or difflib.get_close_matches(plain, lines, 1, 0.85)
        assert set(NUMBER.findall(line)) <= numbers
    for text in TRUTH[name]["not"]:
        assert text not in whole


@pytest.mark.parametrize(
    ("name", "reason"),
    [("hidden-layer", "layer-off"), ("white-text", "unseen"), ("off-page", "off-page")],
)
def test_hidden_text_is_listed_and_not_published(name: str, reason: str) -> None:
    page = read(CASES / f"{name}.pdf")

    assert {h.reason for h in page.hidden} == {reason}
    assert all(h.text and h.box.width > 0 for h in page.hidden)
    assert any("does not show" in warning for warning in page.warnings)
    assert not any(h.text in line for h in page.hidden for line in texts(page))


@pytest.mark.parametrize(
    ("cover", "content"),
    [
        ("a black bar", "{secret}0 g 50 690 400 30 re f\n"),
        ("a white box", "{secret}1 g 50 690 400 30 re f 0 g\n"),
        ("a clip", "q 0 750 595 92 re W n {secret}Q\n"),
        ("white ink", "1 g {secret}0 g\n"),
        ("nearly white ink", "0.99 g {secret}0 g\n"),
        ("an invisible mode", "{invisible}"),
    ],
)
def test_text_that_the_page_does_not_show_is_hidden(
    tmp_path: Path, cover: str, content: str
) -> None:
    secret = pdfs.line("Internal price 4711", y=700)
    invisible = pdfs.line("Internal price 4711", y=700, before="3 Tr")
    shown = pdfs.line("Offer for the north barn, 4,180.00", y=770)

    page = read_made(
        tmp_path, pdfs.page(shown + content.format(secret=secret, invisible=invisible))
    )

    assert texts(page) == ["Offer for the north barn, 4,180.00"]
    assert [h.text for h in page.hidden] == ["Internal price 4711"]


def test_text_that_other_text_covers_is_hidden(tmp_path: Path) -> None:
    """Draw a clipped text that is too long for its table cell: the next cell's text covers its end."""
    content = (
        "q 60 690 100 40 re W n " + pdfs.line("Cheque no 085900 bill 133 132 139", y=700) + "Q "
    )
    content += pdfs.line("26406576", x=175, y=700)

    page = read_made(tmp_path, pdfs.page(content))

    assert texts(page)[0].endswith("26406576")
    assert "139" not in texts(page)[0]


@pytest.mark.parametrize("mapped", [{"1": "7", "4": "9", "5": "3", "2": "8"}, {"e": "q", "o": "w"}])
def test_a_partly_wrong_tounicode_map_is_noticed(tmp_path: Path, mapped: dict[str, str]) -> None:
    lines = [
        "Invoice 2024-00417 of the store",
        "Oak planks 12 at 48.50 582.00",
        "Total to pay 1,455.20 by 14 May",
    ]
    content = "".join(pdfs.line(text, y=760 - 20 * n) for n, text in enumerate(lines))

    page = read_made(tmp_path, pdfs.page(content, mapped=mapped))

    assert page.source == "ocr"
    assert "not what the page shows" in page.warnings[0]
    assert texts(page) == lines


def test_with_trust_the_layer_is_taken_unchecked(tmp_path: Path) -> None:
    page = read_made(tmp_path, pdfs.page(pdfs.line("Total 1,455.20"), mapped={"1": "7"}), "trust")

    assert (texts(page), page.source) == (["Total 7,455.20"], "pdf-text")


def _over_scan(layer: list[str], more: str = "") -> bytes:
    """Return a PDF of a scan of PROSE with an invisible layer over it, and with ``more`` operators."""
    text = "".join(
        pdfs.line(words, x=28.8, y=800 - 38.4 * n, size=19.2, before="3 Tr")
        for n, words in enumerate(layer)
    )
    return pdfs.page("q 595 0 0 201.5 0 640.5 cm /Im Do Q " + text + more, image=_scan(PROSE))


def test_the_layer_of_an_ocr_program_is_marked_as_such(tmp_path: Path) -> None:
    page = read_made(tmp_path, _over_scan(PROSE))

    assert page.source == "pdf-ocr"
    assert texts(page) == PROSE
    assert not page.warnings


def test_a_page_with_a_bad_earlier_ocr_is_read_by_ocr(tmp_path: Path) -> None:
    page = read_made(
        tmp_path,
        _over_scan(
            [
                "The granary 1edger was b0und in 1eather",
                "and 21 letters lay beside it, of 1984",
                PROSE[2],
            ]
        ),
    )

    assert page.source == "ocr"
    assert texts(page) == PROSE
    assert any("1904" in w or "27" in w or "edger" in w for w in page.warnings)


def test_a_line_that_the_layer_lacks_is_read_by_ocr(tmp_path: Path) -> None:
    page = read_made(tmp_path, _over_scan(PROSE[:1]))

    assert page.source == "mixed"
    assert texts(page) == PROSE
    assert [line.source for line in page.lines] == ["pdf-ocr", "ocr", "ocr"]


def test_a_picture_of_text_is_read_by_ocr_between_the_drawn_lines(tmp_path: Path) -> None:
    content = (
        pdfs.line("Above the picture stands 1,455.20", y=800)
        + "q 595 0 0 201.5 0 560 cm /Im Do Q "
        + pdfs.line("Below it stands 77.11", y=500)
    )

    page = read_made(tmp_path, pdfs.page(content, image=_scan(PROSE)))

    assert texts(page) == ["Above the picture stands 1,455.20", *PROSE, "Below it stands 77.11"]
    assert [line.source for line in page.lines] == ["pdf-text", "ocr", "ocr", "ocr", "pdf-text"]


def test_text_behind_a_picture_is_hidden(tmp_path: Path) -> None:
    content = (
        pdfs.line("Secret margin of 12 percent 4711", x=30, y=780, size=18)
        + "q 595 0 0 201.5 0 640.5 cm /Im Do Q "
    )

    page = read_made(tmp_path, pdfs.page(content, image=_scan(PROSE)))

    assert texts(page) == PROSE
    assert [h.text for h in page.hidden] == ["Secret margin of 12 percent 4711"]


def test_rules_and_frames_are_not_read_by_ocr(tmp_path: Path) -> None:
    rules = (
        "".join(f"50 {700 - 20 * n} m 550 {700 - 20 * n} l S\n" for n in range(8))
        + "50 560 500 140 re S\n"
    )

    page = read_made(tmp_path, pdfs.page(rules + pdfs.line("Stock of hinges 24", y=705)))

    assert texts(page) == ["Stock of hinges 24"]
    assert "ocr" not in page.seconds


def test_a_font_that_agreed_with_ocr_is_not_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(pdfs.page(pdfs.line("The harbour office keeps 27 ledgers", y=700)))
    calls: list[int] = []
    recognise = LineModels.recognise

    def counted(self: LineModels, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        calls.append(len(crops))
        return recognise(self, crops)

    monkeypatch.setattr(LineModels, "recognise", counted)

    first, second = read(path), read(path)

    assert first.lines == second.lines
    assert len(calls) == 1


def test_text_behind_a_photo_is_hidden(tmp_path: Path) -> None:
    """Cover the text by a photo, which has contrast everywhere but no lines of text."""
    photo = (
        Image.effect_noise((300, 100), 80).resize((600, 200)).filter(ImageFilter.GaussianBlur(6))
    )
    content = pdfs.line("Offer for the north barn", y=800) + pdfs.line(
        "Secret margin of 4711", y=700
    )
    content += "q 400 0 0 133 40 640 cm /Im Do Q "

    page = read_made(tmp_path, pdfs.page(content, image=photo))

    assert texts(page)[0] == "Offer for the north barn"
    assert "4711" not in " ".join(texts(page))
    assert [h.text for h in page.hidden] == ["Secret margin of 4711"]
