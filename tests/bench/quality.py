"""Measure word F1 and order-sensitive character error rate of scanmend's reading, by kind of page.

    PYTHONPATH=tests python -m bench.quality DATA_DIR [--engine rapidocr|tesseract] [--kind KIND] [--jobs N] [--pages]

The bench reads every picture NAME.* with a NAME.gt.txt beside it, anywhere below DATA_DIR, as the OCR child does (open,
turn upright, recognise, arrange). It compares the text with the truth, case-folded and with runs of white space as one
space. Averages are micro averages. The kind is the name of the folder or, in ``pages``, the letters at the start of the
file's name.
"""

import argparse
import collections
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from bench.peers_ways import ONE_THREAD
from scanmend.workers.protocol import PageRequest

MAX_MISREAD_CHARACTERS = 3  # longest misreading that counts
MIN_EQUAL_CHARACTERS = 4  # shortest agreement on each side of it
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
# kind by name, for sets that have several names
KINDS = {
    "magazine": "isri-unlv",
    "isri": "isri-unlv",
    "modern": "modern-scribe",
    "form": "form-funsd",
}
KINDS |= {"fr": "fr-typewritten", "es": "es-print19", "de": "de-1500-1900"}


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one page, or the sum of several.

    ``edits`` counts insertions, deletions and substitutions. ``wrong`` and ``right`` are the number of characters that
    were misread and read right, each with the number of them that the engine was unsure of.
    """

    edits: int = 0
    characters: int = 0
    shared_words: int = 0
    all_words: int = 0
    seconds: float = 0.0
    pages: int = 0
    wrong: tuple[int, int] = (0, 0)
    right: tuple[int, int] = (0, 0)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.edits + other.edits,
            self.characters + other.characters,
            self.shared_words + other.shared_words,
            self.all_words + other.all_words,
            self.seconds + other.seconds,
            self.pages + other.pages,
            (self.wrong[0] + other.wrong[0], self.wrong[1] + other.wrong[1]),
            (self.right[0] + other.right[0], self.right[1] + other.right[1]),
        )

    @property
    def f1(self) -> float:
        """Return the F1 of the words, in any order."""
        return 2 * self.shared_words / max(1, self.all_words)

    @property
    def cer(self) -> float:
        """Return the error rate of the characters, in order."""
        return self.edits / max(1, self.characters)

    def row(self, name: str) -> str:
        """Return one line of the table."""
        each = self.seconds / max(1, self.pages)
        unsure = " ".join(
            f"{part / max(1, whole):7.1%}" for whole, part in (self.wrong, self.right)
        )
        return f"{name:16} {self.pages:5} {self.f1:8.3f} {self.cer:8.4f} {unsure} {each:9.2f} {1 / each if each else 0:8.2f}"


def compare(truth: str, text: str, unsure: Collection[int] = (), seconds: float = 0.0) -> Score:
    """Return the score of one page's text.

    ``unsure`` holds the offsets in the text of the characters that the engine was unsure of.
    """
    as_read, written = text, truth
    truth, text = (" ".join(t.casefold().split()) for t in (truth, text))
    wanted, found = collections.Counter(truth.split()), collections.Counter(text.split())
    wrong, right = _sureness(_small(as_read), _small(written), set(unsure))
    return Score(
        Levenshtein.distance(truth, text),
        len(truth),
        (wanted & found).total(),
        wanted.total() + found.total(),
        seconds,
        1,
        wrong,
        right,
    )


def _small(text: str) -> str:
    """Return the text in lower case, with the same offsets."""
    return "".join(small if len(small := c.lower()) == 1 else c for c in text)


def _sureness(text: str, truth: str, unsure: set[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the numbers of characters misread and read right, each with the number of unsure ones among them.

    A misreading counts only if it is certain: at most three characters in place of others, between passages that agree.
    Most differences on a page with columns are differences in order.
    """
    counts = {True: [0, 0], False: [0, 0]}
    steps = list(Levenshtein.opcodes(text, truth))
    for before, step, after in zip([None, *steps], steps, [*steps[1:], None], strict=False):
        length = step.src_end - step.src_start
        among = all(
            s and s.tag == "equal" and s.src_end - s.src_start >= MIN_EQUAL_CHARACTERS
            for s in (before, after)
        )
        short = max(length, step.dest_end - step.dest_start) <= MAX_MISREAD_CHARACTERS
        if step.tag == "equal" or (step.tag == "replace" and short and among):
            for at in range(step.src_start, step.src_end):
                if not text[at].isspace():
                    counts[step.tag == "equal"][0] += 1
                    counts[step.tag == "equal"][1] += at in unsure
    return (counts[False][0], counts[False][1]), (counts[True][0], counts[True][1])


def kind_of(path: str) -> str:
    """Return the kind of a page, by its folder and name."""
    folder, name = path.split(os.sep)[-2:]
    first = re.split(r"[-_.\d]", name)[0]
    return KINDS.get(first, first) if folder == "pages" else folder


def find(folder: str, kind: str | None) -> list[str]:
    """Return the paths of all pictures that have a truth, of this kind if it is given."""
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            stem, extension = os.path.splitext(name)
            if extension.lower() in PICTURES and f"{stem}.gt.txt" in names:
                found.append(os.path.join(where, name))
    return sorted(path for path in found if kind in (None, kind_of(path)))


def score(job: tuple[str, str, tuple[str, ...]]) -> tuple[str, Score]:
    """Read one page in a process of the pool. Return its path and score."""
    from scanmend.ocr.page_reader import read_page

    path, engine, languages = job
    request = PageRequest(os.fsencode(path), 0, engine, languages, 300, True, "auto", 200_000_000)
    started = time.monotonic()
    page = read_page(request)
    seconds = time.monotonic() - started - page.seconds.get("load", 0.0)
    with open(os.path.splitext(path)[0] + ".gt.txt", encoding="utf-8") as file:
        truth = file.read()
    text, unsure = "", []
    for line in page.lines:
        unsure += [len(text) + at for at in line.unsure or ()]
        text += line.text + "\n"
    return path, compare(truth, text, unsure, seconds)


def _with_one_thread() -> None:
    os.environ.update(ONE_THREAD)


def scores(
    paths: Sequence[str], engine: str, languages: str = "en", jobs: int = 1
) -> dict[str, Score]:
    """Return the score of each page by its path. Each page is read by one thread, as in a daemon with a child per core."""
    requests = [(path, engine, tuple(languages.split(","))) for path in paths]
    with multiprocessing.get_context("spawn").Pool(jobs, _with_one_thread) as pool:
        return dict(sorted(pool.imap_unordered(score, requests)))


def by_kind(results: Mapping[str, Score]) -> dict[str, Score]:
    """Return the sum of each kind, and of all pages."""
    sums: dict[str, Score] = collections.defaultdict(Score)
    for path, one in results.items():
        sums[kind_of(path)] += one
    return {**dict(sorted(sums.items())), "all (micro)": sum(results.values(), Score())}


def main() -> int:
    """Measure all pages, and print the table."""
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
    results = scores(paths, options.engine, options.languages, options.jobs)
    print(
        f"{'kind':16} {'pages':>5} {'word F1':>8} {'CER':>8} {'unsure:':>7} {'right':>7} {'s a page':>9} {'pages/s':>8}"
    )
    for kind, total in by_kind(results).items():
        print(total.row(kind))
    if options.pages:
        for path, one in sorted(
            results.items(), key=lambda item: -item[1].edits / max(1, item[1].characters)
        ):
            print(one.row(os.path.basename(path)[:60]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
