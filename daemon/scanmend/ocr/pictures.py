"""Open a picture (JPEG, PNG, TIFF, HEIC …) as square grey or RGB pixels, turned by the orientation in the file."""

import errno
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pi_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from scanmend import file_types
from scanmend.errors import Damaged, DocumentError, TooBig, Unsupported, show
from scanmend.ocr import deep_colours, resolution, tiff_picture
from scanmend.ocr.input_file import InputFile, UnmappedFile
from scanmend.ocr.resolution import Resolution
from scanmend.ocr.tones import as_grey_or_rgb
from scanmend.tiff_directories import OddDirectory
from scanmend.workers.protocol import PageRequest

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
    RuntimeError,
    struct.error,
    OddDirectory,
)

# check_pixels checks the limit, and raises an error instead of a warning
Image.MAX_IMAGE_PIXELS = None
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


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
        decoding_errors(name_of(path)),
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
            raise _unidentified(file.read(file_types.HEAD_BYTES), name) from None


def _unidentified(head: bytes, name: str) -> DocumentError:
    """Return the error for a file that Pillow does not know, by its first bytes."""
    if not head[:16].strip(b"\0"):
        return Damaged(f"{name}: the file holds only zeros", _SCAN_AGAIN)
    if file_types.by_marks(head):
        return Damaged(f"{name}: the picture's header can't be read", _SCAN_AGAIN)
    return Unsupported(
        f"{name}: not a kind that is read here", f"save it as one of {file_types.NAMES}"
    )


@contextmanager
def decoding_errors(name: str) -> Iterator[None]:
    """Raise the errors of decoders as Damaged, but pass on an OSError of the system."""
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
    name = name_of(request.path)
    if is_tiff(request.path):
        with (
            InputFile(request.path) as source,
            UnmappedFile(source) as file,
            decoding_errors(name),
        ):
            page = tiff_picture.TiffPage.of(file, request.index, name)
            check_pixels(page.size, request.max_pixels, name)
            return _rendered(page.image(), page.resolution, request)
    with open_picture(request.path) as image:
        check_pixels(image.size, request.max_pixels, name)
        stored = resolution.of_picture(image)
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if image.format == "HEIF":  # its decoder has turned it
            orientation = image.info.get("original_orientation") or 1
        image.load()
        turned = stored.turned() if orientation in resolution.QUARTER_TURNS else stored
        if deep_colours.may_be_deeper(image):
            with InputFile(request.path) as source:
                deep = deep_colours.deeper(source.readall())
            if deep is not None:
                return _rendered(resolution.upright(deep, orientation), turned, request)
        return _rendered(ImageOps.exif_transpose(image), turned, request)


def _rendered(image: Image.Image, stored: Resolution, request: PageRequest) -> Rendered:
    """Return a decoded picture, already turned, as a page with square pixels."""
    plain = as_grey_or_rgb(image)
    size = stored.square_size(plain.size)
    if size != plain.size:
        check_pixels(size, request.max_pixels, name_of(request.path))
        plain = plain.resize(size, Image.Resampling.BICUBIC)
    return Rendered(plain.width, plain.height, stored.dpi(plain.size), plain)


def check_pixels(size: tuple[int, int], limit: int, name: str) -> None:
    """Raise TooBig when a page of this width and height has more pixels than ``limit``."""
    if size[0] * size[1] > limit:
        raise TooBig(
            f"{name}: a page of {size[0]} × {size[1]} pixels, more than {limit:,} (limits.pixels)"
        )


def is_tiff(path: str) -> bool:
    """Return whether the file is a TIFF, by its bytes. Raise OSError."""
    with open(path, "rb") as file:
        return file_types.by_marks(file.read(file_types.HEAD_BYTES)) is file_types.TIFF


def count_pages(path: str, max_pixels: int) -> int:
    """Return the number of pages of a TIFF. Raise Damaged, TooBig if its first page is, or OSError."""
    name = name_of(path)
    with InputFile(path) as source, UnmappedFile(source) as file, decoding_errors(name):
        pages = tiff_picture.count_pages(file)
        if pages:
            check_pixels(tiff_picture.TiffPage.of(file, 0, name).size, max_pixels, name)
        return pages


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


def name_of(path: str) -> str:
    """Return the file's name as messages show it."""
    return show(os.fsencode(os.path.basename(path)))
