"""Mend a page tree that does not lead to its pages: PDFium then shows blank pages or none, and qpdf gives up.

The pages are objects of the file, so they are found without the tree. A new tree is appended to a copy of the file. This
works on the bytes, and not in files with object streams or encryption, whose pages can't be seen in the bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_LEVELS = 50  # levels
MAX_DICTIONARY_BYTES = 2**20  # of one node; only the dictionary of an object is looked at
_NUMBERED = re.compile(rb"(?<!\d)(\d{1,10})\s+(\d{1,5})\s+obj\b")
_IS_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_IS_NODE = re.compile(rb"/Type\s*/Pages(?![A-Za-z])")
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_KID = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+R\b")
_ROOT_NODE = re.compile(rb"/Pages\s+(\d{1,10})\s+\d{1,5}\s+R\b")
_PARENT_NODE = re.compile(rb"/Parent\s+(\d{1,10})\s+\d{1,5}\s+R\b")
_HIDDEN = (b"/ObjStm", b"/Encrypt")


@dataclass(frozen=True, slots=True)
class Mended:
    """A copy of a PDF with a new page tree of ``found`` pages; the old tree had ``wanted``."""

    data: bytes
    found: int
    wanted: int


@dataclass(slots=True)
class _Tree:
    """The objects of a page tree, as the bytes show them, by number."""

    numbers: set[int] = field(default_factory=set)  # of all objects
    pages: dict[int, int] = field(default_factory=dict)  # generation
    kids: dict[int, list[int]] = field(default_factory=dict)  # of each node
    parents: dict[int, int] = field(default_factory=dict)  # of each node
    roots: list[int] = field(default_factory=list)  # to which a catalogue refers


def has_lost_its_tree(data: bytes) -> bool:
    """Return whether the catalogue refers to a page tree that is not there, as far as the bytes tell."""
    tree = _tree(data)
    return tree is not None and bool(tree.roots) and tree.roots[-1] not in tree.kids


def mended(data: bytes) -> Mended | None:
    """Return a copy with a new page tree; None if the tree is sound or can't be seen."""
    tree = _tree(data)
    if tree is None or not tree.pages:
        return None
    known_roots = [n for n in tree.roots[-1:] if n in tree.kids]
    tops = known_roots or [n for n in tree.kids if tree.parents.get(n) not in tree.kids]
    found = [page for top in tops for page in _below(tree, top, 0)]
    if found and None not in found and known_roots:
        return None
    seen = set(found)
    others = iter(sorted(n for n in tree.pages if n not in seen))
    # an unknown page stands in for each one that is missing
    pages = [next(others, None) if page is None else page for page in found] or list(others)
    numbers = [page for page in dict.fromkeys(pages) if page is not None]
    return Mended(_with_tree(data, tree, numbers), len(numbers), len(pages)) if numbers else None


def _tree(data: bytes) -> _Tree | None:
    """Return the page tree in these bytes; None if the file may have pages that they do not show."""
    if any(word in data for word in _HIDDEN):
        return None
    tree = _Tree()
    for found in _NUMBERED.finditer(data):
        number = int(found[1])
        tree.numbers.add(number)
        end = data.find(b"endobj", found.end(), found.end() + MAX_DICTIONARY_BYTES)
        body = data[found.end() : end if end > 0 else found.end() + 1000].split(b"stream")[0]
        for known in (tree.pages, tree.kids):
            known.pop(number, None)  # a later revision counts
        if _IS_PAGE.search(body):
            tree.pages[number] = int(found[2])
        elif _IS_NODE.search(body) and (kids := _KIDS.search(body)):
            tree.kids[number] = [int(n) for n in _KID.findall(kids[1])]
            if parent := _PARENT_NODE.search(body):
                tree.parents[number] = int(parent[1])
        tree.roots += [int(n) for n in _ROOT_NODE.findall(body)]
    return tree


def _below(tree: _Tree, number: int, depth: int) -> Iterator[int | None]:
    """Yield the pages below a node in order; None for each one that is not in the file."""
    if number in tree.pages:
        yield number
    elif number in tree.kids and depth < MAX_LEVELS:
        for kid in tree.kids[number]:
            yield from _below(tree, kid, depth + 1)
    else:
        yield None


def _with_tree(data: bytes, tree: _Tree, pages: list[int]) -> bytes:
    """Return the bytes with a catalogue and a flat tree of these pages, and without the old cross references."""
    node = max(tree.numbers) + 1
    kids = b" ".join(b"%d %d R" % (number, tree.pages[number]) for number in pages)
    end = b"\n%d 0 obj\n<</Type/Pages/Kids[%s]/Count %d>>\nendobj\n" % (node, kids, len(pages))
    end += b"%d 0 obj\n<</Type/Catalog/Pages %d 0 R>>\nendobj\n" % (node + 1, node)
    end += b"trailer\n<</Root %d 0 R/Size %d>>\n%%%%EOF\n" % (node + 1, node + 2)
    # readers then search for the objects, and take the last trailer
    return data.replace(b"startxref", b"startxxxx").replace(b"trailer", b"trailxx") + end
