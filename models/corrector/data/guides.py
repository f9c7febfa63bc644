"""Text of guides and help pages, as Debian packages them in many languages: modern everyday and office language.

    python -m data.guides FOLDER OUT.txt.xz HELD.txt

FOLDER: packages, unpacked (dpkg-deb -x): HTML below usr/share, and Mallard pages. One paragraph a line, each once;
every twelfth is held back from training, for what is fitted on text that the model never saw: of those LINES lines as
pages have them, for ``data.render --pages``.
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
SHORTEST, LONGEST = 40, 3000  # characters of a paragraph
HELD = 12
LINES = 5400
_PARAGRAPH = re.compile(r"<(p|li|dd|dt|h\d|td|title)\b[^>]*>(.*?)</\1>", re.DOTALL)
_STRANGE = re.compile("[…<\u0370-\u1dff\u3000-\uffff]")  # code was left out, or another script
_CODE = re.compile(r"<(pre|script|style|code|cmd)\b.*?</\1>", re.DOTALL)


def language(path: Path) -> str | None:
    """Of a page, as its path says; English where it says nothing, None for one that is not wanted."""
    marks = [re.sub(r"^.*-(?=(it|de|es|fr|nl|en)$)", "", part) for part in path.parts[:-1]]
    marks += path.name.split(".")[1:-1]
    codes = [m.replace("_", "-").split("-")[0] for m in marks if re.fullmatch(r"[a-z]{2,3}([-_][A-Z]{2}|[-_]us)?", m)]  # fmt: skip
    codes = [c for c in codes if c not in ("usr", "doc", "gtk", "css", "img", "faq", "hlp")]
    return next((c if c in LANGUAGES else None for c in reversed(codes)), "en")


def paragraphs(source: str) -> Iterator[str]:
    """What a page says, without its markup."""
    for match in _PARAGRAPH.finditer(_CODE.sub(" … ", source)):
        text = html.unescape(re.sub(r"<[^>]+>", "", match[2]))
        text = re.sub(r"\s+", " ", text).strip()
        if SHORTEST <= len(text) <= LONGEST and not _STRANGE.search(text):
            yield text


def page_lines(texts: Iterable[str]) -> Iterator[str]:
    """Paragraphs, set in lines of one width each."""
    rng = random.Random(29)
    for text in texts:
        lines = textwrap.wrap(" ".join(text.split()[:60]), rng.randint(50, 95))
        yield from (line for line in lines if len(line) > 3)


def main(root: Path, out: Path, held: Path) -> None:
    """Write all pages' paragraphs, mixed."""
    found: dict[int, str] = {}
    for page in sorted([*root.rglob("*.html"), *root.rglob("*.page")]):
        if language(page.relative_to(root)):
            source = page.read_text(encoding="utf-8", errors="ignore")
            found.update((zlib.crc32(text.encode()), text) for text in paragraphs(source))
    with lzma.open(out, "wt", encoding="utf-8", preset=3) as opened:
        opened.writelines(found[n] + "\n" for n in sorted(found) if n % HELD)
    lines = page_lines(found[n] for n in sorted(found) if n % HELD == 0)
    held.write_text("\n".join(itertools.islice(lines, LINES)), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
