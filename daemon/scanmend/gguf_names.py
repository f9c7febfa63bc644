"""Read the quantization, and the number of a part, from the name of a GGUF file."""

import re

# llm.quantization -> words in the names of such files
FILE_NAME_WORDS = {"int8": ("q8_0",), "int4": ("q4_k_m",), "fp16": ("fp16", "f16")}
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


def file_name_words(quantization: str) -> tuple[str, ...]:
    """Return the words by which to recognise files of ``llm.quantization``: in lower case, the preferred one first."""
    name = quantization.lower()
    return FILE_NAME_WORDS.get(name, (name,))


def part_numbers(name: str) -> tuple[int, int] | None:
    """Return the number of a part (from 1) and how many parts there are; None for a file that is not split."""
    match = _PART.search(name)
    return (int(match[1]), int(match[2])) if match else None


def without_part(name: str) -> str:
    """Return the name, or the path, of a model without the number of its part."""
    return _PART.sub(".gguf", name)
