"""Repairing a PDF with qpdf: one that PDFium does not open, or whose pages it does not load.

The copy is in memory, for the file that was repaired last; the file itself is never written to.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.pictures import name_of
from scanmend.ocr.source import Source

if TYPE_CHECKING:  # loading qpdf takes a tenth of a second, and hardly a file needs it
    import pikepdf

MOST = 512 * 2**20  # bytes of a file that is repaired, and of its copy: it is held in memory

# what qpdf says, and what it means for people; the first that fits each warning
_MEANINGS = (
    ("can't find PDF header", "no header"),
    ("startxref", "no cross-reference table"),
    ("xref", "no cross-reference table"),
    ("cross-reference", "no cross-reference table"),
    ("trailer", "no trailer"),
    ("pages tree", "a broken page tree"),
    ("/Pages", "a broken page tree"),
    ("/Kids", "a broken page tree"),
    ("stream", "a stream that is cut"),
)

LOST = 2**20  # bytes that may be missing at the start
_HEADER = b"%PDF-1.7\n"
_STARTXREF = re.compile(rb"startxref\s+(\d{1,12})\s")
_CROSS_REFERENCE = re.compile(rb"(?<!start)\bxref\b|\d+ \d+ obj\s*<<[^>]{0,200}/Type\s*/XRef\b")

Version = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A copy of a PDF in which everything is in its place, without a password.

    ``locked``: one of the passwords was needed. ``warning``: what was repaired, for the sidecar.
    """

    data: bytes
    locked: bool
    warning: str


_last: dict[Version, Repaired] = {}  # one: the pages of a document come one after the other


def version_of(path: str) -> Version:
    """Return what changes when another file takes this path: path, mtime, size, inode."""
    status = os.stat(path)
    return path, status.st_mtime_ns, status.st_size, status.st_ino


def repaired(path: str, passwords: Sequence[str]) -> Repaired:
    """Return the repaired copy; Damaged when qpdf can't, Encrypted; OSError when a read failed."""
    version = version_of(path)
    if version not in _last:
        _last.clear()
        _last[version] = _repair(path, passwords)
    return _last[version]


def warnings_of(path: str) -> tuple[str, ...]:
    """Return what the sidecar has to say when this file was opened by its repaired copy."""
    copy = _last.get(version_of(path))
    return (copy.warning,) if copy else ()


def _repair(path: str, passwords: Sequence[str]) -> Repaired:
    name = name_of(path)
    if os.path.getsize(path) > MOST:
        raise Damaged(
            f"{name}: the PDF can't be opened, and is too large to be repaired; export or scan it again"
        )
    with (
        Source(path) as source,
        _with_header(source) as whole,
        opened(whole, name, passwords) as (pdf, locked),
    ):
        if not pdf.is_encrypted and _lost_its_lock(pdf):
            raise Damaged(
                f"{name}: the PDF is encrypted, and what opens it is missing; export or scan it again"
            )
        out = _Bounded()
        _save(pdf, out)
        return Repaired(out.getvalue(), locked, _in_words(pdf, whole is not source))


def _save(pdf: "pikepdf.Pdf", out: BinaryIO) -> None:
    """Write the PDF anew; streams are copied without being decoded."""
    import pikepdf  # noqa: PLC0415

    pdf.save(
        out,
        fix_metadata_version=False,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
    )


@contextmanager
def _with_header(source: Source) -> Iterator[BinaryIO]:
    """Yield the file; in memory and with a header, where as many bytes are missing as make all offsets right again.

    qpdf would look for the objects itself, and find what an earlier revision deleted, but not what is in object streams.
    """
    head = source.read(1024)
    source.seek(0)
    if b"%PDF-" in head:
        yield source
        return
    data = source.readall()
    source.seek(0)
    ends = _STARTXREF.findall(data[-2048:])
    tables = [found.start() for found in _CROSS_REFERENCE.finditer(data)]
    lost = int(ends[-1]) - tables[-1] if ends and tables else 0
    begin = _HEADER[:lost].ljust(lost, b" ") if 0 < lost <= LOST else b""
    if (begin + head).startswith(b"%PDF-"):
        yield io.BytesIO(begin + data)
    else:
        yield source


@contextmanager
def opened(
    source: BinaryIO, name: str, passwords: Sequence[str]
) -> Iterator[tuple["pikepdf.Pdf", bool]]:
    """Yield the PDF as qpdf understands it, and whether a password was needed; qpdf's errors as Damaged."""
    import pikepdf  # noqa: PLC0415

    try:
        for password in ("", *passwords):
            try:  # never mapped: a failed read of a mapped share would be a SIGBUS
                pdf = pikepdf.open(source, password=password, access_mode=pikepdf.AccessMode.stream)
            except pikepdf.PasswordError:
                continue
            with pdf:
                yield pdf, bool(password)
            return
    except (
        pikepdf.PdfError,
        RuntimeError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
    ) as error:
        raise Damaged(
            f"{name}: the PDF can't be opened, nor repaired ({_plain(str(error))}); export or scan it again"
        ) from None
    raise Encrypted(
        f"{name}: protected by a password that is not in pdf.passwords; add it and run scanmend retry"
    )


def _lost_its_lock(pdf: "pikepdf.Pdf") -> bool:
    """Return whether the objects are encrypted, but the trailer that says so is lost: pages would look empty."""
    import pikepdf  # noqa: PLC0415

    return any(
        isinstance(item, pikepdf.Dictionary)
        and item.get("/Filter") == "/Standard"
        and "/O" in item
        and "/U" in item
        for item in pdf.objects
    )


def _in_words(pdf: "pikepdf.Pdf", beheaded: bool) -> str:
    found = {"no header": None} if beheaded else {}
    for text in map(_plain, map(str, pdf.get_warnings())):
        meaning = next((m for mark, m in _MEANINGS if mark in text), None)
        if meaning:
            found[meaning] = None
    return f"repaired by qpdf: {', '.join(found) or 'PDFium could not open it, qpdf could'}"


def _plain(message: str) -> str:
    """Return qpdf's message without the name of the file or stream that it begins with."""
    return re.sub(r"^stream <.*?> ?:? ?", "", message)


class _Bounded(io.BytesIO):
    """What qpdf writes, up to a bound: a page that a tree names a million times is written as often."""

    def write(self, data: object) -> int:
        """Raise Damaged beyond the bound."""
        if self.tell() > MOST:
            raise ValueError("its copy becomes too large")
        return super().write(data)  # type: ignore[arg-type]
