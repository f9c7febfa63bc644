"""Collect pictures for ``bench.ink`` from folders of public files, as clones of the test files of other projects.

    python -m bench.ink_pictures OUT DIR… [--dpi 200] [--most 60]

Copies each picture, and the first page of each PDF as a picture. Leaves out tiny ones and those that look like one that
is there already. At most ``--most`` are taken from each DIR, spread evenly over its files. OUT/manifest.jsonl says where
each came from.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image

from bench.ink import pictures_below

MIN_SIDE, MAX_PIXELS = 200, 40_000_000  # pixels of a picture
THUMBNAIL = (24, 24)  # pixels, for comparison
MIN_DIFFERENCE = 2.5  # mean difference of grey levels between two thumbnails
POINTS_PER_INCH = 72


def main() -> int:
    """Collect the pictures; return 1 if there are none."""
    parser = argparse.ArgumentParser(description="pictures for bench.ink")
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--dpi", type=int, default=200, help="of the pages of PDFs (200)")
    parser.add_argument("--most", type=int, default=60, help="pictures from each folder (60)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    seen: list[bytes] = []
    with (options.out / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        for folder in options.folders:
            for source, target in _collect(folder, options, seen):
                row = {"file": target.name, "source": str(source.relative_to(folder.parent))}
                manifest.write(json.dumps(row) + "\n")
    print(f"{len(seen)} pictures in {options.out}")
    return 0 if seen else 1


def _collect(
    folder: Path, options: argparse.Namespace, seen: list[bytes]
) -> Iterator[tuple[Path, Path]]:
    """Yield source and target of each new picture of a folder. Add its thumbnail to ``seen``."""
    taken = 0
    for source in spread(pictures_below(folder)):
        if taken >= options.most:
            return
        target = options.out / f"{folder.name}-{len(seen):04}-{Path(source).name}"
        try:
            target = _written(Path(source), target, options.dpi)
            thumbnail = _thumbnail(target)
        except (OSError, ValueError, SyntaxError, pdfium.PdfiumError):  # a damaged or odd file
            thumbnail = None
        if thumbnail is None or any(is_alike(thumbnail, other) for other in seen):
            target.unlink(missing_ok=True)
            continue
        seen.append(thumbnail)
        taken += 1
        yield Path(source), target


def spread(paths: list[str]) -> list[str]:
    """Return the paths in an order in which each beginning is spread over all of them."""
    order = sorted(range(len(paths)), key=lambda n: int(f"{n:032b}"[::-1], 2))
    return [paths[n] for n in order]


def _written(source: Path, target: Path, dpi: int) -> Path:
    """Write a picture, or the first page of a PDF as PNG; return its path."""
    if source.suffix.lower() != ".pdf":
        shutil.copyfile(source, target)
        return target
    target = target.with_suffix(".png")
    document = pdfium.PdfDocument(source)
    try:
        image = document[0].render(scale=dpi / POINTS_PER_INCH).to_pil()
    finally:
        document.close()
    image.save(target, dpi=(dpi, dpi))
    return target


def _thumbnail(path: Path) -> bytes | None:
    """Return the thumbnail of a picture, 8-bit grey; None if it is too small or too large."""
    with Image.open(path) as image:
        if min(image.size) < MIN_SIDE or image.width * image.height > MAX_PIXELS:
            return None
        return image.convert("L").resize(THUMBNAIL).tobytes()


def is_alike(one: bytes, other: bytes) -> bool:
    """Return whether two thumbnails show the same picture."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) < MIN_DIFFERENCE * len(one)


if __name__ == "__main__":
    sys.exit(main())
