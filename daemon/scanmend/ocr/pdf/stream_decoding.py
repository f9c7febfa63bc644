"""Decode a PDF stream in pieces, never into more memory than is allowed.

A decompression bomb in an embedded file must cost neither the memory nor the disk. Streams in the usual codings are
inflated a megabyte at a time; the others are decoded at once, and only if their result is bound to be small.
"""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Iterator

import pikepdf

DECODED_CHUNK_BYTES = 2**20  # bytes of a piece
MAX_AT_ONCE = 2**29  # bytes that a stream in a rarer coding may become
# how many times longer the result of a coding can be, at most
_EXPANSION = {
    **dict.fromkeys(("/FlateDecode", "/Fl"), 1032),
    **dict.fromkeys(("/LZWDecode", "/LZW"), 2731),
    **dict.fromkeys(("/RunLengthDecode", "/RL"), 128),
}
_FLATE = {"/FlateDecode", "/Fl"}


class NotExtracted(Exception):
    """An embedded file that is not extracted; the message says why, in a few words that fit in brackets."""


def decoded(stream: pikepdf.Stream) -> Iterator[bytes]:
    """Yield the decoded bytes of a stream in pieces.

    Raises NotExtracted for damaged data, and for codings whose result could exceed the memory.
    """
    filters, plain = _filters(stream)
    raw = bytes(stream.read_raw_bytes())  # decrypted, if need be
    texts = [name for name in filters if name in _TEXT_CODINGS]
    if not plain or not set(filters[len(texts) :]) <= _FLATE or filters[: len(texts)] != texts:
        largest = len(raw) * math.prod(_EXPANSION.get(name, 1) for name in filters)
        if largest > MAX_AT_ONCE:
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
    """Return the names of the stream's filters, and whether none of them has a predictor."""
    found = stream.get("/Filter")
    parameters = stream.get("/DecodeParms")
    filters = [found] if isinstance(found, pikepdf.Name) else list(found or ())
    names = [str(name) for name in filters if str(name) != "/Crypt"]
    each = [parameters] if isinstance(parameters, pikepdf.Dictionary) else list(parameters or ())
    predicted = any(
        isinstance(one, pikepdf.Dictionary) and int(one.get("/Predictor", 1)) > 1 for one in each
    )
    return names, not predicted


def _pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), DECODED_CHUNK_BYTES):
        yield bytes(view[start : start + DECODED_CHUNK_BYTES])


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what zlib makes of the chunks, in pieces of at most a megabyte."""
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
