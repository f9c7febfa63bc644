"""Read files in the test's own process, as an OCR child reads them."""

import os
from pathlib import Path

from scanmend.document import Contents
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.pages import contents
from scanmend.page import PageText
from scanmend.workers.protocol import ContentsRequest, PageRequest

MAX_PIXELS = 200_000_000


def put(folder: Path, data: bytes, name: str = "scan") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(data)
    return str(path)


def contents_of(path: str, pages: int = 100, pixels: int = 50_000_000) -> Contents:
    """Return a file's contents as an OCR child reports them; ``pages`` and ``pixels`` are the limits."""
    return contents(ContentsRequest(os.fsencode(path), pages, pixels))


def request(
    path: str, index: int = 0, pdf_text: str = "auto", pixels: int = 50_000_000
) -> PageRequest:
    """Return the request to read a page at 150 dpi by RapidOCR, turned upright."""
    return PageRequest(os.fsencode(path), index, "rapidocr", ("en",), 150, True, pdf_text, pixels)


def read(path: Path | str, pdf_text: str = "auto") -> PageText:
    """Return the first page of a file, read at 300 dpi by RapidOCR."""
    file = os.fsencode(path)
    return read_page(PageRequest(file, 0, "rapidocr", ("en",), 300, True, pdf_text, MAX_PIXELS))


def read_made(folder: Path, data: bytes, pdf_text: str = "auto") -> PageText:
    """Write a PDF of these bytes into the folder, and return its first page as read."""
    return read(put(folder, data, "page.pdf"), pdf_text)


def texts(page: PageText) -> list[str]:
    """Return the texts of a page's lines, with single spaces."""
    return [" ".join(line.text.split()) for line in page.lines]
