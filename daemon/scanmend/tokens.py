"""Tokens whose every character counts: what no model may touch, and what a rule alone may repair.

Amounts, quantities, dates, times, percentages, phone numbers, IBANs, codes that mix letters and digits,
e-mail addresses, URLs, currencies. A digit is never changed here; a letter that engines confuse with a digit
becomes it only where the whole is then well formed and nothing else would be.
"""

import functools
import re
from dataclasses import dataclass

DIGIT_LIKE = {"O": "0", "o": "0", "Q": "0", "D": "0", "l": "1", "I": "1", "|": "1", "i": "1", "S": "5", "s": "5",
              "B": "8", "Z": "2", "z": "2", "G": "6", "g": "9"}  # fmt: skip
CURRENCIES = "€$£¥₣₤"
_CODES = "EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|HUF|RM|Fr|DM"

# doses, lengths, areas, volumes, laboratory values: also apart from their number, which may have been misread
_UNITS = (
    r"[mµuk]?g|[mcdµu]?l|[mcdkµ]?m[²³]?|ml/h|mmol/l|mmol|mval|mol|mosm|mmhg|IE|I\.E\.|IU|I\.U\.|U|kcal|kJ|kW|kWh|Hz|MHz|GHz|MB|GB|TB"
    r"|[mµ]?s|min|h|bar|Pa|kPa|hPa|[mk]?V|[mk]?A|[mk]?W|°C|°F|K|ha|ct|oz|lb|lbs|ft|in|pt|qt|gal|ppm|rpm|dB|Bq|Gy|mSv|[mk]?cd|St|Stk|pcs"
)

_PROTECTED = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|(?:https?://|www\.)\S+"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|de|fr|es|it|nl|eu|io|co\.uk|ch|at|be)\b(?:/\S*)?"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN
    rf"|[{CURRENCIES}]|\b(?:{_CODES})\b"
    r"|\S*\d\S*"  # whatever holds a digit
    rf"|(?<![\w])(?:{_UNITS})(?![\w])"
)
_BIC = re.compile(r"\b[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b")
_BIC_COUNTRIES = frozenset(
    [
        "AT",
        "BE",
        "CH",
        "CZ",
        "DE",
        "DK",
        "ES",
        "FI",
        "FR",
        "GB",
        "IE",
        "IT",
        "LU",
        "NL",
        "NO",
        "PL",
        "PT",
        "SE",
        "US",
    ]
)

# BBANs of digits only: country -> length of the IBAN (ISO 13616 registry)
_IBAN_DIGITS = {"DE": 22, "AT": 20, "BE": 16, "ES": 24, "PL": 28, "DK": 18, "FI": 18, "SE": 24, "NO": 15, "PT": 25,
                "CZ": 24, "SK": 24, "HU": 28, "EE": 20, "SI": 19, "HR": 21, "LT": 20}  # fmt: skip

_THOUSANDS = r"(?:\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+|\d+)"
_AMOUNT = re.compile(rf"{_THOUSANDS}[.,]\d{{2}}")
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d{1,3})?%")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_DATE = re.compile(
    r"(?P<d>\d{1,2})(?P<s>[./-])(?P<m>\d{1,2})(?P=s)(?:\d{4}|\d{2})|\d{4}-(?P<m2>\d\d)-(?P<d2>\d\d)"
)
_EDGE = re.compile(rf"^[(\[{{{CURRENCIES}+-]*|[)\]}};:!?.,{CURRENCIES}-]*$")


@dataclass(frozen=True, slots=True)
class Repair:
    """A letter-to-digit repair of ``text[start:start + len(before)]``, by ``rule``."""

    start: int
    before: str
    after: str
    rule: str


def protected(text: str) -> list[tuple[int, int]]:
    """The spans that no model may touch, in order."""
    spans = [match.span() for match in _PROTECTED.finditer(text)]
    spans += [m.span() for m in _BIC.finditer(text) if m[1] in _BIC_COUNTRIES]
    return sorted(spans)


def repairs(text: str) -> list[Repair]:
    """Letters that must be digits, from the left; none overlap.

    >>> repairs("Total: $1O0.00")
    [Repair(start=7, before='$1O0.00', after='$100.00', rule='repair-amount')]
    >>> repairs("Room 1O, gear B12")
    []
    """
    found = _ibans(text)
    taken = [(r.start, r.start + len(r.before)) for r in found]
    for match in re.finditer(r"\S+", text):
        if not any(a < match.end() and match.start() < b for a, b in taken):
            repair = _repair_word(match[0], match.start())
            if repair:
                found.append(repair)
    return sorted(found, key=lambda r: r.start)


def _repair_word(word: str, start: int) -> Repair | None:
    """A word that is an amount, date, time or percentage but for letters that look like digits."""
    if not any(c.isdigit() for c in word) or not any(c in DIGIT_LIKE for c in word):
        return None
    edges = list(_EDGE.finditer(word))
    head, tail = edges[0].end(), len(word)
    for edge in edges:
        if edge.end() == len(word) and edge.start() >= head:
            tail = min(tail, edge.start())
    core = word[head:tail]
    if (
        not core or not core.isascii() or core[0] in "SsBDGgQ"
    ):  # S may be a dollar sign, B and D begin codes
        return None
    if sum(c.isdigit() for c in core) < sum(c in DIGIT_LIKE for c in core):
        return None
    fixed = "".join(DIGIT_LIKE.get(c, c) for c in core)
    rule = _shape(fixed, core)
    if rule is None:
        return None
    return Repair(start, word, word[:head] + fixed + word[tail:], f"repair-{rule}")


def _shape(fixed: str, core: str) -> str | None:
    """What the repaired word is, when it is well formed as just one thing."""
    if _PERCENT.fullmatch(fixed):
        return "percentage"
    if _AMOUNT.fullmatch(fixed):
        return None if re.fullmatch(r"\d\d?\.\d\d", fixed) and not core[-1].isdigit() else "amount"
    if _TIME.fullmatch(fixed):
        return "time"
    match = _DATE.fullmatch(fixed)
    if match:
        day, month = int(match["d"] or match["d2"]), int(match["m"] or match["m2"])
        if (1 <= day <= 31 and 1 <= month <= 12) or (1 <= day <= 12 and 1 <= month <= 31):
            return "date"
    return None


@functools.cache
def _iban_pattern() -> re.Pattern[str]:
    like = "".join(re.escape(c) for c in DIGIT_LIKE)
    return re.compile(
        rf"(?<![A-Za-z0-9])({'|'.join(_IBAN_DIGITS)})((?: ?[\d{like}])+)(?![A-Za-z0-9])"
    )


def _ibans(text: str) -> list[Repair]:
    """IBANs of digits with letters among them that are valid (mod 97) once the letters are digits."""
    found = []
    for match in _iban_pattern().finditer(text):
        rest = match[2]
        fixed = "".join(DIGIT_LIKE.get(c, c) for c in rest)
        compact = match[1] + fixed.replace(" ", "")
        if fixed != rest and len(compact) == _IBAN_DIGITS[match[1]] and valid_iban(compact):
            found.append(Repair(match.start(), match[0], match[1] + fixed, "repair-iban"))
    return found


def valid_iban(compact: str) -> bool:
    """ISO 7064 mod 97-10.

    >>> valid_iban("DE89370400440532013000"), valid_iban("DE89370400440532013001")
    (True, False)
    """
    turned = compact[4:] + compact[:4]
    if not turned.isascii() or not turned.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
