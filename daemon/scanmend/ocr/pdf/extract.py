"""Write embedded PDFs and pictures into the scratch folder, within the limits of the request."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from scanmend import file_types
from scanmend.document import PARTS, Part
from scanmend.ocr.pdf.attachments import Embedded
from scanmend.ocr.pdf.qpdf import BROKEN
from scanmend.ocr.pdf.stream_decoding import NotExtracted, decoded
from scanmend.workers.protocol import ContentsRequest

RESERVE_BYTES = 2**28  # of the disk, or a tenth of it, that are left free


@dataclass(frozen=True, slots=True)
class Extracted:
    """The embedded files that were written, and the others: name and reason of each."""

    parts: tuple[Part, ...]
    unread: tuple[tuple[str, str], ...]


def extract(embedded: Iterable[Embedded], request: ContentsRequest) -> Extracted:
    """Write each embedded PDF and picture as scratch/parts/<its index in ``parts``>; replace what was there."""
    folder = os.path.join(os.environ["TMPDIR"], PARTS)
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    parts: list[Part] = []
    unread: list[tuple[str, str]] = []
    known: set[tuple[str, str]] = set()
    left = request.room_bytes
    for one in embedded:
        try:
            if len(parts) >= request.room_parts:
                raise NotExtracted(_no_more_parts(request))
            part = _measured(one, left, request)
            if (part.name, part.sha256) in known:  # one document, embedded twice
                continue
            _write(one, os.path.join(folder, str(len(parts))), request.room_bytes - left, part.size)
        except (NotExtracted, *BROKEN) as error:
            reason = str(error) if isinstance(error, NotExtracted) else "can't be decoded"
            unread.append((one.name, reason))
            continue
        known.add((part.name, part.sha256))
        left -= part.size
        parts.append(part)
    return Extracted(tuple(parts), tuple(unread))


def _no_more_parts(request: ContentsRequest) -> str:
    return "too many attachments" if request.depth else "attachments in attachments, too deep"


def _measured(one: Embedded, left: int, request: ContentsRequest) -> Part:
    """Decode the file without keeping it, and return its size, kind and digest.

    ``left``: bytes that may still be written. Raises NotExtracted for a file that is neither a PDF nor a picture, is
    too large, or is one of the request's ancestors.
    """
    head = b""
    size = 0
    digest = hashlib.sha256()
    for chunk in decoded(one.stream):
        size += len(chunk)
        digest.update(chunk)
        if len(head) < file_types.HEAD_BYTES:
            head = (head + chunk)[: file_types.HEAD_BYTES]
        if len(head) == file_types.HEAD_BYTES and not file_types.by_signature(head):
            break
        if size > request.max_bytes:
            raise NotExtracted("more than limits.file_size")
        if size > left:
            raise NotExtracted("with the others, more than limits.file_size")
    kind = file_types.by_signature(head)
    if not kind:
        raise NotExtracted("neither a PDF nor a picture" if head else "empty")
    part = Part(one.name, kind.extensions[0], size, digest.hexdigest())
    if part.sha256 in request.ancestors:
        raise NotExtracted("the same file again")
    return part


def _write(one: Embedded, path: str, written: int, size: int) -> None:
    """Write the file of ``size`` bytes; ``written``: bytes of the parts before it.

    Raises ENOSPC before the disk is full, for the journal lies on the same disk. The daemon will copy all parts, so
    that they need twice their size.
    """
    disk = os.statvfs(os.path.dirname(path))
    reserve = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 10)
    if disk.f_bavail * disk.f_frsize < reserve + written + 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    with open(path, "wb") as file:
        file.writelines(decoded(one.stream))
