"""Check whether a PDF, PNG, JPEG, TIFF … is complete, by a bounded number of reads.

The bytes tell the file type, never the name. A file of another type is Unknown: then the quiet period alone decides.
"""

from collections.abc import Callable
from typing import BinaryIO

from scanmend import file_types
from scanmend.file_types import FileType
from scanmend.intake.completeness.pdf import check_pdf
from scanmend.intake.completeness.pictures import (
    check_bmp,
    check_gif,
    check_heif,
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
    """Return whether an open file of ``size`` bytes is complete. Raise nothing but OSError."""
    data = BoundedReader(file, size)
    try:
        head = data.at(0, min(size, 1024))
        if not head.strip(b"\0"):
            return Incomplete("no content yet, only space set aside")
        file_type = file_types.by_marks(head)
        if file_type is None and file_types.is_headless_pdf(data.at, size):
            file_type = file_types.PDF
        return _CHECKS[file_type](data) if file_type else Unknown()
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
    file_types.HEIF: check_heif,
    file_types.AVIF: check_heif,
}
