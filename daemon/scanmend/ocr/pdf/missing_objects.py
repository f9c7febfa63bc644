"""Find out whether a PDF with an odd end is complete: PDF readers open half a file without an error.

Only files with an odd end (``completeness.PossiblyIncomplete``) and files that qpdf wrote anew are searched. A missing
end does not count, nor do objects that no page needs: bookmarks, metadata, form fields, earlier revisions.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scanmend.errors import Damaged
from scanmend.ocr.pdf.repair import is_rebuilt, open_with_qpdf, pages_in_tree, restored_bytes
from scanmend.ocr.pictures import name_of

if TYPE_CHECKING:
    import pikepdf

MAX_OBJECT_NUMBER = 1_000_000  # up to which missing objects are searched
SPARE_NUMBERS = 1000  # object numbers above the highest known one that are checked, too
MAX_TREE_DEPTH = 50  # levels of a page tree
_CUT = re.compile(
    r"object (\d+) \d+.*(unable to recover stream data|expected endobj|unexpected EOF|parse error)"
)
_REFERENCE = re.compile(rb"(?<!\d)(\d{1,10})\s{1,4}\d{1,5}\s{1,4}R\b")
_MISSING = "/ScanmendMissing"  # the name that replaces each missing object
_UNKNOWN = "whether it is all there can't be told"
# keys of objects that a page does not show
_NOT_SHOWN = frozenset(
    "/Parent /P /Popup /IRT /Dest /A /AA /B /OC /Properties /Metadata /PieceInfo /Thumb /Length "  # noqa: SIM905
    "/Alternates /OPI".split()
)


def describe_missing(path: str, passwords: Sequence[str], pages: int) -> str:
    """Return what is missing from the pages, in words; "" if they are complete. Raise OSError.

    ``pages``: the number of pages that PDFium found.
    """
    restored = restored_bytes(path, name_of(path))
    if restored.ended and not is_rebuilt(path):
        return ""
    try:
        with open_with_qpdf(io.BytesIO(restored.data), name_of(path), passwords) as (pdf, _):
            return _missing_in(pdf, pages, restored.data)
    except Damaged:  # qpdf can't open it, though PDFium can
        return _UNKNOWN


def _missing_in(pdf: "pikepdf.Pdf", pages: int, data: bytes) -> str:
    """Return what is missing from the pages of a PDF with these bytes; "" if they are complete."""
    in_tree = pages_in_tree(pdf)
    found = len(pdf.pages)
    warnings = [str(warning) for warning in pdf.get_warnings()]  # qpdf gives each only once
    if any("Pages tree includes" in text for text in warnings):
        return f"{found} of its pages are there, the others are missing"
    if any("missing or invalid; repairing" in text for text in warnings):
        return "what a page shows is missing"
    if in_tree is not None and in_tree > found:
        return f"{found} of its {in_tree} pages are there"
    if found > pages:
        return f"{pages} of its {found} pages can be opened"
    referred = {int(found[1]) for found in _REFERENCE.finditer(data)}
    if not _mark_missing(pdf, referred, warnings):
        return _UNKNOWN
    for number, page in enumerate(pdf.pages, 1):
        if not _is_whole(page.obj):
            return f"page {number} is not all there"
    return ""


def _mark_missing(pdf: "pikepdf.Pdf", referred: set[int], warnings: list[str]) -> bool:
    """Replace each missing object by the name ``_MISSING``; return False if there are too many objects.

    Otherwise qpdf would hide a reference to a missing object. ``referred``: the object numbers to which the file's
    bytes refer; object streams may refer to others.
    """
    import pikepdf  # noqa: PLC0415

    objects = list(pdf.objects)  # None for each missing object that is referred to
    known = {item.objgen[0] for item in objects if isinstance(item, pikepdf.Object)}
    highest = max(known, default=0) + len(objects) - len(known)
    if max(highest, *referred, 0) > MAX_OBJECT_NUMBER:
        return False
    messages = [*warnings, *map(str, pdf.get_warnings())]
    cut = {int(found[1]) for text in messages if (found := _CUT.search(text))}
    for number in referred | set(range(1, highest + SPARE_NUMBERS)):
        if number not in known or number in cut:
            mark = pikepdf.Name(_MISSING)  # a new name each time, since it becomes the object
            pdf._replace_object((number, 0), mark)  # noqa: SLF001 - there is no public way
    return True


def _is_whole(page: "pikepdf.Object") -> bool:
    """Return whether the page has all objects that it shows: contents, resources, appearances of annotations."""
    if not _is_dictionary(page):
        return False
    waiting: list[Any] = [page.get("/Contents"), _resources(page)]
    annotations: Any = page.get("/Annots")
    annotations = list(annotations) if _is_array(annotations) else [annotations]
    waiting += [note.get("/AP") if _is_dictionary(note) else note for note in annotations]
    visited: set[tuple[int, int]] = set()
    while waiting:
        item = waiting.pop()
        if item == _MISSING:
            return False
        if not (_is_array(item) or _is_dictionary(item)):
            continue
        if item.objgen != (0, 0) and item.objgen in visited:
            continue
        visited.add(item.objgen)
        if _is_array(item):
            waiting += list(item)
        else:
            waiting += [value for key, value in item.items() if key not in _NOT_SHOWN]
    return True


def _resources(page: Any) -> Any:
    """Return the page's own resources, or those that it inherits from the page tree."""
    for _ in range(MAX_TREE_DEPTH):
        if not _is_dictionary(page) or "/Resources" in page:
            break
        page = page.get("/Parent")
    return page.get("/Resources") if _is_dictionary(page) else None


def _is_array(item: Any) -> bool:
    import pikepdf  # noqa: PLC0415

    return isinstance(item, pikepdf.Array)


def _is_dictionary(item: Any) -> bool:
    import pikepdf  # noqa: PLC0415

    return isinstance(item, pikepdf.Dictionary | pikepdf.Stream)
