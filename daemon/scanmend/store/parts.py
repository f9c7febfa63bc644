"""Store parts, which are embedded files that become documents, in the state folder until they are done.

    parts/<id of the document in which they were embedded>/<number>/<name>

A part's path, by which its result is named, lies below its document's stem: an invoice.pdf in mail.pdf has the path
mail/invoice.pdf.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from scanmend.config.settings import LimitsSettings
from scanmend.document import PARTS, Document, NewPart, Part, PartOf
from scanmend.errors import ProtocolError, machine_error
from scanmend.store import atomic, naming

MAX_PARTS = 1_000  # of one file of the inbox, at all levels together
MAX_DEPTH = 5  # levels of attachments in attachments
COPY_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many parts may be extracted from a document, and how many bytes (``size``) in all.

    ``lineage``: the sha256 of the files in which the document is embedded, the outermost first, then its own.
    """

    parts: int
    size: int
    lineage: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Return how many levels of attachments may follow."""
        return MAX_DEPTH - len(self.lineage) + 1


class Parts:
    """The parts in one state folder. Any thread may read; only the thread that has a document writes its parts."""

    def __init__(self, state: str) -> None:
        """Use this state folder; make nothing in it before there is a part."""
        self._folder = os.path.join(os.fsencode(state), PARTS.encode())

    def file(self, document: Document) -> bytes:
        """Return the path of a part's bytes. Raise ValueError for a document that is not a part."""
        if document.part is None:
            raise ValueError(f"{document.name} is a file of the inbox")
        folder = self._below(document.parent, document.part)
        return os.path.join(folder, os.path.basename(document.path))

    def take(
        self, document: Document, parts: Sequence[Part], limits: LimitsSettings, scratch: str
    ) -> list[NewPart]:
        """Copy the files that an OCR child extracted, durably. Return their rows for the journal.

        ``scratch``: the child's folder. Replace earlier copies, so that a crash does no harm. Raise ProtocolError if a
        file is not what the child reported, MachineError if the disk fails.
        """
        new_parts: list[NewPart] = []
        try:
            self.drop_below(document)
            for number, part in enumerate(parts):
                origin = _origin(document, part, parts, limits)
                new_parts.append(self._copied(document, part, number, origin, scratch))
            if parts:
                shutil.rmtree(os.path.join(scratch, PARTS), ignore_errors=True)
        except OSError as error:
            raise machine_error(error, f"{document.name}: keeping its attachments") from None
        return new_parts

    def _copied(
        self, document: Document, part: Part, number: int, origin: PartOf, scratch: str
    ) -> NewPart:
        try:
            name = naming.part_name(part.name, part.kind)
        except KeyError:
            raise ProtocolError(
                f"the OCR child extracted a file of no known kind ({part.kind!r})"
            ) from None
        folder = self._below(document.id, number)
        atomic.make_folder(folder)
        digest = hashlib.sha256()
        source = os.path.join(scratch, PARTS, str(number))
        atomic.write(os.path.join(folder, name), _read(source, part.size, digest.update))
        if digest.hexdigest() != part.sha256:
            raise ProtocolError(
                f"{document.name}: an attachment is not what the OCR child said of it"
            )
        path = os.path.join(naming.part_folder(document.path), name)
        return NewPart(number, path, part.size, part.sha256, msgspec.json.encode(origin).decode())

    def drop(self, document: Document) -> None:
        """Remove the bytes of a document, if it is a part."""
        if document.part is not None:
            shutil.rmtree(self._below(document.parent, document.part), ignore_errors=True)
            # fails while the parent has other parts
            with contextlib.suppress(OSError):
                os.rmdir(self._below(document.parent))

    def drop_below(self, document: Document) -> None:
        """Remove the bytes of all parts of a document."""
        shutil.rmtree(self._below(document.id), ignore_errors=True)

    def sweep(self, wanted: Collection[tuple[int, int]]) -> None:
        """Remove the parts that a crash left; keep the ``wanted`` parts, each given by parent and number."""
        keep = {(b"%d" % parent, b"%d" % number) for parent, number in wanted}
        for parent in _names(self._folder):
            folder = os.path.join(self._folder, parent)
            for number in _names(folder):
                if (parent, number) not in keep:
                    shutil.rmtree(os.path.join(folder, number), ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _below(self, *numbers: int | None) -> bytes:
        return os.path.join(self._folder, *(b"%d" % (number or 0) for number in numbers))


def part_of(document: Document) -> PartOf | None:
    """Return in which file a part was embedded; None for a file of the inbox."""
    return msgspec.json.decode(document.part_of, type=PartOf) if document.part_of else None


def allowance(document: Document, limits: LimitsSettings) -> Allowance:
    """Return how much may be extracted from a document."""
    origin = part_of(document)
    if origin is None:
        return Allowance(MAX_PARTS, int(limits.file_size), (document.sha256,))
    lineage = (*origin.ancestors, origin.sha256, document.sha256)
    return Allowance(origin.room_parts, origin.room_bytes, lineage)


def _origin(
    document: Document, part: Part, parts: Sequence[Part], limits: LimitsSettings
) -> PartOf:
    """Return the origin of a part, with its share of what the document's allowance leaves for parts of parts."""
    allowed = allowance(document, limits)
    rest_parts = max(0, allowed.parts - len(parts)) // len(parts)
    rest_size = max(0, allowed.size - sum(other.size for other in parts)) // len(parts)
    return PartOf(
        urllib.parse.quote_from_bytes(document.path),
        document.sha256,
        part.name,
        allowed.lineage[:-1],
        rest_parts if len(allowed.lineage) < MAX_DEPTH else 0,
        rest_size,
    )


def _read(path: str, size: int, consume: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield ``size`` bytes of a file that a child wrote, and pass each chunk to ``consume``.

    Don't trust the child: follow no link, and read nothing beyond the size. Raise ProtocolError if bytes are missing.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ProtocolError("an attachment is no file")
        left = size
        while left and (chunk := file.read(min(left, COPY_CHUNK_BYTES))):
            left -= len(chunk)
            consume(chunk)
            yield chunk
    if left:
        raise ProtocolError("an attachment is shorter than the OCR child said")


def _names(folder: bytes) -> list[bytes]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
