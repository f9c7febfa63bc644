"""Find the files that are embedded in a PDF. qpdf reads the whole structure, PDFium only part of it.

Embedded files are named in the catalogue (Names/EmbeddedFiles, AF), by pages (AF) and by their annotations
(FileAttachment, RichMedia, AF). Don't trust any of them: trees may be cyclic, names hostile, numbers huge.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pikepdf

from scanmend.ocr.pdf.qpdf import BROKEN

MAX_FILES = 10_000  # embedded files that are counted
MAX_NODES = 100_000  # of name trees, and annotations, that one walk visits
MAX_WALK_SECONDS = 20.0  # that one walk may take
MAX_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Embedded:
    """One embedded file: its name in the PDF, and the pikepdf stream of its bytes."""

    name: str
    stream: Any


@dataclass(frozen=True, slots=True)
class Structure:
    """The parts of a PDF beside its pages.

    ``cut``: there may be more embedded files. ``portfolio``: it is a collection of files. ``payload``: the document
    itself is an encrypted embedded file (ISO 32000-2, 7.6.7). ``xfa``: it holds an XFA form; ``rendering``: the pages
    are to be made from that form. ``fields``: it has form fields.
    """

    embedded: tuple[Embedded, ...] = ()
    cut: bool = False
    portfolio: bool = False
    payload: bool = False
    xfa: bool = False
    rendering: bool = False
    fields: bool = False


def structure(pdf: pikepdf.Pdf) -> Structure:
    """Return the parts of this PDF beside its pages, as far as they can be read."""
    walk = _Walk()
    embedded: list[Embedded] = []
    has_payload = False
    known: set[tuple[int, int]] = set()
    for key, spec in walk.file_specifications(pdf):
        embedded_file = _embedded(key, spec)
        if embedded_file is None:
            continue
        has_payload |= _name(spec, "/AFRelationship") == "/EncryptedPayload"
        has_payload |= embedded_file.name.startswith("MicrosoftIRMServices")  # before ISO 32000-2
        number = embedded_file.stream.objgen
        if number in known:
            continue
        if len(embedded) >= MAX_FILES:
            walk.cut = True
            break
        known.add(number)
        embedded.append(embedded_file)
    form = _value(pdf.Root, "/AcroForm")
    return Structure(
        tuple(embedded),
        cut=walk.cut,
        portfolio=_value(pdf.Root, "/Collection") is not None,
        payload=has_payload,
        xfa=_value(form, "/XFA") is not None,
        rendering=_value(pdf.Root, "/NeedsRendering") is True,
        fields=next(_items(_value(form, "/Fields")), None) is not None,
    )


class _Walk:
    """One walk over a PDF, with a limit of nodes and seconds. ``cut``: it reached a limit."""

    def __init__(self) -> None:
        self.cut = False
        self._nodes = 0
        self._deadline = time.monotonic() + MAX_WALK_SECONDS

    def file_specifications(self, pdf: Any) -> Iterator[tuple[str, Any]]:
        """Yield each file specification with its key in the name tree, or "" elsewhere. Some come more than once."""
        root = pdf.Root
        yield from self._name_tree(_value(_value(root, "/Names"), "/EmbeddedFiles"))
        yield from self._array(_value(root, "/AF"))
        try:
            for page in pdf.pages:
                yield from self._of_page(page.obj)
                if self.cut:
                    return
        except BROKEN:  # qpdf can't read the page tree
            return

    def _of_page(self, page: Any) -> Iterator[tuple[str, Any]]:
        yield from self._array(_value(page, "/AF"))
        for annotation in _items(_value(page, "/Annots")):
            if not self._continues():
                return
            subtype = _name(annotation, "/Subtype")
            if subtype == "/FileAttachment":
                yield "", _value(annotation, "/FS")
            elif subtype == "/RichMedia":
                content = _value(annotation, "/RichMediaContent")
                yield from self._name_tree(_value(content, "/Assets"))
            yield from self._array(_value(annotation, "/AF"))

    def _array(self, specs: Any) -> Iterator[tuple[str, Any]]:
        for spec in _items(specs):
            if not self._continues():
                return
            yield "", spec

    def _name_tree(self, root: Any) -> Iterator[tuple[str, Any]]:
        """Yield the leaves of a name tree in order, visiting each node once."""
        waiting = [root]
        visited: set[tuple[int, int]] = set()
        while waiting and self._continues():
            node = waiting.pop()
            number = getattr(node, "objgen", (0, 0))
            if node is None or number in visited:
                continue
            # a direct object (0, 0) is inside its parent, so it can't be its own child
            if number != (0, 0):
                visited.add(number)
            leaves = _items(_value(node, "/Names"))
            for key, spec in zip(leaves, leaves, strict=False):
                if not self._continues():
                    return
                yield _text(key), spec
            waiting += reversed(list(islice(_items(_value(node, "/Kids")), MAX_NODES)))

    def _continues(self) -> bool:
        """Count a node; return whether the walk goes on."""
        self._nodes += 1
        if self._nodes > MAX_NODES or time.monotonic() > self._deadline:
            self.cut = True
        return not self.cut


def _embedded(key: str, spec: Any) -> Embedded | None:
    """Return the file that a specification embeds; None if it names a file elsewhere."""
    files = _value(spec, "/EF")
    for entry in ("/UF", "/F", "/Unix", "/Mac", "/DOS"):
        stream = _value(files, entry)
        if isinstance(stream, pikepdf.Stream):
            names = (_text(_value(spec, entry)) for entry in ("/UF", "/F"))
            name = next(filter(None, names), "") or key
            return Embedded(name[:MAX_NAME_CHARACTERS], stream)
    return None


def _value(holder: Any, key: str) -> Any:
    """Return a dictionary's value of this key; None if it has none, is broken, or is no dictionary."""
    try:
        return holder.get(key)
    except BROKEN:
        return None


def _name(holder: Any, key: str) -> str:
    """Return the name at this key, such as "/FileAttachment"; "" if there is none."""
    try:
        return str(holder.get(key))
    except BROKEN:
        return ""


def _items(array: Any) -> Iterator[Any]:
    """Yield the items of an array; yield a single dictionary itself."""
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
