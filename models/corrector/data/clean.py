"""Make clean lines as they are printed: prose cut into lines, lines of documents, and oddities.

Prose comes from text files (one paragraph a line, .xz). Its typography is varied: quotes, dashes, hyphens at the line's end,
bullets, capitals, signs. Document lines come from ``documents``. Oddities are names, made-up words, codes and signs, which a
corrector must copy although no dictionary holds them.

    python -m data.clean --data FOLDER [--more FILE] --lines 100000 --out LINES.txt
"""

import argparse
import lzma
import random
import re
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from data.documents import code, document_line, foreign_name

MAX_CHARACTERS = 235  # in a line
LINE_CHARACTERS = (20, 110)  # range of the width of a paragraph's lines
WIDE_CHARACTERS = (110, 230)  # range of the width of wide lines
WIDE_SHARE = 0.07  # share of the paragraphs that have wide lines
MIN_PARAGRAPH, MAX_PARAGRAPH = 21, 3000  # characters
KEPT_CHARACTERS = 20_000_000  # that are read from each file
MAX_PARAGRAPH_LINES = 3  # that are taken from a paragraph
# opening, closing, apostrophe
QUOTES = [
    ("“", "”", "’"),
    ("„", "“", "’"),
    ("«", "»", "’"),
    ('"', '"', "'"),
    ("‘", "’", "’"),
    ("»", "«", "’"),
    ("« ", " »", "’"),
    ("“", "”", "'"),
    ("''", "''", "'"),
    ("``", "''", "'"),
]
DASHES = ["—", "–", " — ", " – ", "--", "-", " - ", "- ", "―", "−"]
BULLETS = [
    *("• ", "- ", "– ", "— ", "* ", "→ ", "· ", "(a) ", "(i) ", "(iv) ", "1. "),
    *("2) ", "§ 3 ", "► ", "□ ", "■ ", "● ", "○ ", "✓ ", "☐ ", "☒ ", "> "),
    *("» ", "a) ", "I. ", "IV. ", "A. ", "† ", "‡ ", "¶ ", "# ", "+ ", "| "),
]
SIGNS: list[str] = [
    *"→←↑↓⇒•·●■□▪★☆✓✗†‡§¶©®™°²³½¼¾×÷±≤≥≈≠∞µ€£$¥¢%‰&@#~^_|\\/<>{}[]=",
    *"+*…¬«»‹›“”„‘’‚–—ªº¿¡№ſßæœøåðþłđčšžćńşğıőűαβγδπΣΩλμ",
]
# an e above the vowel, as in editions of old German print
SMALL_E = str.maketrans({"ä": "a\u0364", "ö": "o\u0364", "ü": "u\u0364"})
LINE_END_HYPHENS = "-------¬¬\u00ad‐–—="
SHARES = {  # relative frequency of paragraphs from each file
    "books": 0.30,
    "novels-de": 0.13,
    "novels-es": 0.13,
    "novels-fr": 0.13,
    "law-de": 0.06,
    "law-fr": 0.06,
}
OTHER_SHARE = 0.16  # for a file that is not in SHARES


class Prose:
    """A source of random paragraphs from large text files, which it holds in memory."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Read KEPT_CHARACTERS of each file."""
        self._texts = []
        self._shares = [SHARES.get(file.name.partition(".")[0], OTHER_SHARE) for file in files]
        for file in files:
            with lzma.open(file, "rt", encoding="utf-8") as opened:
                self._texts.append(re.sub(r"\n\s*\n", "\n", opened.read(KEPT_CHARACTERS)))

    def paragraph(self, rng: random.Random) -> str:
        """Return a random paragraph of MIN_PARAGRAPH characters or more."""
        while True:
            text = rng.choices(self._texts, self._shares)[0]
            start = text.find("\n", rng.randrange(len(text))) + 1
            paragraph = text[start : text.find("\n", start)]
            if len(paragraph) >= MIN_PARAGRAPH:
                return re.sub(r"\s+", " ", paragraph[:MAX_PARAGRAPH]).strip()


def files_of(folder: Path, more: Sequence[Path] = ()) -> list[Path]:
    """Return the training texts of the data folder, then the others."""
    return [f for f in (folder / f"{name}.txt.xz" for name in SHARES) if f.exists()] + list(more)


def lines(
    prose: Prose, rng: random.Random, documents: float = 0.3, odd: float = 0.04
) -> Iterator[str]:
    """Yield clean lines of at most MAX_CHARACTERS for ever; ``documents`` and ``odd`` are the shares of these kinds."""
    while True:
        kind = rng.random()
        if kind < documents:
            made = [document_line(rng)]
        elif kind < documents + odd:
            made = [oddity(rng)]
        else:
            made = printed(prose.paragraph(rng), rng)
        for text in made:
            line = text[:MAX_CHARACTERS].strip()
            if line and line.replace("\u00ad", "").isprintable():
                yield line


def printed(text: str, rng: random.Random) -> list[str]:
    """Return some lines of a paragraph as they might be printed."""
    if rng.random() < 0.7:
        text = _typography(rng, text)
    width = rng.randrange(*(WIDE_CHARACTERS if rng.random() < WIDE_SHARE else LINE_CHARACTERS))
    cut = list(_cut(rng, text, width))
    chosen = rng.sample(cut, min(len(cut), MAX_PARAGRAPH_LINES))
    return [_styled(rng, line) for line in chosen]


def _typography(rng: random.Random, text: str) -> str:
    """Return the text with different quotes, dashes, ligatures and old letters."""
    opening, closing, apostrophe = rng.choice(QUOTES)
    text = re.sub(r'["“„«](?=\w)', opening, text)
    text = re.sub(r'["”“»]', closing, text)
    text = re.sub(r"(?<=\w)['’](?=\w)", apostrophe, text)
    if rng.random() < 0.15:
        text = text.replace("...", "…")
    if rng.random() < 0.03:
        text = re.sub(r"s(?=[a-z])", "ſ", text)
    if rng.random() < 0.03:
        text = text.replace("fi", "ﬁ").replace("fl", "ﬂ")
    if rng.random() < 0.03:
        text = text.translate(SMALL_E)
    dash = rng.choice(DASHES)
    return re.sub(r"\s*(?:--|—|–)\s*", dash, text)


def _cut(rng: random.Random, text: str, width: int) -> Iterator[str]:
    """Yield lines of about ``width`` characters; long words are often hyphenated."""
    line, hyphen = "", rng.choice(LINE_END_HYPHENS)
    for word in text.split(" "):
        if len(line) + 1 + len(word) <= width or not line:
            line = f"{line} {word}" if line else word
            continue
        left = width - len(line) - 2
        if left >= 2 and len(word) - left >= 2 and word[:-1].isalpha() and rng.random() < 0.7:
            yield f"{line} {word[:left]}{hyphen}"
            line = word[left:]
        else:
            yield line
            line = word
    yield line


def _styled(rng: random.Random, line: str) -> str:
    """Return the line, sometimes as a heading, an item of a list, an entry of contents or with a sign."""
    kind = rng.random()
    if kind < 0.06:
        return line.upper()
    if kind < 0.09:
        return line.title()
    if kind < 0.13:
        return rng.choice(BULLETS) + line
    if kind < 0.16:
        return _with_sign(rng, line)
    if kind < 0.18:
        return f"{line} {'.' * rng.randrange(2, 20)} {rng.randrange(1, 400)}"
    if kind < 0.20:
        return f"{line} {rng.choice(['*', '¹', '²', '(1)', '[2]', '†', '1)', ')', ']', ';', ':', '/', '|'])}"
    return line


def _with_sign(rng: random.Random, line: str) -> str:
    at = rng.choice([n for n, c in enumerate(line) if c == " "] or [0])
    return f"{line[:at]} {rng.choice(SIGNS)}{line[at:]}".strip()


def oddity(rng: random.Random) -> str:
    """Return a line of names from many languages, words that no dictionary has, codes and signs."""
    makers: list[Callable[[random.Random], str]] = [
        foreign_name,
        code,
        _made_up,
        _made_up,
        _sign,
        _number,
    ]
    line = " ".join(rng.choice(makers)(rng) for _ in range(rng.randrange(1, 9)))
    return line if len(line) > 3 else f"{line} {_made_up(rng)}"


def _sign(rng: random.Random) -> str:
    return rng.choice(SIGNS)


def _number(rng: random.Random) -> str:
    return str(rng.randrange(10 ** rng.randrange(1, 8)))


def _made_up(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randrange(2, 12)))
    word = "".join(
        rng.choice("bcdfghjklmnprstvwxz") + rng.choice("aeiouyäöüéèáíó")
        for _ in range(rng.randrange(1, 5))
    )
    word += rng.choice(["", "n", "s", "x", "-", "."])
    return rng.choice([word, word.title(), word.upper()])


def main() -> None:
    """Write lines for the renderer, and for a look at them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    made = lines(Prose(files_of(options.data, options.more)), random.Random(options.seed))
    with options.out.open("w", encoding="utf-8") as out:
        for _ in range(options.lines):
            out.write(next(made) + "\n")


if __name__ == "__main__":
    main()
