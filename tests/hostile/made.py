"""Build hostile files from pictures, PNG chunks, TIFF directories and PDF objects with any content."""

import functools
import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from samples import encoded as sample
from samples import page

PUBLISHED, FAILED, EITHER = "published", "failed", "either"
LINE = ["the granary ledger"]

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
TEXT = b"BT /F 14 Tf 20 40 Td (the granary ledger) Tj ET"


@dataclass(frozen=True, slots=True)
class Case:
    """A file for the inbox, and its required end: PUBLISHED, FAILED, or EITHER if damage may leave something to read."""

    name: str
    data: bytes
    end: str


def small() -> Image.Image:
    """Return a small page, which is read in no time."""
    return page(LINE, size=(420, 90), points=24)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    """Return an image as a file of Pillow's format ``kind``."""
    out = io.BytesIO()
    (image or small()).save(out, kind, **options)
    return out.getvalue()


@functools.cache
def good() -> dict[str, bytes]:
    """Return a whole file of each format, by extension."""
    colour = small().convert("RGB")
    return {
        "png": encoded("PNG"),
        "jpg": encoded("JPEG"),
        "tif": encoded("TIFF", compression="tiff_lzw"),
        "bmp": encoded("BMP"),
        "gif": encoded("GIF"),
        "webp": encoded("WEBP", colour, lossless=True),
        "jp2": encoded("JPEG2000"),
        "avif": encoded("AVIF", colour),
        "heic": sample("heif"),
        "pdf": encoded("PDF", resolution=150),
    }


@functools.cache
def zeros(megabytes: int) -> bytes:
    """Return this number of megabytes of zeros, compressed."""
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


# pictures -----------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    """Return a PNG of grey pixels with this compressed data, and with the chunks ``more`` before it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def ifd(tags: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """Return a TIFF of one directory with these tags (tag, type, count, value); ``following`` is the next one's offset."""
    body = struct.pack("<H", len(tags))
    body += b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", following) + bytes(64)


def fax_strip(image: Image.Image) -> bytes:
    """Return the image coded by MMR (CCITT group 4), without a header."""
    tiff = encoded("TIFF", image.convert("1"), compression="group4")
    with Image.open(io.BytesIO(tiff)) as fax:
        start, length = fax.tag_v2[273][0], fax.tag_v2[279][0]  # type: ignore[attr-defined]
    return tiff[start : start + length]


def jbig2(image: Image.Image) -> bytes:
    """Return JBIG2 of two segments: page information, and a generic region by MMR (ITU-T T.88, 7.4.6 and 6.2.6)."""
    width, height = image.size
    information = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", width, height, 0, 0, 0, 1) + fax_strip(image)
    parts = [
        struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data
        for number, kind, data in ((0, 48, information), (1, 38, region))
    ]
    return b"".join(parts)


# PDFs ---------------------------------------------------------------------------------------------


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Return a PDF of these objects, numbered from 1, with a correct cross-reference table."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + text + b"\nendobj\n"
    start = len(out)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    out += b"trailer\n<< /Size %d " % (len(objects) + 1) + trailer + b" >>\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object with further ``entries`` in its dictionary."""
    return b"<< /Length %d %s >>\nstream\n" % (len(data), entries) + data + b"\nendstream"


def leaf(box: bytes = b"0 0 300 80", resources: bytes = b"") -> bytes:
    """Return a page object, whose content is object 4 and whose font is object 5."""
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> %s >> >>"
        % (box, resources)
    )


def one_page(content: bytes, box: bytes = b"0 0 300 80") -> bytes:
    """Return a PDF of one page with this content object."""
    return pdf(CATALOG, PAGES, leaf(box), content, FONT)
