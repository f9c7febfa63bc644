"""Write embedded PDFs and pictures into the scratch folder, decoded piece by piece and never more than is allowed."""

import base64
import binascii
import errno
import hashlib
import math
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pikepdf

from scanmend.document import PARTS, Part
from scanmend.ocr.pdf.attachments import Embedded
from scanmend.ocr.pdf.qpdf import BROKEN
from scanmend.workers.protocol import ContentsRequest

CHUNK = 2**20
HEAD = 1024  # bytes that tell the kind
RESERVE = 2**28  # bytes of the disk, or a tenth of it, that are left free
IN_MEMORY = 2**29  # bytes that a stream in a rarer coding may have, decoded at once
EXPANDS = {  # at most so many times
    **dict.fromkeys(("/FlateDecode", "/Fl"), 1032),
    **dict.fromkeys(("/LZWDecode", "/LZW"), 2731),
    **dict.fromkeys(("/RunLengthDecode", "/RL"), 128),
}
FLATE = {"/FlateDecode", "/Fl"}

_BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_MARKS = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"II+\0", ".tif"),
    (b"MM\0+", ".tif"),
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"\0\0\0\x0cjP  ", ".jp2"),
    (b"\xff\x4f\xff\x51", ".jp2"),
)


class Refused(Exception):
    """An embedded file is not extracted; the message says why, in a few words that fit in brackets."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The embedded files that were written, and the others: the name and why not."""

    parts: tuple[Part, ...]
    unread: tuple[tuple[str, str], ...]


def kind_of(head: bytes) -> str:
    """Return the usual ending of a PDF's or picture's name by its first bytes; empty for anything else."""
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return ".bmp"
    return ".pdf" if b"%PDF-" in head else ""


def extract(embedded: Iterable[Embedded], request: ContentsRequest) -> Extracted:
    """Write each embedded PDF and picture as scratch/parts/<its place in ``parts``>; what was there is removed."""
    folder = os.path.join(os.environ["TMPDIR"], PARTS)
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    parts: list[Part] = []
    unread: list[tuple[str, str]] = []
    known: set[tuple[str, str]] = set()
    room = request.room_bytes
    for one in embedded:
        try:
            if len(parts) >= request.room_parts:
                raise Refused(_full(request))
            part = _measured(one, room, request)
            if (part.name, part.sha256) in known:  # the same again: one document
                continue
            _write(one, os.path.join(folder, str(len(parts))), request.room_bytes - room, part.size)
        except (Refused, *BROKEN) as error:
            why = str(error) if isinstance(error, Refused) else "can't be decoded"
            unread.append((one.name, why))
            continue
        known.add((part.name, part.sha256))
        room -= part.size
        parts.append(part)
    return Extracted(tuple(parts), tuple(unread))


def _full(request: ContentsRequest) -> str:
    return "too many attachments" if request.depth else "attachments in attachments, too deep"


def _measured(one: Embedded, room: int, request: ContentsRequest) -> Part:
    """Decode the file and keep nothing of it; Refused for what is no PDF or picture, too large, or an ancestor."""
    head = b""
    size = 0
    digest = hashlib.sha256()
    for chunk in _decoded(one.stream):
        size += len(chunk)
        digest.update(chunk)
        if len(head) < HEAD:
            head = (head + chunk)[:HEAD]
        if len(head) == HEAD and not kind_of(head):
            break
        if size > request.max_bytes:
            raise Refused("more than limits.file_size")
        if size > room:
            raise Refused("with the others, more than limits.file_size")
    kind = kind_of(head)
    if not kind:
        raise Refused("neither a PDF nor a picture" if head else "empty")
    part = Part(one.name, kind, size, digest.hexdigest())
    if part.sha256 in request.ancestors:
        raise Refused("the same file again")
    return part


def _write(one: Embedded, path: str, before: int, size: int) -> None:
    """Write the file, of which ``size`` bytes were measured; ``before``: bytes of those that were written already.

    Raises ENOSPC before the disk is full, not when it is: the journal lies on it. All is there twice when it is copied.
    """
    disk = os.statvfs(os.path.dirname(path))
    reserve = min(RESERVE, disk.f_blocks * disk.f_frsize // 10)
    if disk.f_bavail * disk.f_frsize < reserve + before + 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    with open(path, "wb") as file:
        file.writelines(_decoded(one.stream))


# decoding -----------------------------------------------------------------------------------------


def _decoded(stream: pikepdf.Stream) -> Iterator[bytes]:
    """Yield the bytes of a stream in pieces; Refused where its coding could exceed the memory."""
    filters, plain = _filters(stream)
    raw = bytes(stream.read_raw_bytes())  # decrypted, if need be
    texts = [name for name in filters if name in _TEXTS]
    if not plain or not set(filters[len(texts) :]) <= FLATE or filters[: len(texts)] != texts:
        most = len(raw) * math.prod(EXPANDS.get(name, 1) for name in filters)
        if most > IN_MEMORY:
            raise Refused("in an unusual coding, and may be too large")
        yield from _pieces(bytes(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)))
        return
    for name in texts:
        raw = _TEXTS[name](raw)
    chunks = _pieces(raw)
    for _ in filters[len(texts) :]:
        chunks = _inflated(chunks)
    yield from chunks


def _filters(stream: pikepdf.Stream) -> tuple[list[str], bool]:
    """Return the names of the stream's filters, and whether none has parameters that matter."""
    found = stream.get("/Filter")
    parms = stream.get("/DecodeParms")
    filters = [found] if isinstance(found, pikepdf.Name) else list(found or ())
    names = [str(name) for name in filters if str(name) != "/Crypt"]
    all_parms = [parms] if isinstance(parms, pikepdf.Dictionary) else list(parms or ())
    predicted = any(
        isinstance(one, pikepdf.Dictionary) and int(one.get("/Predictor", 1)) > 1
        for one in all_parms
    )
    return names, not predicted


def _pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        yield bytes(view[start : start + CHUNK])


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what zlib makes of it, a megabyte at most at a time."""
    engine = zlib.decompressobj()
    try:
        for chunk in chunks:
            left = chunk
            while left and not engine.eof:
                yield engine.decompress(left, CHUNK)
                left = engine.unconsumed_tail
            if engine.eof:
                return
        yield engine.flush()
    except zlib.error:
        raise Refused("can't be decoded") from None


def _ascii85(data: bytes) -> bytes:
    data = re.sub(rb"\s+", b"", data).removeprefix(b"<~").split(b"~")[0]
    return base64.a85decode(data)


def _hex(data: bytes) -> bytes:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.split(b">")[0])
    return binascii.unhexlify(digits + b"0" * (len(digits) % 2))


_TEXTS = {
    "/ASCII85Decode": _ascii85,
    "/A85": _ascii85,
    "/ASCIIHexDecode": _hex,
    "/AHx": _hex,
}
