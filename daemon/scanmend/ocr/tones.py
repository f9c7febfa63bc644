"""Find the range of a picture's samples, from its paper to its ink, and make it the range of a grey or RGB picture.

The range is measured, never taken from the number of bits: scanners store 10 or 12 bits in 16, and paper is often grey.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# specks and dead pixels are not the range: this many of the darkest and of the lightest pixels don't count
SPECK_PX, SPECK_SHARE = 16, 1e-5
# of the lightest sample, that a range must have at least: less is the noise of blank paper
MIN_RANGE_SHARE = 0.012
# grey levels; the detector overlooks text of 8 or fewer, and reads text of 16 or more as well as black text
MIN_FULL_CONTRAST = 48
MAX_SAMPLED = 4_000_000  # samples of a picture in floating point from which its range is measured
CHUNK_ROWS = 256  # that are converted at a time
# grey levels of contrast on white, below which a transparent picture is light ink for a dark background
MIN_INK_ON_WHITE = 40
_TRANSPARENT_MODES = ("LA", "RGBA", "PA", "La", "RGBa")

Samples = NDArray[Any]  # (height, width) or (height, width, bands) of numbers


def as_grey_or_rgb(image: Image.Image) -> Image.Image:
    """Return the picture in mode L or RGB; transparent pixels become white paper."""
    if image.mode.startswith("I") or image.mode == "F":
        return as_picture(np.asarray(image))
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        return _on_paper(image.convert("RGBA"))
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _on_paper(image: Image.Image) -> Image.Image:
    """Return a transparent picture (RGBA) on white paper, or, if its ink is as light as that, as dark ink on paper."""
    white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if _contrast(white.convert("L")) >= MIN_INK_ON_WHITE:
        return white
    black = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("L")
    if _contrast(black) < MIN_INK_ON_WHITE:
        return white
    return black.point(lambda level: 255 - level)


def as_picture(samples: Samples, *, white_is_zero: bool = False) -> Image.Image:
    """Return samples of any type, (height, width) or (height, width, 3), as a picture in mode L or RGB."""
    samples = _unsigned(samples)
    low, high = _range(samples)
    if high - low < MIN_RANGE_SHARE * max(abs(low), abs(high)):
        low, high = (0.0, high) if high > 0 else (low, low + 1)  # blank
    return Image.fromarray(scaled(samples, *((high, low) if white_is_zero else (low, high))))


def scaled(samples: Samples, black: float, white: float) -> NDArray[np.uint8]:
    """Return samples as grey levels: ``black`` becomes 0, ``white`` 255. NaN becomes white."""
    samples = _unsigned(samples)
    factor = 255.0 / ((white - black) or 1.0)
    if samples.dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(samples.dtype).max + 1, dtype=np.float64)
        table = np.clip((levels - black) * factor, 0, 255).round().astype(np.uint8)
        return np.asarray(table[samples])
    grey = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), CHUNK_ROWS):
        rows = samples[top : top + CHUNK_ROWS].astype(np.float64)
        rows = np.nan_to_num((rows - black) * factor, nan=255.0, posinf=255.0, neginf=0.0)
        grey[top : top + CHUNK_ROWS] = np.clip(rows, 0, 255).round()
    return grey


def _unsigned(samples: Samples) -> Samples:
    """Return signed samples of 8 or 16 bits as unsigned ones in the same order."""
    if samples.dtype.kind == "i" and samples.dtype.itemsize <= 2:
        bits = 8 * samples.dtype.itemsize
        native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
        unsigned = native.view(np.dtype(f"u{samples.dtype.itemsize}"))
        return np.asarray(unsigned ^ unsigned.dtype.type(1 << (bits - 1)))
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


def _range(samples: Samples) -> tuple[float, float]:
    """Return the darkest and the lightest sample, without specks."""
    if samples.dtype in (np.uint8, np.uint16):
        counts = np.zeros(np.iinfo(samples.dtype).max + 1, np.int64)
        for top in range(0, len(samples), CHUNK_ROWS):
            rows = samples[top : top + CHUNK_ROWS].ravel()
            counts += np.bincount(rows, minlength=len(counts))
        return _ends(counts)
    flat = samples.reshape(-1)
    flat = flat[:: max(1, flat.size // MAX_SAMPLED)].astype(np.float64)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return 0.0, 0.0
    specks = min(_specks(flat.size), (flat.size - 1) // 2)
    parted = np.partition(flat, (specks, flat.size - 1 - specks))
    return float(parted[specks]), float(parted[flat.size - 1 - specks])


def _ends(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return the lowest and the highest level of a histogram, without specks."""
    total = int(counts.sum())
    specks = min(_specks(total), (total - 1) // 2)
    upward = np.cumsum(counts)
    low = int(np.searchsorted(upward, specks, side="right"))
    high = int(np.searchsorted(upward, total - specks, side="left"))
    return float(low), float(max(low, high))


def _specks(pixels: int) -> int:
    return min(int(SPECK_PX + SPECK_SHARE * pixels), pixels // 1000)


def _grey_range(grey: Image.Image) -> tuple[float, float]:
    return _ends(np.asarray(grey.histogram(), dtype=np.int64))


def _contrast(grey: Image.Image) -> float:
    low, high = _grey_range(grey)
    return high - low


def with_full_contrast(image: Image.Image) -> Image.Image:
    """Return a picture (L or RGB) of low contrast with all levels; return any other one unchanged."""
    ranges = []
    for band in image.split():
        low, high = _grey_range(band)
        if high - low >= MIN_FULL_CONTRAST:
            return image
        ranges.append((low, high))
    widest = max(high - low for low, high in ranges)
    if not widest:
        return image
    factor = 255.0 / widest
    return image.point(
        [
            min(255, max(0, round(255 + (level - high) * factor)))
            for _, high in ranges
            for level in range(256)
        ]
    )
