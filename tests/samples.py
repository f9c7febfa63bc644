"""Pages and files for tests, rendered from text that was written for this project."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CASES = Path(__file__).parent / "cases"
LETTER = (
    "Dear Mrs Winterbourne",
    "the ledger of the harbour office has been bound",
    "Please collect it on 12/03/2026 before noon",
    "The amount due is 150.90 in total",
)


def page(
    lines: Sequence[str] = LETTER, size: tuple[int, int] = (1000, 420), points: int = 32
) -> Image.Image:
    """Return a page in dark grey on white, as if scanned at about 150 dpi; ``size`` is in pixels."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(points)
    for number, line in enumerate(lines):
        draw.text((60, 50 + number * points * 2), line, font=font, fill=20)
    return image


def encoded(kind: str, images: Sequence[Image.Image] = ()) -> bytes:
    """Return the pages as a file; only tiff and pdf take several pages. Of heif, which Pillow doesn't write, return ``page()``."""
    if kind.lower() == "heif":
        return (CASES / "letter.heic").read_bytes()
    images = images or [page()]
    out = io.BytesIO()
    if kind in ("tiff", "pdf"):
        images[0].save(out, kind.upper(), save_all=True, append_images=images[1:], resolution=150)
    else:
        images[0].save(out, kind.upper(), dpi=(150, 150))
    return out.getvalue()


def numbered(count: int) -> list[Image.Image]:
    """Return pages with little text, each with its number."""
    words = ("harbour", "granary", "ledger", "carrier", "stationer", "envelope")
    return [
        page([f"Page {n + 1} of the {words[n % len(words)]} book"], size=(700, 140))
        for n in range(count)
    ]


def put(folder: Path, name: str, data: bytes) -> Path:
    """Write a file into a folder as a careless program does (open, write, close), and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
