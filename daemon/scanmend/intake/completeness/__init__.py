"""Tell whether all of a PDF, PNG, JPEG, TIFF … is there, by bounded reads of its bytes.

The kind is told by content, never by name. A file of another kind is Unknown: then the quiet period alone decides.
"""

from collections.abc import Callable
from typing import BinaryIO

from scanmend.intake.completeness.pdf import check_pdf, is_headless
from scanmend.intake.completeness.pictures import (
    check_bmp,
    check_gif,
    check_jpeg,
    check_jpeg_2000,
    check_png,
    check_webp,
)
from scanmend.intake.completeness.tiff import check_tiff
from scanmend.intake.completeness.verdict import (
    BeyondEnd,
    BoundedReader,
    BudgetExceeded,
    Complete,
    Incomplete,
    PossiblyIncomplete,
    Unknown,
    Verdict,
)

__all__ = [
    "Complete",
    "Incomplete",
    "PossiblyIncomplete",
    "Unknown",
    "Verdict",
    "is_complete",
    "is_headless_pdf",
]


def is_complete(file: BinaryIO, size: int) -> Verdict:
    """Look at an open file of ``size`` bytes. Raise OSError when it can't be read, and nothing else."""
    data = BoundedReader(file, size)
    try:
        head = data.at(0, min(size, 1024))
        if not head.strip(b"\0"):
            return Incomplete("no content yet, only space set aside")
        check = _check_for(head) or (check_pdf if is_headless(data) else None)
        return check(data) if check else Unknown()
    except BeyondEnd:
        return Incomplete("the file ends in the middle")
    except BudgetExceeded:
        return Unknown()


def _check_for(head: bytes) -> Callable[[BoundedReader], Verdict] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return check_png
    if head.startswith(b"\xff\xd8"):
        return check_jpeg
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return check_tiff
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return check_gif
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return check_webp
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return check_bmp
    if head[:12] == b"\0\0\0\x0cjP  \r\n\x87\n":
        return check_jpeg_2000
    if b"%PDF-" in head:
        return check_pdf
    return None


def is_headless_pdf(file: BinaryIO, size: int) -> bool:
    """Return whether a file of no other known kind is a PDF that lost its beginning. Raise OSError as ``file`` does."""
    try:
        return is_headless(BoundedReader(file, size))
    except BeyondEnd:
        return False
