"""Define the corrector's tokens: 256 bytes and three others."""

# 256 is the merge that llama.cpp's tokenizer requires; it never occurs
SEP = 257  # between the OCR line and the true line
EOS = 258
SIZE = 259


def sequence(ocr: str, truth: str) -> list[int]:
    """Return the tokens of a pair: ``<OCR line> SEP <true line> EOS``."""
    return [*ocr.encode(), SEP, *truth.encode(), EOS]
