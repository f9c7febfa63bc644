"""Extract the text of Debian's manual pages in many languages: modern, technical, full of code and signs.

    python -m data.manuals /usr/share/man OUT.txt.xz

The markup is removed roughly. OUT gets one paragraph per line. English pages are sampled; all translated pages are taken.
"""

import gzip
import lzma
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

LANGUAGES = ("de", "es", "fr", "it", "nl")
ENGLISH_PAGES = 900
MAX_PAGE_CHARACTERS = 20_000
MIN_CHARACTERS = 31  # in a paragraph
# characters by their names in troff
NAMED_CHARACTERS = {
    "aq": "'",
    "dq": '"',
    "cq": "’",
    "oq": "‘",
    "lq": "“",
    "rq": "”",
    "Fo": "«",
    "Fc": "»",
    "en": "–",
    "em": "—",
    "bu": "•",
    "co": "©",
    "de": "°",
    "ss": "ß",
    "mu": "×",
    "+-": "±",
    "->": "→",
    "<-": "←",
    ">=": "≥",
    "<=": "≤",
}
ACCENTS = {
    ":": "\u0308",
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    "~": "\u0303",
    ",": "\u0327",
}
TEXT_MACROS = {
    "SH",
    "SS",
    "B",
    "I",
    "BR",
    "BI",
    "IR",
    "IB",
    "RB",
    "RI",
}  # macros that are followed by text
PARAGRAPH_MACROS = ("PP", "P", "SH", "SS", "TP", "IP", "br")


def paragraphs(source: str) -> Iterator[str]:
    """Yield the paragraphs of a page without their markup."""
    kept: list[str] = []
    for line in source.split("\n"):
        macro = re.match(r"[.']\s*(\w*)\s*(.*)", line)
        if not macro:
            kept.append(line)
        elif macro[1] in TEXT_MACROS:
            kept.append(macro[2].replace('"', ""))
        if (macro and macro[1] in PARAGRAPH_MACROS) or not line:
            yield _plain(" ".join(kept))
            kept = []
    yield _plain(" ".join(kept))


def _plain(text: str) -> str:
    """Return the text without troff's escapes."""
    text = re.sub(r"\\\((..)|\\\[(..)\]", lambda m: _character(m[1] or m[2]), text)
    text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&%/,)|^:]|\\\".*", "", text)
    text = text.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ")
    return re.sub(r"\s+", " ", text).strip()


def _character(name: str) -> str:
    accent, letter = ACCENTS.get(name[0]), name[1]
    if accent and letter.isalpha():
        return unicodedata.normalize("NFC", letter + accent)
    return NAMED_CHARACTERS.get(name, "")


def main(root: Path, out: Path) -> None:
    """Write the paragraphs of all pages."""
    english = sorted(root.glob("man[1578]/*.gz"))
    pages = english[:: max(1, len(english) // ENGLISH_PAGES)]
    for language in LANGUAGES:
        pages += sorted(root.glob(f"{language}/man*/*.gz"))
    with lzma.open(out, "wt", encoding="utf-8", preset=3) as opened:
        for page in pages:
            source = gzip.decompress(page.read_bytes()).decode("utf-8", "ignore")
            for text in paragraphs(source[:MAX_PAGE_CHARACTERS]):
                if len(text) >= MIN_CHARACTERS and "\\" not in text:
                    opened.write(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
