"""Map the letters that engines read in place of digits, and the digits that they confuse."""


def _table(text: str) -> dict[str, str]:
    """Return the entries of a table that is written as "O=0 l=1"."""
    return dict(entry.split("=") for entry in text.split())


# for each letter or sign, the digit that it stands for when misread
DIGIT_LIKE = _table("O=0 o=0 Q=0 D=0 l=1 I=1 |=1 i=1 S=5 s=5 B=8 Z=2 z=2 G=6 g=9")
# for each digit, the digits that engines confuse with it, most often first
SIMILAR_DIGITS = _table("0=689 1=7 2=7 3=85 4=9 5=63 6=085 7=12 8=036 9=40")


def as_digits(text: str) -> str:
    """Return the text with each letter that looks like a digit replaced by it.

    >>> as_digits("1O.l2")
    '10.12'
    """
    return "".join(DIGIT_LIKE.get(c, c) for c in text)


def count_differences(a: str, b: str) -> int:
    """Return the number of offsets at which two texts of the same length differ."""
    return sum(x != y for x, y in zip(a, b, strict=True))
