"""Recognise the forms that numbers have in print."""

import contextlib
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from scanmend.correction.digits import as_digits, count_differences

MAX_LETTERS_IN_LONG_NUMBERS = 3  # letters of a card or article number that may become digits

_THOUSANDS = r"(?:\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+|\d+)"
_AMOUNT = re.compile(rf"{_THOUSANDS}[.,]\d{{2}}")
_CLOCK_TIME_WITH_A_DOT = re.compile(r"\d\d?\.\d\d")
_PERCENTAGE = re.compile(r"\d{1,3}(?:[.,]\d{1,3})?%")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_DATE = re.compile(
    r"(?P<d>\d{1,2})(?P<s>[./-])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2})"
    r"|(?P<y2>\d{4})-(?P<m2>\d\d)-(?P<d2>\d\d)"
)
_DOSE = re.compile(r"\d[\dOoIl|]*(?:[.,]\d[\dOo]*)?")
_DOSE_UNIT = re.compile(r" ?(?:[mµ]?g|ml|IE|I\.E\.|IU|mmol|mval)\b")


@dataclass(frozen=True)
class LongNumber:
    """The characters of a card or article number, some of which may be letters."""

    text: str

    @cached_property
    def repaired(self) -> str:
        """Return the number with its letters as digits."""
        return as_digits(self.text)

    def repair_passes(self, is_valid: Callable[[str], bool]) -> bool:
        """Return whether the repair changes letters, but only few, and ``is_valid`` accepts the result."""
        changed = count_differences(self.repaired, self.text)
        if not 0 < changed <= MAX_LETTERS_IN_LONG_NUMBERS:
            return False
        return is_valid(re.sub(r"[ -]", "", self.repaired))


@dataclass(frozen=True, slots=True)
class NumberWord:
    """A word with digits, and with letters that look like digits.

    ``core`` is the word without brackets, currencies and punctuation around it, ``digits`` the core
    with its letters as digits. ``has_suffix``: such signs follow the core. ``following``: the
    line's text behind the word.
    """

    core: str
    digits: str
    has_suffix: bool
    following: str

    @property
    def is_percentage(self) -> bool:
        """Return whether it is a percentage."""
        return _PERCENTAGE.fullmatch(self.digits) is not None

    @property
    def is_amount(self) -> bool:
        """Return whether it is an amount that can't be a clock time as well (1.3O)."""
        if not _AMOUNT.fullmatch(self.digits):
            return False
        return self.core[-1].isdigit() or not _CLOCK_TIME_WITH_A_DOT.fullmatch(self.digits)

    @property
    def is_time(self) -> bool:
        """Return whether it is a clock time."""
        return _TIME.fullmatch(self.digits) is not None

    @property
    def is_date(self) -> bool:
        """Return whether it is a day of the calendar."""
        return is_valid_date(self.digits)

    @property
    def is_dose(self) -> bool:
        """Return whether it is a number before a unit of dose (5O0 mg); a last l may mean litres."""
        if self.has_suffix or not _DOSE.fullmatch(self.core) or self.core[-1] in "lI|":
            return False
        return _DOSE_UNIT.match(self.following) is not None


def is_valid_date(text: str) -> bool:
    """Return whether a text is a day of the calendar; day or month may come first.

    >>> is_valid_date("29.02.2024"), is_valid_date("12/31/2023")
    (True, True)
    >>> is_valid_date("29.02.2023"), is_valid_date("2024-13-01")
    (False, False)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    day, month = int(match["d"] or match["d2"]), int(match["m"] or match["m2"])
    year = int(match["y"] or match["y2"])
    is_iso = match["d2"] is not None
    for first, second in [(month, day)] if is_iso else [(month, day), (day, month)]:
        with contextlib.suppress(ValueError):
            datetime.date(year if year > 99 else 2000 + year, first, second)
            return True
    return False
