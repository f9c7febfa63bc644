"""Whether a PDF is complete. Whatever looks odd at its end is no more than a hint."""

import re

from scanmend.intake.completeness.verdict import (
    CHUNK_BYTES,
    TRAILER_BYTES,
    BoundedReader,
    Complete,
    PossiblyIncomplete,
    Verdict,
)

_TAIL_BYTES = 2048  # before the padding, in which a PDF's end stands
_OBJECT = re.compile(rb"(?:^|[\r\n])\d{1,10} \d{1,5} obj\b")
_END_MARKS = (b"%%EOF", b"startxref", b"trailer", b"endobj")


def check_pdf(data: BoundedReader) -> Verdict:
    """Look for ``startxref N %%EOF`` near the end, and for a cross reference at N."""
    tail = _tail(data)
    end = tail.rfind(b"%%EOF")
    if end < 0:
        return PossiblyIncomplete("no %%EOF near the end of the PDF")
    if re.search(rb"\d\s+\d+\s+obj\b", tail[end:]):
        return PossiblyIncomplete("a revision of the PDF is being added")
    found = re.findall(rb"startxref\s+(\d+)\s*$", tail[:end])
    if not found:
        return PossiblyIncomplete("no startxref before the last %%EOF of the PDF")
    head = data.at(0, min(data.size, 1024))
    # a linearized PDF has an end of its own near its start
    linearized = re.search(rb"/Linearized\b.*?/L\s+(\d+)", head, re.DOTALL)
    if linearized and data.size < int(linearized[1]):
        return PossiblyIncomplete("the PDF is shorter than it says")
    header = max(0, head.find(b"%PDF-"))
    offset = int(found[0])
    # some writers count from the header, some from the file's start
    if any(_is_cross_reference(data, start) for start in {offset, offset + header}):
        return Complete()
    # a cross reference elsewhere is damage that readers repair: the file is not cut short
    if offset < data.size:
        return Complete()
    return PossiblyIncomplete("the PDF's cross reference lies beyond the end")


def _is_cross_reference(data: BoundedReader, start: int) -> bool:
    if start >= data.size:
        return False
    there = data.at(start, min(64, data.size - start)).lstrip()
    return there.startswith(b"xref") or re.match(rb"\d+\s+\d+\s+obj", there) is not None


def is_headless(data: BoundedReader) -> bool:
    """Return whether a PDF's objects stand near the start and the marks of its end near the end."""
    head = data.at(0, min(data.size, CHUNK_BYTES))
    if head.startswith(b"PK\3\4"):  # an archive that holds a PDF
        return False
    if b"%PDF-" not in head and not (_OBJECT.search(head) and b"endobj" in head):
        return False
    tail = _tail(data)
    return any(mark in tail for mark in _END_MARKS)


def _tail(data: BoundedReader) -> bytes:
    used = _size_without_padding(data)
    length = min(used, _TAIL_BYTES)
    return data.at(used - length, length)


def _size_without_padding(data: BoundedReader) -> int:
    """Return the size without the zeros and blanks with which some devices fill the last blocks."""
    used = data.size
    while used and data.size - used < TRAILER_BYTES:
        start = max(0, used - CHUNK_BYTES)
        rest = len(data.at(start, used - start).rstrip(b"\0 \t\r\n"))
        if rest:
            return start + rest
        used = start
    return data.size
