"""How the names of GGUF files tell their quantization."""

FILE_NAME_WORDS = {"int8": ("q8_0",), "int4": ("q4_k_m",), "fp16": ("fp16", "f16")}


def file_name_words(quantization: str) -> tuple[str, ...]:
    """Return the words that mark the files of ``llm.quantization``, the preferred one first, in lower case."""
    name = quantization.lower()
    return FILE_NAME_WORDS.get(name, (name,))
