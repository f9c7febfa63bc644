"""A PDF's own bytes with its lost beginning or end put back, so that each object is where the file says it is.

Only what follows from the file itself is put back: then nothing is searched for, and nothing that an earlier
revision deleted comes back. What is damaged otherwise is left to ``repair``.
"""

import re
from dataclasses import dataclass

from scanmend.ocr.input_file import Source

SEARCHED = 4096 + 9  # bytes at the end in which PDFium looks for ``startxref``
LOST = 2**20  # bytes that may be missing at the start
MOST = 512 * 2**20  # bytes of a file that is mended or repaired: it is held in memory
_HEADER = b"%PDF-1.7\n"
# bounded: a file may be a million digits, or blanks
_END = re.compile(rb"startxref\s{1,64}(\d{1,12})\s{1,64}%%EOF")
_OBJECT_AT = rb"(?<!\d)\d{1,10}\s{1,4}\d{1,5}\s{1,4}obj\b"
_OBJECT = re.compile(_OBJECT_AT)
_CROSS_REFERENCE = re.compile(
    rb"(?<![a-z])xref\b|" + _OBJECT_AT + rb"\s{0,4}<<(?:(?!endobj)[^\0]){0,400}?/Type\s{0,4}/XRef\b"
)

NO_HEADER = "no header"
NO_END = "no end"
REVISION = "the last revision is not all there, the one before it was read"


@dataclass(frozen=True, slots=True)
class Mended:
    """The bytes of a PDF, and what was done to them, in a few words; nothing: empty.

    ``ended``: they end as a PDF does, or did; a cross reference at the end is written when all else is.
    """

    data: bytes
    done: tuple[str, ...]
    ended: bool


def is_being_revised(source: Source) -> bool:
    """Return whether a revision without an end follows a whole PDF: PDFium would show something in between."""
    size = source.seek(0, 2)
    source.seek(max(0, size - SEARCHED))
    tail = source.read(SEARCHED)
    source.seek(0)
    ends = list(_END.finditer(tail))
    if ends and not _OBJECT.search(tail, ends[-1].end()):
        return False
    if size > MOST:
        return False
    data = source.readall()
    source.seek(0)
    whole = _last_end(data)
    return whole > 0 and _OBJECT.search(data, whole) is not None


def mended(data: bytes) -> Mended:
    """Return the bytes with a header and an end, as far as they tell what these were."""
    data, beheaded = _with_header(data)
    whole = _last_end(data)
    done = [NO_HEADER] if beheaded else []
    if whole and not _OBJECT.search(data, whole):
        return Mended(data, tuple(done), ended=True)
    place = _cross_reference(data, whole)
    if place:
        return Mended(data + b"\nstartxref\n%d\n%%%%EOF\n" % place, (*done, NO_END), ended=True)
    if whole:
        return Mended(data[:whole], (*done, REVISION), ended=True)
    # qpdf passes over an object that the file ends with: let a comment stand there
    return Mended(data + b"\n%\n", tuple(done), ended=False)


def _last_end(data: bytes) -> int:
    """Return where the last end that is whole stands; 0: there is none, but that of a linearized PDF's first page."""
    ends = [found.end() for found in _END.finditer(data)]
    if b"/Linearized" in data[:1024]:
        ends = ends[1:]
    return ends[-1] if ends else 0


def _cross_reference(data: bytes, after: int) -> int:
    """Return where the cross reference that follows the last object stands, or is it; 0: there is none."""
    objects = [found.start() for found in _OBJECT.finditer(data, after)]
    if not objects:
        return 0
    tables = [found.start() for found in _CROSS_REFERENCE.finditer(data, max(0, objects[-1] - 12))]
    if not tables:
        return 0
    if b"/Linearized" in data[:1024] and not after:
        first = _CROSS_REFERENCE.search(data)
        return first.start() if first else 0
    return tables[0]


def _with_header(data: bytes) -> tuple[bytes, bool]:
    """Return the bytes with as many before them as make the cross reference stand where the end says it does."""
    head = data[:1024]
    if b"%PDF-" in head:
        return data, False
    ends = _END.findall(data)
    tables = [found.start() for found in _CROSS_REFERENCE.finditer(data)]
    if not ends or not tables:
        return data, False
    linearized = b"/Linearized" in head
    lost = int(ends[-1]) - (tables[0] if linearized else tables[-1])
    begin = _HEADER[:lost].ljust(lost, b" ") if 0 < lost <= LOST else b""
    return (begin + data, True) if (begin + head).startswith(b"%PDF-") else (data, False)
