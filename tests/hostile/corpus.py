"""Files that nobody should send, and what has to become of them: made here, every one.

A file is published, or it fails with a reason; ``EITHER`` where the damage may leave something to read.
"""

import functools
import io
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pikepdf
from PIL import Image

from samples import page

PUBLISHED, FAILED, EITHER = "published", "failed", "either"
LINE = ["the granary ledger"]


@dataclass(frozen=True, slots=True)
class Case:
    """A file for the inbox, and its end."""

    name: str
    data: bytes
    end: str


def small() -> Image.Image:
    """A page that is read in no time."""
    return page(LINE, size=(420, 90), points=24)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or small()).save(out, kind, **options)
    return out.getvalue()


def good() -> dict[str, bytes]:
    """One whole file of each format."""
    colour = small().convert("RGB")
    return {
        "png": encoded("PNG"),
        "jpg": encoded("JPEG"),
        "tif": encoded("TIFF", compression="tiff_lzw"),
        "bmp": encoded("BMP"),
        "gif": encoded("GIF"),
        "webp": encoded("WEBP", colour, lossless=True),
        "jp2": encoded("JPEG2000"),
        "pdf": encoded("PDF", resolution=150),
    }


def cases() -> list[Case]:
    """All of them."""
    found = [
        *_truncated(),
        *_flipped(),
        *_misnamed(),
        *_pictures(),
        *_bombs(),
        *_tiffs(),
        *_pdfs(),
        *_no_documents(),
        *_names(),
    ]
    assert len({case.name for case in found}) == len(found)
    return found


def _truncated() -> Iterator[Case]:
    for kind, data in good().items():
        for tenth in range(1, 10):
            yield Case(f"cut-{tenth}0.{kind}", data[: len(data) * tenth // 10], EITHER if kind in ("jp2", "gif") else FAILED)  # fmt: skip


def _flipped() -> Iterator[Case]:
    rng = random.Random(4)
    for kind, data in good().items():
        for number in range(4):
            changed = bytearray(data)
            for _ in range(1 + 3 * number):
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            yield Case(f"flipped-{number}.{kind}", bytes(changed), EITHER)


def _misnamed() -> Iterator[Case]:
    files = good()
    for kind, name in {
        "png": "pdf",
        "jpg": "png",
        "tif": "jpg",
        "pdf": "tif",
        "bmp": "pdf",
    }.items():
        yield Case(f"is-{kind}.{name}", files[kind], PUBLISHED)
    yield Case("no-extension", files["png"], PUBLISHED)
    yield Case("after-it-more.png", files["png"] + b"<script>alert(1)</script>" * 100, PUBLISHED)
    yield Case("before-it-more.pdf", b"#!/bin/sh\nexit\n" + files["pdf"], EITHER)


def _pictures() -> Iterator[Case]:
    grey, colour = small(), small().convert("RGB")
    yield Case("one-bit.png", encoded("PNG", grey.convert("1")), PUBLISHED)
    yield Case("palette.png", encoded("PNG", colour.quantize(4)), PUBLISHED)
    yield Case("alpha.png", encoded("PNG", colour.convert("RGBA")), PUBLISHED)
    values = b"".join(struct.pack("<H", value * 257) for value in grey.tobytes())
    sixteen = Image.frombytes("I;16", grey.size, values)
    yield Case("sixteen-bit.png", encoded("PNG", sixteen), PUBLISHED)
    yield Case("sixteen-bit.tif", encoded("TIFF", sixteen), PUBLISHED)
    yield Case("cmyk.jpg", encoded("JPEG", colour.convert("CMYK")), PUBLISHED)
    yield Case("cmyk.tif", encoded("TIFF", colour.convert("CMYK")), PUBLISHED)
    yield Case("lab.tif", encoded("TIFF", colour.convert("YCbCr"), compression="jpeg"), PUBLISHED)
    yield Case("float.tif", encoded("TIFF", grey.convert("F")), EITHER)
    yield Case("fax.tif", encoded("TIFF", grey.convert("1"), compression="group4"), PUBLISHED)
    yield Case("fax3.tif", encoded("TIFF", grey.convert("1"), compression="group3"), PUBLISHED)
    more = {"save_all": True, "append_images": [colour.rotate(180)] * 3, "duration": 100}
    yield Case("animated.gif", encoded("GIF", colour, **more), PUBLISHED)
    yield Case("animated.webp", encoded("WEBP", colour, lossless=True, **more), PUBLISHED)
    yield Case("animated.png", encoded("PNG", colour, **more), PUBLISHED)
    yield Case("progressive.jpg", encoded("JPEG", colour, progressive=True), PUBLISHED)
    yield Case("one-pixel.png", encoded("PNG", Image.new("L", (1, 1), 255)), PUBLISHED)
    yield Case("one-row.png", encoded("PNG", Image.new("L", (3000, 1), 255)), EITHER)
    yield Case("one-column.png", encoded("PNG", Image.new("L", (1, 3000), 255)), EITHER)
    yield Case("blank.png", encoded("PNG", Image.new("L", (900, 1200), 255)), PUBLISHED)
    yield Case("black.png", encoded("PNG", Image.new("L", (900, 1200), 0)), PUBLISHED)
    yield Case("noise.png", encoded("PNG", Image.effect_noise((300, 300), 200)), PUBLISHED)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield Case("turned-by-exif.jpg", encoded("JPEG", grey, exif=exif), PUBLISHED)
    exif[0x010E] = "x" * 60000
    yield Case("much-exif.jpg", encoded("JPEG", grey, exif=exif), PUBLISHED)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    """A PNG of grey pixels whose packed data may be anything."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@functools.cache
def zeros(megabytes: int) -> bytes:
    """So many zeros, packed."""
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


def _bombs() -> Iterator[Case]:
    yield Case("bomb-50000x50000.png", png(50_000, 50_000, zeros(300)), FAILED)
    yield Case("bomb-largest.png", png(2**31 - 1, 2**31 - 1, zeros(1)), FAILED)
    yield Case("bomb-in-text.png", png(8, 8, zlib.compress(bytes(72)), chunk(b"zTXt", b"Comment\0\0" + zeros(300))), EITHER)  # fmt: skip
    yield Case("bomb-in-profile.png", png(8, 8, zlib.compress(bytes(72)), chunk(b"iCCP", b"p\0\0" + zeros(300))), EITHER)  # fmt: skip
    yield Case("more-data-than-pixels.png", png(100, 100, zeros(300)), EITHER)
    yield Case("fewer-data-than-pixels.png", png(1000, 1000, zlib.compress(bytes(2000))), EITHER)
    jpeg = bytearray(good()["jpg"])
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 65500, 65500)
    yield Case("bomb-65500x65500.jpg", bytes(jpeg), FAILED)
    bmp = bytearray(good()["bmp"])
    bmp[18:26] = struct.pack("<ii", 2**30, 2**30)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2  # 16384 by 16384
    webp = b"WEBP" + canvas + good()["webp"][12:]
    yield Case("bomb.webp", b"RIFF" + struct.pack("<I", len(webp)) + webp, FAILED)
    yield Case("bomb.bmp", bytes(bmp), FAILED)
    gif = bytearray(good()["gif"])
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    yield Case("bomb.gif", bytes(gif), FAILED)
    wide = ifd([(256, 4, 1, 2**31), (257, 4, 1, 2**31), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, 2**31), (279, 4, 1, 16)])  # fmt: skip
    yield Case("bomb.tif", wide, FAILED)


def ifd(tags: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """A TIFF of one directory whose tags may say anything."""
    body = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", *tag) for tag in sorted(tags)
    )
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", following) + bytes(64)


def _tiffs() -> Iterator[Case]:
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64)]  # fmt: skip
    yield Case("loop.tif", ifd(tags, following=8), PUBLISHED)
    yield Case("beyond-the-end.tif", ifd(tags, following=2**31), FAILED)
    yield Case("no-tags.tif", ifd([]), FAILED)
    yield Case("a-million-strips.tif", ifd([*tags[:5], (273, 4, 2**20, 8), (278, 4, 1, 8), (279, 4, 2**20, 8)]), FAILED)  # fmt: skip
    yield Case("no-size.tif", ifd(tags[2:]), FAILED)
    dot = Image.new("1", (8, 8), 1)
    many = {"save_all": True, "append_images": [dot] * 999}
    yield Case("1000-pages.tif", encoded("TIFF", dot, **many), FAILED)  # limits.pages of the test


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1, with a right table."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, text in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + text + b"\nendobj\n"
    start = len(out)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    out += b"trailer\n<< /Size %d " % (len(objects) + 1) + trailer + b" >>\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n" % (len(data), entries) + data + b"\nendstream"


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
TEXT = b"BT /F 14 Tf 20 40 Td (the granary ledger) Tj ET"


def leaf(box: bytes = b"0 0 300 80", more: bytes = b"") -> bytes:
    """A page object; its content is object 4, its font object 5."""
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> %s >> >>"
        % (box, more)
    )


def _pdfs() -> Iterator[Case]:
    yield Case("text.pdf", pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT), PUBLISHED)
    steering = rb"BT /F 14 Tf 20 40 Td (the \033[31mgranary\007 ledger) Tj ET"
    yield Case(
        "steers-the-terminal.pdf", pdf(CATALOG, PAGES, leaf(), stream(steering), FONT), PUBLISHED
    )
    yield Case("no-content.pdf", pdf(CATALOG, PAGES, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 80] >>"), PUBLISHED)  # fmt: skip
    yield Case("no-pages.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"), FAILED)
    yield Case(
        "no-root.pdf", pdf(CATALOG, PAGES, trailer=b""), EITHER
    )  # repaired: the catalog is there
    yield Case("catalog-is-itself.pdf", pdf(b"1 0 R"), FAILED)
    yield Case("pages-in-a-circle.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"), FAILED)  # fmt: skip
    yield Case("pages-of-each-other.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>", b"<< /Type /Pages /Parent 3 0 R /Kids [2 0 R] /Count 9 >>"), FAILED)  # fmt: skip
    yield Case("ten-thousand-pages.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [%s] /Count 10000 >>" % (b"3 0 R " * 10000), leaf(), stream(TEXT), FONT), FAILED)  # fmt: skip
    yield Case("says-a-billion-pages.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", leaf(), stream(TEXT), FONT), PUBLISHED)  # fmt: skip
    yield Case("says-minus-one-page.pdf", pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count -1 >>", leaf(), stream(TEXT), FONT), EITHER)  # fmt: skip
    for name, box in {
        "100000-points": b"0 0 100000 100000", "no-size": b"0 0 0 0", "turned-inside-out": b"300 80 0 0", "not-a-number": b"0 0 nan inf",
        "endless": b"0 0 1e38 1e38", "thin": b"0 0 1 14400",
    }.items():  # fmt: skip
        end = {"100000-points": FAILED, "turned-inside-out": PUBLISHED}.get(name, EITHER)
        yield Case(f"page-{name}.pdf", pdf(CATALOG, PAGES, leaf(box), stream(TEXT), FONT), end)
    itself = b"/XObject << /X 6 0 R >>"
    form = stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 300 80] /Resources << /XObject << /X 6 0 R >> >>")  # fmt: skip
    yield Case("form-of-itself.pdf", pdf(CATALOG, PAGES, leaf(more=itself), stream(b"/X Do"), FONT, form), EITHER)  # fmt: skip
    yield Case("length-of-itself.pdf", pdf(CATALOG, PAGES, leaf(), b"<< /Length 4 0 R >>\nstream\n" + TEXT + b"\nendstream", FONT), EITHER)  # fmt: skip
    yield Case("deep.pdf", pdf(CATALOG, PAGES, leaf(), stream(b"[" * 100_000 + b"]" * 100_000), FONT), EITHER)  # fmt: skip
    yield Case("many-saves.pdf", pdf(CATALOG, PAGES, leaf(), stream(b"q " * 1_000_000), FONT), EITHER)  # fmt: skip
    yield Case("bomb-in-content.pdf", pdf(CATALOG, PAGES, leaf(), stream(zeros(1000), b"/Filter /FlateDecode"), FONT), EITHER)  # fmt: skip
    twice = zlib.compress(zeros(1000))
    yield Case("bomb-in-a-bomb.pdf", pdf(CATALOG, PAGES, leaf(), stream(twice, b"/Filter [/FlateDecode /FlateDecode]"), FONT), EITHER)  # fmt: skip
    picture = b"/Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent %d /ColorSpace /DeviceGray /Filter /%s"  # fmt: skip
    draw = stream(b"q 300 0 0 80 0 0 cm /X Do Q")
    scan = small()

    def of(data: bytes, kind: bytes, size: tuple[int, int] = scan.size, bits: int = 8, more: bytes = b"") -> bytes:  # fmt: skip
        return pdf(CATALOG, PAGES, leaf(more=itself), draw, FONT, stream(data, picture % (*size, bits, kind) + more))  # fmt: skip

    fax = Image.open(io.BytesIO(encoded("TIFF", scan.convert("1"), compression="group4")))
    place, length = fax.tag_v2[273][0], fax.tag_v2[279][0]  # type: ignore[attr-defined]
    strip = encoded("TIFF", scan.convert("1"), compression="group4")[place : place + length]
    parameters = b" /DecodeParms << /K -1 /Columns %d /Rows %d >>" % scan.size
    yield Case("ccitt.pdf", of(strip, b"CCITTFaxDecode", bits=1, more=parameters), PUBLISHED)
    yield Case("jpeg-2000.pdf", of(encoded("JPEG2000"), b"JPXDecode"), PUBLISHED)
    yield Case("jpeg.pdf", of(good()["jpg"], b"DCTDecode"), PUBLISHED)
    yield Case("jbig2.pdf", of(jbig2(scan), b"JBIG2Decode", bits=1), PUBLISHED)
    yield Case("jbig2-cut.pdf", of(jbig2(scan)[:40], b"JBIG2Decode", bits=1), EITHER)
    yield Case("jpeg-2000-cut.pdf", of(encoded("JPEG2000")[:300], b"JPXDecode"), EITHER)
    yield Case("picture-of-a-bomb.pdf", of(zeros(1000), b"FlateDecode", size=(50_000, 50_000)), EITHER)  # fmt: skip
    yield Case("picture-larger-than-its-data.pdf", of(zlib.compress(b"x"), b"FlateDecode", size=(4000, 4000)), EITHER)  # fmt: skip
    yield from _active_pdfs()
    yield Case("table-of-lies.pdf", pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT).replace(b"00000 n", b"99999 n"), EITHER)  # fmt: skip
    yield Case("previous-is-itself.pdf", pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT, trailer=b"/Root 1 0 R /Prev 9"), EITHER)  # fmt: skip
    yield Case("only-a-head.pdf", b"%PDF-1.7\n", FAILED)
    yield Case("head-and-end.pdf", b"%PDF-1.7\nstartxref\n0\n%%EOF\n", FAILED)


def jbig2(image: Image.Image) -> bytes:
    """Two segments, page information and one generic region by MMR (ITU-T T.88, 7.4.6 and 6.2.6)."""
    width, height = image.size
    tiff = encoded("TIFF", image.convert("1"), compression="group4")
    with Image.open(io.BytesIO(tiff)) as fax:
        place, length = fax.tag_v2[273][0], fax.tag_v2[279][0]  # type: ignore[attr-defined]
    information = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", width, height, 0, 0, 0, 1) + tiff[place : place + length]
    parts = [
        struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data
        for number, kind, data in ((0, 48, information), (1, 38, region))
    ]
    return b"".join(parts)


def _active_pdfs() -> Iterator[Case]:
    script = b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\);) >> >>"
    yield Case("javascript.pdf", pdf(script, PAGES, leaf(), stream(TEXT), FONT), PUBLISHED)
    launch = b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> >>"
    yield Case("launch.pdf", pdf(launch, PAGES, leaf(), stream(TEXT), FONT), PUBLISHED)
    remote = (
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /URI /URI (http://127.0.0.1:9/) >> >>"
    )
    yield Case("opens-an-address.pdf", pdf(remote, PAGES, leaf(), stream(TEXT), FONT), PUBLISHED)
    outside = stream(b"", b"/F (/etc/passwd) /FFilter /FlateDecode")
    yield Case("content-is-a-file-outside.pdf", pdf(CATALOG, PAGES, leaf(), outside, FONT), PUBLISHED)  # fmt: skip
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT))) as document:
        document.attachments["../../etc/cron.d/evil"] = b"* * * * * root sh"
        document.save(out)
    yield Case("attachment.pdf", out.getvalue(), PUBLISHED)
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT))) as document:
        document.save(locked, encryption=pikepdf.Encryption(owner="o", user="u"))
    yield Case("locked.pdf", locked.getvalue(), FAILED)
    for_all = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(CATALOG, PAGES, leaf(), stream(TEXT), FONT))) as document:
        document.save(for_all, encryption=pikepdf.Encryption(owner="o", user=""))
    yield Case("locked-for-printing-only.pdf", for_all.getvalue(), PUBLISHED)


def _no_documents() -> Iterator[Case]:
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    texts = {
        "svg": svg, "html": b"<html><script>alert(1)</script></html>", "script": b"#!/bin/sh\nrm -rf /\n", "text": b"Dear Sir,\n",
        "zip": b"PK\3\4" + bytes(200), "elf": b"\x7fELF" + bytes(200), "ps": b"%!PS-Adobe-3.0\n(%%EOF) run\n", "zeros": bytes(4096),
        "random": random.Random(1).randbytes(4096), "eml": b"From: x\nSubject: y\n\nbody\n", "docx": b"PK\3\4[Content_Types].xml" + bytes(99),
        "heic": b"\0\0\0\x18ftypheic" + bytes(99), "mp4": b"\0\0\0\x18ftypisom" + bytes(99), "djvu": b"AT&TFORM" + bytes(99),
    }  # fmt: skip
    for name, data in texts.items():
        yield Case(f"{name}-named.pdf", data, FAILED)
    yield Case("plain.txt", b"no scan\n", FAILED)
    yield Case("drawing.svg", svg, FAILED)
    yield Case("empty.pdf", b"", FAILED)
    yield Case("one-byte.png", b"\x89", FAILED)


def _names() -> Iterator[Case]:
    data = good()["png"]
    for name in (
        "$(touch pwned).png", "`touch pwned`.png", "a;touch pwned;.png", "-rf.png", "--config=x.png", "new\nline.png", "tab\there.png",
        "escape\x1b[31mred.png", "{document} %s %n.png", "quote'\".png", "back\\slash.png", "CON.png", "trailing. .png", "x:y*?.png",
        "gnp.\u202egpj.png", "e\u0301.png", "\u00e9.png", "\N{FULLWIDTH SOLIDUS}.png", "bad-\udcff-bytes.png", f"{'n' * 251}.png",
        "a.png.json", "b.json", "c.txt",
    ):  # fmt: skip
        yield Case(name, data, PUBLISHED)
