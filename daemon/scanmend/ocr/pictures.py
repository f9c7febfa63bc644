"""Open a picture (JPEG, PNG, TIFF …) as square grey or RGB pixels, turned by its EXIF orientation."""

import errno
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from scanmend import file_types
from scanmend.errors import Damaged, DocumentError, TooBig, Unsupported, show
from scanmend.ocr.input_file import InputFile, UnmappedFile
from scanmend.workers.protocol import PageRequest

A4_INCHES = 11.7  # assumed longer side of a scan whose resolution is implausible
# resolutions beyond these are implausible; programs write 72 for "unknown"
MIN_SANE_DPI, MAX_SANE_DPI = 72, 2400
ASSUMED_DPI_BOUNDS = 72, 600  # of a resolution that is derived from the size
SQUARE_RATIO = 0.95, 1.05  # of the resolutions across and down, within which pixels count as square

_PILLOW_FORMATS = tuple(t.pillow_format for t in file_types.PICTURE_TYPES if t.pillow_format)
_SCAN_AGAIN = "scan or copy it again"
# the errors of Pillow's decoders for damaged data, besides OSError
_DECODING_ERRORS = (
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ArithmeticError,
    struct.error,
)

# check_pixels checks the limit, and raises an error instead of a warning
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The picture of a page: mode L or RGB, not yet turned upright. ``dpi``: its resolution."""

    width: int
    height: int
    dpi: float
    image: Image.Image


@contextmanager
def open_picture(path: str) -> Iterator[Image.Image]:
    """Yield the opened picture, undecoded. Raise Damaged or Unsupported, or OSError if a read failed."""
    with (
        InputFile(path) as source,
        UnmappedFile(source) as file,
        _decoding_errors(name_of(path)),
        _identified(file, name_of(path)) as image,
    ):
        yield image


def _identified(file: UnmappedFile, name: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(file, formats=_PILLOW_FORMATS)
        except UnidentifiedImageError:
            file.seek(0)
            raise _unidentified(file.read(16), name) from None


def _unidentified(head: bytes, name: str) -> DocumentError:
    """Return the error for a file that Pillow does not know, by its first bytes."""
    if not head.strip(b"\0"):
        return Damaged(f"{name}: the file holds only zeros", _SCAN_AGAIN)
    if file_types.by_marks(head):
        return Damaged(f"{name}: the picture's header can't be read", _SCAN_AGAIN)
    return Unsupported(
        f"{name}: not a kind that is read here", f"save it as one of {file_types.NAMES}"
    )


@contextmanager
def _decoding_errors(name: str) -> Iterator[None]:
    """Raise Pillow's errors as Damaged, but pass on an OSError of the system."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except OSError as error:
            if error.errno is not None and error.errno != errno.EINVAL:
                raise
            raise Damaged(f"{name}: the picture can't be decoded ({error})", _SCAN_AGAIN) from None
        except _DECODING_ERRORS as error:
            raise Damaged(f"{name}: the picture can't be decoded ({error})", _SCAN_AGAIN) from None


def picture_page(request: PageRequest) -> Rendered:
    """Return one page of a picture file. Raise TooBig, and the errors of ``open_picture``."""
    with open_picture(request.path) as image:
        if request.index:
            image.seek(request.index)
        check_pixels(image.size, request.max_pixels, name_of(request.path))
        image.load()
        plain = as_grey_or_rgb(ImageOps.exif_transpose(image))
        plain = _with_square_pixels(plain, image, request)
        return Rendered(plain.width, plain.height, _dpi(image), plain)


def _with_square_pixels(
    plain: Image.Image, image: Image.Image, request: PageRequest
) -> Image.Image:
    """Return the picture with square pixels, stretched if need be: a fax of 204 × 98 dpi to 204 × 204."""
    x, y = _resolutions(image)
    if not (x and y) or SQUARE_RATIO[0] < x / y < SQUARE_RATIO[1]:
        return plain
    finer = max(x, y)
    size = (round(plain.width * finer / x), round(plain.height * finer / y))
    check_pixels(size, request.max_pixels, name_of(request.path))
    return plain.resize(size, Image.Resampling.BICUBIC)


def check_pixels(size: tuple[int, int], limit: int, name: str) -> None:
    """Raise TooBig when a page of this width and height has more pixels than ``limit``."""
    if size[0] * size[1] > limit:
        raise TooBig(
            f"{name}: a page of {size[0]} × {size[1]} pixels, more than {limit:,} (limits.pixels)"
        )


def webp_size(path: str) -> tuple[int, int]:
    """Return width and height from a WebP's header; (0, 0) for any other file.

    The three layouts are those of the WebP container specification: extended, lossless, lossy.
    """
    with open(path, "rb") as file:
        head = file.read(30)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return 0, 0
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":  # after a byte of signature: 14 bits each, less one
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 ":
        across, down = (int.from_bytes(head[n : n + 2], "little") for n in (26, 28))
        return across & 0x3FFF, down & 0x3FFF
    return 0, 0


def as_grey_or_rgb(image: Image.Image) -> Image.Image:
    """Return the picture in mode L or RGB; transparent pixels become white paper."""
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
    """Return the resolution in the file if it is plausible; else that of an A4 page of this size."""
    dpi = max(_resolutions(image))
    if dpi:
        return round(dpi, 1)
    min_dpi, max_dpi = ASSUMED_DPI_BOUNDS
    return float(min(max_dpi, max(min_dpi, round(max(image.size) / A4_INCHES))))


def _resolutions(image: Image.Image) -> tuple[float, float]:
    """Return the resolutions across and down in the file; (0, 0) if they are implausible."""
    try:
        x, y = (float(value) for value in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    return (x, y) if min(x, y) > MIN_SANE_DPI and max(x, y) <= MAX_SANE_DPI else (0.0, 0.0)


def name_of(path: str) -> str:
    """Return the file's name as messages show it."""
    return show(os.fsencode(os.path.basename(path)))
