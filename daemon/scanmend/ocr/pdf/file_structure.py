"""Restore the lost header or end of a PDF, so that each object is at the offset that the file names.

Only bytes that follow from the file itself are restored. Objects are not searched for, so no object comes back that a
revision has deleted. ``repair`` handles other damage. The terms are those of ISO 32000-1, 7.5 (file structure).
"""

import re
from dataclasses import dataclass

from scanmend.ocr.input_file import InputFile

END_BYTES = 4096 + 9  # at the end of a file, where PDFium looks for ``startxref``
MAX_LOST_BYTES = 2**20  # at the start of a file
MAX_FILE_BYTES = 512 * 2**20  # of a file to repair: it is held in memory
_HEADER = b"%PDF-1.7\n"
# all repetitions are bounded: a file may consist of a million digits or spaces
_END = re.compile(rb"startxref\s{1,64}(\d{1,12})\s{1,64}%%EOF")
_OBJECT_START = rb"(?<!\d)\d{1,10}\s{1,4}\d{1,5}\s{1,4}obj\b"
_OBJECT_PATTERN = re.compile(_OBJECT_START)
_CROSS_REFERENCE = re.compile(
    rb"(?<![a-z])xref\b|"
    + _OBJECT_START
    + rb"\s{0,4}<<(?:(?!endobj)[^\0]){0,400}?/Type\s{0,4}/XRef\b"
)

NO_HEADER = "no header"
NO_END = "no end"
REVISION_CUT = "the last revision is not all there, the one before it was read"


@dataclass(frozen=True, slots=True)
class RestoredBytes:
    """The bytes of a PDF with its header and end restored.

    ``changes``: in words for a warning. ``ended``: whether the file was finished, by its end or by its cross reference,
    which a program writes last.
    """

    data: bytes
    changes: tuple[str, ...]
    ended: bool


def has_unfinished_revision(source: InputFile) -> bool:
    """Return whether a revision without an end follows a complete PDF, of which PDFium would show a mixture."""
    size = source.seek(0, 2)
    source.seek(max(0, size - END_BYTES))
    tail = source.read(END_BYTES)
    source.seek(0)
    ends = list(_END.finditer(tail))
    if ends and not _OBJECT_PATTERN.search(tail, ends[-1].end()):
        return False
    if size > MAX_FILE_BYTES:
        return False
    data = source.readall()
    source.seek(0)
    end = _end_of_last_revision(data)
    return end > 0 and _OBJECT_PATTERN.search(data, end) is not None


def with_header_and_end(data: bytes) -> RestoredBytes:
    """Return the bytes of a file with its header and end restored, as far as they follow from the bytes."""
    data, beheaded = _with_header(data)
    end = _end_of_last_revision(data)
    changes = [NO_HEADER] if beheaded else []
    if end and not _OBJECT_PATTERN.search(data, end):
        return RestoredBytes(data, tuple(changes), ended=True)
    offset = _cross_reference(data, end)
    if offset:
        trailer = b"\nstartxref\n%d\n%%%%EOF\n" % offset
        return RestoredBytes(data + trailer, (*changes, NO_END), ended=True)
    if end:
        return RestoredBytes(data[:end], (*changes, REVISION_CUT), ended=True)
    # qpdf ignores an object right at the end of a file, unless a comment follows
    return RestoredBytes(data + b"\n%\n", tuple(changes), ended=False)


def _end_of_last_revision(data: bytes) -> int:
    """Return the offset after the last complete ``startxref N %%EOF``; 0 if there is none.

    The first one of a linearized PDF ends its first page only, and does not count.
    """
    ends = [match.end() for match in _END.finditer(data)]
    if b"/Linearized" in data[:1024]:
        ends = ends[1:]
    return ends[-1] if ends else 0


def _cross_reference(data: bytes, after: int) -> int:
    """Return the offset of the cross reference that is or follows the last object; 0 if there is none."""
    objects = [match.start() for match in _OBJECT_PATTERN.finditer(data, after)]
    if not objects:
        return 0
    tables = [match.start() for match in _CROSS_REFERENCE.finditer(data, max(0, objects[-1] - 12))]
    if not tables:
        return 0
    if b"/Linearized" in data[:1024] and not after:
        first = _CROSS_REFERENCE.search(data)
        return first.start() if first else 0
    return tables[0]


def _with_header(data: bytes) -> tuple[bytes, bool]:
    """Return the bytes with a header of the lost length if it is missing, and whether it was added.

    The length is the difference between the cross reference's offset by the file's end and its actual one.
    """
    head = data[:1024]
    if b"%PDF-" in head:
        return data, False
    ends = _END.findall(data)
    tables = [match.start() for match in _CROSS_REFERENCE.finditer(data)]
    if not ends or not tables:
        return data, False
    linearized = b"/Linearized" in head
    lost = int(ends[-1]) - (tables[0] if linearized else tables[-1])
    header = _HEADER[:lost].ljust(lost, b" ") if 0 < lost <= MAX_LOST_BYTES else b""
    return (header + data, True) if (header + head).startswith(b"%PDF-") else (data, False)
