"""Find the files that lie inside a PDF beside its pages. qpdf reads the structure; PDFium does not tell all of it.

Embedded files are named in the catalogue (Names/EmbeddedFiles, AF), by pages (AF) and by their annotations (FileAttachment,
RichMedia, AF). All of it comes from a stranger: trees may be cyclic, names hostile, numbers huge.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pikepdf

from scanmend.ocr.pdf.qpdf import BROKEN

MOST = 10_000  # embedded files that are counted
MOST_NODES = 100_000  # of name trees, and annotations, that are visited
SECONDS = 20.0  # that a walk may take
LONGEST_NAME = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Embedded:
    """One embedded file: its name as the PDF tells it, and the pikepdf stream with its bytes."""

    name: str
    stream: Any


@dataclass(frozen=True, slots=True)
class Structure:
    """What a PDF holds beside its pages.

    ``cut``: there may be more embedded files. ``payload``: the document itself is an encrypted embedded file
    (ISO 32000-2, 7.6.7). ``rendering``: the pages are to be made anew from the XFA form.
    """

    embedded: tuple[Embedded, ...] = ()
    cut: bool = False
    portfolio: bool = False
    payload: bool = False
    xfa: bool = False
    rendering: bool = False
    fields: bool = False


def structure(pdf: pikepdf.Pdf) -> Structure:
    """Return what this PDF holds beside its pages, as far as it can be read."""
    walk = _Walk()
    embedded: list[Embedded] = []
    payload = False
    known: set[tuple[int, int]] = set()
    for key, spec in walk.specs(pdf):
        found = _embedded(key, spec)
        if found is None:
            continue
        payload |= _name(spec, "/AFRelationship") == "/EncryptedPayload"
        payload |= found.name.startswith("MicrosoftIRMServices")  # before there was a norm for it
        number = found.stream.objgen
        if number in known:
            continue
        if len(embedded) >= MOST:
            walk.cut = True
            break
        known.add(number)
        embedded.append(found)
    form = _value(pdf.Root, "/AcroForm")
    fields = _value(form, "/Fields")
    return Structure(
        tuple(embedded),
        walk.cut,
        _value(pdf.Root, "/Collection") is not None,
        payload,
        _value(form, "/XFA") is not None,
        _value(pdf.Root, "/NeedsRendering") is True,
        next(_items(fields), None) is not None,
    )


class _Walk:
    """One walk over a PDF; it ends by itself after so many nodes or seconds."""

    def __init__(self) -> None:
        self.cut = False
        self._nodes = 0
        self._until = time.monotonic() + SECONDS

    def specs(self, pdf: Any) -> Iterator[tuple[str, Any]]:
        """Yield each file specification, with its key where it has one; the same one may come more than once."""
        root = pdf.Root
        yield from self._tree(_value(_value(root, "/Names"), "/EmbeddedFiles"))
        yield from self._listed(_value(root, "/AF"))
        try:
            for page in pdf.pages:
                yield from self._of_page(page.obj)
                if self.cut:
                    return
        except BROKEN:  # a page tree that qpdf can't read
            return

    def _of_page(self, page: Any) -> Iterator[tuple[str, Any]]:
        yield from self._listed(_value(page, "/AF"))
        for annotation in _items(_value(page, "/Annots")):
            if not self._goes_on():
                return
            kind = _name(annotation, "/Subtype")
            if kind == "/FileAttachment":
                yield "", _value(annotation, "/FS")
            elif kind == "/RichMedia":
                content = _value(annotation, "/RichMediaContent")
                yield from self._tree(_value(content, "/Assets"))
            yield from self._listed(_value(annotation, "/AF"))

    def _listed(self, specs: Any) -> Iterator[tuple[str, Any]]:
        for spec in _items(specs):
            if not self._goes_on():
                return
            yield "", spec

    def _tree(self, root: Any) -> Iterator[tuple[str, Any]]:
        """Yield the leaves of a name tree, in order, each node once."""
        waiting = [root]
        known: set[tuple[int, int]] = set()
        while waiting and self._goes_on():
            node = waiting.pop()
            number = getattr(node, "objgen", (0, 0))
            if node is None or number in known:
                continue
            if number != (0, 0):  # else it lies in its parent, and can't be in itself
                known.add(number)
            leaves = _items(_value(node, "/Names"))
            for key, spec in zip(leaves, leaves, strict=False):
                if not self._goes_on():
                    return
                yield _text(key), spec
            waiting += reversed(list(islice(_items(_value(node, "/Kids")), MOST_NODES)))

    def _goes_on(self) -> bool:
        self._nodes += 1
        if self._nodes > MOST_NODES or time.monotonic() > self._until:
            self.cut = True
        return not self.cut


def _embedded(key: str, spec: Any) -> Embedded | None:
    """Return the file that this specification embeds; None when it names one elsewhere."""
    files = _value(spec, "/EF")
    for entry in ("/UF", "/F", "/Unix", "/Mac", "/DOS"):
        stream = _value(files, entry)
        if isinstance(stream, pikepdf.Stream):
            names = (_text(_value(spec, one)) for one in ("/UF", "/F"))
            name = next(filter(None, names), "") or key
            return Embedded(name[:LONGEST_NAME], stream)
    return None


def _value(holder: Any, key: str) -> Any:
    """Return the value of a key of a dictionary; None for what is none, or broken."""
    try:
        return holder.get(key)
    except BROKEN:
        return None


def _name(holder: Any, key: str) -> str:
    """Return the name at this key, as "/FileAttachment"; empty when there is none."""
    try:
        return str(holder.get(key))
    except BROKEN:
        return ""


def _items(array: Any) -> Iterator[Any]:
    """Yield what an array holds; a single dictionary stands for itself."""
    if isinstance(array, pikepdf.Dictionary):
        yield array
    elif isinstance(array, pikepdf.Array):
        for number in range(len(array)):
            try:
                yield array[number]
            except BROKEN:
                yield None


def _text(string: Any) -> str:
    if not isinstance(string, pikepdf.String):
        return ""
    try:
        return str(string)
    except BROKEN:
        return bytes(string).decode("latin-1")
