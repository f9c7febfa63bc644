"""The text of a document: UTF-8, one line for each line of a page, form feeds between pages."""

from collections.abc import Iterable, Iterator

from scanmend.document import Document
from scanmend.page import PageResult


def write(_document: Document, pages: Iterable[PageResult]) -> Iterator[bytes]:
    """Yield the text page by page."""
    for number, result in enumerate(pages):
        yield (b"\f" if number else b"") + page_text(result).encode("utf-8", "replace")


def page_text(result: PageResult) -> str:
    """Return a page's text: one line per line, and an empty line between two blocks.

    In place of a page that could not be read stands a line that says so.
    """
    if result.page.error:
        return f"[page {result.page.index + 1} could not be read: {result.page.error.code}]\n"
    out: list[str] = []
    previous = None
    for line, text in zip(result.page.lines, result.lines, strict=True):
        if previous is not None and line.block != previous:
            out.append("")
        out.append(text)
        previous = line.block
    return "".join(line + "\n" for line in out)
