"""What the bytes of a file tell about its end, and the reader that bounds the work of finding out."""

from dataclasses import dataclass
from typing import BinaryIO

MAX_READS = 20_000  # PNG chunks, TIFF directories …, before the check gives up
# a TIFF can name one list of a million strips from thousands of directories
MAX_BYTES_READ = 32 * 2**20
CHUNK_BYTES = 64 * 2**10
TRAILER_BYTES = 16 * 2**20  # at the end that may be padding, or a phone's film after its picture


@dataclass(frozen=True, slots=True)
class Complete:
    """The file is whole, as far as its format tells."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The end of the file is missing; ``why`` in a few words."""

    why: str


@dataclass(frozen=True, slots=True)
class PossiblyIncomplete:
    """The end of the file looks incomplete, for ``why``, but readers may open it: only opening it tells.

    The last bytes of a PDF are no more than a hint: mail gateways append to it, scanners leave the end mark out.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The format does not tell, or scanmend does not know it."""


Verdict = Complete | Incomplete | PossiblyIncomplete | Unknown


class BeyondEnd(Exception):
    """A read beyond the end of the file: the file is cut short."""


class BudgetExceeded(Exception):
    """The check took more reads or bytes than it may: nothing is known about the file."""


@dataclass(slots=True)
class BoundedReader:
    """Reads at offsets of an open file of ``size`` bytes, within a budget."""

    file: BinaryIO
    size: int
    reads: int = 0
    bytes_read: int = 0

    def at(self, offset: int, length: int) -> bytes:
        """Return exactly these bytes. Raise BeyondEnd, BudgetExceeded, or OSError when the file can't be read."""
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
