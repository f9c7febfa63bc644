"""Is a PDF with an odd end all there? Readers open half a file happily; this looks for what its pages need.

Asked only of files whose end is odd (``complete.Doubtful``). The end of the file is no matter here, nor is what
no page needs: bookmarks, metadata, form fields, earlier revisions.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scanmend.errors import Damaged
from scanmend.ocr.pdf.repair import is_rebuilt, opened, pages_named, whole_bytes
from scanmend.ocr.pictures import name_of

if TYPE_CHECKING:
    import pikepdf

HIGHEST = 1_000_000  # numbers of objects beyond which it is not looked for missing ones
SPARE = 1000  # numbers beyond those of known objects that are taken for missing ones
DEEPEST = 50  # levels of a page tree
_CUT = re.compile(
    r"object (\d+) \d+.*(unable to recover stream data|expected endobj|unexpected EOF|parse error)"
)
_REFERENCE = re.compile(rb"(?<!\d)(\d{1,10})\s{1,4}\d{1,5}\s{1,4}R\b")
_MISSING = "/ScanmendMissing"  # put in the place of each object that is not there
# what leads away from what a page shows
_ELSEWHERE = {
    "/Parent", "/P", "/Popup", "/IRT", "/Dest", "/A", "/AA", "/B", "/OC", "/Properties", "/Metadata", "/PieceInfo",
    "/Thumb", "/Length", "/Alternates", "/OPI",
}  # fmt: skip


def missing_in(path: str, passwords: Sequence[str], pages: int) -> str:
    """Return which of the ``pages`` that PDFium found, or of those that are named, is not all there; empty: all are."""
    whole = whole_bytes(path, name_of(path))
    if whole.ended and not is_rebuilt(path):
        return ""
    try:
        with opened(io.BytesIO(whole.data), name_of(path), passwords) as (pdf, _):
            return _missing(pdf, pages, whole.data)
    except Damaged:  # PDFium opens it all the same
        return "whether it is all there can't be told"


def _missing(pdf: "pikepdf.Pdf", pages: int, data: bytes) -> str:
    """Return what is not there; empty when all is. ``data``: the file's bytes."""
    named = pages_named(pdf)
    found = len(pdf.pages)
    warnings = [str(warning) for warning in pdf.get_warnings()]  # they are told once
    if any("Pages tree includes" in text for text in warnings):
        return f"{found} of its pages are there, the others are missing"
    if any("missing or invalid; repairing" in text for text in warnings):
        return "what a page shows is missing"
    if named is not None and named > found:
        return f"{found} of its {named} pages are there"
    if found > pages:
        return f"{pages} of its {found} pages can be opened"
    named_objects = {int(found[1]) for found in _REFERENCE.finditer(data)}
    if not _mark_missing(pdf, named_objects, warnings):
        return "whether it is all there can't be told"
    for number, page in enumerate(pdf.pages, 1):
        if not _is_whole(page.obj):
            return f"page {number} is not all there"
    return ""


def _mark_missing(pdf: "pikepdf.Pdf", named: set[int], warnings: list[str]) -> bool:
    """Put a mark in the place of each missing object: qpdf shows a reference to one as no entry at all.

    ``named``: the numbers that the file's bytes refer to; others may be in object streams. False: there are too many.
    """
    import pikepdf  # noqa: PLC0415

    items = list(pdf.objects)  # of those that are referred to and missing: None
    there = {item.objgen[0] for item in items if isinstance(item, pikepdf.Object)}
    highest = max(there, default=0) + len(items) - len(there)
    if max(highest, *named, 0) > HIGHEST:
        return False
    said = [*warnings, *map(str, pdf.get_warnings())]
    cut = {int(found[1]) for text in said if (found := _CUT.search(text))}
    for number in named | set(range(1, highest + SPARE)):
        if number not in there or number in cut:
            mark = pikepdf.Name(_MISSING)  # a new one each time: it becomes the object
            pdf._replace_object((number, 0), mark)  # noqa: SLF001 - there is no public way
    return True


def _is_whole(page: "pikepdf.Object") -> bool:
    """Return whether everything that the page shows is there: contents, resources, looks of annotations."""
    if not _is_dictionary(page):
        return False
    todo: list[Any] = [page.get("/Contents"), _resources(page)]
    notes: Any = page.get("/Annots")
    notes = list(notes) if _is_array(notes) else [notes]
    todo += [note.get("/AP") if _is_dictionary(note) else note for note in notes]
    seen: set[tuple[int, int]] = set()
    while todo:
        item = todo.pop()
        if item == _MISSING:
            return False
        if _is_array(item) or _is_dictionary(item):
            if item.objgen != (0, 0) and item.objgen in seen:
                continue
            seen.add(item.objgen)
            todo += (
                list(item)
                if _is_array(item)
                else [value for key, value in item.items() if key not in _ELSEWHERE]
            )
    return True


def _resources(page: Any) -> Any:
    """Return the page's resources, which it may have from the tree."""
    for _ in range(DEEPEST):
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
