"""Test PDFs whose pages only ask for a different PDF reader: dynamic forms, portfolios, protected wrappers."""

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from attached import XML, attach, contents_of, invoice, saved, spec, written
from scanmend.errors import Encrypted, Unsupported

pytestmark = pytest.mark.usefixtures("scratch")

NEVER = "If this message is not eventually replaced by the proper contents of the document, your PDF viewer"
WAIT = f"Please wait... {NEVER} may not be able to display this type of document."
LOAD = "The document you are trying to load requires Adobe Reader 8 or higher."
COVER = "For the best experience, open this PDF portfolio in Acrobat X or Adobe Reader X, or later."


def form(*lines: str, rendering: bool = True, fields: bool = False) -> pikepdf.Pdf:
    """Return a PDF with an XFA form."""
    pdf = written(*lines)
    box = Dictionary(FT=Name.Tx, T=String("name"), Subtype=Name.Widget, Rect=[9, 9, 99, 29])
    pdf.Root.AcroForm = Dictionary(
        XFA=pdf.make_stream(b"<xdp/>"), Fields=Array([pdf.make_indirect(box)] if fields else [])
    )
    if rendering:
        pdf.Root.NeedsRendering = True
    return pdf


@pytest.mark.parametrize(
    "pdf",
    [
        form(WAIT),
        form(WAIT, fields=True),
        form(WAIT, rendering=False),
        form(LOAD),
        form(LOAD, rendering=False, fields=True),
        form("Bitte warten. http://www.adobe.com/go/reader_download"),
        form("Bitte warten. http://www.adobe.com/go/reader_download", rendering=False),
        form(),
        form(rendering=False),
    ],
)
@pytest.mark.parametrize("extracting", [False, True])
def test_a_dynamic_form_fails_with_the_remedy(
    tmp_path: Path, pdf: pikepdf.Pdf, extracting: bool
) -> None:
    with pytest.raises(Unsupported, match=r"dynamic XFA form.*print it to a PDF, and drop that"):
        contents_of(tmp_path, saved(pdf), extracting)


@pytest.mark.parametrize(
    ("pdf", "warned"),
    [
        (written(WAIT), False),
        (written("Made with Adobe Acrobat, open it in Adobe Reader"), False),
        (form("Name and address of the applicant", rendering=False, fields=True), False),
        (form("To fill this in, extracting Adobe Reader", rendering=False, fields=True), False),
        (form("Name and address of the applicant"), True),
        (form(*["A whole page of text, which Adobe Reader shows"] * 50), True),
    ],
)
def test_a_form_or_notice_with_content_is_read(
    tmp_path: Path, pdf: pikepdf.Pdf, warned: bool
) -> None:
    found = contents_of(tmp_path, saved(pdf))

    assert found.pages == 1
    assert ["dynamic XFA form" in one for one in found.off_pages] == [True] * warned


def portfolio(cover: str, *names: str, **more: bytes) -> bytes:
    pdf = written(cover)
    attach(pdf, *(spec(pdf, name, more.get(name, invoice())) for name in names))
    pdf.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)
    return saved(pdf)


COVERS = [
    COVER,
    "Öffnen Sie dieses PDF-Portfolio in Acrobat X oder Adobe Reader X oder höher.",
    "Pour un résultat optimal, ouvrez ce porte-documents PDF dans Acrobat X ou Adobe Reader X.",
    "This PDF portfolio needs a newer reader to show its files.",
]


@pytest.mark.parametrize("cover", COVERS)
def test_a_portfolio_with_only_a_cover_page_fails_with_the_remedy(
    tmp_path: Path, cover: str
) -> None:
    with pytest.raises(
        Unsupported, match=r"extract and run scanmend retry.* In it: a\.pdf, b\.pdf"
    ):
        contents_of(tmp_path, portfolio(cover, "a.pdf", "b.pdf"))


@pytest.mark.parametrize("cover", COVERS)
def test_the_files_of_a_portfolio_can_be_extracted(tmp_path: Path, cover: str) -> None:
    found = contents_of(tmp_path, portfolio(cover, "a.pdf", "b.pdf"), extracting=True)

    assert [p.name for p in found.parts] == ["a.pdf", "b.pdf"]
    assert found.off_pages


def test_a_portfolio_without_readable_files_fails_with_extraction_too(tmp_path: Path) -> None:
    data = portfolio(COVER, "a", a=XML)

    with pytest.raises(
        Unsupported, match=r"none of its files can be read \(neither a PDF.*In it: a$"
    ):
        contents_of(tmp_path, data, extracting=True)


@pytest.mark.parametrize(
    "cover",
    ["Invoices of March, see the files", "Portfolio of Jane Doe. Made with Adobe Acrobat.", ""],
)
def test_a_portfolio_with_a_cover_of_its_own_is_read(tmp_path: Path, cover: str) -> None:
    (warning,) = contents_of(tmp_path, portfolio(cover, "a.pdf")).off_pages

    assert "an embedded file that no page shows, not read: a.pdf" in warning


@pytest.mark.parametrize("extracting", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_a_wrapper_of_a_protected_document_fails(
    tmp_path: Path, extracting: bool, named: bool
) -> None:
    pdf = written("This document is protected. You need a different reader to open it.")
    name = "MicrosoftIRMServices Protected PDF.pdf" if named else "inner.pdf"
    more = {} if named else {"AFRelationship": Name.EncryptedPayload}
    one = spec(pdf, name, invoice(), **more)
    attach(pdf, one)
    pdf.Root.AF = Array([one])

    with pytest.raises(Encrypted, match=r"rights management.*remove the protection"):
        contents_of(tmp_path, saved(pdf), extracting)


def test_the_portfolio_of_a_public_bug_report_fails_or_is_extracted(tmp_path: Path) -> None:
    data = (Path(__file__).parents[2] / "cases" / "portfolio.pdf").read_bytes()

    with pytest.raises(Unsupported, match=r"In it: invoice-3310\.pdf, invoice-3311\.pdf"):
        contents_of(tmp_path, data)

    found = contents_of(tmp_path, data, extracting=True)
    assert [p.name for p in found.parts] == ["invoice-3310.pdf", "invoice-3311.pdf"]
