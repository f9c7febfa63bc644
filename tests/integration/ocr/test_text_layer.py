"""The text layer of a PDF: exact, once, in its place, and only what the page shows."""

import difflib
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageFilter

import pdfs
import samples
from scanmend.ocr.line_models import LineModels, RecognisedLine
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import PageText
from scanmend.workers.protocol import PageRequest

CASES = Path(__file__).parents[2] / "cases"
TRUTH = json.loads((CASES / "truth.json").read_text())
NUMBER = re.compile(r"\d[\d.,/\-']*\d|\d")
PROSE = [
    "The granary ledger was bound in leather",
    "and 27 letters lay beside it, of 1904",
    "nobody had opened them since",
]


def _read(path: Path | str, pdf_text: str = "auto") -> PageText:
    return read_page(
        PageRequest(os.fsencode(path), 0, "rapidocr", ("en",), 300, True, pdf_text, 200_000_000)
    )


def _made(folder: Path, data: bytes, pdf_text: str = "auto") -> PageText:
    path = folder / "page.pdf"
    path.write_bytes(data)
    return _read(path, pdf_text)


def _texts(page: PageText) -> list[str]:
    return [" ".join(line.text.split()) for line in page.lines]


def _scan(lines: list[str], size: tuple[int, int] = (1240, 420)) -> Image.Image:
    return samples.page(lines, size=size, points=40)


@pytest.mark.parametrize("name", TRUTH)
def test_a_case_gives_what_its_page_shows(name: str) -> None:
    """The text holds each line of the truth with all its digits, and none of the lines that it must not hold."""
    page = _read(CASES / name)

    texts = _texts(page)
    whole = " ".join(texts)
    numbers = set(NUMBER.findall(whole))
    for line in TRUTH[name]["lines"]:
        plain = " ".join(line.split())
        if page.source == "pdf-text":
            assert plain in whole
        else:
            assert plain in whole or difflib.get_close_matches(plain, texts, 1, 0.85)
        assert set(NUMBER.findall(line)) <= numbers
    for text in TRUTH[name]["not"]:
        assert text not in whole


@pytest.mark.parametrize(
    ("name", "reason"),
    [("hidden-layer", "layer-off"), ("white-text", "unseen"), ("off-page", "off-page")],
)
def test_hidden_text_is_listed_and_not_published(name: str, reason: str) -> None:
    page = _read(CASES / f"{name}.pdf")

    assert {h.reason for h in page.hidden} == {reason}
    assert all(h.text and h.box.width > 0 for h in page.hidden)
    assert any("does not show" in warning for warning in page.warnings)
    assert not any(h.text in line for h in page.hidden for line in _texts(page))


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
def test_text_behind_something_is_hidden(tmp_path: Path, cover: str, content: str) -> None:
    secret = pdfs.line("Internal price 4711", y=700)
    invisible = pdfs.line("Internal price 4711", y=700, before="3 Tr")
    shown = pdfs.line("Offer for the north barn, 4,180.00", y=770)

    page = _made(tmp_path, pdfs.page(shown + content.format(secret=secret, invisible=invisible)))

    assert _texts(page) == ["Offer for the north barn, 4,180.00"]
    assert [h.text for h in page.hidden] == ["Internal price 4711"]


def test_text_that_other_text_covers_is_hidden(tmp_path: Path) -> None:
    """The text of a table's cell is too long, and clipped; the next cell's text lies over its end."""
    content = (
        "q 60 690 100 40 re W n " + pdfs.line("Cheque no 085900 bill 133 132 139", y=700) + "Q "
    )
    content += pdfs.line("26406576", x=175, y=700)

    page = _made(tmp_path, pdfs.page(content))

    assert _texts(page)[0].endswith("26406576")
    assert "139" not in _texts(page)[0]


@pytest.mark.parametrize(
    ("way", "matrix", "rotation"),
    [
        ("upright", (1, 0, 0, 1), 0),
        ("up", (0, 1, -1, 0), 90),
        ("upside down", (-1, 0, 0, -1), 180),
        ("down", (0, -1, 1, 0), 270),
        ("slanted", (0.866, 0.5, -0.5, 0.866), 0),
        ("mirrored", (-1, 0, 0, 1), 0),
        ("italic by its matrix", (1, 0, 0.3, 1), 0),
    ],
)
def test_turned_text_is_read_in_its_own_direction(
    tmp_path: Path, way: str, matrix: tuple[float, float, float, float], rotation: int
) -> None:
    content = "".join(
        pdfs.turned(letter, matrix, 300 + n * 12 * matrix[0], 400 + n * 12 * matrix[1])
        for n, letter in enumerate("Invoice")
    )
    content += pdfs.turned("total 1,455.20", matrix, 300 + 24 * matrix[2], 400 + 24 * matrix[3])

    page = _made(tmp_path, pdfs.page(content))

    assert "total 1,455.20" in _texts(page)
    assert page.rotation == rotation
    assert all(0 <= line.box.x0 < line.box.x1 <= page.width for line in page.lines)


def test_letters_written_one_by_one_in_any_order_are_words(tmp_path: Path) -> None:
    words = "Balance 1,455.20 due"
    places = [(letter, 60 + 7 * n) for n, letter in enumerate(words) if letter != " "]
    content = "".join(
        pdfs.line(letter, x=x, y=700) for letter, x in sorted(places, key=lambda p: p[0])
    )
    monospaced = content.replace("/F1", "/F2")

    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        only.Resources.Font.F2 = Dictionary(
            Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier
        )

    page = _made(tmp_path, pdfs.page(monospaced, change))

    assert _texts(page) == [words]


def test_bold_by_printing_twice_counts_once(tmp_path: Path) -> None:
    twice = (
        pdfs.line("Bookkeeper 2011 in Aachen")
        + pdfs.line("Bookkeeper 2011 in Aachen", x=60.4)
        + pdfs.line("Bookkeeper 2011 in Aachen", x=60.4, y=759.7)
    )

    assert _texts(_made(tmp_path, pdfs.page(twice))) == ["Bookkeeper 2011 in Aachen"]


@pytest.mark.parametrize(
    ("code", "mapped", "text"),
    [
        ("x", "ffi", "oxce"),
        ("x", "\ufb01", "oxce"),
        ("x", "e\u0301", "caxe"),
        ("x", "\u00ad", "co-op"),
    ],
)
def test_ligatures_and_combining_marks_become_plain_letters(
    tmp_path: Path, code: str, mapped: str, text: str
) -> None:
    drawn = text if code in text else "coxop"

    page = _made(
        tmp_path, pdfs.page(pdfs.line(f"{drawn} of the harbour"), mapped={code: mapped}), "trust"
    )

    want = unicodedata.normalize("NFKC", drawn.replace(code, "-" if mapped == "\u00ad" else mapped))
    assert _texts(page) == [f"{want} of the harbour"]


@pytest.mark.parametrize("mapped", [{"1": "7", "4": "9", "5": "3", "2": "8"}, {"e": "q", "o": "w"}])
def test_a_map_that_is_wrong_in_part_is_noticed(tmp_path: Path, mapped: dict[str, str]) -> None:
    lines = [
        "Invoice 2024-00417 of the store",
        "Oak planks 12 at 48.50 582.00",
        "Total to pay 1,455.20 by 14 May",
    ]
    content = "".join(pdfs.line(text, y=760 - 20 * n) for n, text in enumerate(lines))

    page = _made(tmp_path, pdfs.page(content, mapped=mapped))

    assert page.source == "ocr"
    assert "not what the page shows" in page.warnings[0]
    assert _texts(page) == lines


def test_trust_takes_the_layer_unchecked(tmp_path: Path) -> None:
    page = _made(tmp_path, pdfs.page(pdfs.line("Total 1,455.20"), mapped={"1": "7"}), "trust")

    assert (_texts(page), page.source) == (["Total 7,455.20"], "pdf-text")


def _over_scan(layer: list[str], more: str = "") -> bytes:
    """Return a PDF of a scan of PROSE with an invisible layer over it; ``more``: further operators."""
    text = "".join(
        pdfs.line(words, x=28.8, y=800 - 38.4 * n, size=19.2, before="3 Tr")
        for n, words in enumerate(layer)
    )
    return pdfs.page("q 595 0 0 201.5 0 640.5 cm /Im Do Q " + text + more, image=_scan(PROSE))


def test_the_layer_of_an_ocr_program_is_marked_as_such(tmp_path: Path) -> None:
    page = _made(tmp_path, _over_scan(PROSE))

    assert page.source == "pdf-ocr"
    assert _texts(page) == PROSE
    assert not page.warnings


def test_a_page_with_a_bad_earlier_ocr_is_recognised(tmp_path: Path) -> None:
    page = _made(
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
    assert _texts(page) == PROSE
    assert any("1904" in w or "27" in w or "edger" in w for w in page.warnings)


def test_a_line_that_the_layer_lacks_is_recognised(tmp_path: Path) -> None:
    page = _made(tmp_path, _over_scan(PROSE[:1]))

    assert page.source == "mixed"
    assert _texts(page) == PROSE
    assert [line.source for line in page.lines] == ["pdf-ocr", "ocr", "ocr"]


def test_a_picture_of_text_is_recognised_between_the_drawn_lines(tmp_path: Path) -> None:
    content = (
        pdfs.line("Above the picture stands 1,455.20", y=800)
        + "q 595 0 0 201.5 0 560 cm /Im Do Q "
        + pdfs.line("Below it stands 77.11", y=500)
    )

    page = _made(tmp_path, pdfs.page(content, image=_scan(PROSE)))

    assert _texts(page) == ["Above the picture stands 1,455.20", *PROSE, "Below it stands 77.11"]
    assert [line.source for line in page.lines] == ["pdf-text", "ocr", "ocr", "ocr", "pdf-text"]


def test_text_behind_a_picture_is_hidden(tmp_path: Path) -> None:
    content = (
        pdfs.line("Secret margin of 12 percent 4711", x=30, y=780, size=18)
        + "q 595 0 0 201.5 0 640.5 cm /Im Do Q "
    )

    page = _made(tmp_path, pdfs.page(content, image=_scan(PROSE)))

    assert _texts(page) == PROSE
    assert [h.text for h in page.hidden] == ["Secret margin of 12 percent 4711"]


def test_rules_and_frames_are_not_recognised(tmp_path: Path) -> None:
    rules = (
        "".join(f"50 {700 - 20 * n} m 550 {700 - 20 * n} l S\n" for n in range(8))
        + "50 560 500 140 re S\n"
    )

    page = _made(tmp_path, pdfs.page(rules + pdfs.line("Stock of hinges 24", y=705)))

    assert _texts(page) == ["Stock of hinges 24"]
    assert "ocr" not in page.seconds


def test_fields_notes_and_stamps_are_part_of_the_page(tmp_path: Path) -> None:
    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        pdfs.note(
            pdf, only, [60, 600, 300, 630], pdfs.line("Approved by Dahl 14.05.", x=2, y=8), "Stamp"
        )
        pdfs.note(
            pdf,
            only,
            [60, 500, 160, 520],
            pdfs.line("Short, but this runs far beyond 4711", x=2, y=5),
        )
        pdf.pages[0].obj.Parent.Resources = only.Resources  # inherited
        del only.Resources

    path = tmp_path / "page.pdf"
    path.write_bytes(pdfs.page(pdfs.line("Request no. 118", y=760), change))
    before = path.read_bytes()

    page = _read(path)

    assert _texts(page)[:2] == ["Request no. 118", "Approved by Dahl 14.05."]
    assert "4711" not in " ".join(_texts(page))
    assert path.read_bytes() == before


def test_a_filled_field_is_read_and_clipped_to_its_rectangle(tmp_path: Path) -> None:
    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        field = pdf.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Tx,
                T="name",
                V="Karla Berndl 1904",
                F=4,
                Rect=Array([120, 700, 300, 720]),
                DA="/F1 12 Tf 0 g",
            )
        )
        only.Annots = Array([field])
        pdf.Root.AcroForm = Dictionary(
            Fields=Array([field]), NeedAppearances=True, DR=only.Resources, DA="/F1 12 Tf 0 g"
        )

    page = _made(tmp_path, pdfs.page(pdfs.line("Name:", y=705), change))

    assert _texts(page) == ["Name: Karla Berndl 1904"]


def test_a_field_in_other_letters_is_drawn_and_recognised(tmp_path: Path) -> None:
    """qpdf would write a question mark for each letter."""

    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        field = pdf.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Tx,
                T="name",
                V="合同编号 1904",
                F=4,
                Rect=Array([120, 700, 300, 720]),
                DA="/F1 12 Tf 0 g",
            )
        )
        only.Annots = Array([field])
        pdf.Root.AcroForm = Dictionary(
            Fields=Array([field]), NeedAppearances=True, DR=only.Resources, DA="/F1 12 Tf 0 g"
        )

    page = _made(tmp_path, pdfs.page(pdfs.line("Name:", y=705), change))

    assert "1904" in " ".join(_texts(page))
    assert "?" not in " ".join(_texts(page))
    assert "ocr" in {line.source for line in page.lines} or page.source == "mixed"


def test_a_note_without_an_appearance_is_written_within_its_rectangle(tmp_path: Path) -> None:
    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        note = Dictionary(
            Type=Name.Annot,
            Subtype=Name.FreeText,
            F=4,
            Rect=Array([120, 600, 300, 660]),
            DA="/Helv 12 Tf 0 g",
            Contents="Approved by Dahl, see the attached list of 1904 items",
        )
        only.Annots = Array([pdf.make_indirect(note)])

    page = _made(tmp_path, pdfs.page(pdfs.line("Request no. 118", y=760), change))

    assert _texts(page) == [
        "Request no. 118",
        "Approved by Dahl, see the",
        "attached list of 1904 items",
    ]
    assert page.source == "pdf-text"


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_page_has_the_size_of_its_crop_box_in_its_own_unit(tmp_path: Path, rotate: int) -> None:
    def change(pdf: pikepdf.Pdf, only: Dictionary) -> None:
        only.UserUnit = 2.0
        only.CropBox = Array([50, 400, 550, 800])
        only.Rotate = rotate

    page = _made(
        tmp_path,
        pdfs.page(
            pdfs.line("Inside 4,180.00", x=80, y=760) + pdfs.line("Outside 12.75", y=300), change
        ),
    )

    assert _texts(page) == ["Inside 4,180.00"]
    assert page.dpi == 300
    assert (page.width, page.height) == (round(500 * 2 * 300 / 72), round(400 * 2 * 300 / 72))


@pytest.mark.parametrize("name", ["exact-text", "tight-leading", "hyphens", "margin-and-watermark"])
def test_the_words_of_upright_pages_are_pdfiums(name: str) -> None:
    document = pypdfium2.PdfDocument(str(CASES / f"{name}.pdf"))
    text = document[0].get_textpage().get_text_range()
    document.close()

    ours = " ".join(_texts(_read(CASES / f"{name}.pdf")))

    assert sorted(ours.split()) == sorted(re.sub("[\u0002\ufffe]\\s*", "- ", text).split())


def test_a_font_that_agreed_is_not_recognised_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(pdfs.page(pdfs.line("The harbour office keeps 27 ledgers", y=700)))
    read: list[int] = []
    recognise = LineModels.recognise

    def counted(self: LineModels, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        read.append(len(crops))
        return recognise(self, crops)

    monkeypatch.setattr(LineModels, "recognise", counted)

    first, second = _read(path), _read(path)

    assert first.lines == second.lines
    assert len(read) == 1


def test_text_behind_a_photo_is_hidden(tmp_path: Path) -> None:
    """A photo has contrast everywhere, but no lines of text."""
    photo = (
        Image.effect_noise((300, 100), 80).resize((600, 200)).filter(ImageFilter.GaussianBlur(6))
    )
    content = pdfs.line("Offer for the north barn", y=800) + pdfs.line(
        "Secret margin of 4711", y=700
    )
    content += "q 400 0 0 133 40 640 cm /Im Do Q "

    page = _made(tmp_path, pdfs.page(content, image=photo))

    assert _texts(page)[0] == "Offer for the north barn"
    assert "4711" not in " ".join(_texts(page))
    assert [h.text for h in page.hidden] == ["Secret margin of 4711"]


def test_text_that_clips_ink_is_read(tmp_path: Path) -> None:
    content = (
        "q "
        + pdfs.line("Filled through a clip 1904", y=700, size=20, before="7 Tr")
        + "0 g 0 0 595 842 re f Q "
    )

    page = _made(tmp_path, pdfs.page(content + pdfs.line("Plain words above", y=780)))

    assert _texts(page) == ["Plain words above", "Filled through a clip 1904"]


@pytest.mark.parametrize("first", ["accent", "letter"])
def test_an_accent_over_its_letter_makes_one_character(tmp_path: Path, first: str) -> None:
    """TeX prints \\264, the acute accent, over the letter."""
    signs = ["(\\264)", "(e)"] if first == "accent" else ["(e)", "(\\264)"]
    content = pdfs.line("caf", x=60) + "".join(
        f"BT /F1 12 Tf 77.3 760 Td {sign} Tj ET\n" for sign in signs
    )

    assert _texts(_made(tmp_path, pdfs.page(content))) == ["café"]


def test_the_letters_of_an_actual_text_have_their_own_positions(tmp_path: Path) -> None:
    content = (
        pdfs.line("Z", x=60)
        + "BT /F1 12 Tf 67.3 760 Td /Span <</ActualText (OONO)>> BDC (OONO) Tj EMC (SES) Tj ET\n"
    )

    assert _texts(_made(tmp_path, pdfs.page(content))) == ["ZOONOSES"]


def test_a_raised_number_stays_with_its_word(tmp_path: Path) -> None:
    content = (
        pdfs.line("breastfed", x=60, size=11)
        + pdfs.line("9", x=106.2, y=765.6, size=7)
        + pdfs.line("76.9", x=300, size=11)
    )

    assert _texts(_made(tmp_path, pdfs.page(content))) == ["breastfed9 76.9"]
