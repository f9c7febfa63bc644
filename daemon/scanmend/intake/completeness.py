"""Is this PDF, PNG, JPEG, TIFF … all there? Bounded byte reads. Long: a function for each format, side by side.

The kind is told by content, never by name. A file of a kind that is not known here is Unknown: then the
quiet period alone decides. Every reader works on at most ``BUDGET`` reads of ``CHUNK`` bytes.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from scanmend import file_types
from scanmend.errors import show

BUDGET = 20_000  # reads (PNG chunks, TIFF directories …) before the check gives up as Unknown
CHUNK = 64 * 2**10
TRAILER = 16 * 2**20  # bytes at the end that may be padding, or a phone's film after its picture
MOST = (
    32 * 2**20
)  # bytes; a TIFF can name one list of a million strips from thousands of directories


@dataclass(frozen=True, slots=True)
class Complete:
    """The file is whole, as far as its format tells."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The end is missing; ``why`` in a few words."""

    why: str


@dataclass(frozen=True, slots=True)
class Doubtful(Incomplete):
    """The end looks incomplete, yet readers may open the file; only opening it tells.

    A PDF's last bytes are a hint: mail gateways append to it, scanners leave the end mark out.
    """


@dataclass(frozen=True, slots=True)
class Unknown:
    """The format does not tell, or is not known."""


Verdict = Complete | Incomplete | Unknown


class _Short(Exception):
    """A read beyond the end of the file."""


class _Spent(Exception):
    """The budget is used up."""


@dataclass(slots=True)
class _Bytes:
    """Reads at offsets, counted."""

    file: BinaryIO
    size: int
    reads: int = 0
    taken: int = 0

    def at(self, offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > self.size:
            raise _Short
        self.reads += 1
        self.taken += length
        if self.reads > BUDGET or self.taken > MOST:
            raise _Spent
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) < length:
            raise _Short
        return data


def is_complete(file: BinaryIO, size: int) -> Verdict:
    """Look at an open file of ``size`` bytes; OSError when it can't be read, nothing else."""
    data = _Bytes(file, size)
    try:
        head = data.at(0, min(size, 1024))
        if not head.strip(b"\0"):
            return Incomplete("no content yet, only space set aside")
        kind = file_types.by_marks(head)
        if kind is None and file_types.is_headless_pdf(data.at, size):
            kind = file_types.PDF
        return _READERS[kind](data) if kind else Unknown()
    except _Short:
        return Incomplete("the file ends in the middle")
    except _Spent:
        return Unknown()


def _pdf(data: _Bytes) -> Verdict:
    """Look for ``startxref N %%EOF`` near the end, and a cross reference at N; what is odd is Doubtful."""
    tail = file_types.tail_of(data.at, data.size)
    end = tail.rfind(b"%%EOF")
    if end < 0:
        return Doubtful("no %%EOF near the end of the PDF")
    if re.search(rb"\d\s+\d+\s+obj\b", tail[end:]):
        return Doubtful("a revision of the PDF is being added")
    found = re.findall(rb"startxref\s+(\d+)\s*$", tail[:end])
    if not found:
        return Doubtful("no startxref before the last %%EOF of the PDF")
    head = data.at(0, min(data.size, 1024))
    linearized = re.search(
        rb"/Linearized\b.*?/L\s+(\d+)", head, re.DOTALL
    )  # has an end of its own near its start
    if linearized and data.size < int(linearized[1]):
        return Doubtful("the PDF is shorter than it says")
    header = max(0, head.find(b"%PDF-"))
    offset = int(found[0])
    for start in {
        offset,
        offset + header,
    }:  # some count from the header, some from the file's start
        if start < data.size:
            there = data.at(start, min(64, data.size - start)).lstrip()
            if there.startswith(b"xref") or re.match(rb"\d+\s+\d+\s+obj", there):
                return Complete()
    # a cross reference that is elsewhere is damage that readers repair, not a file cut short
    return (
        Complete()
        if offset < data.size
        else Doubtful("the PDF's cross reference lies beyond the end")
    )


def _png(data: _Bytes) -> Verdict:
    if data.at(0, 8) != b"\x89PNG\r\n\x1a\n":
        return Unknown()
    offset = 8
    while True:
        length, kind = struct.unpack(">I4s", data.at(offset, 8))
        if kind == bytes(4):  # the size was set first, as Windows does when it copies to a share
            return Incomplete("the PNG has a hole")
        offset += 12 + length
        if offset > data.size:
            return Incomplete(f"the PNG ends in a chunk {show(kind)}")
        if kind == b"IEND":
            return Complete()


def _jpeg(data: _Bytes) -> Verdict:
    """Walk the markers to the scan, so that a thumbnail's end is not taken for the picture's."""
    offset = 2
    while True:
        marker = data.at(offset, 2)
        if marker[0] != 0xFF:
            return Unknown()
        kind = marker[1]
        if kind == 0xFF:  # fill byte
            offset += 1
        elif kind == 0xD9:
            return Complete()
        elif kind == 0x01 or 0xD0 <= kind <= 0xD7:
            offset += 2
        else:
            length = int.from_bytes(data.at(offset + 2, 2), "big")
            if length < 2:
                return Unknown()
            offset += 2 + length
            if kind == 0xDA:
                return _jpeg_end(data, offset)


def _jpeg_end(data: _Bytes, scan: int) -> Verdict:
    """The end marker among the last bytes after the scan began; padding and trailers are common."""
    position = data.size
    while position > scan:
        start = max(scan, position - CHUNK)
        block = data.at(start, min(position + 1, data.size) - start)
        if b"\xff\xd9" in block:
            return Complete()
        position = (
            start  # scan data never holds the marker; a phone's film after the picture may be long
        )
        if data.size - position > TRAILER:
            break
    return Incomplete("the JPEG has no end marker")


def _gif(data: _Bytes) -> Verdict:
    """Walk the blocks to the trailer; a semicolon at the end may as well be a byte of the picture."""
    if data.at(0, 6) not in (b"GIF87a", b"GIF89a"):
        return Unknown()
    if (
        data.size > BUDGET * 200
    ):  # more blocks than may be read: zero (a block's end) and trailer have to do
        tail = data.at(data.size - 64, 64).rstrip(b"\0")
        return Complete() if tail.endswith(b"\0;") else Incomplete("the GIF has no trailer")
    offset = 13 + _colours(data.at(10, 1)[0])
    while (kind := data.at(offset, 1)) != b";":
        if kind == b"!":
            offset += 2
        elif kind == b",":
            offset += 11 + _colours(data.at(offset + 9, 1)[0])
        else:
            return Incomplete("the GIF has a hole") if kind == b"\0" else Unknown()
        while length := data.at(offset, 1)[0]:
            offset += 1 + length
        offset += 1
    return Complete()


def _colours(flags: int) -> int:
    """Bytes of a GIF's colour table."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _riff(data: _Bytes) -> Verdict:
    if data.at(8, 4) != b"WEBP":
        return Unknown()
    length = int.from_bytes(data.at(4, 4), "little")
    return Complete() if 8 + length <= data.size else Incomplete("the WebP is shorter than it says")


def _bmp(data: _Bytes) -> Verdict:
    if data.at(6, 4) != bytes(4):  # reserved
        return Unknown()
    length = int.from_bytes(data.at(2, 4), "little")
    return Complete() if 0 < length <= data.size else Incomplete("the BMP is shorter than it says")


def _jp2(data: _Bytes) -> Verdict:
    """Walk the boxes; the code stream's box must end inside the file."""
    if data.at(0, 12) != b"\0\0\0\x0cjP  \r\n\x87\n":  # a bare code stream
        return Unknown()
    offset = 0
    seen = False
    while offset < data.size:
        length, kind = struct.unpack(">I4s", data.at(offset, 8))
        if length == 1:
            length = int.from_bytes(data.at(offset + 8, 8), "big")
        if seen and length == 0 and kind == bytes(4):  # padding after the picture
            return Complete()
        if length == 0:  # to the end of the file: the end marker tells
            return (
                Complete()
                if data.at(data.size - 2, 2) == b"\xff\xd9"
                else Incomplete("no end marker")
            )
        if length < 8:
            return Unknown()
        if kind == b"jp2c":
            seen = True
            if data.at(offset + length - 2, 2) != b"\xff\xd9":
                return Incomplete("the JPEG 2000 has no end marker")
        offset += length
    if not seen:
        return Incomplete("the JPEG 2000 has no picture yet")
    return Complete() if offset == data.size else Incomplete("the JPEG 2000 ends in a box")


_TIFF_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325


def _tiff(data: _Bytes) -> Verdict:
    """All directories, and all strips or tiles that they name, inside the file."""
    mark = data.at(0, 4)
    order = "<" if mark[:2] == b"II" else ">"
    big = mark[2:4] in (b"+\0", b"\0+")
    head = data.at(0, 16 if big else 8)
    word, entry, inline = ("Q", 20, 8) if big else ("I", 12, 4)
    width = struct.calcsize(order + word)
    offset = struct.unpack_from(order + word, head, 8 if big else 4)[0]
    seen: set[int] = set()
    if offset == 0:
        return Incomplete("the TIFF has no directory yet")
    while offset and offset not in seen:
        seen.add(offset)
        count = struct.unpack(order + ("Q" if big else "H"), data.at(offset, 8 if big else 2))[0]
        start = offset + (8 if big else 2)
        if count > 4096:
            return Unknown()
        raw = data.at(start, count * entry + width)
        tags = {}
        for number in range(count):
            tag, kind, values = struct.unpack_from(order + "HH" + word, raw, number * entry)
            size = _TIFF_SIZES.get(kind, 1) * values
            place = start + number * entry + 4 + width
            if size > inline:
                place = struct.unpack_from(order + word, raw, number * entry + 4 + width)[0]
            if place + size > data.size:
                return Incomplete("the TIFF's directory names values beyond the end")
            tags[tag] = (kind, values, place)
        if not _strips_inside(data, order, tags):
            return Incomplete(f"picture {len(seen)} of the TIFF is not all there")
        offset = struct.unpack_from(order + word, raw, count * entry)[0]
    return Complete()


def _strips_inside(data: _Bytes, order: str, tags: dict[int, tuple[int, int, int]]) -> bool:
    for offsets, counts in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        if offsets in tags and counts in tags:
            starts, lengths = (
                _numbers(data, order, tags[offsets]),
                _numbers(data, order, tags[counts]),
            )
            if any(a + b > data.size for a, b in zip(starts, lengths, strict=False)):
                return False
    return True


def _numbers(data: _Bytes, order: str, field: tuple[int, int, int]) -> tuple[int, ...]:
    kind, count, place = field
    code = {3: "H", 4: "I", 16: "Q"}.get(kind)
    if code is None or count > 1_000_000:
        raise _Spent
    return struct.unpack(f"{order}{count}{code}", data.at(place, count * struct.calcsize(code)))


_READERS: dict[file_types.FileType, Callable[[_Bytes], Verdict]] = {
    file_types.PDF: _pdf,
    file_types.PNG: _png,
    file_types.JPEG: _jpeg,
    file_types.TIFF: _tiff,
    file_types.GIF: _gif,
    file_types.WEBP: _riff,
    file_types.BMP: _bmp,
    file_types.JPEG_2000: _jp2,
}
