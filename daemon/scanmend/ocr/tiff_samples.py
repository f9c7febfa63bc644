"""Decode a picture of a TIFF whose samples Pillow does not read, such as 16 bits in planes or with zero for white.

Pillow, and libtiff inside it, unpack the strips or tiles: they get a copy of the file with a directory that describes the
picture as grey pixels, one for each byte of a row. The bytes then become samples here.
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanmend.errors import Unsupported
from scanmend.ocr.tones import Samples, as_picture, scaled
from scanmend.tiff_directories import (
    HEIGHT,
    PHOTOMETRIC,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    TILE_COUNTS,
    TILE_OFFSETS,
    WIDTH,
    Directory,
    Tiff,
)

_SAVE_AGAIN = "save it again as PNG, or as a TIFF of 8 bits with LZW compression"

_BITS, _COMPRESSION, _FILL_ORDER, _SAMPLES, _ROWS = 258, 259, 266, 277, 278
_PLANES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 284, 317, 322, 323
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
# none, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard: what they unpack are the bytes of the rows
_BYTE_COMPRESSIONS = (1, 5, 8, 32946, 32773, 34925, 50000)
_DIFFERENCES = 2  # value of _PREDICTOR
_OTHER, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2  # values of _EXTRA_SAMPLES: no alpha, two kinds of it
_WHITE_IS_ZERO, _CMYK = 0, 5
# bands of colour by PHOTOMETRIC; of YCbCr and Lab the first suffices, which is the lightness
_BANDS = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, _CMYK: 4, 6: 1, 8: 1, 9: 1, 10: 1}
_MAX_SAMPLES, _MAX_BITS = 8, 64
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # numpy's, by _SAMPLE_FORMAT
_CLEARLY_LIGHTER = 0.25  # of the range, by which paper must be lighter if the samples are unsigned
_COMPARED_ROWS = 200  # of a picture with signed samples, to find out whether they are signed
_UNPACKED_ROWS = 64  # at a time, of samples whose bits are no whole bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture's samples are stored. ``planes``: each band is stored by itself."""

    width: int
    height: int
    bits: int
    samples: int
    colours: int
    compression: int
    planes: bool
    differences: bool
    kind: str
    fill_order: int
    tile_width: int

    @property
    def bands(self) -> int:
        """Return the number of samples that are stored together."""
        return 1 if self.planes else self.samples

    def bytes_of(self, pixels: int) -> int:
        """Return the bytes of so many pixels in a row."""
        return -(-pixels * self.bands * self.bits // 8)


def layout_of(tiff: Tiff, directory: Directory) -> Layout:
    """Return how a picture is stored."""

    def number(tag: int, default: int) -> int:
        return tiff.number(directory, tag, default)

    colours = number(PHOTOMETRIC, 0)
    default_samples = 3 if colours in (2, 6, 8) else 1
    return Layout(
        width=number(WIDTH, 0),
        height=number(HEIGHT, 0),
        bits=number(_BITS, 1),
        samples=number(_SAMPLES, default_samples),
        colours=colours,
        compression=number(_COMPRESSION, 1),
        planes=number(_PLANES, 1) == 2 and number(_SAMPLES, 1) > 1,
        differences=number(_PREDICTOR, 1) == _DIFFERENCES,
        kind=_KINDS.get(number(_SAMPLE_FORMAT, 1), ""),
        fill_order=number(_FILL_ORDER, 1),
        tile_width=number(_TILE_WIDTH, 0) if TILE_OFFSETS in directory.fields else 0,
    )


def is_deep(layout: Layout) -> bool:
    """Return whether a picture has more than 8 bits a sample that are decoded here, or signed samples."""
    return (layout.bits > 8 or layout.kind == "i") and not _why_not(layout)


def decoded(data: bytes, tiff: Tiff, directory: Directory, name: str) -> Image.Image:
    """Return a picture in mode L, RGB, LA, RGBA or CMYK. Raise Unsupported. ``data``: the whole file."""
    layout = layout_of(tiff, directory)
    why = _why_not(layout, tiff.number(directory, _PREDICTOR, 1))
    if why:
        raise unsupported(name, why)
    has_more = layout.samples > _BANDS[layout.colours] and layout.kind == "u"
    alpha = tiff.number(directory, _EXTRA_SAMPLES, _OTHER) if has_more else _OTHER
    alpha = alpha if alpha in (_PREMULTIPLIED, _STRAIGHT) else _OTHER
    planes = [
        _samples(_row_bytes(data, tiff, directory, layout, plane), tiff.order, layout)
        for plane in range(_BANDS[layout.colours] + (alpha != _OTHER) if layout.planes else 1)
    ]
    samples = np.concatenate(planes, axis=2) if layout.planes else planes[0]
    return _picture(samples, layout, alpha)


def unsupported(name: str, why: str) -> Unsupported:
    """Return the error for a TIFF that is not read. ``why``: a few words, such as "compression 7"."""
    return Unsupported(f"{name}: a TIFF with {why} is not read here", _SAVE_AGAIN)


def _why_not(layout: Layout, predictor: int = 1) -> str:
    """Return what is not read in a picture: a few words, or ""."""
    if layout.compression not in _BYTE_COMPRESSIONS:
        return f"compression {layout.compression}"
    bands = _BANDS.get(layout.colours)
    if bands is None:
        return f"colours of type {layout.colours}"
    if not 1 <= layout.bits <= _MAX_BITS or not layout.kind or predictor > _DIFFERENCES:
        return f"{layout.bits} bits a sample, stored in an unusual way,"
    if layout.bits not in (8, 16, 32, 64) and (
        layout.bits > 16 or layout.kind != "u" or layout.differences
    ):
        return f"{layout.bits} bits a sample"
    if layout.kind == "f" and layout.bits < 16:
        return f"{layout.bits} bits a sample in floating point"
    if not bands <= layout.samples <= _MAX_SAMPLES:
        return f"{layout.samples} samples a pixel"
    if layout.width <= 0 or layout.height <= 0:
        return "no size"
    return ""


def _row_bytes(
    data: bytes, tiff: Tiff, directory: Directory, layout: Layout, plane: int
) -> NDArray[np.uint8]:
    """Return the unpacked bytes of one plane, (height, bytes of a row)."""
    row_bytes = layout.bytes_of(layout.width)
    tags: dict[int, tuple[int, ...]] = {
        WIDTH: (row_bytes,),
        HEIGHT: (layout.height,),
        _BITS: (8,),
        _COMPRESSION: (layout.compression,),
        PHOTOMETRIC: (1,),
        _FILL_ORDER: (layout.fill_order,),
        _SAMPLES: (1,),
        _PLANES: (1,),
    }
    for tag in (STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS):
        if tag in directory.fields:
            values = tiff.numbers(directory.fields[tag])
            pieces = len(values) // layout.samples if layout.planes else len(values)
            tags[tag] = values[plane * pieces : (plane + 1) * pieces]
    if layout.tile_width:
        tags[_TILE_WIDTH] = (layout.bytes_of(layout.tile_width),)
        tags[_TILE_HEIGHT] = (tiff.number(directory, _TILE_HEIGHT, 0),)
    else:
        tags[_ROWS] = (min(layout.height, tiff.number(directory, _ROWS, layout.height)),)
    with Image.open(io.BytesIO(_with_directory(data, tiff, tags)), formats=("TIFF",)) as image:
        return np.asarray(image.convert("L"))


def _with_directory(data: bytes, tiff: Tiff, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return the file with another directory, whose values are all words, appended and made the first."""
    word = struct.calcsize(tiff.order + tiff.word)
    value_type = 16 if word == 8 else 4
    start = len(data) + len(data) % 2
    entries_at = start + struct.calcsize(tiff.order + tiff.count)
    lists_at = entries_at + len(tags) * tiff.entry_bytes + word
    entries, lists = b"", b""
    for tag, values in sorted(tags.items()):
        value = values[0] if len(values) == 1 else lists_at + len(lists)
        if len(values) != 1:
            lists += struct.pack(f"{tiff.order}{len(values)}{tiff.word}", *values)
        entries += struct.pack(
            tiff.order + "HH" + 2 * tiff.word, tag, value_type, len(values), value
        )
    count = struct.pack(tiff.order + tiff.count, len(tags))
    header = tiff.header(start)
    body = data[len(header) :] + bytes(len(data) % 2)
    return b"".join((header, body, count, entries, bytes(word), lists))


def _samples(rows: NDArray[np.uint8], order: str, layout: Layout) -> Samples:
    """Return the samples in rows of bytes, (height, width, samples that are stored together)."""
    shape = (layout.height, layout.width, layout.bands)
    if layout.bits not in (8, 16, 32, 64):
        return _unpacked(rows, layout).reshape(shape)
    size = layout.bits // 8
    numbers = np.ascontiguousarray(rows).view(f"{order}u{size}").reshape(shape)
    numbers = numbers.astype(f"=u{size}")
    if layout.differences:
        step = layout.tile_width or layout.width
        for left in range(0, layout.width, step):
            part = numbers[:, left : left + step]
            part[:] = np.cumsum(part, axis=1, dtype=part.dtype)
    samples: Samples = numbers.view(f"={layout.kind}{size}")
    # some programs mark unsigned samples as signed: then the lightest ones would turn into the darkest
    if layout.kind == "i":
        sign = -1 if layout.colours == _WHITE_IS_ZERO else 1
        if sign * (_place_of_median(numbers) - _place_of_median(samples)) > _CLEARLY_LIGHTER:
            return numbers
    return samples


def _place_of_median(samples: Samples) -> float:
    """Return where the median, which is paper, lies in the range of the samples, from 0 to 1."""
    rows = samples[:: max(1, len(samples) // _COMPARED_ROWS)]
    low, median, high = np.percentile(rows, (0.1, 50, 99.9))
    return float((median - low) / ((high - low) or 1.0))


def _unpacked(rows: NDArray[np.uint8], layout: Layout) -> Samples:
    """Return the samples of rows in which they follow each other bit by bit, the highest first."""
    count = layout.width * layout.bands
    weights = (1 << np.arange(layout.bits - 1, -1, -1)).astype(np.float32)
    unpacked = np.empty((layout.height, count), np.uint16)
    for top in range(0, layout.height, _UNPACKED_ROWS):
        bits = np.unpackbits(rows[top : top + _UNPACKED_ROWS], axis=1)
        bits = bits[:, : count * layout.bits].reshape(-1, count, layout.bits)
        unpacked[top : top + _UNPACKED_ROWS] = bits.astype(np.float32) @ weights
    return unpacked


def _picture(samples: Samples, layout: Layout, alpha: int) -> Image.Image:
    bands = _BANDS[layout.colours]
    white_is_zero = layout.colours == _WHITE_IS_ZERO
    if alpha == _OTHER and layout.colours != _CMYK:
        colours = samples[:, :, 0] if bands == 1 else samples[:, :, :bands]
        return as_picture(colours, white_is_zero=white_is_zero)
    # the lightest visible sample may be black: the range is that of a whole number of bits
    used = samples[:, :, : bands + (alpha != _OTHER)]
    levels = scaled(used, 0, 2.0 ** max(1, int(used.max()).bit_length()) - 1)
    if white_is_zero:
        levels[:, :, 0] = 255 - levels[:, :, 0]
    if layout.colours == _CMYK:
        return Image.frombytes("CMYK", levels.shape[1::-1], levels[:, :, :4].tobytes())
    mode = ("L" if bands == 1 else "RGB") + ("A" if alpha == _STRAIGHT else "a")
    return Image.frombytes(mode, levels.shape[1::-1], levels.tobytes())
