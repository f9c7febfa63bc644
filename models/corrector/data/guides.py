"""Extract the text of Debian's guides and help pages in many languages: modern everyday and office prose.

    python -m data.guides FOLDER OUT.txt.xz HELD.txt

FOLDER holds unpacked packages (dpkg-deb -x): HTML below usr/share, and Mallard pages. OUT gets one paragraph per line, without
duplicates. One paragraph in HELD_BACK is kept from the training, so that the ranking can be fitted on text that the model never
saw: HELD gets HELD_LINES lines of these paragraphs, wrapped as on pages, for ``data.render --pages``.
"""

import html
import itertools
import lzma
import random
import re
import sys
import textwrap
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

LANGUAGES = ("en", "de", "es", "fr", "it", "nl")
# parts of paths that look like codes of languages
NO_LANGUAGES = ("usr", "doc", "gtk", "css", "img", "faq", "hlp")
MIN_CHARACTERS, MAX_CHARACTERS = 40, 3000  # in a paragraph
HELD_BACK = 12
HELD_LINES = 5400
HELD_WORDS = 60  # maximum that is taken from a held-back paragraph
HELD_WIDTHS = (50, 95)  # range of the width of its lines in characters
_PARAGRAPH = re.compile(r"<(p|li|dd|dt|h\d|td|title)\b[^>]*>(.*?)</\1>", re.DOTALL)
_CODE = re.compile(r"<(pre|script|style|code|cmd)\b.*?</\1>", re.DOTALL)
_UNWANTED = re.compile(
    "[…<\u0370-\u1dff\u3000-\uffff]"
)  # a gap where code was removed, or a script that is not Latin
_LOCALE = re.compile(r"[a-z]{2,3}([-_][A-Z]{2}|[-_]us)?")


def language(path: Path) -> str | None:
    """Return a page's language by its path: English if the path has none; None for a language outside LANGUAGES."""
    marks = [re.sub(r"^.*-(?=(it|de|es|fr|nl|en)$)", "", part) for part in path.parts[:-1]]
    marks += path.name.split(".")[1:-1]
    codes = [m.replace("_", "-").split("-")[0] for m in marks if _LOCALE.fullmatch(m)]
    codes = [c for c in codes if c not in NO_LANGUAGES]
    return next((c if c in LANGUAGES else None for c in reversed(codes)), "en")


def paragraphs(source: str) -> Iterator[str]:
    """Yield the paragraphs of a page without their markup."""
    for match in _PARAGRAPH.finditer(_CODE.sub(" … ", source)):
        text = html.unescape(re.sub(r"<[^>]+>", "", match[2]))
        text = re.sub(r"\s+", " ", text).strip()
        if MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS and not _UNWANTED.search(text):
            yield text


def page_lines(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of the paragraphs, each of which is wrapped at a random width."""
    rng = random.Random(29)
    for text in texts:
        lines = textwrap.wrap(" ".join(text.split()[:HELD_WORDS]), rng.randint(*HELD_WIDTHS))
        yield from (line for line in lines if len(line) > 3)


def main(root: Path, out: Path, held: Path) -> None:
    """Write the paragraphs of all pages, in the order of their checksums."""
    found: dict[int, str] = {}
    for page in sorted([*root.rglob("*.html"), *root.rglob("*.page")]):
        if language(page.relative_to(root)):
            source = page.read_text(encoding="utf-8", errors="ignore")
            found.update((zlib.crc32(text.encode()), text) for text in paragraphs(source))
    with lzma.open(out, "wt", encoding="utf-8", preset=3) as opened:
        opened.writelines(found[n] + "\n" for n in sorted(found) if n % HELD_BACK)
    lines = page_lines(found[n] for n in sorted(found) if n % HELD_BACK == 0)
    held.write_text("\n".join(itertools.islice(lines, HELD_LINES)), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
