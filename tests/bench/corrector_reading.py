"""Pictures read by the product's own OCR, once: the reading of a page is kept in a cache folder."""

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
    """Photographed receipts; their truth is in capitals, hence folded. A document each."""
    found = quality.find(os.path.join(data, "receipts"), None)
    yield from _documents(found, ("receipts", "en"), cache, jobs, fold=True)


def magazine(data: str, cache: str, jobs: int) -> Iterator[Document]:
    """One page of a magazine, in columns."""
    found = [p for p in quality.find(os.path.join(data, "pages"), None) if "magazine" in p]
    yield from _documents(found, ("magazine", "en"), cache, jobs, fold=False)


def ours(
    cache: str,
    jobs: int,
    folders: Sequence[str],
    copies: int,
    languages: Sequence[str],
    most: int | None,
) -> Iterator[Document]:
    """Documents of our own at three levels of wear, in the held-out fonts that are there; ``most`` a language."""
    fonts = documents.fonts(folders)
    missing = sorted(set(documents.FONTS) - set(fonts))
    if not fonts:
        raise SystemExit(f"no font to set documents in: apt-get install {documents.PACKAGES}")
    if missing:
        print(f"without {', '.join(missing)}: apt-get install {documents.PACKAGES}, or --fonts FOLDER", file=sys.stderr)  # fmt: skip
    made = list(
        documents.pictures(os.path.join(cache, "documents"), fonts, copies, languages, most)
    )
    readings = read([(path, text.language) for text, _, path in made], cache, jobs)
    for (text, level, path), reading in zip(made, readings, strict=True):
        yield Document(os.path.basename(path), ("ours", level, text.language), (page(reading, text.truth),))  # fmt: skip


def _documents(
    paths: Sequence[str], group: tuple[str, ...], cache: str, jobs: int, *, fold: bool
) -> Iterator[Document]:
    readings = read([(path, "en") for path in paths], cache, jobs)
    for path, text in zip(paths, readings, strict=True):
        truth = Path(os.path.splitext(path)[0] + ".gt.txt").read_text(encoding="utf-8")
        yield Document(os.path.basename(path), group, (page(text, truth, fold=fold),), fold)


def page(text: PageText, truth: str, *, fold: bool = False) -> Page:
    """A page as read beside its truth."""
    truths = [line for line in truth.split("\n") if line.strip()]
    return Page(text.lines, tuple(paired([x.text for x in text.lines], truths, fold)), truth)


def read(pictures: Sequence[tuple[str, str]], cache: str, jobs: int) -> list[PageText]:
    """The pages of pictures (path, language), as the OCR child reads them: upright, recognised, arranged."""
    os.makedirs(cache, exist_ok=True)
    places = [os.path.join(cache, _key(*picture) + ".json") for picture in pictures]
    missing = [(*x, place) for x, place in zip(pictures, places, strict=True) if not os.path.exists(place)]  # fmt: skip
    if missing:
        with multiprocessing.get_context("spawn").Pool(jobs, _ignore_interrupts) as pool:
            for number, path in enumerate(pool.imap_unordered(_read, missing)):
                progress(number + 1, len(missing), f"read {os.path.basename(path)}")
    return [msgspec.json.decode(Path(place).read_bytes(), type=PageText) for place in places]


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read(job: tuple[str, str, str]) -> str:
    """One page, in a process of the pool."""
    from scanmend.ocr.__main__ import read_page

    path, language, place = job
    request = PageRequest(
        os.fsencode(path), 0, "rapidocr", (language,), 300, True, "always_ocr", MAX_PIXELS
    )  # fmt: skip
    text = read_page(request)
    part = f"{place}.{os.getpid()}"
    Path(part).write_bytes(msgspec.json.encode(text))
    os.replace(part, place)
    return path


def _key(path: str, language: str) -> str:
    """Another one when the picture, or the code that reads it, is another."""
    picture = Path(path).read_bytes()
    return hashlib.sha256(f"{_code()} {language} ".encode() + picture).hexdigest()[:32]


@functools.cache
def _code() -> str:
    import importlib.metadata

    import scanmend.ocr

    folder = Path(next(iter(scanmend.ocr.__path__)))
    sources = b"".join(file.read_bytes() for file in sorted(folder.glob("*.py")))
    return importlib.metadata.version("rapidocr") + hashlib.sha256(sources).hexdigest()
