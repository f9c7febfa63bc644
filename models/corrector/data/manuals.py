"""Text of manual pages, as Debian packages them in many languages: modern, technical, full of code and typography.

    python -m data.manuals /usr/share/man OUT.txt.xz

The markup is stripped roughly, one paragraph a line. English pages are sampled, translated ones are all taken.
"""

import gzip
import lzma
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

LANGUAGES = ("de", "es", "fr", "it", "nl")
ENGLISH = 900  # pages
LONGEST = 20_000  # characters of a page
NAMED = {"aq": "'", "cq": "’", "oq": "‘", "lq": "“", "rq": "”", "en": "–", "em": "—", "bu": "•", "co": "©", "dq": '"',
         "->": "→", "<-": "←", ">=": "≥", "<=": "≤", "mu": "×", "+-": "±", "de": "°", "Fo": "«", "Fc": "»", "ss": "ß"}  # fmt: skip
ACCENTS = {":": "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", ",": "\u0327"}
TEXT_MACROS = {"SH", "SS", "B", "I", "BR", "BI", "IR", "IB", "RB", "RI", "TP", "IP"}


def paragraphs(source: str) -> Iterator[str]:
    """What a page says, without its markup."""
    kept: list[str] = []
    for line in source.split("\n"):
        macro = re.match(r"[.']\s*(\w*)\s*(.*)", line)
        if not macro:
            kept.append(line)
        elif macro[1] in TEXT_MACROS and macro[1] not in ("TP", "IP"):
            kept.append(macro[2].replace('"', ""))
        if (macro and macro[1] in ("PP", "P", "SH", "SS", "TP", "IP", "br")) or not line:
            yield _plain(" ".join(kept))
            kept = []
    yield _plain(" ".join(kept))


def _plain(text: str) -> str:
    text = re.sub(r"\\\((..)|\\\[(..)\]", lambda m: _sign(m[1] or m[2]), text)
    text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&%/,)|^:]|\\\".*", "", text)
    return re.sub(
        r"\s+", " ", text.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ")
    ).strip()


def _sign(name: str) -> str:
    accent, letter = ACCENTS.get(name[0]), name[1]
    return (
        unicodedata.normalize("NFC", letter + accent)
        if accent and letter.isalpha()
        else NAMED.get(name, "")
    )


def main(root: Path, out: Path) -> None:
    """Write all pages' paragraphs."""
    english = sorted(root.glob("man[1578]/*.gz"))
    pages = english[:: max(1, len(english) // ENGLISH)]
    for language in LANGUAGES:
        pages += sorted(root.glob(f"{language}/man*/*.gz"))
    with lzma.open(out, "wt", encoding="utf-8", preset=3) as opened:
        for page in pages:
            source = gzip.decompress(page.read_bytes()).decode("utf-8", "ignore")[:LONGEST]
            for text in paragraphs(source):
                if len(text) > 30 and "\\" not in text:
                    opened.write(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
