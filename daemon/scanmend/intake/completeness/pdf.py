"""Check whether a PDF is complete. An odd end is only a hint, so the verdict is never Incomplete."""

import re

from scanmend import file_types
from scanmend.intake.completeness.verdict import (
    BoundedReader,
    Complete,
    PossiblyIncomplete,
    Verdict,
)


def check_pdf(data: BoundedReader) -> Verdict:
    """Look for ``startxref N %%EOF`` near the end, and for a cross reference at N."""
    tail = file_types.tail_of(data.at, data.size)
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
    data_at_start = data.at(start, min(64, data.size - start)).lstrip()
    return (
        data_at_start.startswith(b"xref")
        or re.match(rb"\d+\s+\d+\s+obj", data_at_start) is not None
    )
