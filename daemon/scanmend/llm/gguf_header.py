"""Read values from the header of a GGUF file, without llama.cpp and without the file's weights.

llama.cpp can open a header too, but a process on an H200 died when it loaded a model to the GPU after that. The package
``gguf`` needs 4 s for the header of a model with 262,144 tokens, because it reads the whole vocabulary. The format
(version 2 and 3): github.com/ggml-org/ggml, docs/gguf.md.
"""

import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from scanmend.errors import ModelUnavailable

_STRING, _ARRAY = 8, 9
# struct formats of the other types by their number: integers of 8, 16 and 32 bits, float, bool, integers of 64 bits, double
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_MAX_STRING_BYTES = 2**20  # a longer one is a sign of damage
_MAX_ENTRIES = 10_000

Value = int | float | bool | str


def layer_count(path: str) -> int:
    """Return the number of a model's layers, without its output layer; 0 if the header does not tell.

    Raises ModelUnavailable if the file can't be read or its header is damaged.
    """
    found: dict[str, Value] = {}
    try:
        with open(path, "rb") as file:
            for name, value in _entries(file):
                found[name] = value
                count = found.get(f"{found.get('general.architecture')}.block_count")
                if isinstance(count, int):
                    return count
    except OSError as error:
        raise ModelUnavailable(f"{path}: the model can't be read: {error.strerror}") from None
    except (struct.error, ValueError) as error:
        raise ModelUnavailable(
            f"{path}: the header of the GGUF file is damaged: {error}", "download it again"
        ) from None
    return 0


def _entries(file: BinaryIO) -> Iterator[tuple[str, Value]]:
    """Yield names and values in the order of the file, without arrays. Raises struct.error or ValueError."""
    magic, version, _, entries = _unpack(file, "4sIQQ")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"not a GGUF file of version 2 or 3, but {magic!r} {version}")
    if entries > _MAX_ENTRIES:
        raise ValueError(f"{entries:,} entries")
    for _ in range(entries):
        name = _string(file)
        (kind,) = _unpack(file, "I")
        if kind == _ARRAY:
            _skip_array(file)
        else:
            yield name, _string(file) if kind == _STRING else _scalar(file, kind)


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    size = struct.calcsize(f"<{layout}")
    return struct.unpack(f"<{layout}", file.read(size))


def _scalar(file: BinaryIO, kind: int) -> Value:
    if kind not in _SCALARS:
        raise ValueError(f"unknown type {kind}")
    value: Value = _unpack(file, _SCALARS[kind])[0]
    return value


def _string(file: BinaryIO) -> str:
    return file.read(_string_bytes(file)).decode(errors="replace")


def _string_bytes(file: BinaryIO) -> int:
    size: int = _unpack(file, "Q")[0]
    if size > _MAX_STRING_BYTES:
        raise ValueError(f"a text of {size:,} bytes")
    return size


def _skip_array(file: BinaryIO) -> None:
    kind, length = _unpack(file, "IQ")
    if kind == _STRING:
        for _ in range(length):
            file.seek(_string_bytes(file), os.SEEK_CUR)
    elif kind in _SCALARS:
        file.seek(length * struct.calcsize(_SCALARS[kind]), os.SEEK_CUR)
    else:
        raise ValueError(f"an array of type {kind}")
