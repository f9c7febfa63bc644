"""Load the sets of `make eval-corrector`: documents as pages of lines, each with its truth if there is one."""

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

PAGE_LINES = 60  # maximum for a page, in sets without pages
WRAPPED_CHARACTERS = 85  # length of a line in sets that have a paragraph as one line
MAX_LINE_CHARACTERS = 240  # a longer line is a paragraph
# Costs of pairing lines with their truth, on the scale of the normalised edit distance (0 to 1):
MAX_DISTANCE = 0.4  # between a line and its truth
SKIP_COST = 0.45  # cost of a line without a counterpart
MAX_JOINED = 4  # lines of the truth that OCR may read as one, such as the cells of a row

POST_OCR_FILES = {  # in the data folder's sub-folder post-ocr/
    "overproof": "overproof-dev.jsonl.gz",
    "dta19": "hipe-dev-dta19.jsonl.gz",
    "icdar2017": "hipe-dev-icdar2017.jsonl.gz",
    "impresso": "hipe-dev-impresso-snippets.jsonl.gz",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page as read. ``truths`` has the truth of each line, or None; ``truth`` is the truth of the whole page."""

    lines: tuple[Line, ...]
    truths: tuple[str | None, ...]
    truth: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a set.

    ``group`` names the documents that are counted together, such as ("ours", "middle", "de"); the language is last. With
    ``fold``, case is not counted.
    """

    name: str
    group: tuple[str, ...]
    pages: tuple[Page, ...]
    fold: bool = False

    @property
    def language(self) -> str:
        return self.group[-1]


def post_ocr(folder: str, name: str) -> Iterator[Document]:
    """Yield the documents of a set of OCR texts, whose lines have no confidence and get made-up boxes."""
    with gzip.open(
        os.path.join(folder, "post-ocr", POST_OCR_FILES[name]), "rt", encoding="utf-8"
    ) as file:
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
    """Yield pages of the given lines. If OCR and truth differ in their number of lines, pair the lines by similarity."""
    if len(ocr) == len(truth):
        pairs: list[tuple[str, str | None]] = []
        for a, b in zip(ocr, truth, strict=True):
            pairs += wrapped(a, b) if len(a) > MAX_LINE_CHARACTERS else [(a, b)]
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
    """Return a paragraph as printed lines, cut at spaces that it shares with its truth."""
    spaces: list[tuple[int, int]] = []
    for code in Levenshtein.opcodes(ocr, truth):
        if code.tag == "equal":
            shift = code.dest_start - code.src_start
            spaces += [(n, n + shift) for n in range(code.src_start, code.src_end) if ocr[n] == " "]
    cuts = [(-1, -1)]
    for here, following in zip(spaces, [*spaces[1:], (len(ocr), len(truth))], strict=True):
        if following[0] - cuts[-1][0] > WRAPPED_CHARACTERS and here[0] > cuts[-1][0] + 1:
            cuts.append(here)
    cuts.append((len(ocr), len(truth)))
    return [
        (ocr[a + 1 : b], truth[c + 1 : d])
        for (a, c), (b, d) in itertools.pairwise(cuts)
        if b > a + 1
    ]


def paired(ocr: Sequence[str], truth: Sequence[str], fold: bool = False) -> list[str | None]:
    """Return the line of the truth for each line as read, or the few lines that it joins; None if there is none.

    Dynamic programming finds the cheapest pairing that keeps the order.
    """
    ours = [plain(t, fold) for t in ocr]
    theirs = [plain(t, fold) for t in truth]
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    step: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(ours), -1, -1):
        for j in range(len(theirs), -1, -1):
            steps = []
            if i < len(ours):
                steps.append((SKIP_COST + best[i + 1][j], (1, 0)))
            if j < len(theirs):
                steps.append((SKIP_COST + best[i][j + 1], (0, 1)))
            joined = min(MAX_JOINED, len(theirs) - j) if i < len(ours) else 0
            for count in range(1, joined + 1):
                cost = Levenshtein.normalized_distance(ours[i], " ".join(theirs[j : j + count]))
                if cost <= MAX_DISTANCE:
                    steps.append((cost + best[i + 1][j + count], (1, count)))
            if steps:
                best[i][j], step[i, j] = min(steps)
    found: list[str | None] = [None] * len(ours)
    i = j = 0
    while (i, j) in step:
        lines, count = step[i, j]
        if lines and count:
            found[i] = " ".join(truth[j : j + count])
        i, j = i + lines, j + count
    return found


def sample(
    documents: Sequence[Document], max_documents: int | None, max_lines: int | None
) -> list[Document]:
    """Return a random sample of each group, the same each time, in whole documents until ``max_lines`` is reached."""
    groups: dict[tuple[str, ...], list[Document]] = {}
    for document in documents:
        groups.setdefault(document.group, []).append(document)
    chosen = []
    for members in groups.values():
        members.sort(key=lambda d: hashlib.sha256(d.name.encode()).digest())
        lines = 0
        for document in members[:max_documents]:
            if max_lines is not None and lines >= max_lines:
                break
            chosen.append(document)
            lines += sum(len(page.lines) for page in document.pages)
    return chosen
