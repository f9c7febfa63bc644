"""Tell whether a new result continues an old one: the old pages stand at its beginning, and more follow.

A scanner that opens its file again writes the pages that it had, then the next ones. The old result's sidecar holds what
was read from them. The same picture is read in the same way each time; a scanner that compresses its pages anew may cost a
letter here and there. Documents that only look alike, such as two invoices of one sender, differ in their digits.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from scanmend.page import PageResult

MIN_SIMILARITY = 0.97  # of the texts of a page that was compressed anew: difflib's ratio, 0 to 1
SAME_PLACE_PIXELS = 4  # that a line's box may move, when its page was compressed anew
MIN_CHARACTERS = (
    10  # letters and digits on the old pages, without which nothing tells them from others
)


def continues(sidecar: bytes, pages: Iterable[PageResult]) -> bool:
    """Return whether the pages of an existing sidecar are the first of ``pages``. Raise OSError."""
    characters = 0
    found = iter(pages)
    for old in pages_of(sidecar):
        new = next(found, None)
        if new is None or new.page.error:  # don't replace what was read
            return False
        if "error" not in old:
            if not _is_same(old, new):
                return False
            characters += sum(map(str.isalnum, _text(line["ocr"] for line in old["lines"])))
    return characters >= MIN_CHARACTERS and next(found, None) is not None


def pages_of(sidecar: bytes) -> Iterator[dict[str, Any]]:
    """Yield the pages of a sidecar one by one: each is a line of its own. Raise OSError."""
    with open(sidecar, "rb") as file:
        for line in file:
            if line.startswith(b' "pages": ['):
                break
        for line in file:
            if line.startswith(b"  {"):
                yield json.loads(line.strip().rstrip(b","))


def _is_same(old: dict[str, Any], new: PageResult) -> bool:
    page = new.page
    if (old["width"], old["height"], old["rotation"]) != (page.width, page.height, page.rotation):
        return False
    before = [(line["ocr"], line["box"]) for line in old["lines"]]
    now = [(line.text, (line.box.x0, line.box.y0, line.box.x1, line.box.y1)) for line in page.lines]
    old_text, new_text = (_text(text for text, _ in lines) for lines in (before, now))
    if _digits(old_text) != _digits(new_text):
        return False
    if old_text != new_text:
        matcher = difflib.SequenceMatcher(None, old_text, new_text, autojunk=False)
        quick = min(matcher.real_quick_ratio(), matcher.quick_ratio())
        if quick < MIN_SIMILARITY or matcher.ratio() < MIN_SIMILARITY:
            return False
    places = dict(before)
    return all(_is_near(places[text], box) for text, box in dict(now).items() if text in places)


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _is_near(a: Iterable[float], b: Iterable[float]) -> bool:
    return all(abs(x - y) <= SAME_PLACE_PIXELS for x, y in zip(a, b, strict=True))
