"""Read text that another program has recognised, split it into pages, and print the corrected text in the same form.

A file is plain text, or JSON lines: objects with a ``text`` of one or more lines, and optionally a ``confidence``.
"""

import contextlib
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import msgspec

from scanmend.errors import UsageError
from scanmend.formats.sidecar import page_as_json
from scanmend.page import Box, Line, PageResult

STDIN = "-"
# The model sees the lines of a page together; longer pages would not fit the context of a small model.
MAX_PAGE_LINES = 60
MAX_PAGE_CHARACTERS = 6000
NO_BOX = Box(0, 0, 0, 0)  # the box of a line that has no picture

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A line of plain text, or an object of a file of JSON lines.

    ``lines``: the lines of its text. ``fields``: the object; None for a line of plain text.
    """

    lines: tuple[Line, ...]
    fields: Json | None = None

    @property
    def characters(self) -> int:
        """Return the length of the text in characters."""
        return sum(len(line.text) for line in self.lines)

    @property
    def begins_page(self) -> bool:
        """Return whether the text begins with a form feed."""
        return self.lines[0].text.startswith("\f")


def read_records(name: str) -> list[Record]:
    """Return the records of a file; ``name`` "-" means standard input. Raises UsageError with file and line.

    The file holds JSON lines if its first line is a JSON object with a ``text``.
    """
    rows = _read_text(name).split("\n")
    if rows and not rows[-1]:
        rows.pop()
    first = next((row for row in rows if row.strip()), "")
    if _parse(first) is None:
        return [Record((Line(row, NO_BOX, None),)) for row in rows]
    return [_record(f"{name}:{number}", row) for number, row in enumerate(rows, 1) if row.strip()]


def _read_text(name: str) -> str:
    """Return the text of a file or of standard input. Raises UsageError."""
    try:
        with contextlib.ExitStack() as stack:
            file: TextIO = sys.stdin
            if name != STDIN:
                file = stack.enter_context(open(name, encoding="utf-8"))
            return file.read()
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}", "convert it first") from None


def _parse(row: str) -> Json | None:
    """Return a row's JSON object with a ``text``; None if the row is anything else."""
    with contextlib.suppress(ValueError):
        fields = json.loads(row)
        if isinstance(fields, dict) and isinstance(fields.get("text"), str):
            return fields
    return None


def _record(position: str, row: str) -> Record:
    """Return the record of a JSON line. Raises UsageError with its ``position``, as "FILE:LINE"."""
    fields = _parse(row)
    if fields is None:
        raise UsageError(f"{position}: not a JSON object with a text, as the first line is")
    confidence = fields.get("confidence")
    if confidence is not None and not _is_fraction(confidence):
        raise UsageError(f"{position}: confidence: {confidence!r} is not a number from 0 to 1")
    lines = tuple(Line(text, NO_BOX, confidence) for text in fields["text"].split("\n"))
    return Record(lines, fields)


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def split_pages(records: Sequence[Record]) -> list[list[Record]]:
    """Return the records in pages, which the model sees as a whole; a form feed begins a new page."""
    pages: list[list[Record]] = [[]]
    lines = characters = 0
    for record in records:
        lines += len(record.lines)
        characters += record.characters
        full = lines > MAX_PAGE_LINES or characters > MAX_PAGE_CHARACTERS
        if pages[-1] and (full or record.begins_page):
            pages.append([])
            lines, characters = len(record.lines), record.characters
        pages[-1].append(record)
    return [page for page in pages if page]


def write_page(page: Sequence[Record], corrected: Sequence[str]) -> None:
    """Print a page with its corrected lines, in the form in which it was read."""
    texts = iter(corrected)
    for record in page:
        text = "\n".join(itertools.islice(texts, len(record.lines)))
        if record.fields is not None:
            text = json.dumps({**record.fields, "text": text}, ensure_ascii=False)
        print(text)
    sys.stdout.flush()


def write_results(name: str, results: Sequence[PageResult]) -> None:
    """Print the pages of a file as one JSON object, as in a sidecar; values that need a picture are null."""
    pages = []
    for result in results:
        page = page_as_json(result)
        page |= dict.fromkeys(("width", "height", "dpi", "rotation"))
        for line in page["lines"]:
            line["box"] = None
        pages.append(page)
    model = next((r.correction.model for r in results if r.correction.model), None)
    output = {
        "source": name,
        "model": msgspec.to_builtins(model) if model else None,
        "pages": pages,
    }
    print(json.dumps(output, ensure_ascii=False))
