"""Recognise IBANs, and repair misread ones by their checksum."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from stdnum import iban, numdb

from scanmend.correction.digits import DIGIT_LIKE, SIMILAR_DIGITS, count_differences

# An IBAN of any country, as a reader recognises it: some of its groups may be letters alone. For
# protection and checks; it need not be valid.
IBAN_SHAPE = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"

# countries in whose IBANs misread digits are repaired
_COUNTRIES = "AT BE CH CZ DE DK EE ES FI FR GB HR HU IE IT LI LT LU MC NL NO PL PT SE SI SK"
# Each doubted digit multiplies the number of IBANs to try.
MAX_UNSURE_DIGITS = 3
MAX_REPLACED_DIGITS = 2


def _mask(country: str) -> str:
    """Return a letter for each character of an IBAN: "n" a digit, "a" a capital, "c" either."""
    ((_, properties),) = numdb.get("iban").info(country)
    groups = re.findall(r"(\d+)!([nac])", properties["bban"])
    return "aann" + "".join(kind * int(length) for length, kind in groups)


MASKS = {country: _mask(country) for country in _COUNTRIES.split()}

_CHARACTER = rf"[A-Z\d{''.join(map(re.escape, DIGIT_LIKE))}]"
# an IBAN of one of these countries, in which digits may have been read as letters
MISREAD_IBAN = re.compile(
    "|".join(
        rf"(?<![A-Za-z0-9]){country}(?: ?{_CHARACTER}){{{len(mask) - 2}}}(?![A-Za-z0-9])"
        for country, mask in MASKS.items()
    )
)


@dataclass(frozen=True)
class IbanReading:
    """A match of ``MISREAD_IBAN``, and the offsets into it that the engine doubted."""

    text: str
    unsure: frozenset[int]

    @cached_property
    def repaired(self) -> str | None:
        """Return the only valid IBAN that this may be; None where there is none, or more than one.

        Letters at the positions of digits become digits. If the checksum (mod 97) still fails,
        digits that the engine doubted are replaced by similar ones. The result must then be the
        only valid IBAN, even among those with one similar digit anywhere: otherwise an error
        elsewhere could change a digit that is right.
        """
        mask = MASKS[self.text[:2]]
        offsets = [n for n, c in enumerate(self.text) if c != " "]
        digits = [at for at, kind in zip(offsets, mask, strict=True) if kind == "n"]
        characters = list(self.text)
        for at in digits:
            characters[at] = DIGIT_LIKE.get(characters[at], characters[at])
        if not all(characters[at].isdecimal() for at in digits):
            return None
        fixed = "".join(characters)
        if iban.is_valid(fixed):
            return fixed
        doubted = [at for at in digits if at in self.unsure and self.text[at].isdigit()]
        if not 0 < len(doubted) <= MAX_UNSURE_DIGITS:
            return None
        from_doubts = _valid(_replacements(fixed, doubted, MAX_REPLACED_DIGITS))
        from_anywhere = _valid(c for at in digits for c in _replacements(fixed, [at], 1))
        valid = from_doubts | from_anywhere
        return valid.pop() if len(valid) == len(from_doubts) == 1 else None


def _valid(texts: Iterator[str]) -> set[str]:
    """Return the valid IBANs among the texts."""
    return {text for text in texts if iban.is_valid(text)}


def _replacements(text: str, offsets: list[int], limit: int) -> Iterator[str]:
    """Yield the text with up to ``limit`` digits at ``offsets`` replaced by similar ones."""
    similar = (text[at] + SIMILAR_DIGITS.get(text[at], "") for at in offsets)
    for choice in itertools.product(*similar):
        characters = list(text)
        for at, digit in zip(offsets, choice, strict=True):
            characters[at] = digit
        if 0 < count_differences("".join(characters), text) <= limit:
            yield "".join(characters)
