"""Make hostile PDFs: broken structures, odd pages, decompression bombs, pictures in every coding, active content."""

import io
import zlib
from collections.abc import Iterator

import pikepdf

from hostile.made import (
    CATALOG,
    EITHER,
    FAILED,
    FONT,
    PAGES,
    PUBLISHED,
    TEXT,
    Case,
    encoded,
    fax_strip,
    good,
    jbig2,
    leaf,
    one_page,
    pdf,
    small,
    stream,
    zeros,
)

_FORM_6 = b"/XObject << /X 6 0 R >>"  # resources with object 6
_FLATE = b"/Filter /FlateDecode"


def pdf_cases() -> Iterator[Case]:
    """Yield all hostile PDFs."""
    yield Case("text.pdf", one_page(stream(TEXT)), PUBLISHED)
    escapes = rb"BT /F 14 Tf 20 40 Td (the \033[31mgranary\007 ledger) Tj ET"
    yield Case("steers-the-terminal.pdf", one_page(stream(escapes)), PUBLISHED)
    yield from _structures()
    yield from _page_trees()
    yield from _boxes()
    yield from _contents()
    yield from _pictures()
    yield from _active()


def _structures() -> Iterator[Case]:
    empty = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 80] >>"
    yield Case("no-content.pdf", pdf(CATALOG, PAGES, empty), PUBLISHED)
    # can be repaired: the catalogue is intact
    yield Case("no-root.pdf", pdf(CATALOG, PAGES, trailer=b""), EITHER)
    yield Case("catalog-is-itself.pdf", pdf(b"1 0 R"), FAILED)
    whole = one_page(stream(TEXT))
    yield Case("table-of-lies.pdf", whole.replace(b"00000 n", b"99999 n"), EITHER)
    trailer = b"/Root 1 0 R /Prev 9"
    loop = pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT, trailer=trailer)
    yield Case("previous-is-itself.pdf", loop, EITHER)
    yield Case("only-a-head.pdf", b"%PDF-1.7\n", FAILED)
    yield Case("head-and-end.pdf", b"%PDF-1.7\nstartxref\n0\n%%EOF\n", FAILED)


def _page_trees() -> Iterator[Case]:
    def tree(kids: bytes, count: int) -> bytes:
        return b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)

    rest = leaf(), stream(TEXT), FONT
    yield Case("no-pages.pdf", pdf(CATALOG, tree(b"", 0)), FAILED)
    yield Case("pages-in-a-circle.pdf", pdf(CATALOG, tree(b"2 0 R", 1)), FAILED)
    other = b"<< /Type /Pages /Parent 3 0 R /Kids [2 0 R] /Count 9 >>"
    yield Case("pages-of-each-other.pdf", pdf(CATALOG, tree(b"3 0 R", 9), other), FAILED)
    many = tree(b"3 0 R " * 10000, 10000)
    yield Case("ten-thousand-pages.pdf", pdf(CATALOG, many, *rest), FAILED)
    billion = tree(b"3 0 R", 1_000_000_000)
    yield Case("says-a-billion-pages.pdf", pdf(CATALOG, billion, *rest), PUBLISHED)
    yield Case("says-minus-one-page.pdf", pdf(CATALOG, tree(b"3 0 R", -1), *rest), EITHER)


def _boxes() -> Iterator[Case]:
    for name, box, end in (
        ("100000-points", b"0 0 100000 100000", FAILED),
        ("no-size", b"0 0 0 0", EITHER),
        ("turned-inside-out", b"300 80 0 0", PUBLISHED),
        ("not-a-number", b"0 0 nan inf", EITHER),
        ("endless", b"0 0 1e38 1e38", EITHER),
        ("thin", b"0 0 1 14400", EITHER),
    ):
        yield Case(f"page-{name}.pdf", one_page(stream(TEXT), box), end)


def _contents() -> Iterator[Case]:
    entries = (
        b"/Type /XObject /Subtype /Form /BBox [0 0 300 80] /Resources << /XObject << /X 6 0 R >> >>"
    )
    form = stream(b"/X Do /X Do", entries)
    page = leaf(resources=_FORM_6)
    itself = pdf(CATALOG, PAGES, page, stream(b"/X Do"), FONT, form)
    yield Case("form-of-itself.pdf", itself, EITHER)
    length = b"<< /Length 4 0 R >>\nstream\n" + TEXT + b"\nendstream"
    yield Case("length-of-itself.pdf", one_page(length), EITHER)
    yield Case("deep.pdf", one_page(stream(b"[" * 100_000 + b"]" * 100_000)), EITHER)
    yield Case("many-saves.pdf", one_page(stream(b"q " * 1_000_000)), EITHER)
    yield Case("bomb-in-content.pdf", one_page(stream(zeros(1000), _FLATE)), EITHER)
    twice = stream(zlib.compress(zeros(1000)), b"/Filter [/FlateDecode /FlateDecode]")
    yield Case("bomb-in-a-bomb.pdf", one_page(twice), EITHER)


def _pictures() -> Iterator[Case]:
    scan = small()
    ccitt = b" /DecodeParms << /K -1 /Columns %d /Rows %d >>" % scan.size
    jp2 = encoded("JPEG2000")
    region = jbig2(scan)
    yield Case("ccitt.pdf", _scan(fax_strip(scan), b"CCITTFaxDecode", 1, ccitt), PUBLISHED)
    yield Case("jpeg-2000.pdf", _scan(jp2, b"JPXDecode"), PUBLISHED)
    yield Case("jpeg.pdf", _scan(good()["jpg"], b"DCTDecode"), PUBLISHED)
    yield Case("jbig2.pdf", _scan(region, b"JBIG2Decode", 1), PUBLISHED)
    yield Case("jbig2-cut.pdf", _scan(region[:40], b"JBIG2Decode", 1), EITHER)
    yield Case("jpeg-2000-cut.pdf", _scan(jp2[:300], b"JPXDecode"), EITHER)
    bomb = _scan(zeros(1000), b"FlateDecode", size=(50_000, 50_000))
    yield Case("picture-of-a-bomb.pdf", bomb, EITHER)
    short = _scan(zlib.compress(b"x"), b"FlateDecode", size=(4000, 4000))
    yield Case("picture-larger-than-its-data.pdf", short, EITHER)


def _scan(
    data: bytes,
    coding: bytes,
    bits: int = 8,
    more: bytes = b"",
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a PDF of one picture with this data, which claims to have this ``size`` (width, height)."""
    entries = (
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent %d /ColorSpace /DeviceGray /Filter /%s"
        % (*(size or small().size), bits, coding)
    )
    draw = stream(b"q 300 0 0 80 0 0 cm /X Do Q")
    page = leaf(resources=_FORM_6)
    return pdf(CATALOG, PAGES, page, draw, FONT, stream(data, entries + more))


def _active() -> Iterator[Case]:
    for name, action in (
        ("javascript", b"<< /S /JavaScript /JS (app.alert\\(1\\);) >>"),
        ("launch", b"<< /S /Launch /F (/bin/sh) >>"),
        ("opens-an-address", b"<< /S /URI /URI (http://127.0.0.1:9/) >>"),
    ):
        catalog = b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s >>" % action
        yield Case(f"{name}.pdf", pdf(catalog, PAGES, leaf(), stream(TEXT), FONT), PUBLISHED)
    outside = stream(b"", b"/F (/etc/passwd) /FFilter /FlateDecode")
    yield Case("content-is-a-file-outside.pdf", one_page(outside), PUBLISHED)
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(one_page(stream(TEXT)))) as document:
        document.attachments["../../etc/cron.d/evil"] = b"* * * * * root sh"
        document.save(out)
    yield Case("attachment.pdf", out.getvalue(), PUBLISHED)
    yield Case("locked.pdf", _locked("u"), FAILED)
    yield Case("locked-for-printing-only.pdf", _locked(""), PUBLISHED)


def _locked(user_password: str) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(one_page(stream(TEXT)))) as document:
        document.save(out, encryption=pikepdf.Encryption(owner="o", user=user_password))
    return out.getvalue()
