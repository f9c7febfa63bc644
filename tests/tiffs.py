"""TIFFs that Pillow does not write: any samples, planes, reduced copies, masks and sub-directories."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from samples import page

LINES = ("Northfield Timber Supply", "Invoice 2024-00417", "Total to pay 891.60")
Tags = Mapping[int, int | tuple[int, ...]]
_FORMATS = {"u": 1, "i": 2, "f": 3}


def ink(lines: Sequence[str] = LINES) -> Any:
    """Return a page as shares of white, (height, width) float64: 1 is paper, 0 is ink."""
    grey = np.asarray(page(lines, size=(700, 320)), dtype=float)
    return (grey - 20) / 235


@dataclass
class Picture:
    """A picture of a TIFF: samples (height, width[, bands]), and tags that differ from the usual ones."""

    samples: Any
    colours: int = 1
    tags: Tags = field(default_factory=dict)
    planes: bool = False
    below: Sequence["Picture"] = ()


def tiff(*pictures: Picture, order: str = "<") -> bytes:
    """Return a TIFF of these pictures, one strip for each plane."""
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    link = 4
    for picture in pictures:
        data += bytes(len(data) % 2)
        at, next_link = _append(data, picture, order)
        struct.pack_into(order + "I", data, link, at)
        link = next_link
    return bytes(data)


def _append(data: bytearray, picture: Picture, order: str) -> tuple[int, int]:
    """Append a picture; return the offset of its directory, and that of the link to the next one."""
    below = [_append(data, sub, order)[0] for sub in picture.below]
    samples = picture.samples if picture.samples.ndim == 3 else picture.samples[:, :, None]
    height, width, bands = samples.shape
    planes = [samples[:, :, n] for n in range(bands)] if picture.planes else [samples]
    strips = []
    for plane in planes:
        strips.append(len(data))
        data += plane.astype(plane.dtype.newbyteorder(order)).tobytes()
        data += bytes(len(data) % 2)
    tags: dict[int, int | tuple[int, ...]] = {
        256: width,
        257: height,
        258: (8 * samples.dtype.itemsize,) * bands,
        259: 1,
        262: picture.colours,
        273: tuple(strips),
        277: bands,
        278: height,
        279: (samples.nbytes // len(planes),) * len(planes),
        284: 2 if picture.planes else 1,
        339: (_FORMATS[samples.dtype.kind],) * bands,
        **({330: tuple(below)} if below else {}),
        **picture.tags,
    }
    entries = b""
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(values)}I", *values)
        where = packed if len(values) == 1 else struct.pack(order + "I", len(data))
        if len(values) > 1:
            data += packed
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + where
    at = len(data)
    data += struct.pack(order + "H", len(tags)) + entries
    data += bytes(4)
    return at, len(data) - 4


def grey(lines: Sequence[str] = LINES) -> Image.Image:
    """Return the page of ``ink`` as a grey picture."""
    return Image.fromarray((ink(lines) * 255).round().astype(np.uint8))
