"""Tokens whose every character counts: what no model may touch, and what a rule alone may repair.

Amounts, quantities, dates, times, percentages, doses, phone numbers, IBANs, BICs, cards, codes that mix letters
and digits, numerals, number words, e-mail and web addresses, currencies, units. A digit changes here in one case
only: in an IBAN, at characters that the engine itself marked as unsure, when mod 97 then holds and for nothing
else. A letter that engines confuse with a digit becomes it where the whole is then well formed in one way.
"""

import contextlib
import datetime
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stdnum import ean, iban, luhn

DIGIT_LIKE = {"O": "0", "o": "0", "Q": "0", "D": "0", "l": "1", "I": "1", "|": "1", "i": "1", "S": "5", "s": "5",
              "B": "8", "Z": "2", "z": "2", "G": "6", "g": "9"}  # fmt: skip
_DIGITS_ALIKE = {"0": "689", "1": "7", "2": "7", "3": "85", "4": "9", "5": "63", "6": "085", "7": "12", "8": "036",
                 "9": "40"}  # fmt: skip
CURRENCIES = "€$£¥₣₤"
_CURRENCY_WORDS = "EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|HUF|RM|Fr|DM|(?i:euros?|dollars?|pounds?|francs?|franken|gulden|lire)"

# doses, lengths, areas, volumes, laboratory values: also apart from their number, which may have been misread
_UNITS = (
    r"[mµuk]?g|[mcdµu]?l|[mcdkµ]?m[²³]?|ml/h|mmol/l|mmol|mval|mol|mosm|mmhg|IE|I\.E\.|IU|I\.U\.|U|kcal|kJ|kW|kWh|Hz|MHz|GHz|MB|GB|TB"
    r"|[mµ]?s|min|h|bar|Pa|kPa|hPa|[mk]?V|[mk]?A|[mk]?W|°C|°F|K|ha|ct|oz|lb|lbs|ft|in|pt|qt|gal|ppm|rpm|dB|Bq|Gy|mSv|[mk]?cd|St|Stk|pcs"
)
_NUMBER_WORDS = frozenset(
    """
    three four five seven eight nine eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion
    first second third fourth fifth sixth seventh eighth ninth tenth half quarter double triple once twice thrice
    zwei drei vier fünf sechs sieben acht neun zehn zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn
    zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend million milliarde millionen milliarden
    deux trois quatre cinq sept huit neuf onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante
    cent mille cuatro cinco siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta cincuenta
    sesenta setenta ochenta noventa ciento cientos uno due tre quattro cinque sei sette otto nove dieci undici dodici
    tredici quattordici quindici sedici venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento
    twee drie vijf zeven negen tien twaalf dertien veertien vijftien zestien twintig dertig veertig vijftig zestig
    zeventig tachtig negentig honderd duizend
    """.split()  # noqa: SIM905
)

_PROTECTED = re.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN: some of its groups are letters alone
    rf"|[{CURRENCIES}]|\b(?:{_CURRENCY_WORDS})\b"
    rf"|(?<![\w])(?:{_UNITS})(?![\w])"
    r"|\b(?:[IVXLCDM]{2,}|[ivxlcdm]{2,6})\b"  # numerals
    r"|(?<![\w-])[A-Z]{1,4}(?:[-./][A-Z]{1,4})+(?![\w-])"  # codes of capitals
)
_ADDRESS = re.compile(r"(?i)@|://|^www\.|\.(?:com|org|net|de|fr|es|it|nl|eu|io|uk|ch|at|be)\b")
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
        "GR",
        "IE",
        "IT",
        "LI",
        "LU",
        "NL",
        "NO",
        "PL",
        "PT",
        "SE",
        "SI",
        "SK",
        "US",
    ]
)
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")

# ISO 13616 registry: the BBANs, n a digit, a a capital, c either
_BBAN = {"AT": "16n", "BE": "12n", "CH": "5n12c", "CZ": "20n", "DE": "18n", "DK": "14n", "EE": "16n", "ES": "20n",
         "FI": "14n", "FR": "10n11c2n", "GB": "4a14n", "HR": "17n", "HU": "24n", "IE": "4a14n", "IT": "1a10n12c",
         "LI": "5n12c", "LT": "16n", "LU": "3n13c", "MC": "10n11c2n", "NL": "4a10n", "NO": "11n", "PL": "24n",
         "PT": "21n", "SE": "20n", "SI": "15n", "SK": "20n"}  # fmt: skip
_MASKS = {
    country: "aann" + "".join(kind * int(length) for length, kind in re.findall(r"(\d+)([nac])", form))
    for country, form in _BBAN.items()
}  # fmt: skip
LEAST_OF_A_NUMBER = 6  # digits of a line, before an IBAN, a card or an article is looked for in it
MOST_UNSURE = 3  # characters of an IBAN that may be doubted together
MOST_CHANGED = 2

_LIKE = "".join(re.escape(c) for c in DIGIT_LIKE)
_IBAN = re.compile(
    "|".join(
        rf"(?<![A-Za-z0-9]){country}(?: ?[A-Z\d{_LIKE}]){{{len(mask) - 2}}}(?![A-Za-z0-9])"
        for country, mask in _MASKS.items()
    )
)
_CARD = re.compile(
    rf"(?<![\w.,-])[\d{_LIKE}]{{4}}(?:([ -]?)[\d{_LIKE}]{{4}})(?:\1[\d{_LIKE}]{{4}}){{2}}(?![\w-])"
)
_EAN = re.compile(rf"(?<![\w.,-])[\d{_LIKE}]{{13}}(?![\w-])")

_THOUSANDS = r"(?:\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+|\d+)"
_AMOUNT = re.compile(rf"{_THOUSANDS}[.,]\d{{2}}")
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d{1,3})?%")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_DATE = re.compile(
    r"(?P<d>\d{1,2})(?P<s>[./-])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2})|(?P<y2>\d{4})-(?P<m2>\d\d)-(?P<d2>\d\d)"
)
_DOSE = re.compile(r"\d[\dOoIl|]*(?:[.,]\d[\dOo]*)?")
_DOSE_UNIT = re.compile(r" ?(?:[mµ]?g|ml|IE|I\.E\.|IU|mmol|mval)\b")
_EDGE = re.compile(rf"^[(\[{{{CURRENCIES}+-]*|[)\]}};:!?.,{CURRENCIES}-]*$")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair of ``text[start:start + len(before)]``, by ``rule``."""

    start: int
    before: str
    after: str
    rule: str

    @property
    def span(self) -> Span:
        return (self.start, self.start + len(self.before))


def protected(text: str, patterns: Sequence[re.Pattern[str]] = ()) -> list[Span]:
    """The spans that no model may touch; ``patterns`` are a profile's own.

    >>> [(a, b) for a, b in sorted(protected("pay EUR 12,- to a@b.de by XIV"))]
    [(4, 7), (8, 12), (16, 22), (26, 29)]
    """
    spans = [match.span() for match in _PROTECTED.finditer(text)]
    spans += [m.span() for m in _BIC.finditer(text) if m[1] in _BIC_COUNTRIES]
    spans += [m.span() for m in _WORD.finditer(text) if _is_protected(m[0])]
    spans += [m.span() for pattern in patterns for m in pattern.finditer(text)]
    return spans


def _is_protected(word: str) -> bool:
    if not word.isascii() and any(c.isnumeric() for c in word):
        return True
    if not word.isalpha():
        if _DIGIT.search(word) or _ADDRESS.search(word):
            return True
        word = "".join(c for c in word if c.isalpha())
    return word.casefold() in _NUMBER_WORDS


def repairs(text: str, unsure: Sequence[int] | None = None) -> list[Repair]:
    """What must be digits, from the left; none overlap. ``unsure``: offsets that the engine was not sure of.

    >>> repairs("Total: $1O0.00")
    [Repair(start=7, before='$1O0.00', after='$100.00', rule='repair-amount')]
    >>> repairs("Room 1O, gear B12")
    []
    """
    digits = len(_DIGIT.findall(text))
    found: list[Repair] = []
    taken: list[Span] = []
    if digits >= LEAST_OF_A_NUMBER:
        found, taken = _long_numbers(text, frozenset(unsure or ()))
    if digits:
        for match in _WORD.finditer(text):
            word = match[0]
            if not word.isalpha() and not word.isdecimal() and _free(match.span(), taken):
                repair = _repair_word(word, match.start(), text)
                if repair:
                    found.append(repair)
    return sorted(found, key=lambda r: r.start)


def _long_numbers(text: str, unsure: frozenset[int]) -> tuple[list[Repair], list[Span]]:
    """Repairs of IBANs, cards and articles, and the spans that are no other number's."""
    found = _ibans(text, unsure)
    taken = [m.span() for m in _IBAN.finditer(text)]  # valid or not, its groups are no card's
    for pattern, check, rule in ((_CARD, luhn.is_valid, "card"), (_EAN, ean.is_valid, "ean")):
        for match in pattern.finditer(text):
            fixed = _as_digits(match[0])
            near = 0 < _differ(fixed, match[0]) <= MOST_UNSURE and _free(match.span(), taken)
            if near and check(re.sub(r"[ -]", "", fixed)):
                found.append(Repair(match.start(), match[0], fixed, f"repair-{rule}"))
    return found, taken + [repair.span for repair in found]


def _free(span: Span, taken: list[Span]) -> bool:
    return not any(a < span[1] and span[0] < b for a, b in taken)


def _as_digits(text: str) -> str:
    return "".join(DIGIT_LIKE.get(c, c) for c in text)


def _differ(a: str, b: str) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def _repair_word(word: str, start: int, text: str) -> Repair | None:
    """A word that is an amount, date, time, percentage or dose but for letters that look like digits."""
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
    fixed = _as_digits(core)
    rule = _shape(fixed, core)
    if rule is None and tail == len(word) and _is_dose(core, text[start + len(word) :]):
        rule = "dose"
    if rule is None:
        return None
    return Repair(start, word, word[:head] + fixed + word[tail:], f"repair-{rule}")


def _is_dose(core: str, rest: str) -> bool:
    """``5O0`` before ``mg``; a last l may be litres."""
    return bool(_DOSE.fullmatch(core) and core[-1] not in "lI|" and _DOSE_UNIT.match(rest))


def _shape(fixed: str, core: str) -> str | None:
    """What the repaired word is, when it is well formed as just one thing."""
    if _PERCENT.fullmatch(fixed):
        return "percentage"
    if _AMOUNT.fullmatch(fixed):
        return None if re.fullmatch(r"\d\d?\.\d\d", fixed) and not core[-1].isdigit() else "amount"
    if _TIME.fullmatch(fixed):
        return "time"
    return "date" if valid_date(fixed) else None


def valid_date(text: str) -> bool:
    """Whether there is such a day, be the day or the month written first.

    >>> valid_date("29.02.2024"), valid_date("12/31/2023"), valid_date("29.02.2023"), valid_date("2024-13-01")
    (True, True, False, False)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    day, month = int(match["d"] or match["d2"]), int(match["m"] or match["m2"])
    year = int(match["y"] or match["y2"])
    for m, d in ((month, day),) if match["d2"] else ((month, day), (day, month)):
        with contextlib.suppress(ValueError):
            datetime.date(year if year > 99 else 2000 + year, m, d)
            return True
    return False


# IBAN -----------------------------------------------------------------------------------------------


def _ibans(text: str, unsure: frozenset[int]) -> list[Repair]:
    found = []
    for match in _IBAN.finditer(text):
        fixed = _repair_iban(match[0], frozenset(n - match.start() for n in unsure))
        if fixed is not None and fixed != match[0]:
            found.append(Repair(match.start(), match[0], fixed, "repair-iban"))
    return found


def _repair_iban(text: str, unsure: frozenset[int]) -> str | None:
    """The one valid IBAN that this is, or None.

    Letters at the places of digits become digits. If mod 97 does not hold then, digits that the engine was not
    sure of are replaced by such as look like them. Exactly one must hold, also among all IBANs one look-alike
    digit away: a mistake that lies elsewhere is no licence to change what is right.
    """
    mask = _MASKS[text[:2]]
    places = [n for n, c in enumerate(text) if c != " "]
    if len(places) != len(mask):
        return None
    characters = list(text)
    digits = [place for place, kind in zip(places, mask, strict=True) if kind == "n"]
    for place in digits:
        characters[place] = DIGIT_LIKE.get(characters[place], characters[place])
    fixed = "".join(characters)
    if not all(characters[place].isdecimal() for place in digits):
        return None
    if iban.is_valid(fixed):
        return fixed
    doubted = [place for place in digits if place in unsure and text[place].isdigit()]
    if not 0 < len(doubted) <= MOST_UNSURE:
        return None
    ours = {c for c in _alternatives(fixed, doubted, MOST_CHANGED) if iban.is_valid(c)}
    anywhere = {c for p in digits for c in _alternatives(fixed, [p], 1) if iban.is_valid(c)}
    return ours.pop() if len(ours | anywhere) == len(ours) == 1 else None


def _alternatives(text: str, places: list[int], most: int) -> Iterator[str]:
    """The text with up to ``most`` of the digits at ``places`` replaced by such as look like them."""
    for choice in itertools.product(*(text[p] + _DIGITS_ALIKE[text[p]] for p in places)):
        characters = list(text)
        for place, digit in zip(places, choice, strict=True):
            characters[place] = digit
        if 0 < _differ("".join(characters), text) <= most:
            yield "".join(characters)
