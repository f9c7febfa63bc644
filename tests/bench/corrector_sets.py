"""The sets of `make eval-corrector`: documents as pages of lines, each with its truth where it has one."""

import gzip
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from bench.corrector_figures import plain
from scanmend.page import Box, Line

PAGE_LINES = 60  # at most, of a page made of lines that have none
WRAPPED = 85  # characters of a printed line, where a set gives paragraphs as one
LONG = 240  # characters: a longer line is no line of print
ALIKE = 0.6  # least likeness of a line and its truth
JOINED = 4  # lines of the truth that the reading may have as one, the cells of a row
SKIP = 0.45  # what it costs to leave a line without its counterpart

POSTED = {
    "overproof": "overproof-dev.jsonl.gz",
    "dta19": "hipe-dev-dta19.jsonl.gz",
    "icdar2017": "hipe-dev-icdar2017.jsonl.gz",
    "impresso": "hipe-dev-impresso-snippets.jsonl.gz",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page as read. ``truths``: one for each line, None where the truth has no such line."""

    lines: tuple[Line, ...]
    truths: tuple[str | None, ...]
    truth: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a set. ``group``: what is counted together, as ("ours", "middle", "de")."""

    name: str
    group: tuple[str, ...]
    pages: tuple[Page, ...]
    fold: bool = False

    @property
    def language(self) -> str:
        return self.group[-1]


def posted(folder: str, name: str) -> Iterator[Document]:
    """A set that comes as OCR text: no confidences, and no boxes but in order."""
    with gzip.open(os.path.join(folder, "post-ocr", POSTED[name]), "rt", encoding="utf-8") as file:
        for number, row in enumerate(file):
            record = json.loads(row)
            if "ocr_text" in record:
                ocr, truth = record["ocr_text"], record["ground_truth"]
                language = record["language"]
                title = f"{record['document_id']}/{record['chunk_idx']}"
            else:
                ocr = record["ocr_hypothesis"]["transcription_unit"]
                truth = record["ground_truth"]["transcription_unit"]
                language, title = record["document_metadata"]["language"], str(number)
            yield Document(
                f"{name}/{title}",
                (name, language),
                tuple(pages(ocr.split("\n"), truth.split("\n"))),
            )


def pages(ocr: Sequence[str], truth: Sequence[str]) -> Iterator[Page]:
    """Pages of lines that are given; where their numbers differ, lines are paired by likeness."""
    if len(ocr) == len(truth):
        pairs: list[tuple[str, str | None]] = []
        for a, b in zip(ocr, truth, strict=True):
            pairs += wrapped(a, b) if len(a) > LONG else [(a, b)]
    else:
        pairs = list(zip(ocr, paired(ocr, truth), strict=True))
    for start in range(0, len(pairs), PAGE_LINES):
        chunk = pairs[start : start + PAGE_LINES]
        lines = tuple(
            Line(text, Box(0, 20 * n, 8 * len(text), 20 * n + 16), None)
            for n, (text, _) in enumerate(chunk)
        )
        yield Page(lines, tuple(t for _, t in chunk), "\n".join(t or "" for _, t in chunk))


def wrapped(ocr: str, truth: str) -> list[tuple[str, str | None]]:
    """A paragraph as lines of print: cut at spaces that it has in common with its truth."""
    spaces: list[tuple[int, int]] = []
    for code in Levenshtein.opcodes(ocr, truth):
        if code.tag == "equal":
            shift = code.dest_start - code.src_start
            spaces += [(n, n + shift) for n in range(code.src_start, code.src_end) if ocr[n] == " "]
    cuts = [(-1, -1)]
    for here, following in zip(spaces, [*spaces[1:], (len(ocr), len(truth))], strict=True):
        if following[0] - cuts[-1][0] > WRAPPED and here[0] > cuts[-1][0] + 1:
            cuts.append(here)
    cuts.append((len(ocr), len(truth)))
    return [
        (ocr[a + 1 : b], truth[c + 1 : d])
        for (a, c), (b, d) in itertools.pairwise(cuts)
        if b > a + 1
    ]


def paired(ocr: Sequence[str], truth: Sequence[str], fold: bool = False) -> list[str | None]:
    """For each line as read the line of the truth that it is, or the few that it joins; in order, by likeness."""
    ours = [plain(t, fold) for t in ocr]
    theirs = [plain(t, fold) for t in truth]
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    step: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(ours), -1, -1):
        for j in range(len(theirs), -1, -1):
            ways = []
            if i < len(ours):
                ways.append((SKIP + best[i + 1][j], (1, 0)))
            if j < len(theirs):
                ways.append((SKIP + best[i][j + 1], (0, 1)))
            for count in range(1, min(JOINED, len(theirs) - j) + 1 if i < len(ours) else 1):
                cost = Levenshtein.normalized_distance(ours[i], " ".join(theirs[j : j + count]))
                if cost <= 1 - ALIKE:
                    ways.append((cost + best[i + 1][j + count], (1, count)))
            if ways:
                best[i][j], step[i, j] = min(ways)
    found: list[str | None] = [None] * len(ours)
    i = j = 0
    while (i, j) in step:
        more, count = step[i, j]
        if more and count:
            found[i] = " ".join(truth[j : j + count])
        i, j = i + more, j + count
    return found


def some(documents: Sequence[Document], most: int | None, most_lines: int | None) -> list[Document]:
    """The first of each group in an order of chance, the same each time."""
    groups: dict[tuple[str, ...], list[Document]] = {}
    for document in documents:
        groups.setdefault(document.group, []).append(document)
    chosen = []
    for members in groups.values():
        members.sort(key=lambda d: hashlib.sha256(d.name.encode()).digest())
        lines = 0
        for document in members[:most]:
            if most_lines is not None and lines >= most_lines:
                break
            chosen.append(document)
            lines += sum(len(page.lines) for page in document.pages)
    return chosen
