"""Word F1 and order-sensitive character error rate of the product's own reading, by kind of page.

    python tests/bench/quality.py DATA_DIR [--engine rapidocr|tesseract] [--kind KIND] [--jobs N] [--pages]

Every picture NAME.* with a NAME.gt.txt beside it, anywhere below DATA_DIR, is read as the OCR child reads it
(open, upright, recognise, arrange) and compared with the truth: case-folded, white space made single spaces,
micro averages. The kind is the name of the folder or, in ``pages``, the letters the name begins with.
"""

import argparse
import collections
import multiprocessing
import os
import re
import sys
import time
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.values import PageRequest

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
# sets of one kind that come under more than one name
KINDS = {
    "magazine": "isri-unlv",
    "isri": "isri-unlv",
    "modern": "modern-scribe",
    "form": "form-funsd",
}
KINDS |= {"fr": "fr-typewritten", "es": "es-print19", "de": "de-1500-1900"}


@dataclass(frozen=True, slots=True)
class Score:
    """One page, or the sum of several. ``edits``: insertions, deletions and substitutions."""

    edits: int = 0
    characters: int = 0
    shared_words: int = 0
    all_words: int = 0
    seconds: float = 0.0
    pages: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.edits + other.edits,
            self.characters + other.characters,
            self.shared_words + other.shared_words,
            self.all_words + other.all_words,
            self.seconds + other.seconds,
            self.pages + other.pages,
        )

    def row(self, name: str) -> str:
        """One line of the table."""
        f1 = 2 * self.shared_words / max(1, self.all_words)
        cer = self.edits / max(1, self.characters)
        each = self.seconds / max(1, self.pages)
        return f"{name:16} {self.pages:5} {f1:8.3f} {cer:8.4f} {each:9.2f} {1 / each if each else 0:8.2f}"


def compare(truth: str, text: str, seconds: float = 0.0) -> Score:
    """The score of one page's text."""
    truth, text = (" ".join(t.casefold().split()) for t in (truth, text))
    wanted, found = collections.Counter(truth.split()), collections.Counter(text.split())
    return Score(
        Levenshtein.distance(truth, text),
        len(truth),
        (wanted & found).total(),
        wanted.total() + found.total(),
        seconds,
        1,
    )


def kind_of(path: str) -> str:
    """The kind of page, by folder and name."""
    folder, name = path.split(os.sep)[-2:]
    first = re.split(r"[-_.\d]", name)[0]
    return KINDS.get(first, first) if folder == "pages" else folder


def find(folder: str, kind: str | None) -> list[str]:
    """All pictures with a truth."""
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            stem, extension = os.path.splitext(name)
            if extension.lower() in PICTURES and f"{stem}.gt.txt" in names:
                found.append(os.path.join(where, name))
    return sorted(path for path in found if kind in (None, kind_of(path)))


def score(job: tuple[str, str, tuple[str, ...]]) -> tuple[str, Score]:
    """Read one page, in a process of the pool."""
    from scanmend.ocr.__main__ import read_page

    path, engine, languages = job
    request = PageRequest(path, 0, engine, languages, 300, True, "auto", 200_000_000)
    started = time.monotonic()
    page = read_page(request)
    seconds = time.monotonic() - started - page.seconds.get("load", 0.0)
    with open(os.path.splitext(path)[0] + ".gt.txt", encoding="utf-8") as file:
        truth = file.read()
    return path, compare(truth, "\n".join(line.text for line in page.lines), seconds)


def main() -> int:
    """The table, on standard output."""
    parser = argparse.ArgumentParser(description="OCR quality by kind of page")
    parser.add_argument("folder")
    parser.add_argument("--engine", default="rapidocr", choices=("rapidocr", "tesseract"))
    parser.add_argument("--languages", default="en", help="as en,de")
    parser.add_argument("--kind")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--pages", action="store_true", help="also a line per page, the worst first"
    )
    options = parser.parse_args()
    paths = find(options.folder, options.kind)
    if not paths:
        print(f"{options.folder}: no pictures with a NAME.gt.txt beside them", file=sys.stderr)
        return 1
    jobs = [(path, options.engine, tuple(options.languages.split(","))) for path in paths]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        results = dict(pool.imap_unordered(score, jobs))
    print(f"{'kind':16} {'pages':>5} {'word F1':>8} {'CER':>8} {'s a page':>9} {'pages/s':>8}")
    sums: dict[str, Score] = collections.defaultdict(Score)
    for path, one in sorted(results.items()):
        sums[kind_of(path)] += one
    for kind, total in sorted(sums.items()):
        print(total.row(kind))
    print(sum(results.values(), Score()).row("all (micro)"))
    if options.pages:
        for path, one in sorted(
            results.items(), key=lambda item: -item[1].edits / max(1, item[1].characters)
        ):
            print(one.row(os.path.basename(path)[:60]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
