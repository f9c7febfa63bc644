"""Read the directories of a TIFF: their chain, their tags, and which of them are pages.

A directory describes one picture. Besides the pages a TIFF may hold reduced copies and masks of them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from scanmend.file_types import ReadAt

# tags: TIFF 6.0, section 8 and 14; TIFF Technical Note 1 (SubIFDs)
NEW_SUBFILE_TYPE, OLD_SUBFILE_TYPE, SUB_DIRECTORIES = 254, 255, 330
WIDTH, HEIGHT, PHOTOMETRIC = 256, 257, 262
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325

MAX_TAGS = 4096  # of one directory
MAX_DIRECTORIES = 100_000  # of one file
MAX_NUMBERS = 1_000_000  # values of one tag, such as strips or tiles of one picture
MAX_SUB_DIRECTORIES = 64  # of one directory
MIN_EQUAL_AREA = 0.5  # of the largest picture, from which a picture is no reduced copy of it

_REDUCED, _MASK = 0b001, 0b100  # bits of NEW_SUBFILE_TYPE
_OLD_REDUCED = 2  # value of OLD_SUBFILE_TYPE
_MASK_COLOURS = 4  # value of PHOTOMETRIC
# bytes of one value by its type: TIFF 6.0, section 2, and BigTIFF's 13 and 16 to 18
_VALUE_BYTES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_FRACTION_CODES = {5: "2I", 10: "2i", 11: "f", 12: "d"}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # struct's, by type


class OddDirectory(Exception):
    """A directory that no program writes: too many tags or values, or values that are no integers."""


@dataclass(frozen=True, slots=True)
class Field:
    """The type, number and offset of a tag's values."""

    type: int
    values: int
    offset: int

    @property
    def end(self) -> int:
        """Return the offset after the last value."""
        return self.offset + _VALUE_BYTES.get(self.type, 1) * self.values


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory: its offset, its fields by their tags, and the offset of the next one, or 0."""

    offset: int
    fields: dict[int, Field]
    next: int


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF and how it stores numbers: ``order``, ``word`` and ``count`` as in ``struct``, sizes in bytes.

    Its methods raise what ``read`` raises, and OddDirectory.
    """

    read: ReadAt
    first: int  # offset of the first directory
    order: str
    word: str  # an offset, or a number of values
    count: str  # the number of a directory's entries
    entry_bytes: int
    inline_bytes: int  # values up to this size stand in the entry itself

    @classmethod
    def of(cls, read: ReadAt) -> "Tiff":
        """Return the TIFF that ``read`` reads."""
        mark = read(0, 4)
        order = "<" if mark[:2] == b"II" else ">"
        if mark[2:4] in (b"+\0", b"\0+"):
            first = struct.unpack(order + "Q", read(8, 8))[0]
            return cls(read, first, order, "Q", "Q", 20, 8)
        first = struct.unpack(order + "I", read(4, 4))[0]
        return cls(read, first, order, "I", "H", 12, 4)

    def header(self, first: int) -> bytes:
        """Return the file's header with another offset of the first directory."""
        at, code = (8, "Q") if self.word == "Q" else (4, "I")
        return self.read(0, at) + struct.pack(self.order + code, first)

    def chain(self) -> Iterator[Directory]:
        """Yield the directories of the main chain, each once."""
        offset = self.first
        seen: set[int] = set()
        while offset and offset not in seen:
            seen.add(offset)
            if len(seen) > MAX_DIRECTORIES:
                raise OddDirectory
            directory = self.directory(offset)
            yield directory
            offset = directory.next

    def directory(self, offset: int) -> Directory:
        """Return the directory at this offset."""
        entries = self._number(self.count, self.read(offset, self._size(self.count)))
        if entries > MAX_TAGS:
            raise OddDirectory
        start = offset + self._size(self.count)
        raw = self.read(start, entries * self.entry_bytes + self._size(self.word))
        return Directory(
            offset,
            self._fields(raw, start, entries),
            self._number(self.word, raw, entries * self.entry_bytes),
        )

    def _fields(self, raw: bytes, start: int, entries: int) -> dict[int, Field]:
        """Return the fields of a directory by their tags; ``start`` is the offset of ``raw`` in the file."""
        fields = {}
        width = self._size(self.word)
        for number in range(entries):
            entry_at = number * self.entry_bytes
            tag, value_type, values = struct.unpack_from(
                self.order + "HH" + self.word, raw, entry_at
            )
            value_at = entry_at + 4 + width
            inline = _VALUE_BYTES.get(value_type, 1) * values <= self.inline_bytes
            offset = start + value_at if inline else self._number(self.word, raw, value_at)
            fields[tag] = Field(value_type, values, offset)
        return fields

    def numbers(self, field: Field) -> tuple[int, ...]:
        """Return the values of a field. Raise OddDirectory if they are too many, or no integers."""
        code = _INTEGER_CODES.get(field.type)
        if code is None or field.values > MAX_NUMBERS:
            raise OddDirectory
        raw = self.read(field.offset, field.values * self._size(code))
        return struct.unpack(f"{self.order}{field.values}{code}", raw)

    def number(self, directory: Directory, tag: int, default: int) -> int:
        """Return the only, or first, value of a tag; ``default`` if the directory lacks it or it is no integer."""
        field = directory.fields.get(tag)
        if field is None or not field.values or field.type not in _INTEGER_CODES:
            return default
        return self.numbers(Field(field.type, 1, field.offset))[0]

    def pages(self) -> list[int]:
        """Return the offsets of the directories that are pages, in their order.

        Where the chain holds only reduced copies, as in a raw photo, the pages are the pictures below it. Where there are
        none either, the marks are wrong: then the pages are the pictures that are not much smaller than the largest.
        """
        pictures = [d for d in self.chain() if not self._is_mask(d)]
        pages = [d for d in pictures if not self._is_reduced(d)]
        if not pages:
            below = [sub for directory in pictures for sub in self.below(directory)]
            pages = [d for d in below if not self._is_mask(d) and not self._is_reduced(d)]
        if not pages and pictures:
            areas = [self.number(d, WIDTH, 0) * self.number(d, HEIGHT, 0) for d in pictures]
            least = MIN_EQUAL_AREA * max(areas)
            pages = [d for d, area in zip(pictures, areas, strict=True) if area >= least]
        return [directory.offset for directory in pages]

    def below(self, directory: Directory) -> list[Directory]:
        """Return the sub-directories of a directory."""
        field = directory.fields.get(SUB_DIRECTORIES)
        if field is None or field.values > MAX_SUB_DIRECTORIES:
            return []
        return [self.directory(offset) for offset in self.numbers(field)]

    def ratio(self, directory: Directory, tag: int) -> float:
        """Return the value of a tag that is a fraction or a number; 0 if the directory lacks it or it is invalid."""
        field = directory.fields.get(tag)
        code = _FRACTION_CODES.get(field.type) if field else None
        if field is None or code is None or not field.values:
            return float(self.number(directory, tag, 0))
        values = struct.unpack(
            self.order + code, self.read(field.offset, struct.calcsize("=" + code))
        )
        if len(values) == 1:
            return float(values[0])
        return values[0] / values[1] if values[1] else 0.0

    def _is_reduced(self, directory: Directory) -> bool:
        if NEW_SUBFILE_TYPE in directory.fields:
            return bool(self.number(directory, NEW_SUBFILE_TYPE, 0) & _REDUCED)
        return self.number(directory, OLD_SUBFILE_TYPE, 0) == _OLD_REDUCED

    def _is_mask(self, directory: Directory) -> bool:
        colours = self.number(directory, PHOTOMETRIC, 0)
        return colours == _MASK_COLOURS or bool(self.number(directory, NEW_SUBFILE_TYPE, 0) & _MASK)

    def _size(self, code: str) -> int:
        return struct.calcsize(self.order + code)

    def _number(self, code: str, raw: bytes, at: int = 0) -> int:
        return int(struct.unpack_from(self.order + code, raw, at)[0])
