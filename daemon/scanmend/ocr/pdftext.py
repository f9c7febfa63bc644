"""The text that a PDF page carries, with its boxes.

A page's own text is used when it is the page's text: at least ``LEAST`` letters and digits that map to
real characters, and not just a stamp or header beside a scan (a picture over most of the page, and text
over little of it). The invisible text of an earlier OCR counts as text.
"""

import dataclasses
import unicodedata

import pypdfium2
from pypdfium2 import raw as pdfium

from scanmend.ocr.engine import Segment
from scanmend.values import Box

LEAST = 10  # letters and digits
MOST = 200_000  # characters: more are no print, and the daemon would have them in its memory
REAL = 0.9  # share of characters that are no private use, replacement or control characters
PICTURE = 0.5  # share of the page that one picture covers for the page to count as a scan
COVERED = 0.15  # share of the scan's height in which there must be text
_EMBEDDING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def text_layer(page: pypdfium2.PdfPage, scale: float) -> tuple[Segment, ...] | None:
    """The page's text in pixels at ``scale`` (pixels per point), upright; None when it is to be recognised."""
    text = page.get_textpage()
    try:
        if text.count_chars() > MOST:
            return None
        segments = _segments(page, text, scale)
    finally:
        text.close()
    letters = "".join(s.text for s in segments)
    if sum(c.isalnum() for c in letters) < LEAST or _real(letters) < REAL:
        return None
    if _is_scan(page) and not _covers(segments, page.get_size()[1] * scale):
        return None
    printed = (dataclasses.replace(s, text=_printed(s.text)) for s in segments)
    return tuple(s for s in printed if s.text)


def _segments(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, scale: float) -> list[Segment]:
    """Runs of characters on one line, as PDFium finds them."""
    segments = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        words = " ".join(text.get_text_bounded(left, bottom, right, top).split())
        if words:
            corners = [_device(page, x, y, scale) for x, y in ((left, top), (right, bottom))]
            xs, ys = sorted(c[0] for c in corners), sorted(c[1] for c in corners)
            segments.append(
                Segment(unicodedata.normalize("NFC", words), Box(xs[0], ys[0], xs[1], ys[1]), None)
            )
    return segments


def _printed(text: str) -> str:
    """The words as on paper, where nothing steers a terminal or turns the order of the characters round."""
    kept = (
        c
        for c in text
        if unicodedata.category(c) != "Cc" and unicodedata.bidirectional(c) not in _EMBEDDING
    )
    return " ".join("".join(kept).split())


def _device(page: pypdfium2.PdfPage, x: float, y: float, scale: float) -> tuple[float, float]:
    """A point of the page's space in pixels of the upright page; /Rotate and the crop box are seen to."""
    left, bottom, right, top = page.get_cropbox()
    wide, high = (right - left), (top - bottom)
    x, y = x - left, y - bottom
    turned = {
        0: (x, high - y),
        90: (y, x),
        180: (wide - x, y),
        270: (high - y, wide - x),
    }[page.get_rotation()]
    return turned[0] * scale, turned[1] * scale


def _real(text: str) -> float:
    bad = sum(unicodedata.category(c) in ("Co", "Cn", "Cc", "Cs") or c == "\ufffd" for c in text)
    return 1 - bad / max(1, len(text))


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    width, height = page.get_size()
    return any(
        abs((b[2] - b[0]) * (b[3] - b[1])) > PICTURE * width * height
        for b in (
            o.get_bounds()
            for o in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)
        )
    )


def _covers(segments: list[Segment], height: float) -> bool:
    """Whether the text stands in enough of the page's height to be the scan's text."""
    rows: set[int] = set()
    for segment in segments:
        rows |= set(
            range(int(segment.box.y0 / height * 100), int(segment.box.y1 / height * 100) + 1)
        )
    return len(rows) >= COVERED * 100
