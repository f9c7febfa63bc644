"""Name what a PDF holds that no page shows, and refuse one whose pages only say that another reader is needed."""

import re
from collections.abc import Sequence

import pikepdf
import pypdfium2

from scanmend.document import Part
from scanmend.errors import Encrypted, Unsupported, show
from scanmend.ocr.pdf.attachments import MOST, Structure, structure
from scanmend.ocr.pdf.extract import Extracted, extract
from scanmend.ocr.pdf.qpdf import BROKEN, opened
from scanmend.ocr.pictures import name_of
from scanmend.workers.protocol import ContentsRequest

NAMED = 20  # embedded files that a warning lists
LONGEST = 100  # characters of a name in it

# A cover that no one wrote is short: Adobe's are of 120 to 800 characters, in any language.
COVER_PAGES = 2
COVER_TEXT = 2_000  # characters
PORTFOLIO_TEXT = 250
_READER = re.compile(r"adobe|acrobat|\b(reader|viewer)\b", re.IGNORECASE)
# "open this PDF portfolio in Acrobat X or Adobe Reader X, or later", in any language, or that it needs another one
_OPEN = re.compile(
    r"acrobat.*adobe\s+reader|(open|needs?|requires?)\b.{0,80}\b(reader|viewer|acrobat)\b",
    re.IGNORECASE | re.DOTALL,
)
_FORM = re.compile(
    r"please\s+wait.*not\s+eventually\s+replaced|document\s+you\s+are\s+trying\s+to\s+load\s+requires",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS = re.compile(  # in every language of the same text
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

    Raises Unsupported or Encrypted when the pages hold nothing but the advice to take another reader.
    """
    name = name_of(request.path)
    with opened(request.path, request.passwords) as pdf:
        found = _structure(pdf)
        if found is None:
            names = _by_pdfium(document)
            said = f"{name} holds {_named(names, 'not read (encrypted or damaged)')}"
            return (said,) if names else (), ()
        cover = _cover(found, document)
        _refuse_form(found, cover, document, name)
        _refuse_wrapper(found, cover, name)
        wanted = request.extract and found.embedded
        done = extract(found.embedded, request) if wanted else Extracted((), ())
    if not done.parts:
        _refuse_portfolio(found, cover, done, request, name)
    warnings = _warnings(found, done, request, name)
    return tuple(warnings), done.parts


def _structure(pdf: pikepdf.Pdf | None) -> Structure | None:
    try:
        return None if pdf is None else structure(pdf)
    except BROKEN:
        return None


def _by_pdfium(document: pypdfium2.PdfDocument) -> list[str]:
    """Return the names of embedded files where qpdf can't tell: PDFium opens a PDF of which only these are encrypted."""
    try:
        count = min(document.count_attachments(), MOST)
        return [document.get_attachment(number).get_name() for number in range(count)]
    except (pypdfium2.PdfiumError, ValueError):
        return []


# pages that only ask for another reader -----------------------------------------------------------


def _cover(found: Structure, document: pypdfium2.PdfDocument) -> str | None:
    """Return the text of the pages where they may be such a cover, by the structure and by their length."""
    if not (found.xfa or found.portfolio or found.payload) or len(document) > COVER_PAGES:
        return None
    text = ""
    for number in range(len(document)):
        page = document[number]
        layer = page.get_textpage()
        text += layer.get_text_range(0, min(layer.count_chars(), COVER_TEXT + 1)) + "\n"
        layer.close()
        page.close()
    return text if len(text) <= COVER_TEXT else None


def _refuse_form(
    found: Structure, cover: str | None, document: pypdfium2.PdfDocument, name: str
) -> None:
    """Refuse a dynamic XFA form: its pages would be made by the reader, which only Adobe's does."""
    if not found.xfa or cover is None:
        return
    told = _READER if found.rendering else _FORM if found.fields else _ADDRESS
    empty = found.rendering or not found.fields
    if told.search(cover) or _FORM.search(cover) or (empty and _blank(document)):
        raise Unsupported(
            f"{name}: a dynamic XFA form, whose pages only say that another reader is needed, or are empty; open it in Adobe"
            " Acrobat Reader, print it to a PDF, and drop that"
        )


def _blank(document: pypdfium2.PdfDocument) -> bool:
    """Whether nothing at all is drawn on any page."""
    for number in range(len(document)):
        page = document[number]
        drawn = next(iter(page.get_objects(max_depth=1)), None) is not None
        drawn |= pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0
        page.close()
        if drawn:
            return False
    return True


def _refuse_wrapper(found: Structure, cover: str | None, name: str) -> None:
    """Refuse a document whose pages stand in for an encrypted one (ISO 32000-2, 7.6.7)."""
    if found.payload and cover is not None:
        raise Encrypted(
            f"{name}: the document lies inside, encrypted by a rights management service such as Microsoft"
            " Information Protection, and its pages only say so; remove the protection with an account that may,"
            " and drop the file again"
        )


def _refuse_portfolio(
    found: Structure, cover: str | None, done: Extracted, request: ContentsRequest, name: str
) -> None:
    """Refuse a portfolio of which nothing would be read but the cover that Acrobat made."""
    if not found.portfolio or cover is None or len(cover) > PORTFOLIO_TEXT:
        return
    if not (_OPEN.search(cover) and _PORTFOLIO.search(cover)):
        return
    names = _list([one.name for one in found.embedded]) or "nothing"
    remedy = "save its files from Acrobat as PDFs, and drop those"
    if not request.extract:
        remedy = f"set pdf.attachments: extract and run scanmend retry, or {remedy}"
    elif found.embedded:
        remedy = f"none of its files can be read ({done.unread[0][1]}); {remedy}"
    raise Unsupported(
        f"{name}: a PDF portfolio, whose page only says that another reader is needed; {remedy}. In it: {names}"
    )


# warnings -----------------------------------------------------------------------------------------


def _warnings(found: Structure, done: Extracted, request: ContentsRequest, name: str) -> list[str]:
    said = []
    if found.embedded and not request.extract:
        names = [one.name for one in found.embedded]
        remedy = " (pdf.attachments: extract reads PDFs and pictures)"
        said.append(f"{name} holds {_named(names, 'not read')}{remedy}")
    if done.parts:
        names = [part.name for part in done.parts]
        own = "a document of its own" if len(names) == 1 else "documents of their own"
        said.append(f"{name} holds {_named(names, 'read as ' + own)}")
    reasons = dict.fromkeys(why for _, why in done.unread)
    for reason in reasons:
        names = [one for one, why in done.unread if why == reason]
        said.append(f"{name} holds {_named(names, f'not read ({reason})')}")
    if found.cut:
        said.append(f"{name} may hold more embedded files: the search for them was ended")
    if found.xfa and found.rendering:
        said.append(
            f"{name} holds a dynamic XFA form; only the pages that the file brings along are read,"
            " Adobe's reader may show others"
        )
    return said


def _named(names: Sequence[str], what: str) -> str:
    """Return the count and the first names of embedded files, with what became of them."""
    files = "an embedded file" if len(names) == 1 else f"{len(names):,} embedded files"
    return f"{files} that no page shows, {what}: {_list(names)}"


def _list(names: Sequence[str]) -> str:
    """Return the first names for people, and how many more there are."""
    shown = [_short(show(name)) or "(without a name)" for name in names[:NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f", … and {more:,} more" if more else "")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
