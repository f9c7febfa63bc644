"""Check whether a TIFF is complete: all its directories, and the strips and tiles in them, lie inside the file."""

import struct
from dataclasses import dataclass

from scanmend.intake.completeness.verdict import (
    BoundedReader,
    BudgetExceeded,
    Complete,
    Incomplete,
    Unknown,
    Verdict,
)

_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325
_PICTURE_DATA = ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS))
_MAX_TAGS = 4096  # of one directory
_MAX_NUMBERS = 1_000_000  # strips or tiles of one picture
# bytes of one value by its type: TIFF 6.0, section 2, and BigTIFF's 13 and 16 to 18
_VALUE_BYTES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_CODES = {3: "H", 4: "I", 16: "Q"}  # struct's, by type


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a TIFF stores numbers: ``order``, ``word`` and ``count`` as in ``struct``, sizes in bytes."""

    order: str
    word: str  # an offset, or a number of values
    count: str  # the number of a directory's entries
    entry_bytes: int
    inline_bytes: int  # values up to this size stand in the entry itself

    def size(self, code: str) -> int:
        return struct.calcsize(self.order + code)

    def number(self, code: str, raw: bytes, at: int = 0) -> int:
        return int(struct.unpack_from(self.order + code, raw, at)[0])


@dataclass(frozen=True, slots=True)
class _Field:
    """The type, number and offset of a tag's values."""

    type: int
    values: int
    offset: int


def check_tiff(data: BoundedReader) -> Verdict:
    """Follow the chain of directories to its end."""
    mark = data.at(0, 4)
    order = "<" if mark[:2] == b"II" else ">"
    big = mark[2:4] in (b"+\0", b"\0+")
    layout = _Layout(order, "Q", "Q", 20, 8) if big else _Layout(order, "I", "H", 12, 4)
    first_at = 8 if big else 4
    offset = layout.number(layout.word, data.at(first_at, layout.size(layout.word)))
    if offset == 0:
        return Incomplete("the TIFF has no directory yet")
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        entries = layout.number(layout.count, data.at(offset, layout.size(layout.count)))
        if entries > _MAX_TAGS:
            return Unknown()
        start = offset + layout.size(layout.count)
        raw = data.at(start, entries * layout.entry_bytes + layout.size(layout.word))
        fields = _fields(raw, start, entries, layout)
        if any(_end(field) > data.size for field in fields.values()):
            return Incomplete("the TIFF's directory names values beyond the end")
        if not _picture_inside(data, layout, fields):
            return Incomplete(f"picture {len(seen)} of the TIFF is not all there")
        offset = layout.number(layout.word, raw, entries * layout.entry_bytes)
    return Complete()


def _fields(raw: bytes, start: int, entries: int, layout: _Layout) -> dict[int, _Field]:
    """Return the fields of a directory by their tags; ``start`` is the offset of ``raw`` in the file."""
    fields = {}
    width = layout.size(layout.word)
    for number in range(entries):
        entry_at = number * layout.entry_bytes
        tag, value_type, values = struct.unpack_from(
            layout.order + "HH" + layout.word, raw, entry_at
        )
        value_at = entry_at + 4 + width
        inline = _VALUE_BYTES.get(value_type, 1) * values <= layout.inline_bytes
        offset = start + value_at if inline else layout.number(layout.word, raw, value_at)
        fields[tag] = _Field(value_type, values, offset)
    return fields


def _end(field: _Field) -> int:
    return field.offset + _VALUE_BYTES.get(field.type, 1) * field.values


def _picture_inside(data: BoundedReader, layout: _Layout, fields: dict[int, _Field]) -> bool:
    """Return whether all strips or tiles of a picture lie inside the file."""
    for offsets, counts in _PICTURE_DATA:
        if offsets in fields and counts in fields:
            starts = _numbers(data, layout, fields[offsets])
            lengths = _numbers(data, layout, fields[counts])
            if any(a + b > data.size for a, b in zip(starts, lengths, strict=False)):
                return False
    return True


def _numbers(data: BoundedReader, layout: _Layout, field: _Field) -> tuple[int, ...]:
    code = _INTEGER_CODES.get(field.type)
    if code is None or field.values > _MAX_NUMBERS:
        raise BudgetExceeded
    raw = data.at(field.offset, field.values * layout.size(code))
    return struct.unpack(f"{layout.order}{field.values}{code}", raw)
