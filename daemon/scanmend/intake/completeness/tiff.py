"""Check whether a TIFF is complete: all its directories, and the strips and tiles in them, lie inside the file."""

from scanmend.intake.completeness.verdict import (
    BoundedReader,
    Complete,
    Incomplete,
    Unknown,
    Verdict,
)
from scanmend.tiff_directories import (
    STRIP_COUNTS,
    STRIP_OFFSETS,
    TILE_COUNTS,
    TILE_OFFSETS,
    Directory,
    OddDirectory,
    Tiff,
)

_PICTURE_DATA = ((STRIP_OFFSETS, STRIP_COUNTS), (TILE_OFFSETS, TILE_COUNTS))


def check_tiff(data: BoundedReader) -> Verdict:
    """Follow the chain of directories to its end."""
    try:
        tiff = Tiff.of(data.at)
        if not tiff.first:
            return Incomplete("the TIFF has no directory yet")
        for number, directory in enumerate(tiff.chain(), 1):
            if any(field.end > data.size for field in directory.fields.values()):
                return Incomplete("the TIFF's directory names values beyond the end")
            for picture in (directory, *tiff.below(directory)):
                if not _picture_inside(tiff, picture, data.size):
                    return Incomplete(f"picture {number} of the TIFF is not all there")
    except OddDirectory:
        return Unknown()
    return Complete()


def _picture_inside(tiff: Tiff, directory: Directory, size: int) -> bool:
    """Return whether all strips or tiles of a picture lie inside the file of ``size`` bytes."""
    for offsets, counts in _PICTURE_DATA:
        if offsets in directory.fields and counts in directory.fields:
            starts = tiff.numbers(directory.fields[offsets])
            lengths = tiff.numbers(directory.fields[counts])
            if any(a + b > size for a, b in zip(starts, lengths, strict=False)):
                return False
    return True
