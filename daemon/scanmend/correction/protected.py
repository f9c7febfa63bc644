"""Find the tokens that no model may touch, because every character of them counts.

Amounts, quantities, dates, times, percentages, doses, phone numbers, IBANs, BICs, cards, codes that
mix letters and digits, Roman numerals, number words, e-mail and web addresses, currencies, units.
"""

import re
from collections.abc import Iterable, Sequence

from scanmend.correction.iban import IBAN_SHAPE

CURRENCIES = "€$£¥₣₤"
_CURRENCY_WORDS = (
    "EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|HUF|RM|Fr|DM"
    "|(?i:euros?|dollars?|pounds?|francs?|franken|gulden|lire)"
)

# Doses, lengths, areas, volumes, laboratory values. They are protected even without a number beside
# them, since the number may have been misread.
_UNITS = (
    r"[mµuk]?g|[mcdµu]?l|[mcdkµ]?m[²³]?|ml/h|mmol/l|mmol|mval|mol|mosm|mmhg|IE|I\.E\.|IU|I\.U\.|U"
    r"|kcal|kJ|kW|kWh|Hz|MHz|GHz|MB|GB|TB|[mµ]?s|min|h|bar|Pa|kPa|hPa|[mk]?V|[mk]?A|[mk]?W|°C|°F|K"
    r"|ha|ct|oz|lb|lbs|ft|in|pt|qt|gal|ppm|rpm|dB|Bq|Gy|mSv|[mk]?cd|St|Stk|pcs"
)
_NUMBER_WORDS = frozenset(
    """
    three four five seven eight nine eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million
    billion first second third fourth fifth sixth seventh eighth ninth tenth half quarter double
    triple once twice thrice
    zwei drei vier fünf sechs sieben acht neun zehn zwölf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig
    hundert tausend million milliarde millionen milliarden
    deux trois quatre cinq sept huit neuf onze douze treize quatorze quinze seize vingt trente
    quarante cinquante soixante cent mille
    cuatro cinco siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta
    cincuenta sesenta setenta ochenta noventa ciento cientos
    uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici
    sedici venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento
    twee drie vijf zeven negen tien twaalf dertien veertien vijftien zestien twintig dertig veertig
    vijftig zestig zeventig tachtig negentig honderd duizend
    """.split()  # noqa: SIM905
)

_PROTECTED = re.compile(
    IBAN_SHAPE
    + rf"|[{CURRENCIES}]|\b(?:{_CURRENCY_WORDS})\b"
    + rf"|(?<![\w])(?:{_UNITS})(?![\w])"
    + r"|\b(?:[IVXLCDM]{2,}|[ivxlcdm]{2,6})\b"  # Roman numerals
    + r"|(?<![\w-])[A-Z]{1,4}(?:[-./][A-Z]{1,4})+(?![\w-])"  # codes of capitals
)
_ADDRESS_MARK = re.compile(r"(?i)@|://|^www\.|\.(?:com|org|net|de|fr|es|it|nl|eu|io|uk|ch|at|be)\b")
_BIC = re.compile(r"\b[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b")
_BIC_COUNTRIES = frozenset(
    "AT BE CH CZ DE DK ES FI FR GB GR IE IT LI LU NL NO PL PT SE SI SK US".split()  # noqa: SIM905
)
WORD = re.compile(r"\S+")
DIGIT = re.compile(r"\d")

Span = tuple[int, int]  # offsets of a stretch of text: start, end (exclusive)


def overlaps(span: Span, others: Iterable[Span]) -> bool:
    """Return whether a span shares a character with any of the others."""
    return any(start < span[1] and span[0] < end for start, end in others)


def protected_spans(text: str, patterns: Sequence[re.Pattern[str]] = ()) -> list[Span]:
    """Return the spans that no model may touch. ``patterns`` are a profile's additional ones.

    >>> sorted(protected_spans("pay EUR 12,- to a@b.de by XIV"))
    [(4, 7), (8, 12), (16, 22), (26, 29)]
    """
    spans = [match.span() for match in _PROTECTED.finditer(text)]
    spans += [m.span() for m in _BIC.finditer(text) if m[1] in _BIC_COUNTRIES]
    spans += [m.span() for m in WORD.finditer(text) if _is_protected(m[0])]
    spans += [m.span() for pattern in patterns for m in pattern.finditer(text)]
    return spans


def _is_protected(word: str) -> bool:
    """Return whether a word has a digit, is an address, or is a number word."""
    if not word.isascii() and any(c.isnumeric() for c in word):
        return True
    if not word.isalpha():
        if DIGIT.search(word) or _ADDRESS_MARK.search(word):
            return True
        word = "".join(c for c in word if c.isalpha())
    return word.casefold() in _NUMBER_WORDS
