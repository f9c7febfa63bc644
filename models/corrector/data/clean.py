"""Clean lines as they stand in print: prose cut into lines, and lines of documents that we make up.

Prose comes from the text files named on the command line (one paragraph a line, .xz). Typography is varied:
quotes, dashes, hyphens at the line's end, bullets, capitals. Document lines come from ``documents``.
"""

import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

from data.documents import document_line

QUOTES = [("“", "”", "’"), ("„", "“", "’"), ("«", "»", "’"), ('"', '"', "'"), ("‘", "’", "’")]
DASHES = ["—", "–", " — ", " – ", "--", "-", "- "]
BULLETS = ["• ", "- ", "– ", "* ", "→ ", "· ", "(a) ", "(i) ", "1. ", "2) ", "§ 3 ", "► ", "□ ", "■ "]
HYPHENS = "-----¬\u00ad‐"


class Prose:
    """Random paragraphs of large text files, held in memory compactly."""

    def __init__(self, files: list[Path], most: int) -> None:
        """``most``: bytes that are read of each file."""
        self._texts = []
        for file in files:
            with lzma.open(file, "rt", encoding="utf-8") as opened:
                self._texts.append(opened.read(most))

    def paragraph(self, rng: random.Random) -> str:
        """One paragraph of at least some words."""
        while True:
            text = rng.choice(self._texts)
            start = text.find("\n", rng.randrange(len(text))) + 1
            paragraph = text[start : text.find("\n", start)]
            if len(paragraph) > 40:
                return re.sub(r"\s+", " ", paragraph[:3000])


def _typography(rng: random.Random, text: str) -> str:
    opening, closing, apostrophe = rng.choice(QUOTES)
    text = re.sub(r'["“„«](?=\w)', opening, text)
    text = re.sub(r'["”“»]', closing, text)
    text = re.sub(r"(?<=\w)['’](?=\w)", apostrophe, text)
    return re.sub(r"\s*(?:--|—|–)\s*", lambda _: rng.choice(DASHES), text)


def _cut(rng: random.Random, text: str, width: int) -> Iterator[str]:
    """Lines of about ``width`` characters; long words are sometimes hyphenated."""
    line = ""
    for word in text.split(" "):
        if len(line) + 1 + len(word) <= width or not line:
            line = f"{line} {word}" if line else word
            continue
        room = width - len(line) - 2
        if room >= 3 and len(word) - room >= 3 and word.isalpha() and rng.random() < 0.5:
            yield f"{line} {word[:room]}{rng.choice(HYPHENS)}"
            line = word[room:]
        else:
            yield line
            line = word
    yield line


def lines(prose: Prose, rng: random.Random, documents: float = 0.35) -> Iterator[str]:
    """Clean lines for ever, at most 120 characters; a share of them from documents."""
    while True:
        if rng.random() < documents:
            yield document_line(rng)[:120]
            continue
        text = prose.paragraph(rng)
        if rng.random() < 0.7:
            text = _typography(rng, text)
        cut = list(_cut(rng, text, rng.randrange(24, 100)))
        for line in rng.sample(cut, min(len(cut), 3)):
            kind = rng.random()
            if kind < 0.05:
                line = line.upper()  # noqa: PLW2901
            elif kind < 0.08:
                line = line.title()  # noqa: PLW2901
            elif kind < 0.12:
                line = rng.choice(BULLETS) + line  # noqa: PLW2901
            if line.strip():
                yield line[:120].strip()
