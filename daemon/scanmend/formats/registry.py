"""The output formats of a result. To add one, write a module like ``text`` and append its format to ``FORMATS``.

A ``PageResult`` holds each line twice: ``lines`` as published, ``page.lines`` as read, with confidence and box.
CONTRIBUTING.md lists the other steps: schema, ``naming``, tests, documentation.

The sidecar is not in this list: every result has it, and it is always written last.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scanmend.document import Document
from scanmend.formats import text
from scanmend.page import PageResult
from scanmend.store import naming


@dataclass(frozen=True, slots=True)
class Format:
    """One output format.

    ``name``: the key of the file's name in the sidecar's ``result``. ``extension``: with its dot. ``write``: yields the
    file's bytes; it should consume one page at a time, so that a book takes no more memory than a receipt.
    """

    name: str
    extension: str
    write: Callable[[Document, Iterable[PageResult]], Iterator[bytes]]


FORMATS: tuple[Format, ...] = (Format("text", naming.TEXT_EXTENSION, text.write),)


def extensions() -> tuple[str, ...]:
    """Return the extensions of all files of a result, the sidecar's first."""
    return (naming.SIDECAR_EXTENSION, *(output.extension for output in FORMATS))
