"""The verdicts about a file's completeness, and a reader that bounds the work of reaching one."""

from dataclasses import dataclass
from typing import BinaryIO

MAX_READS = 20_000  # of PNG chunks, TIFF directories …, before a check gives up
# a TIFF can refer to one list of a million strips from thousands of directories
MAX_BYTES_READ = 32 * 2**20
TRAILER_BYTES = 16 * 2**20  # that may follow a picture: padding, or the film of a phone


@dataclass(frozen=True, slots=True)
class Complete:
    """The file is complete, as far as its format tells."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The end of the file is missing. ``why``: a few words for people."""

    why: str


@dataclass(frozen=True, slots=True)
class PossiblyIncomplete:
    """The end of the file looks incomplete, but programs may open it: only opening it tells.

    The last bytes of a PDF are only a hint: mail gateways append to it, and scanners leave the end mark out. ``why``: a
    few words for people.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The format does not tell whether the file is complete, or scanmend does not know the format."""


Verdict = Complete | Incomplete | PossiblyIncomplete | Unknown


class BeyondEnd(Exception):
    """A read beyond the end of the file: the file is cut short."""


class BudgetExceeded(Exception):
    """A check exceeded its reads or bytes: the verdict is Unknown."""


@dataclass(slots=True)
class BoundedReader:
    """Reads an open file of ``size`` bytes at any offset, up to ``MAX_READS`` reads and ``MAX_BYTES_READ`` bytes."""

    file: BinaryIO
    size: int
    reads: int = 0
    bytes_read: int = 0

    def at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes. Raise BeyondEnd, BudgetExceeded, or OSError if the file can't be read."""
        if offset < 0 or offset + length > self.size:
            raise BeyondEnd
        self.reads += 1
        self.bytes_read += length
        if self.reads > MAX_READS or self.bytes_read > MAX_BYTES_READ:
            raise BudgetExceeded
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) < length:
            raise BeyondEnd
        return data
