"""Write the pages for the peers bench: real ones if ../shared/data exists, else rendered ones.

Each page is written as a lossless picture, for RapidOCR by itself, and as part of a document: a third of the pages as
PDFs of one page, a third as PDFs of twenty, a third as TIFFs.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.documents import TEXTS
from samples import page

BOOK_PAGES = 20  # pages of a long PDF
DEFAULT_DPI = 200  # for pages without a resolution, or with one that no scanner has
REAL = ("receipts/*.jpg", "pages/*.jpg", "pages/*.png", "pages/*.tif")


@dataclass(frozen=True, slots=True)
class Document:
    """A file to drop, and its pages as PNGs."""

    path: Path
    kind: str
    pictures: tuple[Path, ...]

    @property
    def pages(self) -> int:
        return len(self.pictures)


def documents(folder: Path, data: Path, pages: int, seed: int) -> list[Document]:
    """Write documents of at least ``pages`` pages in all. Return them in an order that mixes the kinds.

    A seed gives the same documents each time.
    """
    folder.mkdir()
    sources = itertools.cycle(_sources(data, seed))
    books = max(1, round(pages / 3 / BOOK_PAGES)) if pages >= BOOK_PAGES else 0
    singles = max(0, pages - books * BOOK_PAGES)
    kinds = ["pdf", "tiff"] * (singles // 2 + 1)
    plan = [(kind, 1) for kind in kinds[:singles]]
    for number in range(books):  # spread the books among the others
        plan.insert(
            (2 * number + 1) * len(plan) // (2 * books), (f"pdf of {BOOK_PAGES}", BOOK_PAGES)
        )
    made = []
    for number, (kind, count) in enumerate(plan):
        images = [_opened(next(sources)) for _ in range(count)]
        made.append(_written(folder, f"{number:03}", kind, images))
    return made


def _sources(data: Path, seed: int) -> Sequence[Path | Sequence[str]]:
    real = sorted(path for pattern in REAL for path in data.glob(pattern))
    found: list[Path | Sequence[str]] = [*real] if real else [*_made_up()]
    random.Random(seed).shuffle(found)
    return found


def _made_up() -> Iterator[Sequence[str]]:
    for path in sorted(TEXTS.glob("*.txt")):
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        yield from (lines[at : at + 40] for at in range(0, min(len(lines), 400), 40))


def _opened(source: Path | Sequence[str]) -> Image.Image:
    if not isinstance(source, Path):
        made = page(source, size=(1654, 2339), points=26)  # A4
        made.info["dpi"] = (DEFAULT_DPI, DEFAULT_DPI)
        return made
    with Image.open(source) as image:
        dpi = float(image.info.get("dpi", (0, 0))[0])
        plain = image.convert("RGB") if image.mode in ("RGBA", "P") else image.copy()
        plain.info = {"dpi": (round(dpi),) * 2 if dpi >= 150 else (DEFAULT_DPI, DEFAULT_DPI)}
        return plain


def _written(folder: Path, stem: str, kind: str, images: Sequence[Image.Image]) -> Document:
    pictures = []
    for number, image in enumerate(images):
        pictures.append(folder / f"{stem}-{number}.png")
        image.save(pictures[-1], dpi=image.info["dpi"], compress_level=1)
    first = images[0]
    dpi = first.info["dpi"]
    if kind == "tiff":
        path = folder / f"{stem}.tif"
        first.save(path, dpi=dpi, compression="group4" if first.mode == "1" else "tiff_lzw")
    else:
        path = folder / f"{stem}.pdf"
        first.save(path, save_all=True, append_images=images[1:], resolution=dpi[0])
    return Document(path, kind, tuple(pictures))
