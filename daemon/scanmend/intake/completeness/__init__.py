"""Tell whether all of a PDF, PNG, JPEG, TIFF … is there, by bounded reads of its bytes.

The kind is told by content, never by name. A file of another kind is Unknown: then the quiet period alone decides.
"""

from collections.abc import Callable
from typing import BinaryIO

from scanmend import file_types
from scanmend.file_types import FileType
from scanmend.intake.completeness.pdf import check_pdf
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
]


def is_complete(file: BinaryIO, size: int) -> Verdict:
    """Look at an open file of ``size`` bytes. Raise OSError when it can't be read, and nothing else."""
    data = BoundedReader(file, size)
    try:
        head = data.at(0, min(size, 1024))
        if not head.strip(b"\0"):
            return Incomplete("no content yet, only space set aside")
        kind = file_types.by_marks(head)
        if kind is None and file_types.is_headless_pdf(data.at, size):
            kind = file_types.PDF
        return _CHECKS[kind](data) if kind else Unknown()
    except BeyondEnd:
        return Incomplete("the file ends in the middle")
    except BudgetExceeded:
        return Unknown()


_CHECKS: dict[FileType, Callable[[BoundedReader], Verdict]] = {
    file_types.PDF: check_pdf,
    file_types.PNG: check_png,
    file_types.JPEG: check_jpeg,
    file_types.TIFF: check_tiff,
    file_types.GIF: check_gif,
    file_types.WEBP: check_webp,
    file_types.BMP: check_bmp,
    file_types.JPEG_2000: check_jpeg_2000,
}
