"""Tell from the name of a GGUF file which quantization it is, and whether it is one part of several."""

import re

# llm.quantization -> the words in the names of its files
FILE_NAME_WORDS = {"int8": ("q8_0",), "int4": ("q4_k_m",), "fp16": ("fp16", "f16")}
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


def file_name_words(quantization: str) -> tuple[str, ...]:
    """Return the words that mark the files of ``llm.quantization``, the preferred one first, in lower case."""
    name = quantization.lower()
    return FILE_NAME_WORDS.get(name, (name,))


def part_numbers(name: str) -> tuple[int, int] | None:
    """Return the number of a part (from 1) and how many parts there are; None for a file that is not split."""
    match = _PART.search(name)
    return (int(match[1]), int(match[2])) if match else None


def without_part(name: str) -> str:
    """Return the name, or the path, that all parts of a model have in common."""
    return _PART.sub(".gguf", name)
