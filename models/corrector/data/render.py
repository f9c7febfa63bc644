"""Make real OCR errors: draw lines in many fonts, degrade them like scans, and let an engine read them.

    python -m data.render --lines LINES.txt --fonts FOLDER --engine rapidocr --out PAIRS.jsonl

The program needs scanmend itself, whose recogniser reads the line images, or the tesseract program. It appends each pair at once,
so you may stop it; the next start resumes after the lines that are done.
"""

import argparse
import io
import json
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LINES_AT_ONCE = 12
FONT_PIXELS = (11, 34)
Reading = tuple[str, list[dict[str, Any]] | None]  # text of a line, alternatives of the engine


def draw(text: str, font: ImageFont.FreeTypeFont, rng: random.Random) -> Image.Image:
    """Return an image of the text, dark on light, with a margin such as a detector leaves."""
    left, top, right, bottom = font.getbbox(text)
    margin = rng.randrange(1, 8)
    paper, ink = rng.randrange(190, 256), rng.randrange(0, 110)
    image = Image.new("L", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin), paper)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, fill=ink, font=font)
    return image


def degrade(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the image with some of the damage that scanners, copiers, cameras and time do to a line."""
    if rng.random() < 0.4:
        image = image.rotate(
            rng.gauss(0, 0.5),
            Image.Resampling.BICUBIC,
            expand=True,
            fillcolor=image.getpixel((0, 0)),
        )
    if rng.random() < 0.5:
        factor = rng.uniform(0.3, 0.9)
        small = (max(8, int(image.width * factor)), max(8, int(image.height * factor)))
        image = image.resize(small, Image.Resampling.BOX)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.6)))
    pixels: np.ndarray[Any, Any] = np.asarray(image, np.float32)
    noise = np.random.default_rng(rng.randrange(2**32))
    if rng.random() < 0.5:
        pixels = pixels + noise.normal(0, rng.uniform(2, 40), pixels.shape)
    if rng.random() < 0.2:  # faded: stripes of less ink, as on thermal paper and from old ribbons
        stripes = np.interp(
            np.linspace(0, 9, pixels.shape[1]), np.arange(10), noise.uniform(0.2, 1, 10)
        )
        pixels = 255 - (255 - pixels) * stripes
    if rng.random() < 0.15:  # bleed-through
        pixels = np.minimum(pixels, 255 - (255 - pixels[::-1, ::-1]) * rng.uniform(0.1, 0.35))
    if rng.random() < 0.25:
        pixels = np.where(pixels > rng.uniform(0.35, 0.75) * pixels.max(), 255.0, 0.0)
    if rng.random() < 0.15:
        pixels[noise.random(pixels.shape) < rng.uniform(0.002, 0.03)] = rng.choice([0, 255])
    if rng.random() < 0.1:  # a ruled line or a stroke
        row = rng.randrange(pixels.shape[0])
        pixels[row : row + rng.randrange(1, 3)] = rng.randrange(0, 160)
    if rng.random() < 0.1:
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(
            rng.choice([ImageFilter.MinFilter(3), ImageFilter.MaxFilter(3)])
        )
    else:
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=rng.randrange(8, 60))
        image = Image.open(packed).convert("L")
    return image


def rapidocr() -> Callable[[Sequence[Image.Image]], list[Reading]]:
    """Return a function that reads line images by the product's recogniser."""
    from scanmend.ocr.detection import as_bgr  # noqa: PLC0415 - only one engine is needed
    from scanmend.ocr.line_models import LineModels  # noqa: PLC0415

    engine = LineModels()
    return lambda images: [
        (line.text, msgspec.to_builtins(line.doubts))
        for line in engine.recognise([as_bgr(i) for i in images])
    ]


def tesseract(images: Sequence[Image.Image]) -> list[Reading]:
    """Return Tesseract's readings, with one call per line: it would cut the lines of a tall sheet wrongly."""
    return [(_tesseract(image), None) for image in images]


def _tesseract(image: Image.Image) -> str:
    packed = io.BytesIO()
    image.save(packed, "PNG")
    command = ["tesseract", "-", "-", "--psm", "7", "--dpi", "200"]
    done = subprocess.run(command, input=packed.getvalue(), capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace").strip()


def drawable(
    lines: Sequence[str], fonts: Sequence[Path], rng: random.Random, *, page: bool
) -> Iterator[tuple[str, Image.Image]]:
    """Yield each line with its degraded image, if the font has all its characters.

    With ``page``, all lines have the same font and the same damage.
    """
    seed = rng.randrange(2**32)
    for text in lines:
        if page:
            rng = random.Random(seed)
        font = ImageFont.truetype(str(rng.choice(fonts)), rng.randrange(*FONT_PIXELS))
        missing = _glyph(font, "\uffff")
        if all(c == " " or _glyph(font, c) != missing for c in set(text)):
            yield text, degrade(draw(text, font, rng), rng)


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[Any, bytes]:
    """Return the bounding box and the pixels of a character."""
    mask = font.getmask(character)
    return mask.getbbox(), bytes(mask)


def main() -> None:
    """Render and read all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--engine", choices=["rapidocr", "tesseract"], default="rapidocr")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--pages",
        action="store_true",
        help=f"render {LINES_AT_ONCE} lines at a time as one page; note the page and the engine's alternatives",
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    fonts = sorted(f for f in options.fonts.rglob("*.[to]tf") if "Math" not in f.name)
    read = rapidocr() if options.engine == "rapidocr" else tesseract
    texts = options.lines.read_text(encoding="utf-8").split("\n")
    counter = options.out.with_suffix(".done")
    done = int(counter.read_text()) if counter.exists() else 0
    rng = random.Random(options.seed + done)
    with options.out.open("a", encoding="utf-8") as out:
        for start in range(done, len(texts), LINES_AT_ONCE):
            pairs = list(
                drawable(texts[start : start + LINES_AT_ONCE], fonts, rng, page=options.pages)
            )
            found = read([image for _, image in pairs])
            for (truth, _), (ocr, doubts) in zip(pairs, found, strict=True):
                row = [ocr, truth, start, doubts] if options.pages else [ocr, truth]
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
            counter.write_text(str(start + LINES_AT_ONCE))


if __name__ == "__main__":
    main()
