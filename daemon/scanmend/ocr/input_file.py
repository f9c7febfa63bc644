"""A file that may fail in the middle, as on a share: what a library takes for damage is the machine's then."""

import errno
import io
import os
from collections.abc import Callable
from typing import Any

MOST_IN_MEMORY = 256_000_000  # bytes of a TIFF


class Source(io.FileIO):
    """A file; leaving its ``with`` raises the first OSError that a read met, whatever was made of it.

    PDFium takes a failed read for damage or leaves a hole in the page, Pillow leaves out tags and pages.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._error: OSError | None = None

    def readinto(self, buffer: Any) -> int:
        return self._noting(super().readinto, buffer) or 0

    def readall(self) -> bytes:
        return bytes(self._noting(super().readall))

    def _noting(self, read: Callable[..., Any], *given: Any) -> Any:
        try:
            return read(*given)
        except OSError as error:
            self._error = self._error or error
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._error is not None:
            raise self._error from None


class ForPdfium(Source):
    """The same for PDFium, through whose callback nothing can be raised."""

    def readinto(self, buffer: Any) -> int:
        """All of ``buffer``, else 0."""
        view = memoryview(buffer).cast("B")
        done = 0
        try:
            while done < len(view):
                got = super().readinto(view[done:])
                if not got:
                    raise OSError(errno.EIO, "the file ended before its end", self.name)
                done += got
        except OSError as error:
            self._error = self._error or error
            return 0
        return done


class Unmapped(io.BufferedReader):
    """A file for Pillow, read by Python alone: libtiff would map it, and a failed read be a SIGBUS.

    A TIFF is read whole then, page by page; one that is too big for that is mapped all the same.
    """

    def fileno(self) -> int:
        """None of its own, unless the file is too big."""
        descriptor = super().fileno()
        if os.fstat(descriptor).st_size <= MOST_IN_MEMORY:
            raise io.UnsupportedOperation("to be read, not mapped")
        return descriptor
