"""The kinds of files that scanmend reads: the one table, used wherever a kind is told or named.

A kind is told by a file's first bytes, never by its name. ``marks`` are few bytes, so that a damaged file still
counts as its kind; ``signature`` is strict, so that arbitrary bytes don't. A new kind needs a row here, and a function
in ``intake.completeness`` where its bytes tell that the file is whole.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 1024  # a PDF's mark may stand anywhere in these (ISO 32000-1, annex H, note 13)
OBJECTS_WITHIN = 64 * 2**10  # bytes at the start in which a PDF without a header shows an object
TAIL_BYTES = 2048  # at the end, before padding, in which a PDF's end stands
PADDING_MAX = 16 * 2**20  # bytes at the end that may be padding
_CHUNK = 64 * 2**10

ReadAt = Callable[[int, int], bytes]  # offset, length → these bytes of the file


@dataclass(frozen=True, slots=True)
class FileType:
    """One kind of file that scanmend reads.

    ``extensions``: lower case, the usual one first. ``pillow_format``: Pillow's name; None for PDF, which PDFium opens.
    ``marks``: any file of this kind begins with one of them. ``signature``: matches the first 1024 bytes of a file of
    this kind whose start is whole.
    """

    name: str
    media_type: str
    extensions: tuple[str, ...]
    pillow_format: str | None
    marks: tuple[bytes, ...]
    signature: re.Pattern[bytes]


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\A(?:" + pattern + rb")", re.DOTALL)


PDF = FileType("PDF", "application/pdf", (".pdf",), None, (), re.compile(rb"%PDF-"))
JPEG = FileType(
    "JPEG",
    "image/jpeg",
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    "JPEG",
    (b"\xff\xd8",),
    _starts(rb"\xff\xd8\xff"),
)
PNG = FileType("PNG", "image/png", (".png",), "PNG", (b"\x89PNG",), _starts(rb"\x89PNG\r\n\x1a\n"))
TIFF = FileType(  # 42 for classic TIFF, 43 for BigTIFF, in either byte order
    "TIFF",
    "image/tiff",
    (".tif", ".tiff"),
    "TIFF",
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    _starts(rb"II[*+]\0|MM\0[*+]"),
)
WEBP = FileType("WebP", "image/webp", (".webp",), "WEBP", (b"RIFF",), _starts(rb"RIFF.{4}WEBP"))
GIF = FileType("GIF", "image/gif", (".gif",), "GIF", (b"GIF8",), _starts(rb"GIF8[79]a"))
BMP = FileType(  # "BM" alone is too little: the size of the second header must be a known one
    "BMP",
    "image/bmp",
    (".bmp", ".dib"),
    "BMP",
    (b"BM",),
    _starts(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
)
JPEG_2000 = FileType(  # in a JP2 container, or the bare code stream
    "JPEG 2000",
    "image/jp2",
    (".jp2", ".jpx", ".jpf", ".j2k", ".jpc"),
    "JPEG2000",
    (b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"),
    _starts(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
)
FILE_TYPES = (PDF, JPEG, PNG, TIFF, WEBP, GIF, BMP, JPEG_2000)
PICTURE_TYPES = FILE_TYPES[1:]
NAMES = ", ".join(kind.name for kind in FILE_TYPES)  # for messages


def by_marks(head: bytes) -> FileType | None:
    """Return the kind whose mark these first 1024 bytes hold, also where the rest of them is damaged."""
    for kind in PICTURE_TYPES:
        if head.startswith(kind.marks):
            return kind
    return PDF if b"%PDF-" in head else None


def by_signature(head: bytes) -> FileType | None:
    """Return the kind of a file with these first 1024 bytes; None for anything that scanmend does not read."""
    for kind in (*PICTURE_TYPES, PDF):
        if kind.signature.search(head):
            return kind
    return None


def by_extension(extension: str) -> FileType | None:
    """Return the kind that has this extension, such as ".tif", as its usual one."""
    return next((kind for kind in FILE_TYPES if kind.extensions[0] == extension), None)


def by_pillow_format(name: str) -> FileType | None:
    """Return the kind that Pillow calls so."""
    return next((kind for kind in PICTURE_TYPES if kind.pillow_format == name), None)


# PDFs without a header ----------------------------------------------------------------------------


_OBJECT = re.compile(rb"(?:^|[\r\n])\d{1,10} \d{1,5} obj\b")
_PDF_END_MARKS = (b"%%EOF", b"startxref", b"trailer", b"endobj")


def is_headless_pdf(read: ReadAt, size: int) -> bool:
    """Return whether a file of no known kind is a PDF that lost its beginning.

    Objects of a PDF then stand near the start, and the marks of a PDF's end near the end. Raises what ``read`` raises.
    """
    head = read(0, min(size, OBJECTS_WITHIN))
    if head.startswith(b"PK\3\4"):  # an archive that holds a PDF
        return False
    if b"%PDF-" not in head and not (_OBJECT.search(head) and b"endobj" in head):
        return False
    tail = tail_of(read, size)
    return any(mark in tail for mark in _PDF_END_MARKS)


def tail_of(read: ReadAt, size: int) -> bytes:
    """Return the last 2048 bytes before the padding."""
    used = size_without_padding(read, size)
    length = min(used, TAIL_BYTES)
    return read(used - length, length)


def size_without_padding(read: ReadAt, size: int) -> int:
    """Return the size in bytes without the zeros and blanks with which some devices fill the last blocks."""
    used = size
    while used and size - used < PADDING_MAX:
        start = max(0, used - _CHUNK)
        rest = len(read(start, used - start).rstrip(b"\0 \t\r\n"))
        if rest:
            return start + rest
        used = start
    return size
