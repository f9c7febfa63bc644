"""Measure what a page's text leaves out: words that an independent engine sees, and lines of a known truth.

    make bench-ink ARGS="--data ../shared/data --pictures DIR --worst 20"

With --data, pages with a truth (as for bench.quality) are read: how many of them have a false ``unread`` box, and how
many lines of the truth are missing from the text and not explained by such a box. With --pictures, the first page of
every picture and PDF below DIR is read as a picture: of the words that Tesseract is sure to see there, the share that is
published or under an ``unread`` box. Tesseract errs, too: look at the words that --worst prints. Without Tesseract, only
the truth counts. The text is as read, before its correction.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import quality
from bench.ink_account import Account, account, false_boxes, missing_lines, unexplained
from bench.ink_words import request_for, seen_words, sure_words
from bench.peers_ways import ONE_THREAD
from bench.results import Results, Row, Target, told
from scanmend.errors import EngineUnusable, ScanmendError
from scanmend.page import Box, PageText

ROOT = Path(__file__).resolve().parents[2]
EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pdf"}
WANTED_SHARE = 0.98  # of a document's sure words
WANTED_DOCUMENTS = 0.99  # share of the documents in which that holds
MAX_FALSE_PAGES = 0.05  # share of the pages with a truth that may have a false box


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read. ``kept``: the folder of Tesseract's words; None: it is not installed. ``texts``: for results."""

    path: str
    engine: str
    kept: Path | None
    texts: Path | None


@dataclass(frozen=True, slots=True)
class Read:
    """What came out of one file. ``failure``: why there is nothing. ``missing``: lines of its truth."""

    path: str
    failure: str = ""
    boxes: int = 0
    account: Account | None = None
    missing: tuple[str, ...] = ()
    unexplained: int = 0
    false_strict: int = 0
    false_lenient: int = 0

    @property
    def name(self) -> str:
        """Return the file's name, cut for tables."""
        return os.path.basename(self.path)[:60]


def read(job: Job) -> Read:
    """Read one file in a process of the pool."""
    from scanmend.ocr.page_reader import read_page

    try:
        words = sure_words(seen_words(job.path, job.kept)) if job.kept else []
        page = read_page(request_for(job.path, job.engine))
    except ScanmendError as error:
        return Read(job.path, str(error))
    boxes: tuple[Box, ...] = getattr(page, "unread", ())  # so that it runs on versions before it
    seen = account(page, boxes, words) if job.kept else None
    missed = (*seen.unread, *seen.lost) if seen else ()
    truth = Path(os.path.splitext(job.path)[0] + ".gt.txt")
    missing: list[str] = []
    if truth.exists():
        text = "\n".join(line.text for line in page.lines)
        missing = missing_lines(truth.read_text("utf-8"), text)
    height = statistics.median([line.box.height for line in page.lines] or [1.0])
    strict, lenient = false_boxes(page, boxes, missed, missing)
    room = unexplained(len(missing), boxes, height)
    found = Read(job.path, "", len(boxes), seen, tuple(missing), room, strict, lenient)
    if job.texts:
        _write(job.texts, page, boxes, found)
    return found


def _write(folder: Path, page: PageText, boxes: Sequence[Box], found: Read) -> None:
    """Write a page's lines, ``unread`` boxes and losses, to look at them beside its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "rotation": page.rotation,
        "size": [page.width, page.height],
        "lines": [[line.text, dataclasses.astuple(line.box)] for line in page.lines],
        "unread": [dataclasses.astuple(box) for box in boxes],
        "missing": found.missing,
        "lost": [dataclasses.astuple(word) for word in found.account.lost] if found.account else [],
    }
    target = folder / f"{os.path.basename(found.path)}.json"
    target.write_text(json.dumps(about, ensure_ascii=False, indent=1), "utf-8")


def read_all(jobs: Sequence[Job], processes: int) -> Iterator[Read]:
    """Yield what came out of each file, as soon as it is read."""
    with multiprocessing.get_context("spawn").Pool(processes, _with_one_thread) as pool:
        for number, found in enumerate(pool.imap_unordered(read, jobs), 1):
            print(f"{number}/{len(jobs)} {line_of(found)}", flush=True)
            yield found


def _with_one_thread() -> None:
    os.environ.update(ONE_THREAD)


def line_of(found: Read) -> str:
    """Return one line about a file."""
    if found.failure:
        return f"{found.name}: {found.failure}"
    boxes = f", {found.boxes} unread" if found.boxes else ""
    missing = f", {len(found.missing)} lines of the truth missing" if found.missing else ""
    if found.account is None:
        return f"{found.name}: read{boxes}{missing}"
    return f"{found.name}: {found.account.share:.1%} of {found.account.words} sure words{boxes}{missing}"


# figures ----------------------------------------------------------------------------------------------


def truth_row(name: str, all_read: Sequence[Read]) -> Row:
    """Return the figures of a set of pages with a truth."""
    return {
        "pages with a truth": name,
        "pages": len(all_read),
        "pages with unread boxes": sum(bool(r.boxes) for r in all_read),
        "with a false box (strict)": sum(bool(r.false_strict) for r in all_read),
        "with a false box (lenient)": sum(bool(r.false_lenient) for r in all_read),
        "lines missing": sum(len(r.missing) for r in all_read),
        "of these unexplained": sum(r.unexplained for r in all_read),
    }


def pictures_row(name: str, accounts: Sequence[Account]) -> Row:
    """Return the figures of a set of pictures."""
    words = sum(a.words for a in accounts)
    lost = sum(len(a.lost) for a in accounts)
    return {
        "pictures": name,
        "documents": len(accounts),
        "sure words": words,
        "published": words - lost - sum(len(a.unread) for a in accounts),
        "letter by letter": sum(a.spelled for a in accounts),
        "under an unread box": sum(len(a.unread) for a in accounts),
        "lost": lost,
        f"documents with {WANTED_SHARE:.0%}": complete_share(accounts),
    }


def complete_share(accounts: Sequence[Account]) -> float:
    """Return the share of the documents in which WANTED_SHARE of the sure words is accounted for; 1 without any."""
    enough = sum(a.share >= WANTED_SHARE for a in accounts)
    return enough / len(accounts) if accounts else 1.0


def worst(all_read: Sequence[Read], most: int) -> list[str]:
    """Return lines about the documents with the smallest shares, with their lost words."""
    scored = [(r.account.share, r) for r in all_read if r.account and r.account.lost]
    return [
        f"{share:6.1%} {found.name}: {' '.join(word.text for word in found.account.lost)[:300]}"
        for share, found in sorted(scored, key=lambda item: item[0])[:most]
        if found.account
    ]


def results(with_truth: Sequence[Read], pictures: Sequence[Read]) -> Results:
    """Return rows and targets of both parts."""
    rows: list[Row] = []
    targets: list[Target] = []
    usable = [r for r in with_truth if not r.failure]
    kinds = sorted({quality.kind_of(r.path) for r in usable})
    rows += [truth_row(k, [r for r in usable if quality.kind_of(r.path) == k]) for k in kinds]
    if usable:
        rows.append(truth_row("all", usable))
        false = sum(bool(r.false_lenient) for r in usable) / len(usable)
        targets += [
            Target("pages with a false unread box, share", MAX_FALSE_PAGES, false, False),
            Target("lines of the truth lost in silence", 0, sum(r.unexplained for r in usable), False),
        ]  # fmt: skip
    accounts = [r.account for r in pictures if r.account]
    if accounts:
        rows.append(pictures_row("public pictures", accounts))
        targets.append(
            Target("documents with 98 % of the sure words accounted for, share", WANTED_DOCUMENTS, complete_share(accounts), True)
        )  # fmt: skip
    failed = [r for r in (*with_truth, *pictures) if r.failure]
    notes = [
        "A box is false if no sure word lies in it (strict), and the truth has no missing line either (lenient).",
        f"{len(failed)} files could not be read.",
    ]
    return Results("ink", "Ink that is not published", rows, targets, (), notes)


# command line -----------------------------------------------------------------------------------------


def main() -> int:
    """Read all files, print the figures and write them."""
    options = _options()
    kept = options.words if has_tesseract() else None
    if kept is None:
        print("Tesseract is not installed: only the truth counts. Install tesseract-ocr", file=sys.stderr)  # fmt: skip
    folders = [
        quality.find(str(options.data), None) if options.data else [],
        pictures_below(options.pictures) if options.pictures and kept else [],
    ]
    if not any(folders):
        print("nothing to read: name --data or --pictures", file=sys.stderr)
        return 1
    parts = []
    for paths in folders:
        chosen = paths[:: max(1, options.every)]
        jobs = [Job(path, options.engine, kept, options.texts) for path in chosen]
        parts.append(list(read_all(jobs, options.jobs)))
    found = results(*parts)
    for line in worst(parts[1], options.worst):
        print(line)
    for read_page in parts[0]:
        for line in read_page.missing:
            print(f"missing in {read_page.name}: {line}")
    print(json.dumps(found.rows, indent=1))
    for target in found.targets:
        print(told(target))
    if options.json:
        found.write(options.json)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of pictures with a NAME.gt.txt")
    parser.add_argument("--pictures", type=Path, help="folder of pictures and PDFs")
    parser.add_argument("--engine", default="rapidocr", choices=("rapidocr", "tesseract"))
    parser.add_argument("--every", type=int, default=1, help="only each so many-th file (1)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--worst", type=int, default=20, help="documents to print (20)")
    parser.add_argument(
        "--words", type=Path, default=ROOT / ".bench" / "seen", help="folder for Tesseract's words"
    )
    parser.add_argument("--texts", type=Path, help="folder for each file's text and losses")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def has_tesseract() -> bool:
    """Return whether Tesseract and its English data are installed."""
    from scanmend.ocr.engines.tesseract import Tesseract

    try:
        Tesseract(("en",))
    except EngineUnusable:
        return False
    return True


def pictures_below(folder: Path) -> list[str]:
    """Return the paths of all pictures and PDFs below a folder."""
    return sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)


if __name__ == "__main__":
    sys.exit(main())
