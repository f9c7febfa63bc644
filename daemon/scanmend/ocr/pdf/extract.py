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

RESERVE_BYTES = 2**28  # that stay free on the disk; a tenth of a small disk


@dataclass(frozen=True, slots=True)
class Extracted:
    """The embedded files that were written (``parts``), and name and reason of the others (``unread``)."""

    parts: tuple[Part, ...]
    unread: tuple[tuple[str, str], ...]


def extract(embedded: Iterable[Embedded], request: ContentsRequest) -> Extracted:
    """Write each embedded PDF and picture as scratch/parts/<its index in ``parts``>, and remove older parts.

    Raise OSError.
    """
    folder = os.path.join(os.environ["TMPDIR"], PARTS)
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    parts: list[Part] = []
    unread: list[tuple[str, str]] = []
    known: set[tuple[str, str]] = set()
    bytes_left = request.room_bytes
    for embedded_file in embedded:
        try:
            if len(parts) >= request.room_parts:
                raise NotExtracted(_no_more_parts(request))
            part = _measured(embedded_file, bytes_left, request)
            if (part.name, part.sha256) in known:  # one document, embedded twice
                continue
            _write(
                embedded_file,
                os.path.join(folder, str(len(parts))),
                request.room_bytes - bytes_left,
                part.size,
            )
        except (NotExtracted, *BROKEN) as error:
            reason = str(error) if isinstance(error, NotExtracted) else "can't be decoded"
            unread.append((embedded_file.name, reason))
            continue
        known.add((part.name, part.sha256))
        bytes_left -= part.size
        parts.append(part)
    return Extracted(tuple(parts), tuple(unread))


def _no_more_parts(request: ContentsRequest) -> str:
    return "too many attachments" if request.depth else "attachments in attachments, too deep"


def _measured(embedded_file: Embedded, bytes_left: int, request: ContentsRequest) -> Part:
    """Decode the file without storing it; return its name, type, size and digest.

    ``bytes_left``: that may still be written. Raise NotExtracted if the file is neither a PDF nor a picture, is too
    large, or is one of the request's ancestors.
    """
    head = b""
    size = 0
    digest = hashlib.sha256()
    for chunk in decoded(embedded_file.stream):
        size += len(chunk)
        digest.update(chunk)
        if len(head) < file_types.HEAD_BYTES:
            head = (head + chunk)[: file_types.HEAD_BYTES]
        if len(head) == file_types.HEAD_BYTES and not file_types.by_signature(head):
            break
        if size > request.max_bytes:
            raise NotExtracted("more than limits.file_size")
        if size > bytes_left:
            raise NotExtracted("with the others, more than limits.file_size")
    file_type = file_types.by_signature(head)
    if not file_type:
        raise NotExtracted("neither a PDF nor a picture" if head else "empty")
    part = Part(embedded_file.name, file_type.extensions[0], size, digest.hexdigest())
    if part.sha256 in request.ancestors:
        raise NotExtracted("the same file again")
    return part


def _write(embedded_file: Embedded, path: str, written: int, size: int) -> None:
    """Write the file of ``size`` bytes; ``written``: bytes of the parts before it.

    Raise an OSError with ENOSPC before the disk is full, since the journal is on the same disk. The daemon will copy
    all parts, so they need twice their size.
    """
    disk = os.statvfs(os.path.dirname(path))
    reserve = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 10)
    if disk.f_bavail * disk.f_frsize < reserve + written + 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    with open(path, "wb") as file:
        file.writelines(decoded(embedded_file.stream))
