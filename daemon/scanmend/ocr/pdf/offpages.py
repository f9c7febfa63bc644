"""Report what a PDF holds that no page shows; refuse a PDF whose pages only ask for another reader."""

import re
from collections.abc import Sequence

import pikepdf
import pypdfium2

from scanmend.document import Part
from scanmend.errors import Encrypted, Unsupported, show
from scanmend.ocr.pdf.attachments import MAX_FILES, Structure, structure
from scanmend.ocr.pdf.extract import Extracted, extract
from scanmend.ocr.pdf.qpdf import BROKEN, open_or_none
from scanmend.ocr.pictures import name_of
from scanmend.workers.protocol import ContentsRequest

NAMED_FILES = 20  # embedded files that a warning lists
NAME_CHARACTERS = 100  # of a name in a warning

# a cover page made by a program is short: Adobe's have 120 to 800 characters, in any language
COVER_PAGES = 2
COVER_CHARACTERS = 2_000
PORTFOLIO_COVER_CHARACTERS = 250
_READER = re.compile(r"adobe|acrobat|\b(reader|viewer)\b", re.IGNORECASE)
# "open this PDF portfolio in Acrobat X or Adobe Reader X, or later" in any language, or that another reader is needed
_OPEN = re.compile(
    r"acrobat.*adobe\s+reader|(open|needs?|requires?)\b.{0,80}\b(reader|viewer|acrobat)\b",
    re.IGNORECASE | re.DOTALL,
)
_FORM = re.compile(
    r"please\s+wait.*not\s+eventually\s+replaced|document\s+you\s+are\s+trying\s+to\s+load\s+requires",
    re.IGNORECASE | re.DOTALL,
)
# this address is also in the translations of that text
_READER_ADDRESS = re.compile(
    r"adobe\.com/go/(reader_download|acrreader|pdf_forms_configure)", re.IGNORECASE
)
_PORTFOLIO = re.compile(
    r"portfolio|porte-?documents|porta-?f[oó]lio|cartera|portf[oó]li|портфолио|ポートフォリオ|포트폴리오|包",
    re.IGNORECASE,
)


def off_pages(
    request: ContentsRequest, document: pypdfium2.PdfDocument
) -> tuple[tuple[str, ...], tuple[Part, ...]]:
    """Return the warnings, and the embedded files that were extracted.

    Raise Unsupported or Encrypted if the pages only advise to use another reader, or OSError.
    """
    name = name_of(request.path)
    with open_or_none(request.path, request.passwords) as pdf:
        pdf_structure = _structure(pdf)
        if pdf_structure is None:
            names = _names_by_pdfium(document)
            warning = f"{name} holds {_named(names, 'not read (encrypted or damaged)')}"
            return (warning,) if names else (), ()
        cover = _cover(pdf_structure, document)
        _refuse_form(pdf_structure, cover, document, name)
        _refuse_wrapper(pdf_structure, cover, name)
        wanted = request.extract and pdf_structure.embedded
        extracted = extract(pdf_structure.embedded, request) if wanted else Extracted((), ())
    if not extracted.parts:
        _refuse_portfolio(pdf_structure, cover, extracted, request)
    return tuple(_warnings(pdf_structure, extracted, request)), extracted.parts


def _structure(pdf: pikepdf.Pdf | None) -> Structure | None:
    try:
        return None if pdf is None else structure(pdf)
    except BROKEN:
        return None


def _names_by_pdfium(document: pypdfium2.PdfDocument) -> list[str]:
    """Return the embedded files' names by PDFium, which opens a PDF that encrypts only its embedded files."""
    try:
        count = min(document.count_attachments(), MAX_FILES)
        return [document.get_attachment(number).get_name() for number in range(count)]
    except (pypdfium2.PdfiumError, ValueError):
        return []


# pages that only ask for another reader -----------------------------------------------------------


def _cover(pdf_structure: Structure, document: pypdfium2.PdfDocument) -> str | None:
    """Return the text of the pages if, by structure and length, they may be such a cover; else None."""
    if (
        not (pdf_structure.xfa or pdf_structure.portfolio or pdf_structure.payload)
        or len(document) > COVER_PAGES
    ):
        return None
    text = ""
    for number in range(len(document)):
        page = document[number]
        layer = page.get_textpage()
        text += layer.get_text_range(0, min(layer.count_chars(), COVER_CHARACTERS + 1)) + "\n"
        layer.close()
        page.close()
    return text if len(text) <= COVER_CHARACTERS else None


def _refuse_form(
    pdf_structure: Structure, cover: str | None, document: pypdfium2.PdfDocument, name: str
) -> None:
    """Raise Unsupported for a dynamic XFA form, whose pages only Adobe's reader generates."""
    if not pdf_structure.xfa or cover is None:
        return
    telltale = (
        _READER if pdf_structure.rendering else _FORM if pdf_structure.fields else _READER_ADDRESS
    )
    no_content = pdf_structure.rendering or not pdf_structure.fields
    if telltale.search(cover) or _FORM.search(cover) or (no_content and _is_blank(document)):
        raise Unsupported(
            f"{name}: a dynamic XFA form, whose pages only say that another reader is needed, or are empty",
            "open it in Adobe Acrobat Reader, print it to a PDF, and drop that",
        )


def _is_blank(document: pypdfium2.PdfDocument) -> bool:
    """Return whether nothing is drawn on any page."""
    for number in range(len(document)):
        page = document[number]
        drawn = next(iter(page.get_objects(max_depth=1)), None) is not None
        drawn |= pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0
        page.close()
        if drawn:
            return False
    return True


def _refuse_wrapper(pdf_structure: Structure, cover: str | None, name: str) -> None:
    """Raise Encrypted for a document whose pages only wrap an encrypted one (ISO 32000-2, 7.6.7)."""
    if pdf_structure.payload and cover is not None:
        raise Encrypted(
            f"{name}: the document lies inside, encrypted by a rights management service such as Microsoft"
            " Information Protection, and its pages only say so",
            "remove the protection with an account that may, and drop the file again",
        )


def _refuse_portfolio(
    pdf_structure: Structure, cover: str | None, extracted: Extracted, request: ContentsRequest
) -> None:
    """Raise Unsupported for a portfolio of which nothing but Acrobat's cover would be read."""
    if not pdf_structure.portfolio or cover is None or len(cover) > PORTFOLIO_COVER_CHARACTERS:
        return
    if not (_OPEN.search(cover) and _PORTFOLIO.search(cover)):
        return
    names = _list([embedded_file.name for embedded_file in pdf_structure.embedded]) or "nothing"
    remedy = "save its files from Acrobat as PDFs, and drop those"
    if not request.extract:
        remedy = f"set pdf.attachments: extract and run scanmend retry, or {remedy}"
    elif pdf_structure.embedded:
        remedy = f"none of its files can be read ({extracted.unread[0][1]}); {remedy}"
    raise Unsupported(
        f"{name_of(request.path)}: a PDF portfolio, whose page only says that another reader is needed",
        f"{remedy}. In it: {names}",
    )


# warnings -----------------------------------------------------------------------------------------


def _warnings(
    pdf_structure: Structure, extracted: Extracted, request: ContentsRequest
) -> list[str]:
    """Return the warnings about embedded files and forms."""
    name = name_of(request.path)
    warnings = []
    if pdf_structure.embedded and not request.extract:
        names = [embedded.name for embedded in pdf_structure.embedded]
        remedy = " (pdf.attachments: extract reads PDFs and pictures)"
        warnings.append(f"{name} holds {_named(names, 'not read')}{remedy}")
    if extracted.parts:
        names = [part.name for part in extracted.parts]
        own = "a document of its own" if len(names) == 1 else "documents of their own"
        warnings.append(f"{name} holds {_named(names, 'read as ' + own)}")
    for reason in dict.fromkeys(reason for _, reason in extracted.unread):
        names = [unread for unread, why in extracted.unread if why == reason]
        warnings.append(f"{name} holds {_named(names, f'not read ({reason})')}")
    if pdf_structure.cut:
        warnings.append(f"{name} may hold more embedded files: the search for them was ended")
    if pdf_structure.xfa and pdf_structure.rendering:
        warnings.append(
            f"{name} holds a dynamic XFA form; only the pages that the file brings along are read,"
            " Adobe's reader may show others"
        )
    return warnings


def _named(names: Sequence[str], outcome: str) -> str:
    """Return the number, the outcome and the first names of embedded files, for people."""
    files = "an embedded file" if len(names) == 1 else f"{len(names):,} embedded files"
    return f"{files} that no page shows, {outcome}: {_list(names)}"


def _list(names: Sequence[str]) -> str:
    """Return the first names for people, and how many more there are."""
    shown = [_shortened(show(name)) or "(without a name)" for name in names[:NAMED_FILES]]
    hidden = len(names) - len(shown)
    return ", ".join(shown) + (f", … and {hidden:,} more" if hidden else "")


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else f"{name[: NAME_CHARACTERS - 1]}…"
