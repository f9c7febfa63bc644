"""Repair a PDF with qpdf, if PDFium does not open it or does not load its pages.

The repaired copy of the last such file stays in memory; the file itself is never written.
"""

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.input_file import InputFile
from scanmend.ocr.pdf.file_structure import (
    MAX_FILE_BYTES,
    NO_HEADER,
    RestoredBytes,
    with_header_and_end,
)
from scanmend.ocr.pdf.page_tree import mended
from scanmend.ocr.pictures import name_of

if TYPE_CHECKING:  # loading qpdf takes a tenth of a second, and few files need it
    import pikepdf

# parts of qpdf's messages, and their meanings for people; the first part in a message counts
_MEANINGS = (
    ("can't find PDF header", NO_HEADER),
    ("startxref", "no cross-reference table"),
    ("xref", "no cross-reference table"),
    ("cross-reference", "no cross-reference table"),
    ("trailer", "no trailer"),
    ("ages tree", "a broken page tree"),
    ("/Pages", "a broken page tree"),
    ("/Kids", "a broken page tree"),
    ("stream", "a stream that is cut"),
)
_BY_QPDF = "repaired by qpdf"
EXPORT_AGAIN = "export or scan it again"

Version = tuple[str, int, int, int]  # path, mtime in ns, size in bytes, inode
# returns whether PDFium opens this file; the name is for errors
Opens = Callable[[BinaryIO, str], bool]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repaired copy of a PDF.

    ``locked``: one of the passwords was needed. ``warning``: what was repaired, for the sidecar.
    """

    data: bytes
    locked: bool
    warning: str


_last: dict[Version, Repaired] = {}  # one entry: the pages of a document are read one after another


def version_of(path: str) -> Version:
    """Return a key for the file at this path, which changes if the file is replaced. Raise OSError."""
    status = os.stat(path)
    return path, status.st_mtime_ns, status.st_size, status.st_ino


def repaired(path: str, passwords: Sequence[str], opens: Opens) -> Repaired:
    """Return the repaired copy. Raise Damaged if qpdf can't make one, Encrypted, or OSError if a read failed.

    ``opens``: returns whether PDFium opens a file and loads its pages.
    """
    version = version_of(path)
    if version not in _last:
        _last.clear()
        _last[version] = _repair(path, passwords, opens)
    return _last[version]


def warnings_of(path: str) -> tuple[str, ...]:
    """Return the sidecar's warnings about the repair of this file; none if it was opened unrepaired."""
    copy = _last.get(version_of(path))
    return (copy.warning,) if copy else ()


def is_rebuilt(path: str) -> bool:
    """Return whether qpdf wrote this file anew, which may have lost some of it."""
    return any(warning.startswith(_BY_QPDF) for warning in warnings_of(path))


def _repair(path: str, passwords: Sequence[str], opens: Opens) -> Repaired:
    name = name_of(path)
    restored = restored_bytes(path, name)
    if restored.changes and opens(io.BytesIO(restored.data), name):
        warning = f"repaired: {', '.join(restored.changes)}"
        return Repaired(restored.data, locked=False, warning=warning)
    copy = mended(restored.data)
    if copy and opens(io.BytesIO(copy.data), name):
        found = f"a broken page tree ({copy.found} of {copy.wanted} pages found)"
        warning = f"repaired: {', '.join((*restored.changes, found))}"
        return Repaired(copy.data, locked=False, warning=warning)
    with open_with_qpdf(io.BytesIO(restored.data), name, passwords) as (pdf, locked):
        if not pdf.is_encrypted and _lost_its_encryption(pdf):
            raise Damaged(
                f"{name}: the PDF is encrypted, and what opens it is missing", EXPORT_AGAIN
            )
        tree = _broken_tree(pdf)
        out = _BoundedOutput()
        _save(pdf, out)
        return Repaired(out.getvalue(), locked, _warning(pdf, (*restored.changes, *tree)))


def restored_bytes(path: str, name: str) -> RestoredBytes:
    """Return the file's bytes with a header and an end. Raise Damaged if the file is too large, or OSError."""
    with InputFile(path) as source:
        if os.fstat(source.fileno()).st_size > MAX_FILE_BYTES:
            raise Damaged(
                f"{name}: the PDF can't be opened, and is too large to be repaired", EXPORT_AGAIN
            )
        return with_header_and_end(source.readall())


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
def open_with_qpdf(
    source: BinaryIO, name: str, passwords: Sequence[str]
) -> Iterator[tuple["pikepdf.Pdf", bool]]:
    """Yield the PDF as qpdf repairs it, and whether a password was needed. Raise Damaged or Encrypted."""
    import pikepdf  # noqa: PLC0415

    try:
        for password in ("", *passwords):
            try:
                pdf = pikepdf.open(
                    source,
                    password=password,
                    # never mapped: a failed read of a mapped share would be a SIGBUS
                    access_mode=pikepdf.AccessMode.stream,
                    # True would repair the page tree without a warning
                    inherit_page_attributes=False,
                )
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
        reason = _without_prefix(str(error))
        raise Damaged(
            f"{name}: the PDF can't be opened, nor repaired ({reason})", EXPORT_AGAIN
        ) from None
    raise Encrypted(
        f"{name}: protected by a password that is not in pdf.passwords",
        "add it and run scanmend retry",
    )


def _broken_tree(pdf: "pikepdf.Pdf") -> tuple[str, ...]:
    """Let qpdf repair the page tree; return a description if its number of pages was wrong, else ()."""
    in_tree = pages_in_tree(pdf)
    page_count = len(pdf.pages)
    if in_tree in (None, page_count):
        return ()
    return (f"a broken page tree ({page_count} of {in_tree} pages)",)


def pages_in_tree(pdf: "pikepdf.Pdf") -> int | None:
    """Return the number of pages in the page tree, or None. Call this before ``pdf.pages``, which corrects it."""
    count = pdf.Root.Pages.get("/Count")
    return count if isinstance(count, int) else None


def _lost_its_encryption(pdf: "pikepdf.Pdf") -> bool:
    """Return whether the objects are encrypted, but the trailer with that information is lost."""
    import pikepdf  # noqa: PLC0415

    return any(
        isinstance(item, pikepdf.Dictionary)
        and item.get("/Filter") == "/Standard"
        and "/O" in item
        and "/U" in item
        for item in pdf.objects
    )


def _warning(pdf: "pikepdf.Pdf", changes: tuple[str, ...]) -> str:
    """Return the warning about a file that qpdf wrote anew."""
    findings = dict.fromkeys(changes)
    for text in map(_without_prefix, map(str, pdf.get_warnings())):
        meaning = next((meaning for part, meaning in _MEANINGS if part in text), None)
        if meaning:
            findings[meaning] = None
    return f"{_BY_QPDF}: {', '.join(findings) or 'PDFium could not open it, qpdf could'}"


def _without_prefix(message: str) -> str:
    """Return qpdf's message without the name of the stream that it begins with."""
    return re.sub(r"^stream <.*?> ?:? ?", "", message)


class _BoundedOutput(io.BytesIO):
    """The copy that qpdf writes, with a limit: qpdf writes a page as often as the page tree refers to it."""

    def write(self, data: object) -> int:
        """Write the data. Raise ValueError beyond ``MAX_FILE_BYTES``."""
        if self.tell() > MAX_FILE_BYTES:
            raise ValueError("its copy becomes too large")
        return super().write(data)  # type: ignore[arg-type]
