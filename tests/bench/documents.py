"""Render and degrade documents with texts, fonts and layouts that the training data does not have.

The texts are in texts/LANGUAGE.txt: ``== name`` begins a document, ``# `` a heading, ``|||`` the next column; tabs
separate the cells of a table. A page is set in one of the held-out fonts that are installed (DejaVu, Gentium,
Cantarell). Then a copier, a scanner or a camera degrades it, as its level says. A seed makes all of it repeatable.
"""

import os
import random
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("en", "de", "es", "fr")
LEVELS = ("light", "middle", "heavy")
RENDER_DPI = 300  # resolution of the rendered page, before it is scaled down to its scanner's
PAPER_INCHES = (8.27, 11.69)  # inches: A4
MARGIN_INCHES = 0.9  # inches
FONTS = {
    "DejaVu Sans": "DejaVuSans.ttf",
    "DejaVu Serif": "DejaVuSerif.ttf",
    "DejaVu Sans Mono": "DejaVuSansMono.ttf",
    "DejaVu Sans Condensed": "DejaVuSansCondensed.ttf",
    "Gentium": "GenBasR.ttf Gentium-R.ttf GentiumPlus-Regular.ttf GentiumPlus-R.ttf",
    "Cantarell": "Cantarell-Regular.otf Cantarell-VF.otf",
}
PACKAGES = "fonts-dejavu-core fonts-dejavu-extra fonts-sil-gentium-basic fonts-cantarell"

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a document: its lines, with the marks of headings, cells and columns."""

    name: str
    language: str
    lines: tuple[str, ...]

    @property
    def truth(self) -> str:
        """Return the text without marks, in reading order."""
        kept = (line.removeprefix("# ").replace("\t", " ") for line in self.lines if line != "|||")
        return "\n".join(line for line in kept if line.strip())


@dataclass(frozen=True, slots=True)
class Wear:
    """The ranges of a level's degradations, from which each page draws its own values."""

    dpi: tuple[int, int]
    blur: tuple[float, float]  # radius in hundredths of an inch
    noise: tuple[float, float]  # grey levels
    quality: tuple[int, int]  # JPEG quality
    skew: float  # degrees
    contrast: tuple[float, float]
    unevenness: float  # share of the light that is lost at the far side
    through: float  # share of the ink on the reverse that shows through
    threshold: float  # share of pages that are binarised


WEAR = {
    "light": Wear((105, 150), (0.62, 0.8), (6, 10), (40, 70), 0.4, (0.55, 0.8), 0.2, 0.08, 0.1),
    "middle": Wear((100, 140), (0.79, 0.9), (8, 12), (30, 45), 0.7, (0.5, 0.68), 0.22, 0.1, 0.2),
    "heavy": Wear((95, 130), (0.84, 0.95), (9, 13), (25, 38), 1.0, (0.48, 0.62), 0.25, 0.14, 0.2),
}


def texts(languages: Sequence[str] = LANGUAGES) -> Iterator[Text]:
    """Yield the documents of these languages."""
    for language in languages:
        for part in (TEXTS / f"{language}.txt").read_text(encoding="utf-8").split("== ")[1:]:
            name, *lines = part.rstrip("\n").split("\n")
            yield Text(name, language, tuple(lines))


def fonts(folders: Sequence[str] = ()) -> dict[str, str]:
    """Return the files of the held-out fonts by name, from these folders and from fontconfig."""
    there: dict[str, str] = {}
    for folder in folders:
        there |= {p.name: str(p) for p in sorted(Path(folder).rglob("*.[to]tf"))}
    try:
        listed = subprocess.run(["fc-list", "--format", "%{file}\n"], capture_output=True, text=True, check=True).stdout  # fmt: skip
        there = {os.path.basename(p): p for p in sorted(listed.split("\n"))} | there
    except (OSError, subprocess.CalledProcessError):
        for path in sorted(Path("/usr/share/fonts").rglob("*.[to]tf")):
            there.setdefault(path.name, str(path))
    found = {}
    for name, files in FONTS.items():
        place = next((there[file] for file in files.split() if file in there), None)
        if place:
            found[name] = place
    return found


def pictures(
    folder: str,
    places: dict[str, str],
    copies: int,
    languages: Sequence[str] = LANGUAGES,
    most: int | None = None,
) -> Iterator[tuple[Text, str, str]]:
    """Yield text, level and file of each page: at most ``most`` texts of a language, at each level in ``copies`` fonts."""
    os.makedirs(folder, exist_ok=True)
    chosen = [text for language in languages for text in list(texts((language,)))[:most]]
    for text in chosen:
        for level in LEVELS:
            for copy in range(copies):
                rng = random.Random(f"{text.language} {text.name} {level} {copy}")
                font = rng.choice(sorted(places))
                yield text, level, _file(folder, text, level, (font, places[font]), rng)


def _file(folder: str, text: Text, level: str, font: tuple[str, str], rng: random.Random) -> str:
    """Return the path of a page as a scanner's JPEG.

    It is drawn again only after a change of the text, the level, the font, the seed or this program.
    """
    size = os.path.getsize(font[1])  # the size tells versions of the font apart
    made_of = f"{text} {level} {font[0]} {size} {rng.random()}".encode() + Path(__file__).read_bytes()  # fmt: skip
    name = f"{text.language}-{text.name}-{level}-{font[0]}-{zlib.crc32(made_of):08x}.jpg"
    path = os.path.join(folder, name.replace(" ", "_"))
    if not os.path.exists(path):
        image = worn(printed(text, font[1], rng), WEAR[level], rng)
        image.save(path + ".part", "JPEG", quality=rng.randint(*WEAR[level].quality))
        os.replace(path + ".part", path)
    return path


# print ------------------------------------------------------------------------------------------------


def printed(text: Text, font: str, rng: random.Random) -> Image.Image:
    """Return the page as printed, 8-bit grey, at RENDER_DPI."""
    width, height = (round(RENDER_DPI * inches) for inches in PAPER_INCHES)
    margin = round(RENDER_DPI * MARGIN_INCHES)
    columns = "\n".join(text.lines).split("\n|||\n")
    wide = width - 2 * margin
    step = (wide + 0.4 * RENDER_DPI) / len(columns)
    size, leading = _size(text, font, round(step - 0.4 * RENDER_DPI), height - 2 * margin, rng)
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    body = ImageFont.truetype(font, size)
    top = margin
    ends = []
    for number, column in enumerate(columns):
        lines = column.split("\n")
        if (
            not number and len(columns) > 1 and lines[0].startswith("# ")
        ):  # the heading spans all columns
            top = _heading(draw, lines.pop(0), font, size, (margin, margin, wide), leading)
        place = (round(margin + number * step), top, round(step - 0.4 * RENDER_DPI))
        ends.append(_column(draw, lines, (font, body, size), place, leading))
    return image.crop((0, 0, width, min(height, max(ends) + margin)))


def _size(text: Text, font: str, wide: int, high: int, rng: random.Random) -> tuple[int, int]:
    """Return the font's size and the distance between lines, in pixels.

    Letters have about 9 to 11 points, by their x-height, or less where the longest line or the page needs it.
    """
    body = [line for line in text.lines if "\t" not in line]
    longest = max(ImageFont.truetype(font, 100).getlength(line) for line in body) / 100
    leading = rng.uniform(1.3, 1.55)
    _, top, _, bottom = ImageFont.truetype(font, 100).getbbox("x", anchor="ls")
    size = rng.uniform(4.9, 5.8) * RENDER_DPI / 72 * 100 / (bottom - top)
    size = min(size, wide / longest, high / (leading * (len(text.lines) + 3)))
    return int(size), round(leading * int(size))


def _heading(
    draw: ImageDraw.ImageDraw,
    line: str,
    font: str,
    size: int,
    place: tuple[int, int, int],
    leading: int,
) -> int:
    """Draw a heading. Return the y at which the text goes on."""
    x, y, wide = place
    text = line.removeprefix("# ")
    large = ImageFont.truetype(font, round(1.5 * size))
    large = ImageFont.truetype(font, round(1.5 * size * min(1, wide / large.getlength(text))))
    draw.text((x, y), text, font=large, fill=0)
    return y + 2 * leading


def _column(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    font: tuple[str, ImageFont.FreeTypeFont, int],
    place: tuple[int, int, int],
    leading: int,
) -> int:
    """Draw lines one below the other, and runs of lines with tabs as tables. Return the y at which they end."""
    x, y, wide = place
    for number, line in enumerate(lines):
        if line.startswith("# "):
            y = _heading(draw, line, font[0], font[2], (x, y, wide), leading)
            continue
        if not line.strip():
            y += round(0.8 * leading)
            continue
        if "\t" not in line:
            draw.text((x, y), line, font=font[1], fill=0)
        else:
            cells = line.split("\t")
            stops = _stops(lines, number, font[1], wide)
            for cell, (at, right) in zip(cells, stops, strict=True):
                where = x + at - (font[1].getlength(cell) if right else 0)
                draw.text((where, y), cell, font=font[1], fill=0)
        y += leading
    return y


def _stops(
    lines: Sequence[str], number: int, font: ImageFont.FreeTypeFont, wide: int
) -> list[tuple[float, bool]]:
    """Return the x of each cell in this line's table, and whether the cell ends there, as in columns of numbers."""
    count = lines[number].count("\t")
    first = last = number
    while first and lines[first - 1].count("\t") == count:
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].count("\t") == count:
        last += 1
    rows = [line.split("\t") for line in lines[first : last + 1]]
    widths = [max(font.getlength(row[n]) for row in rows) for n in range(count + 1)]
    gap = min((wide - sum(widths)) / max(1, count), 3.0 * font.size)
    stops = []
    at = 0.0
    for n, width in enumerate(widths):
        right = n > 0 and sum(c.isdigit() for c in rows[-1][n]) > len(rows[-1][n]) / 2
        stops.append((at + width if right else at, right))
        at += width + gap
    return stops


# wear -------------------------------------------------------------------------------------------------


def worn(page: Image.Image, wear: Wear, rng: random.Random) -> Image.Image:
    """Return the page after ink, paper, ageing and a scanner have degraded it, in this order."""
    noise = np.random.default_rng(rng.randrange(2**32))
    ink = 1 - np.asarray(page, np.float32) / 255
    other = page.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(5))
    ink = np.maximum(ink, rng.uniform(0, wear.through) * (1 - np.asarray(other, np.float32) / 255))
    sheet = Image.fromarray(((1 - ink) * 255).astype(np.uint8))
    sheet = sheet.rotate(
        rng.uniform(-wear.skew, wear.skew), Image.Resampling.BICUBIC, fillcolor=255
    )
    dpi = rng.randint(*wear.dpi)
    scale = dpi / RENDER_DPI
    size = (round(page.width * scale), round(page.height * scale))
    sheet = sheet.resize(size, Image.Resampling.BOX)
    sheet = sheet.filter(ImageFilter.GaussianBlur(rng.uniform(*wear.blur) * dpi / 100))
    ink = 1 - np.asarray(sheet, np.float32) / 255
    contrast = rng.uniform(*wear.contrast)
    grey = 0.95 - contrast * ink * _patches(ink.shape, noise)
    grey = grey * _light(ink.shape, wear.unevenness, rng)
    bilevel = rng.random() < wear.threshold
    amount = rng.uniform(*wear.noise) / 255 * (0.4 if bilevel else 1)
    grey = grey + noise.normal(0, amount, ink.shape)
    if bilevel:
        around = np.asarray(Image.fromarray(_bytes(grey)).filter(ImageFilter.BoxBlur(25)), np.float32) / 255  # fmt: skip
        grey = np.where(grey > around - rng.uniform(0.13, 0.19) * contrast, 1.0, 0.0)
    return Image.fromarray(_bytes(grey))


def _patches(shape: tuple[int, ...], noise: np.random.Generator) -> Pixels:
    """Return the strength of the ink at each pixel, which varies slowly over the page."""
    coarse = noise.uniform(0.7, 1.1, (9, 7)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(smooth)


def _light(shape: tuple[int, ...], unevenness: float, rng: random.Random) -> Pixels:
    """Return the light at each pixel, from a lamp on one side."""
    rows, columns = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    away = np.hypot(rows - rng.random(), columns - rng.random())
    fall: Pixels = 1 - rng.uniform(0, unevenness) * away
    return fall


def _bytes(grey: Pixels) -> Pixels:
    whole: Pixels = (grey.clip(0, 1) * 255).astype(np.uint8)
    return whole
