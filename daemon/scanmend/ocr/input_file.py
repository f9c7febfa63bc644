"""Input files that raise I/O errors which the decoding libraries hide.

On a share a read may fail in the middle of a file. PDFium reports that as damage, or leaves a hole in the page; Pillow
leaves out tags and pages. These files keep the first OSError and raise it at the end of their ``with`` block, so that
it counts as the machine's fault and not as the document's.
"""

import errno
import io
import os
from collections.abc import Callable
from typing import Any

MAX_UNMAPPED_BYTES = 256_000_000  # of a TIFF that Pillow holds in memory instead of mapping it


class InputFile(io.FileIO):
    """A file to read. The end of its ``with`` block raises the first OSError of a read."""

    def __init__(self, path: str) -> None:
        """Open the file. Raise OSError."""
        super().__init__(path)
        self._error: OSError | None = None

    def readinto(self, buffer: Any) -> int:
        """Read into ``buffer``; return the number of bytes. Raise OSError."""
        return self._read(super().readinto, buffer) or 0

    def readall(self) -> bytes:
        """Return all bytes from the current position on. Raise OSError."""
        return bytes(self._read(super().readall))

    def _read(self, read: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return read(*arguments)
        except OSError as error:
            self._error = self._error or error
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._error is not None:
            raise self._error from None


class PdfiumInputFile(InputFile):
    """An input file for PDFium, whose read callback can't pass on an exception."""

    def readinto(self, buffer: Any) -> int:
        """Fill all of ``buffer`` and return its size; return 0 after an error, which the block's end raises."""
        view = memoryview(buffer).cast("B")
        filled = 0
        try:
            while filled < len(view):
                count = super().readinto(view[filled:])
                if not count:
                    raise OSError(errno.EIO, "the file ended before its end", self.name)
                filled += count
        except OSError as error:
            self._error = self._error or error
            return 0
        return filled


class UnmappedFile(io.BufferedReader):
    """An input file for Pillow that hides its descriptor, so that Python alone reads it.

    libtiff would map the file, and a failed read of a mapped file is a SIGBUS, which ends the process. Without a
    descriptor Pillow holds a TIFF in memory; a TIFF of more than ``MAX_UNMAPPED_BYTES`` is mapped all the same.
    """

    def fileno(self) -> int:
        """Return the descriptor of a file that is too large for the memory; raise UnsupportedOperation for others."""
        descriptor = super().fileno()
        if os.fstat(descriptor).st_size <= MAX_UNMAPPED_BYTES:
            raise io.UnsupportedOperation("to be read, not mapped")
        return descriptor
