"""Test the text that a PDF draws: it is exact and read in its own direction, with fields and notes."""

import re
import unicodedata
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name

import pdfs
from reading import read, read_made, texts

CASES = Path(__file__).parents[2] / "cases"


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

    page = read_made(tmp_path, pdfs.page(content))

    assert "total 1,455.20" in texts(page)
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

    page = read_made(tmp_path, pdfs.page(monospaced, change))

    assert texts(page) == [words]


def test_text_that_is_printed_twice_for_bold_is_read_once(tmp_path: Path) -> None:
    twice = (
        pdfs.line("Bookkeeper 2011 in Aachen")
        + pdfs.line("Bookkeeper 2011 in Aachen", x=60.4)
        + pdfs.line("Bookkeeper 2011 in Aachen", x=60.4, y=759.7)
    )

    assert texts(read_made(tmp_path, pdfs.page(twice))) == ["Bookkeeper 2011 in Aachen"]


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

    page = read_made(
        tmp_path, pdfs.page(pdfs.line(f"{drawn} of the harbour"), mapped={code: mapped}), "trust"
    )

    want = unicodedata.normalize("NFKC", drawn.replace(code, "-" if mapped == "\u00ad" else mapped))
    assert texts(page) == [f"{want} of the harbour"]


def test_fields_notes_and_stamps_are_read_with_the_page(tmp_path: Path) -> None:
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

    page = read(path)

    assert texts(page)[:2] == ["Request no. 118", "Approved by Dahl 14.05."]
    assert "4711" not in " ".join(texts(page))
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

    page = read_made(tmp_path, pdfs.page(pdfs.line("Name:", y=705), change))

    assert texts(page) == ["Name: Karla Berndl 1904"]


def test_a_field_in_other_letters_is_drawn_and_recognised(tmp_path: Path) -> None:
    """Draw the field, since qpdf would write a question mark for each of its letters."""

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

    page = read_made(tmp_path, pdfs.page(pdfs.line("Name:", y=705), change))

    assert "1904" in " ".join(texts(page))
    assert "?" not in " ".join(texts(page))
    assert "ocr" in {line.source for line in page.lines} or page.source == "mixed"


def test_a_note_without_an_appearance_is_read_within_its_rectangle(tmp_path: Path) -> None:
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

    page = read_made(tmp_path, pdfs.page(pdfs.line("Request no. 118", y=760), change))

    assert texts(page) == [
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

    page = read_made(
        tmp_path,
        pdfs.page(
            pdfs.line("Inside 4,180.00", x=80, y=760) + pdfs.line("Outside 12.75", y=300), change
        ),
    )

    assert texts(page) == ["Inside 4,180.00"]
    assert page.dpi == 300
    assert (page.width, page.height) == (round(500 * 2 * 300 / 72), round(400 * 2 * 300 / 72))


@pytest.mark.parametrize("name", ["exact-text", "tight-leading", "hyphens", "margin-and-watermark"])
def test_the_words_of_upright_pages_agree_with_pdfium(name: str) -> None:
    document = pypdfium2.PdfDocument(str(CASES / f"{name}.pdf"))
    text = document[0].get_textpage().get_text_range()
    document.close()

    ours = " ".join(texts(read(CASES / f"{name}.pdf")))

    assert sorted(ours.split()) == sorted(re.sub("[\u0002\ufffe]\\s*", "- ", text).split())


def test_text_that_is_a_clipping_path_for_ink_is_read(tmp_path: Path) -> None:
    content = (
        "q "
        + pdfs.line("Filled through a clip 1904", y=700, size=20, before="7 Tr")
        + "0 g 0 0 595 842 re f Q "
    )

    page = read_made(tmp_path, pdfs.page(content + pdfs.line("Plain words above", y=780)))

    assert texts(page) == ["Plain words above", "Filled through a clip 1904"]


@pytest.mark.parametrize("first", ["accent", "letter"])
def test_an_accent_over_its_letter_makes_one_character(tmp_path: Path, first: str) -> None:
    """Combine the acute accent \\264 with its letter, over which TeX prints it."""
    signs = ["(\\264)", "(e)"] if first == "accent" else ["(e)", "(\\264)"]
    content = pdfs.line("caf", x=60) + "".join(
        f"BT /F1 12 Tf 77.3 760 Td {sign} Tj ET\n" for sign in signs
    )

    assert texts(read_made(tmp_path, pdfs.page(content))) == ["café"]


def test_the_letters_of_an_actual_text_have_their_own_positions(tmp_path: Path) -> None:
    content = (
        pdfs.line("Z", x=60)
        + "BT /F1 12 Tf 67.3 760 Td /Span <</ActualText (OONO)>> BDC (OONO) Tj EMC (SES) Tj ET\n"
    )

    assert texts(read_made(tmp_path, pdfs.page(content))) == ["ZOONOSES"]


def test_a_raised_number_stays_with_its_word(tmp_path: Path) -> None:
    content = (
        pdfs.line("breastfed", x=60, size=11)
        + pdfs.line("9", x=106.2, y=765.6, size=7)
        + pdfs.line("76.9", x=300, size=11)
    )

    assert texts(read_made(tmp_path, pdfs.page(content))) == ["breastfed9 76.9"]
