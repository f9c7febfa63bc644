"""Opening a picture: JPEG, PNG, TIFF … as grey or RGB, with square pixels and the right way by its EXIF."""

import errno
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from scanmend.errors import Damaged, TooBig, Unsupported, show
from scanmend.ocr.source import Source, Unmapped
from scanmend.workers.protocol import PageRequest

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000")
READABLE = "PDF, JPEG, PNG, TIFF, WebP, GIF, BMP, JPEG 2000"
MARKS = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"MM\0*", b"GIF8", b"RIFF", b"BM", b"\0\0\0\x0cjP")
A4_INCHES = 11.7  # the longer side that a scan without a sane resolution is taken to have

Image.MAX_IMAGE_PIXELS = None  # the limit is ours: a clear error, not a warning


@dataclass(frozen=True, slots=True)
class Rendered:
    """The picture of a page: mode L or RGB, as it lies in the file but for EXIF and /Rotate."""

    width: int
    height: int
    dpi: float
    image: Image.Image


@contextmanager
def opened(path: str) -> Iterator[Image.Image]:
    """The opened picture; Pillow's many errors as ours, but a failing disk as what it is."""
    with (
        Source(path) as source,
        Unmapped(source) as file,
        _decodable(file, name_of(path)) as image,
    ):
        yield image


@contextmanager
def _decodable(file: Unmapped, name: str) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = Image.open(file, formats=FORMATS)
            except UnidentifiedImageError:
                file.seek(0)
                head = file.read(16)
                if not head.strip(b"\0"):
                    raise Damaged(
                        f"{name}: the file holds only zeros; scan or copy it again"
                    ) from None
                if head.startswith(MARKS):
                    raise Damaged(
                        f"{name}: the picture's header can't be read; scan or copy it again"
                    ) from None
                raise Unsupported(
                    f"{name}: not a kind that is read here; save it as one of {READABLE}"
                ) from None
            with image:
                yield image
    except (Damaged, TooBig, Unsupported):
        raise
    except OSError as error:
        if error.errno is not None and error.errno != errno.EINVAL:
            raise
        raise Damaged(
            f"{name}: the picture can't be decoded ({error}); scan or copy it again"
        ) from None
    except (
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
        ArithmeticError,
        struct.error,
    ) as error:
        raise Damaged(
            f"{name}: the picture can't be decoded ({error}); scan or copy it again"
        ) from None


def picture_page(request: PageRequest) -> Rendered:
    with opened(request.path) as image:
        if request.index:
            image.seek(request.index)
        check_pixels(image.size, request.max_pixels, name_of(request.path))
        image.load()
        dpi = _dpi(image)
        plain = _square(plain_of(ImageOps.exif_transpose(image)), image, request)
    return Rendered(plain.width, plain.height, dpi, plain)


def _square(plain: Image.Image, image: Image.Image, request: PageRequest) -> Image.Image:
    """Square pixels: a fax of 204 × 98 dpi is stretched."""
    x, y = _resolutions(image)
    if not (x and y) or 0.95 < x / y < 1.05:
        return plain
    most = max(x, y)
    size = (round(plain.width * most / x), round(plain.height * most / y))
    check_pixels(size, request.max_pixels, name_of(request.path))
    return plain.resize(size, Image.Resampling.BICUBIC)


def check_pixels(size: tuple[int, int], limit: int, name: str) -> None:
    if size[0] * size[1] > limit:
        raise TooBig(
            f"{name}: a page of {size[0]} × {size[1]} pixels, more than {limit:,} (limits.pixels)"
        )


def webp_size(path: str) -> tuple[int, int]:
    """Width and height by the header of a WebP; (0, 0) for what is none."""
    with open(path, "rb") as file:
        head = file.read(30)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return 0, 0
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":  # after its mark: 14 bits each, less one
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 ":
        across, down = (int.from_bytes(head[n : n + 2], "little") for n in (26, 28))
        return across & 0x3FFF, down & 0x3FFF
    return 0, 0


def plain_of(image: Image.Image) -> Image.Image:
    """Mode L or RGB; what is transparent is paper."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        white = 255.0 if grey.max(initial=0) <= 255 else 65535.0
        if image.mode == "F":
            white = float(grey.max(initial=1)) or 1.0
        return Image.fromarray(np.clip(grey / white * 255, 0, 255).astype(np.uint8))
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _dpi(image: Image.Image) -> float:
    """The resolution that the file tells, when it is sane; else that of an A4 page of this size."""
    dpi = max(_resolutions(image))
    if dpi:
        return round(dpi, 1)
    return float(min(600, max(72, round(max(image.size) / A4_INCHES))))


def _resolutions(image: Image.Image) -> tuple[float, float]:
    """Across and down, as the file tells them; 0 where that makes no sense."""
    try:
        x, y = (float(value) for value in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    return (x, y) if min(x, y) > 72 and max(x, y) <= 2400 else (0.0, 0.0)


def name_of(path: str) -> str:
    return show(os.fsencode(os.path.basename(path)))
