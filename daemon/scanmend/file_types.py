"""Define the types of files that scanmend reads: the only table of them, used by all other code.

A file's first bytes determine its type, never its name. ``marks`` are few bytes, so that a damaged file still counts as
its type; ``signature`` is strict, so that arbitrary bytes don't. A new type needs a row here, and, if its bytes show
whether the file is complete, a function in ``intake.completeness``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 1024  # "%PDF-" may stand anywhere in these (ISO 32000-1, annex H, note 13)
OBJECT_SEARCH_BYTES = (
    64 * 2**10
)  # at the start, in which a PDF without a header must have an object
TAIL_BYTES = 2048  # at the end, before padding, in which the end of a PDF must stand
MAX_PADDING_BYTES = 16 * 2**20  # at the end
SEARCH_STEP_BYTES = 64 * 2**10

ReadAt = Callable[[int, int], bytes]  # offset, length → these bytes of the file


@dataclass(frozen=True, slots=True)
class FileType:
    """One type of file that scanmend reads.

    ``extensions``: in lower case, the usual one first. ``pillow_format``: Pillow's name; None for PDF, which PDFium opens.
    ``marks``: every file of this type begins with one of them. ``signature``: matches the first HEAD_BYTES of a file of
    this type whose beginning is intact.
    """

    name: str
    media_type: str
    extensions: tuple[str, ...]
    pillow_format: str | None
    marks: tuple[bytes, ...]
    signature: re.Pattern[bytes]


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    """Return a pattern that matches only at the start of a file."""
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
# ISO 23008-12 (HEIF) and AVIF: a box "ftyp" with the main brand, and often with brands that the file conforms to
_FTYP_SIZES = range(16, 84, 4)
_HEIF_BRANDS = (
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
)
_AVIF_BRANDS = (b"avif", b"avis")


def _ftyp_marks(brands: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(
        size.to_bytes(4, "big") + b"ftyp" + brand for size in _FTYP_SIZES for brand in brands
    )


_BOX_AFTER_FTYP = rb".{4,80}?.{4}(?:meta|moov|mdat|free|skip|wide|uuid)"
AVIF = FileType(  # before HEIF: an AVIF may have the main brand "mif1", and "avif" among the others
    "AVIF",
    "image/avif",
    (".avif", ".avifs"),
    "AVIF",
    _ftyp_marks(_AVIF_BRANDS),
    _starts(rb"\0\0\0.ftyp(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4}){0,14}?avi[fs])" + _BOX_AFTER_FTYP),
)
HEIF = FileType(
    "HEIC",
    "image/heif",
    (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "HEIF",
    _ftyp_marks(_HEIF_BRANDS),
    _starts(rb"\0\0\0.ftyp(?:" + b"|".join(_HEIF_BRANDS) + rb")" + _BOX_AFTER_FTYP),
)
FILE_TYPES = (PDF, JPEG, PNG, TIFF, WEBP, GIF, BMP, JPEG_2000, AVIF, HEIF)
PICTURE_TYPES = FILE_TYPES[1:]
NAMES = ", ".join(file_type.name for file_type in FILE_TYPES)  # for messages


def by_marks(head: bytes) -> FileType | None:
    """Return the type whose mark is in a file's first HEAD_BYTES, even if the rest of them is damaged; else None."""
    for file_type in PICTURE_TYPES:
        if head.startswith(file_type.marks):
            return file_type
    return PDF if b"%PDF-" in head else None


def by_signature(head: bytes) -> FileType | None:
    """Return the type of a file with these first HEAD_BYTES; None for a type that scanmend does not read."""
    for file_type in (*PICTURE_TYPES, PDF):
        if file_type.signature.search(head):
            return file_type
    return None


def by_extension(extension: str) -> FileType | None:
    """Return the type whose usual extension this is, such as ".tif"; None if there is none."""
    return next(
        (file_type for file_type in FILE_TYPES if file_type.extensions[0] == extension), None
    )


def by_pillow_format(name: str) -> FileType | None:
    """Return the type with this name in Pillow; None if there is none."""
    return next((file_type for file_type in PICTURE_TYPES if file_type.pillow_format == name), None)


# PDFs without a header ----------------------------------------------------------------------------


_PDF_OBJECT = re.compile(rb"(?:^|[\r\n])\d{1,10} \d{1,5} obj\b")
_PDF_END_MARKS = (b"%%EOF", b"startxref", b"trailer", b"endobj")


def is_headless_pdf(read: ReadAt, size: int) -> bool:
    """Return whether a file of unknown type is a PDF that lost its beginning.

    Such a file has objects of a PDF near its start, and the marks of a PDF's end near its end. Raises as ``read`` does.
    """
    head = read(0, min(size, OBJECT_SEARCH_BYTES))
    if head.startswith(b"PK\3\4"):  # an archive that holds a PDF
        return False
    if b"%PDF-" not in head and not (_PDF_OBJECT.search(head) and b"endobj" in head):
        return False
    tail = tail_of(read, size)
    return any(mark in tail for mark in _PDF_END_MARKS)


def tail_of(read: ReadAt, size: int) -> bytes:
    """Return the last TAIL_BYTES before the padding."""
    used = size_without_padding(read, size)
    length = min(used, TAIL_BYTES)
    return read(used - length, length)


def size_without_padding(read: ReadAt, size: int) -> int:
    """Return the size in bytes without the zeros and blanks with which some devices fill their last blocks."""
    used = size
    while used and size - used < MAX_PADDING_BYTES:
        start = max(0, used - SEARCH_STEP_BYTES)
        rest = len(read(start, used - start).rstrip(b"\0 \t\r\n"))
        if rest:
            return start + rest
        used = start
    return size
