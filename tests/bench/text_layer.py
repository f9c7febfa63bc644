"""Compare scanmend's words on each PDF page with those of PDFium and of OCR, and print the pages that differ.

    make text-layer DIR=folder ARGS="--pages 3 --ocr all --json out.json"

PDFium's words are those of its own page text, with fields and notes flattened. A page differs if more than a tenth of the
words of one are not among those of the other. Pages that differ are also read by OCR; their line says which share of the
OCR's words each of the two has. Each file is read by a separate process with a time limit.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MIN_DIFFERENCE = 0.1  # share of missing words from which a page differs
FILE_SECONDS = 300.0  # time limit for a file
WORD = re.compile(r"\S+")


def words(text: str) -> Counter[str]:
    """Return the words of a text, folded so that only real differences count."""
    text = re.sub("[\u0002\ufffe]\\s*", "- ", text)
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u00ad", "")
    return Counter(w for w in WORD.findall(folded) if any(c.isalnum() for c in w))


def missing(wanted: Counter[str], there: Counter[str]) -> float:
    """Return the share of the wanted words that are not among the others."""
    total = sum(wanted.values())
    return sum((wanted - there).values()) / total if total else 0.0


def read_file(path: str, pages: int, ocr: str) -> Iterator[dict[str, Any]]:
    """Yield the words of each of the first pages by each way; run in a separate process."""
    from scanmend.ocr.page_reader import read_page
    from scanmend.ocr.pages import contents
    from scanmend.ocr.pdf.open_page import open_pdf_page
    from scanmend.workers.protocol import ContentsRequest, PageRequest

    count = contents(ContentsRequest(os.fsencode(path), 10_000, 200_000_000)).pages
    for index in range(min(count, pages)):
        request = PageRequest(
            os.fsencode(path), index, "rapidocr", ("en",), 300, True, "auto", 200_000_000
        )
        started = time.perf_counter()
        ours = read_page(request)
        seconds = time.perf_counter() - started
        text = "\n".join(line.text for line in ours.lines)
        with open_pdf_page(request) as opened:
            layer = opened.page.get_textpage()
            theirs = layer.get_text_range(errors="replace")
            layer.close()
        row: dict[str, Any] = {"page": index + 1, "source": ours.source, "seconds": round(seconds, 3), "words": sum(words(text).values()),
                               "missing": round(missing(words(theirs), words(text)), 3), "added": round(missing(words(text), words(theirs)), 3),
                               "warnings": list(ours.warnings), "hidden": sum(len(h.text) for h in ours.hidden)}  # fmt: skip
        row["differs"] = max(row["missing"], row["added"]) > MIN_DIFFERENCE
        if ocr == "all" or (ocr == "differing" and row["differs"]):
            request = PageRequest(
                os.fsencode(path), index, "rapidocr", ("en",), 300, True, "always_ocr", 200_000_000
            )
            seen = words("\n".join(line.text for line in read_page(request).lines))
            row["ocr"] = sum(seen.values())
            row["ocr_in_ours"] = round(1 - missing(seen, words(text)), 3)
            row["ocr_in_pdfium"] = round(1 - missing(seen, words(theirs)), 3)
        row["ours"], row["pdfium"] = text, theirs
        yield row


def one(path: str, pages: int, ocr: str) -> dict[str, Any]:
    """Return the rows of a file, or the reason why there are none."""
    command = [
        sys.executable,
        "-m",
        "bench.text_layer",
        "--one",
        path,
        "--pages",
        str(pages),
        "--ocr",
        ocr,
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=FILE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"file": path, "pages": [], "failure": f"no end within {FILE_SECONDS:g} s"}
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    failure = (
        ""
        if done.returncode == 0
        else done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    )
    return {"file": path, "pages": rows, "failure": failure[0] if failure else ""}


def main() -> None:
    """Compare all PDFs below a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="PDFs below it are compared")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--pages", type=int, default=3, help="maximum for each file (3)")
    parser.add_argument(
        "--ocr",
        choices=("none", "differing", "all"),
        default="differing",
        help="the pages that are read by OCR, too",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="file for all results, including texts")
    arguments = parser.parse_args()
    if arguments.one:
        for row in read_file(arguments.one, arguments.pages, arguments.ocr):
            print(json.dumps(row), flush=True)
        return
    if arguments.folder is None or not arguments.folder.is_dir():
        parser.error(
            f"{arguments.folder}: no such folder; name one with PDFs: make text-layer DIR=…"
        )
    files = sorted(
        str(p) for p in arguments.folder.rglob("*") if p.suffix.lower() == ".pdf" and p.is_file()
    )
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(lambda path: told(one(path, arguments.pages, arguments.ocr)), files))
    print(summary(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, ensure_ascii=False, indent=1))


def told(result: dict[str, Any]) -> dict[str, Any]:
    """Print the pages of a file that differ, and return it."""
    name = os.path.basename(result["file"])
    for row in result["pages"]:
        if row["differs"]:
            seen = (
                f" of {row['ocr']} recognised words {row['ocr_in_ours']:.0%} are ours, {row['ocr_in_pdfium']:.0%} PDFium's"
                if "ocr" in row
                else ""
            )
            print(f"{name} page {row['page']} ({row['source']}): {row['missing']:.0%} of PDFium's words missing, {row['added']:.0%} of ours not its.{seen}"
                  f"{' ' + '; '.join(row['warnings']) if row['warnings'] else ''}", flush=True)  # fmt: skip
    if result["failure"]:
        print(f"{name}: {result['failure']}", flush=True)
    return result


def summary(found: list[dict[str, Any]]) -> str:
    """Return the sums over all files."""
    rows = [row for result in found for row in result["pages"]]
    layered = [row for row in rows if row["source"] != "ocr"]
    differ = [row for row in rows if row["differs"]]
    silent = [row for row in differ if not row["warnings"]]
    return (
        f"{len(found)} files, {sum(bool(r['failure']) for r in found)} without a result; {len(rows)} pages,"
        f" {len(layered)} from their text layer; {sum(row['words'] for row in rows)} words;"
        f" {len(differ)} pages differ from PDFium's, {len(silent)} of them without a warning;"
        f" {sum(bool(row['warnings']) for row in rows)} pages with a warning;"
        f" {sum(row['seconds'] for row in layered) / max(1, len(layered)):.2f} s a page with a layer"
    )


if __name__ == "__main__":
    main()
