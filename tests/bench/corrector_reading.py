"""Read pictures by the product's own OCR and keep each page's text in a cache folder, so that each is read once."""

import functools
import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import documents, quality
from bench.corrector_sets import Document, Page, paired
from bench.corrector_table import progress
from scanmend.page import PageText
from scanmend.workers.protocol import PageRequest

MAX_PIXELS = 200_000_000


def receipts(data: str, cache: str, jobs: int) -> Iterator[Document]:
    """Yield photographed receipts, each as a document. Their truth is in capitals, so case is folded."""
    found = quality.find(os.path.join(data, "receipts"), None)
    yield from _documents(found, ("receipts", "en"), cache, jobs, fold=True)


def magazine(data: str, cache: str, jobs: int) -> Iterator[Document]:
    """Yield one page of a magazine, in columns."""
    found = [p for p in quality.find(os.path.join(data, "pages"), None) if "magazine" in p]
    yield from _documents(found, ("magazine", "en"), cache, jobs, fold=False)


def ours(
    cache: str,
    jobs: int,
    folders: Sequence[str],
    copies: int,
    languages: Sequence[str],
    limit: int | None,
) -> Iterator[Document]:
    """Yield our own documents at three levels of wear, in the installed ones of the held-out fonts.

    ``limit`` is the maximum of documents in each language.
    """
    fonts = documents.fonts(folders)
    missing = sorted(set(documents.FONTS) - set(fonts))
    if not fonts:
        raise SystemExit(f"no font to set documents in: apt-get install {documents.PACKAGES}")
    if missing:
        install = f"apt-get install {documents.PACKAGES}, or --fonts FOLDER"
        print(f"without {', '.join(missing)}: {install}", file=sys.stderr)
    made = list(
        documents.pictures(os.path.join(cache, "documents"), fonts, copies, languages, limit)
    )
    readings = read([(path, text.language) for text, _, path in made], cache, jobs)
    for (text, level, path), reading in zip(made, readings, strict=True):
        group = ("ours", level, text.language)
        yield Document(os.path.basename(path), group, (page(reading, text.truth),))


def _documents(
    paths: Sequence[str], group: tuple[str, ...], cache: str, jobs: int, *, fold: bool
) -> Iterator[Document]:
    readings = read([(path, "en") for path in paths], cache, jobs)
    for path, text in zip(paths, readings, strict=True):
        truth = Path(os.path.splitext(path)[0] + ".gt.txt").read_text(encoding="utf-8")
        yield Document(os.path.basename(path), group, (page(text, truth, fold=fold),), fold)


def page(text: PageText, truth: str, *, fold: bool = False) -> Page:
    """Return a page as read beside its truth."""
    truths = [line for line in truth.split("\n") if line.strip()]
    return Page(text.lines, tuple(paired([x.text for x in text.lines], truths, fold)), truth)


def read(pictures: Sequence[tuple[str, str]], cache: str, jobs: int) -> list[PageText]:
    """Return the pages of pictures (path, language) as the OCR child reads them."""
    os.makedirs(cache, exist_ok=True)
    files = [os.path.join(cache, _key(*picture) + ".json") for picture in pictures]
    jobs_left = ((*x, file) for x, file in zip(pictures, files, strict=True))
    missing = [job for job in jobs_left if not os.path.exists(job[-1])]
    if missing:
        with multiprocessing.get_context("spawn").Pool(jobs, _ignore_interrupts) as pool:
            for number, path in enumerate(pool.imap_unordered(_read, missing)):
                progress(number + 1, len(missing), f"read {os.path.basename(path)}")
    return [msgspec.json.decode(Path(file).read_bytes(), type=PageText) for file in files]


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read(job: tuple[str, str, str]) -> str:
    """Read one page into its cache file, in a process of the pool; return the picture's path."""
    from scanmend.ocr.page_reader import read_page

    path, language, file = job
    request = PageRequest(
        file=os.fsencode(path),
        index=0,
        engine="rapidocr",
        languages=(language,),
        dpi=300,
        rotate=True,
        pdf_text="always_ocr",
        max_pixels=MAX_PIXELS,
    )
    text = read_page(request)
    part = f"{file}.{os.getpid()}"
    Path(part).write_bytes(msgspec.json.encode(text))
    os.replace(part, file)
    return path


def _key(path: str, language: str) -> str:
    """Return a key that differs when the picture, the language or the code that reads it differs."""
    picture = Path(path).read_bytes()
    return hashlib.sha256(f"{_code()} {language} ".encode() + picture).hexdigest()[:32]


@functools.cache
def _code() -> str:
    """Return a digest of the OCR engine's version and of our code that uses it."""
    import importlib.metadata

    import scanmend.ocr

    folder = Path(next(iter(scanmend.ocr.__path__)))
    sources = b"".join(file.read_bytes() for file in sorted(folder.rglob("*.py")))
    return importlib.metadata.version("rapidocr") + hashlib.sha256(sources).hexdigest()
