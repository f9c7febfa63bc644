"""Embedded files that are documents of their own: their paths, their bytes in the state folder until they are done.

    parts/<id of the document that they lay in>/<number>/<name>

The path of a part is that of a file below its document's stem, where its result goes: mail.pdf has mail/invoice.pdf.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Sequence

from scanmend import file_types
from scanmend.config.settings import LimitsSettings
from scanmend.document import Document, NewPart
from scanmend.errors import ProtocolError, machine_error
from scanmend.page import PARTS, Part, PartOf
from scanmend.store import atomic

MOST = 1_000  # parts of one file of the inbox, at all levels
LEVELS = 5  # of attachments in attachments
CHUNK = 2**20
# endings of a stem that its folder must not have: results are called so, or the watcher passes them over
_TAKEN = {b".txt", b".json", b".tmp", b".part", b".crdownload", b".db", b".ini"}


class Parts:
    """The parts in one state folder. Any thread may ask; the document's own step writes."""

    def __init__(self, state: str) -> None:
        """Nothing is made before there is a part."""
        self._folder = os.path.join(os.fsencode(state), PARTS.encode())

    def file(self, document: Document) -> bytes:
        """Return where the bytes of a part are."""
        assert document.part is not None
        folder = self._below(document.parent, document.part)
        return os.path.join(folder, os.path.basename(document.path))

    def take(
        self, document: Document, parts: Sequence[Part], limits: LimitsSettings, scratch: str
    ) -> list[NewPart]:
        """Copy what the OCR child extracted, durably, and return what the journal is to know of it.

        ``scratch`` is the child's folder. An earlier copy is replaced: this can be done again after a crash.
        """
        made: list[NewPart] = []
        try:
            self.drop_below(document)
            for number, part in enumerate(parts):
                mine = _placed(document, part, parts, limits)
                made.append(self._taken(document, part, number, mine, scratch))
            if parts:
                shutil.rmtree(os.path.join(scratch, PARTS), ignore_errors=True)
        except OSError as error:
            raise machine_error(error, f"{document.name}: keeping its attachments") from None
        return made

    def _taken(
        self, document: Document, part: Part, number: int, mine: PartOf, scratch: str
    ) -> NewPart:
        path = os.path.join(below(document.path), file_name(part))
        folder = self._below(document.id, number)
        atomic.make_folder(folder)
        digest = hashlib.sha256()
        source = os.path.join(scratch, PARTS, str(number))
        copy = _copied(source, part.size, digest.update)
        atomic.write(os.path.join(folder, os.path.basename(path)), copy)
        if digest.hexdigest() != part.sha256:
            raise ProtocolError(
                f"{document.name}: an attachment is not what the OCR child said of it"
            )
        return NewPart(number, path, part.size, part.sha256, json.dumps(mine.to_json()))

    def drop(self, document: Document) -> None:
        """Remove the bytes of a part that is done."""
        if document.part is not None:
            shutil.rmtree(self._below(document.parent, document.part), ignore_errors=True)
            with contextlib.suppress(OSError):  # others are there
                os.rmdir(self._below(document.parent))

    def drop_below(self, document: Document) -> None:
        """Remove what lay in a document that will have no parts."""
        shutil.rmtree(self._below(document.id), ignore_errors=True)

    def sweep(self, wanted: Collection[tuple[int, int]]) -> None:
        """Remove what a crash left, but for the ``wanted``: parents and numbers."""
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
    """Return where this document lay; None for a file of the inbox."""
    return PartOf.from_json(json.loads(document.part_of)) if document.part_of else None


def room(document: Document, limits: LimitsSettings) -> tuple[int, int, tuple[str, ...]]:
    """Return how many parts and bytes may be extracted of a document, and the sha256 of it and of all that it lies in."""
    where = part_of(document)
    if where is None:
        return MOST, int(limits.file_size), (document.sha256,)
    line = (*where.ancestors, where.sha256, document.sha256)
    return where.room_parts, where.room_bytes, line


def below(path: bytes) -> bytes:
    """Return the folder of a document's parts: its path without the ending of its name."""
    stem = os.path.splitext(path)[0]
    taken = os.path.splitext(os.path.basename(stem))[1].lower() in _TAKEN
    return stem + b"_" if taken or stem == path else stem


def file_name(part: Part) -> bytes:
    """Return a name that every system takes and the watcher would not pass over; its ending tells the kind."""
    kind = file_types.by_extension(part.kind)
    if kind is None:
        raise ProtocolError(f"the OCR child extracted a file of no known kind ({part.kind!r})")
    stem, ending = os.path.splitext(re.split(r"[/\\]", part.name)[-1])
    if ending.lower() not in kind.extensions:
        stem, ending = stem + ending, kind.extensions[0]
    stem = atomic.safe_name(stem.encode("utf-8", "replace"))
    return atomic.fit(f"_{stem}" if stem.startswith((".", "~")) else stem, ending)


def _placed(
    document: Document, part: Part, parts: Sequence[Part], limits: LimitsSettings
) -> PartOf:
    """Return where a part lay. What room is left is divided among the parts, so that no tree of them exceeds it."""
    room_parts, room_bytes, line = room(document, limits)
    return PartOf(
        urllib.parse.quote_from_bytes(document.path),
        document.sha256,
        part.name,
        line[:-1],
        max(0, room_parts - len(parts)) // len(parts) if len(line) < LEVELS else 0,
        max(0, room_bytes - sum(one.size for one in parts)) // len(parts),
    )


def _copied(path: str, size: int, tell: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the bytes of a child's file, which may be anything by now: no link, and no more than was said."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ProtocolError("an attachment is no file")
        left = size
        while left and (chunk := file.read(min(left, CHUNK))):
            left -= len(chunk)
            tell(chunk)
            yield chunk
    if left:
        raise ProtocolError("an attachment is shorter than the OCR child said")


def _names(folder: bytes) -> list[bytes]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
