"""Input files whose read errors survive the libraries that decode them.

On a share a read may fail in the middle of a file. PDFium takes that for damage or leaves a hole in the page; Pillow
leaves out tags and pages. These files keep the first OSError and raise it when they are left, so that the machine is
blamed and not the document.
"""

import errno
import io
import os
from collections.abc import Callable
from typing import Any

UNMAPPED_MAX_BYTES = 256_000_000  # of a TIFF that is held in memory instead of mapped


class InputFile(io.FileIO):
    """A file to read; leaving its ``with`` raises the first OSError that a read met."""

    def __init__(self, path: str) -> None:
        """Open the file; OSError."""
        super().__init__(path)
        self._error: OSError | None = None

    def readinto(self, buffer: Any) -> int:
        """Read into ``buffer``; return the number of bytes."""
        return self._read(super().readinto, buffer) or 0

    def readall(self) -> bytes:
        """Return all bytes from the current position on."""
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
    """An input file for PDFium, through whose callback no exception passes."""

    def readinto(self, buffer: Any) -> int:
        """Fill all of ``buffer`` and return its size, else return 0."""
        view = memoryview(buffer).cast("B")
        done = 0
        try:
            while done < len(view):
                count = super().readinto(view[done:])
                if not count:
                    raise OSError(errno.EIO, "the file ended before its end", self.name)
                done += count
        except OSError as error:
            self._error = self._error or error
            return 0
        return done


class UnmappedFile(io.BufferedReader):
    """An input file for Pillow that hides its descriptor, so that Python alone reads it.

    libtiff would map the file, and a failed read of a mapped file is a SIGBUS. Without a descriptor Pillow holds a TIFF
    in memory; a TIFF of more than ``UNMAPPED_MAX_BYTES`` is mapped all the same.
    """

    def fileno(self) -> int:
        """Raise UnsupportedOperation, unless the file is too large for the memory."""
        descriptor = super().fileno()
        if os.fstat(descriptor).st_size <= UNMAPPED_MAX_BYTES:
            raise io.UnsupportedOperation("to be read, not mapped")
        return descriptor
