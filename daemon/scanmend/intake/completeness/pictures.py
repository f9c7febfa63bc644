"""Check whether a picture is complete: PNG, JPEG, GIF, WebP, BMP, JPEG 2000, HEIC, AVIF."""

import struct

from scanmend.errors import show
from scanmend.file_types import SEARCH_STEP_BYTES
from scanmend.intake.completeness.verdict import (
    MAX_READS,
    TRAILER_BYTES,
    BoundedReader,
    Complete,
    Incomplete,
    Unknown,
    Verdict,
)

_GIF_BLOCK_BYTES = 200  # assumed for a block: a GIF of more blocks than ``MAX_READS`` is not walked

_MAX_INDEX_BYTES = 2**20  # of a HEIC's box "meta", in which a small picture is looked for
_HOLE_BYTES = 64  # zeros at the end of a HEIC's data, which no encoder writes


def check_png(data: BoundedReader) -> Verdict:
    """Follow the chunks to IEND."""
    if data.at(0, 8) != b"\x89PNG\r\n\x1a\n":
        return Unknown()
    offset = 8
    while True:
        length, chunk_type = struct.unpack(">I4s", data.at(offset, 8))
        # no data yet: Windows sets the size first when it copies to a share
        if chunk_type == bytes(4):
            return Incomplete("the PNG has a hole")
        offset += 12 + length
        if offset > data.size:
            return Incomplete(f"the PNG ends in a chunk {show(chunk_type)}")
        if chunk_type == b"IEND":
            return Complete()


def check_jpeg(data: BoundedReader) -> Verdict:
    """Follow the markers to the scan, so that the end of a thumbnail does not count as the picture's."""
    offset = 2
    while True:
        marker = data.at(offset, 2)
        if marker[0] != 0xFF:
            return Unknown()
        code = marker[1]
        if code == 0xFF:  # fill byte
            offset += 1
        elif code == 0xD9:
            return Complete()
        elif code == 0x01 or 0xD0 <= code <= 0xD7:
            offset += 2
        else:
            length = int.from_bytes(data.at(offset + 2, 2), "big")
            if length < 2:
                return Unknown()
            offset += 2 + length
            if code == 0xDA:
                return _jpeg_end(data, offset)


def _jpeg_end(data: BoundedReader, scan: int) -> Verdict:
    """Look for the end marker in the last ``TRAILER_BYTES`` of the file: padding and trailers are common.

    ``scan``: offset of the scan data, which never contains the marker; so the first one from the end suffices.
    """
    position = data.size
    while position > scan and data.size - position <= TRAILER_BYTES:
        start = max(scan, position - SEARCH_STEP_BYTES)
        block = data.at(start, min(position + 1, data.size) - start)
        if b"\xff\xd9" in block:
            return Complete()
        position = start
    return Incomplete("the JPEG has no end marker")


def check_gif(data: BoundedReader) -> Verdict:
    """Follow the blocks to the trailer: a semicolon at the end of the file could be a byte of the picture."""
    if data.at(0, 6) not in (b"GIF87a", b"GIF89a"):
        return Unknown()
    if data.size > MAX_READS * _GIF_BLOCK_BYTES:
        # too many blocks to follow: look for the zero that ends a block, and the trailer
        tail = data.at(data.size - 64, 64).rstrip(b"\0")
        return Complete() if tail.endswith(b"\0;") else Incomplete("the GIF has no trailer")
    offset = 13 + _colour_table_bytes(data.at(10, 1)[0])
    while (introducer := data.at(offset, 1)) != b";":
        if introducer == b"!":
            offset += 2
        elif introducer == b",":
            offset += 11 + _colour_table_bytes(data.at(offset + 9, 1)[0])
        else:
            return Incomplete("the GIF has a hole") if introducer == b"\0" else Unknown()
        while length := data.at(offset, 1)[0]:
            offset += 1 + length
        offset += 1
    return Complete()


def _colour_table_bytes(flags: int) -> int:
    return 6 << (flags & 7) if flags & 0x80 else 0


def check_webp(data: BoundedReader) -> Verdict:
    """Compare the file's size with that in the RIFF header."""
    if data.at(8, 4) != b"WEBP":
        return Unknown()
    length = int.from_bytes(data.at(4, 4), "little")
    return Complete() if 8 + length <= data.size else Incomplete("the WebP is shorter than it says")


def check_bmp(data: BoundedReader) -> Verdict:
    """Compare the file's size with that in the header."""
    if data.at(6, 4) != bytes(4):  # reserved
        return Unknown()
    length = int.from_bytes(data.at(2, 4), "little")
    return Complete() if 0 < length <= data.size else Incomplete("the BMP is shorter than it says")


def check_jpeg_2000(data: BoundedReader) -> Verdict:
    """Follow the boxes: the code stream's box must end inside the file, with the end marker."""
    if data.at(0, 12) != b"\0\0\0\x0cjP  \r\n\x87\n":  # a bare code stream
        return Unknown()
    offset = 0
    has_picture = False
    while offset < data.size:
        length, box_type = struct.unpack(">I4s", data.at(offset, 8))
        if length == 1:
            length = int.from_bytes(data.at(offset + 8, 8), "big")
        if has_picture and length == 0 and box_type == bytes(4):  # padding after the picture
            return Complete()
        if length == 0:  # the box reaches to the end of the file
            whole = data.at(data.size - 2, 2) == b"\xff\xd9"
            return Complete() if whole else Incomplete("no end marker")
        if length < 8:
            return Unknown()
        if box_type == b"jp2c":
            has_picture = True
            if data.at(offset + length - 2, 2) != b"\xff\xd9":
                return Incomplete("the JPEG 2000 has no end marker")
        offset += length
    if not has_picture:
        return Incomplete("the JPEG 2000 has no picture yet")
    return Complete() if offset == data.size else Incomplete("the JPEG 2000 ends in a box")


def check_heif(data: BoundedReader) -> Verdict:
    """Follow the boxes of a HEIC or AVIF: the last one must end inside the file, after the data of the picture."""
    offset = 0
    has_index = has_data = False
    while offset < data.size:
        length, box_type = struct.unpack(">I4s", data.at(offset, 8))
        if length == 1:
            length = int.from_bytes(data.at(offset + 8, 8), "big")
        if box_type == bytes(4):
            if has_index and has_data:  # padding after the picture
                return Complete()
            return Incomplete("the picture has a hole")
        if length == 0:  # the box reaches to the end of the file, wherever that is
            return Unknown()
        if length < 8:
            return Unknown()
        if offset + length > data.size:
            return Incomplete(f"the picture ends in a box {show(box_type)}")
        has_index |= box_type in (b"meta", b"moov")
        if box_type == b"meta":
            has_data |= b"idat" in data.at(offset, min(length, _MAX_INDEX_BYTES))
        if box_type == b"mdat":
            has_data = True
            tail = min(length - 8, _HOLE_BYTES)
            if tail and not data.at(offset + length - tail, tail).strip(b"\0"):
                return Incomplete("the picture's data have a hole")
        offset += length
    if not (has_index and has_data):
        return Incomplete("the picture has no data yet")
    return Complete()
