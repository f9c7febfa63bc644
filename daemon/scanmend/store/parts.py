"""Embedded files that become documents: where they lay, and their bytes in the state folder until they are done.

    parts/<id of the document that they lay in>/<number>/<name>

The path of a part is that of a file below its document's stem, where its result goes: mail.pdf has mail/invoice.pdf.
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
CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many parts, and how many bytes of them, may be extracted from a document.

    ``lineage``: the sha256 of the files that it lies in, the outermost first, and its own.
    """

    parts: int
    size: int
    lineage: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Return how many levels of attachments may follow."""
        return MAX_DEPTH - len(self.lineage) + 1


class Parts:
    """The parts in one state folder. Any thread may read; the thread that works on a document writes its parts."""

    def __init__(self, state: str) -> None:
        """Use this state folder. Nothing is made in it before there is a part."""
        self._folder = os.path.join(os.fsencode(state), PARTS.encode())

    def file(self, document: Document) -> bytes:
        """Return the path of a part's bytes; ValueError for a document that is not a part."""
        if document.part is None:
            raise ValueError(f"{document.name} is a file of the inbox")
        folder = self._below(document.parent, document.part)
        return os.path.join(folder, os.path.basename(document.path))

    def take(
        self, document: Document, parts: Sequence[Part], limits: LimitsSettings, scratch: str
    ) -> list[NewPart]:
        """Copy the files that an OCR child extracted, durably. Return what the journal is to keep of them.

        ``scratch`` is the child's folder. An earlier copy is replaced, so that this can be done again after a crash.
        Raises ProtocolError when a file is not what the child said, MachineError when the disk fails.
        """
        taken: list[NewPart] = []
        try:
            self.drop_below(document)
            for number, part in enumerate(parts):
                origin = _origin(document, part, parts, limits)
                taken.append(self._taken(document, part, number, origin, scratch))
            if parts:
                shutil.rmtree(os.path.join(scratch, PARTS), ignore_errors=True)
        except OSError as error:
            raise machine_error(error, f"{document.name}: keeping its attachments") from None
        return taken

    def _taken(
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
        """Remove the bytes of a document that is done, if it is a part."""
        if document.part is not None:
            shutil.rmtree(self._below(document.parent, document.part), ignore_errors=True)
            # it fails while there are other parts
            with contextlib.suppress(OSError):
                os.rmdir(self._below(document.parent))

    def drop_below(self, document: Document) -> None:
        """Remove the parts of a document, which won't become documents."""
        shutil.rmtree(self._below(document.id), ignore_errors=True)

    def sweep(self, wanted: Collection[tuple[int, int]]) -> None:
        """Remove what a crash left, except for the ``wanted`` parts, each given by parent and number."""
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
    """Return where a part lay; None for a file of the inbox."""
    return msgspec.json.decode(document.part_of, type=PartOf) if document.part_of else None


def allowance(document: Document, limits: LimitsSettings) -> Allowance:
    """Return what may be extracted from a document."""
    origin = part_of(document)
    if origin is None:
        return Allowance(MAX_PARTS, int(limits.file_size), (document.sha256,))
    lineage = (*origin.ancestors, origin.sha256, document.sha256)
    return Allowance(origin.room_parts, origin.room_bytes, lineage)


def _origin(
    document: Document, part: Part, parts: Sequence[Part], limits: LimitsSettings
) -> PartOf:
    """Return where a part lay. What may still be extracted is divided among the parts, so that no tree exceeds it."""
    allowed = allowance(document, limits)
    rest_parts = max(0, allowed.parts - len(parts)) // len(parts)
    rest_size = max(0, allowed.size - sum(one.size for one in parts)) // len(parts)
    return PartOf(
        urllib.parse.quote_from_bytes(document.path),
        document.sha256,
        part.name,
        allowed.lineage[:-1],
        rest_parts if len(allowed.lineage) < MAX_DEPTH else 0,
        rest_size,
    )


def _read(path: str, size: int, consume: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the ``size`` bytes of a child's file, and give them to ``consume``.

    The child may have put anything there: a link is not followed, and what is beyond the size is not read.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ProtocolError("an attachment is no file")
        left = size
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
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
