"""Repairing a PDF with qpdf: one that PDFium does not open, or whose pages it does not load.

The copy is in memory, for the file that was repaired last; the file itself is never written to.
"""

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from scanmend.errors import Damaged, Encrypted
from scanmend.ocr.input_file import Source
from scanmend.ocr.pdf.file_structure import MOST, NO_HEADER, Mended, mended
from scanmend.ocr.pictures import name_of

if TYPE_CHECKING:  # loading qpdf takes a tenth of a second, and hardly a file needs it
    import pikepdf

# what qpdf says, and what it means for people; the first that fits each warning
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


def repaired(
    path: str, passwords: Sequence[str], opens: Callable[[BinaryIO, str], bool]
) -> Repaired:
    """Return the repaired copy; Damaged when qpdf can't, Encrypted; OSError when a read failed.

    ``opens``: whether PDFium opens a file and loads its pages; the file's name is for the errors.
    """
    version = version_of(path)
    if version not in _last:
        _last.clear()
        _last[version] = _repair(path, passwords, opens)
    return _last[version]


def warnings_of(path: str) -> tuple[str, ...]:
    """Return what the sidecar has to say when this file was opened by its repaired copy."""
    copy = _last.get(version_of(path))
    return (copy.warning,) if copy else ()


def is_rebuilt(path: str) -> bool:
    """Return whether qpdf wrote this file anew: it may have missed something."""
    return any(warning.startswith(_BY_QPDF) for warning in warnings_of(path))


def _repair(
    path: str, passwords: Sequence[str], opens: Callable[[BinaryIO, str], bool]
) -> Repaired:
    name = name_of(path)
    found = whole_bytes(path, name)
    if found.done and opens(io.BytesIO(found.data), name):
        return Repaired(found.data, False, f"repaired: {', '.join(found.done)}")
    with opened(io.BytesIO(found.data), name, passwords) as (pdf, locked):
        if not pdf.is_encrypted and _lost_its_lock(pdf):
            raise Damaged(
                f"{name}: the PDF is encrypted, and what opens it is missing; export or scan it again"
            )
        tree = _broken_tree(pdf)
        out = _Bounded()
        _save(pdf, out)
        return Repaired(out.getvalue(), locked, _in_words(pdf, (*found.done, *tree)))


def whole_bytes(path: str, name: str) -> Mended:
    """Return the file's bytes, mended; Damaged when there are too many, OSError when a read failed."""
    with Source(path) as source:
        if os.fstat(source.fileno()).st_size > MOST:
            raise Damaged(
                f"{name}: the PDF can't be opened, and is too large to be repaired; export or scan it again"
            )
        return mended(source.readall())


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
def opened(
    source: BinaryIO, name: str, passwords: Sequence[str]
) -> Iterator[tuple["pikepdf.Pdf", bool]]:
    """Yield the PDF as qpdf understands it, and whether a password was needed; qpdf's errors as Damaged."""
    import pikepdf  # noqa: PLC0415

    try:
        for password in ("", *passwords):
            try:  # never mapped: a failed read of a mapped share would be a SIGBUS
                pdf = pikepdf.open(
                    source,
                    password=password,
                    access_mode=pikepdf.AccessMode.stream,
                    inherit_page_attributes=False,  # else it rights the page tree, and says nothing
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
        raise Damaged(
            f"{name}: the PDF can't be opened, nor repaired ({_plain(str(error))}); export or scan it again"
        ) from None
    raise Encrypted(
        f"{name}: protected by a password that is not in pdf.passwords; add it and run scanmend retry"
    )


def _broken_tree(pdf: "pikepdf.Pdf") -> tuple[str, ...]:
    """Right the page tree; return what was wrong, when it named other pages than there are."""
    named = pages_named(pdf)
    found = len(pdf.pages)
    return (f"a broken page tree ({found} of {named} pages)",) if named not in (None, found) else ()


def pages_named(pdf: "pikepdf.Pdf") -> int | None:
    """Return how many pages the tree says it has; ask before its pages are, which rights the number."""
    named = pdf.Root.Pages.get("/Count")
    return named if isinstance(named, int) else None


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


def _in_words(pdf: "pikepdf.Pdf", done: tuple[str, ...]) -> str:
    found = dict.fromkeys(done)
    for text in map(_plain, map(str, pdf.get_warnings())):
        meaning = next((m for mark, m in _MEANINGS if mark in text), None)
        if meaning:
            found[meaning] = None
    return f"{_BY_QPDF}: {', '.join(found) or 'PDFium could not open it, qpdf could'}"


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
