"""Decode a PDF stream in pieces, with a limit on memory.

A decompression bomb in an embedded file must fill neither the memory nor the disk. Streams in the usual codings are
inflated a megabyte at a time. Others are decoded at once, but only if their result can't be large.
"""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Iterator

import pikepdf

DECODED_CHUNK_BYTES = 2**20
MAX_DECODED_AT_ONCE_BYTES = 2**29  # the possible size of a stream in a rare coding
# the highest possible ratio of decoded to coded size
_EXPANSION = {
    **dict.fromkeys(("/FlateDecode", "/Fl"), 1032),
    **dict.fromkeys(("/LZWDecode", "/LZW"), 2731),
    **dict.fromkeys(("/RunLengthDecode", "/RL"), 128),
}
_FLATE = {"/FlateDecode", "/Fl"}


class NotExtracted(Exception):
    """An embedded file can't be extracted. The message says why, in a few words for a warning's parentheses."""


def decoded(stream: pikepdf.Stream) -> Iterator[bytes]:
    """Yield the decoded bytes of a stream in pieces.

    Raise NotExtracted for damaged data, and for rare codings whose result could be too large.
    """
    filters, plain = _filters(stream)
    raw = bytes(stream.read_raw_bytes())  # decrypted, if need be
    texts = [name for name in filters if name in _TEXT_CODINGS]
    if not plain or not set(filters[len(texts) :]) <= _FLATE or filters[: len(texts)] != texts:
        largest = len(raw) * math.prod(_EXPANSION.get(name, 1) for name in filters)
        if largest > MAX_DECODED_AT_ONCE_BYTES:
            raise NotExtracted("in an unusual coding, and may be too large")
        yield from _pieces(bytes(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)))
        return
    for name in texts:
        raw = _TEXT_CODINGS[name](raw)
    chunks = _pieces(raw)
    for _ in filters[len(texts) :]:
        chunks = _inflated(chunks)
    yield from chunks


def _filters(stream: pikepdf.Stream) -> tuple[list[str], bool]:
    """Return the names of the stream's filters, and whether they have no predictor."""
    filter_entry = stream.get("/Filter")
    parameters = stream.get("/DecodeParms")
    filters = [filter_entry] if isinstance(filter_entry, pikepdf.Name) else list(filter_entry or ())
    names = [str(name) for name in filters if str(name) != "/Crypt"]
    parameter_list = (
        [parameters] if isinstance(parameters, pikepdf.Dictionary) else list(parameters or ())
    )
    predicted = any(
        isinstance(parameter, pikepdf.Dictionary) and int(parameter.get("/Predictor", 1)) > 1
        for parameter in parameter_list
    )
    return names, not predicted


def _pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), DECODED_CHUNK_BYTES):
        yield bytes(view[start : start + DECODED_CHUNK_BYTES])


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the inflated chunks, in pieces of at most a megabyte."""
    engine = zlib.decompressobj()
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not engine.eof:
                yield engine.decompress(rest, DECODED_CHUNK_BYTES)
                rest = engine.unconsumed_tail
            if engine.eof:
                return
        yield engine.flush()
    except zlib.error:
        raise NotExtracted("can't be decoded") from None


def _ascii85(data: bytes) -> bytes:
    data = re.sub(rb"\s+", b"", data).removeprefix(b"<~").split(b"~")[0]
    return base64.a85decode(data)


def _hex(data: bytes) -> bytes:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.split(b">")[0])
    return binascii.unhexlify(digits + b"0" * (len(digits) % 2))


_TEXT_CODINGS = {
    "/ASCII85Decode": _ascii85,
    "/A85": _ascii85,
    "/ASCIIHexDecode": _hex,
    "/AHx": _hex,
}
