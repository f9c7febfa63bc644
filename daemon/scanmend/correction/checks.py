"""What a person should look at: numbers that fail their own check. Flagged, never changed. Pure functions."""

import re
from collections.abc import Iterator, Sequence

from stdnum import ean, iban, isbn, luhn
from stdnum.eu import vat

from scanmend.correction.protected import DIGIT_LIKE, valid_date
from scanmend.page import Edit, Line, Suspect, TextSource

_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_VAT = re.compile(
    r"\b(?:ATU ?\d{8}|BE ?[01]\d{3}[. ]?\d{3}[. ]?\d{3}|DE ?\d{3} ?\d{3} ?\d{3}|ES ?[A-Z]\d{7}[A-Z0-9]|ES ?\d{8}[A-Z]"
    r"|FR ?\d{2} ?\d{3} ?\d{3} ?\d{3}|IT ?\d{11}|LU ?\d{8}|NL ?\d{9}B\d{2}|PL ?\d{10})(?![\w])"
)
_CARD = re.compile(r"(?<![\w.,-])\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?![\w-])")
_CARD_WORD = re.compile(
    r"(?i)\b(?:cards?|karten?|kredit\w*|carte|tarjeta|carta|kaart|visa|mastercard|amex|maestro)\b"
)
_LONG = re.compile(r"(?<![\w.,-])\d{13,19}(?![\w.,-])")
_EAN_WORD = re.compile(
    r"(?i)\b(?:EAN|GTIN|UPC)(?:-?(?:8|12|13|14))?[\s:.#]+(\d{8}|\d{12,14})(?!\d)"
)
_ISBN = re.compile(r"(?i)\bISBN(?:-1[03])?[\s:]*((?:\d[ -]?){9,12}[\dX])(?![\d])")
_GS1 = re.compile(r"(?:3[0-7]|4[0-4]|50|54|57|64|7[036]|8[0-4]|87|9[01]|97[89])\d*")
_DATE = re.compile(
    r"(?<![\d.,/-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])|(?<![\d/-])(\d{4})-(\d\d)-(\d\d)(?![\d-])"
)
_NUMBER = re.compile(r"(?<!\S)\S*\d\S*")  # begins where a word begins, as in hyphens
_AMOUNT = re.compile(
    r"(\d{1,3}(?:[.,' \u00a0\u202f]\d{3}){1,5}|\d{1,15})[.,](\d{2})(?=\s*(?:[€$£¥]|[A-Z]{3})?\s*$)"
)

_NET = re.compile(
    r"\b(?:net|netto\w*|sub-?total|subtotaal|zwischensumme|imponibile|base imponible|h\.?t\.?|hors taxes?|(?:excl|exkl)\w*|ohne)\b"
)
_GROSS = re.compile(
    r"\b(?:total|gross|brutto\w*|gesamt\w*|summe|rechnungsbetrag|endbetrag|t\.?t\.?c\.?|totale|totaal|amount due|zu zahlen)\b"
)
_TAX = re.compile(
    r"\b(?:vat|tax|mwst|ust|umsatzsteuer|mehrwertsteuer|tva|iva|btw|gst|rounding|rundung\w*)\b"
)
_NO_TAX = re.compile(
    r"\b(?:incl\w*|inkl\w*|inclu\w*|enthalten\w*|darin|davon|dont|di cui|waarvan|discount|rabatt)\b"
)


def suspects(
    lines: Sequence[Line], texts: Sequence[str], edits: Sequence[Edit]
) -> tuple[Suspect, ...]:
    """Return what to look at on a page: its lines as read, their texts as published, the edits of both.

    Text that a PDF draws is exact: nothing of it can have been misread.
    """
    found: list[Suspect] = []
    for number, (line, text) in enumerate(zip(lines, texts, strict=True)):
        if line.source != TextSource.DRAWN and any(map(str.isdigit, text)):
            found += _checks(number, text)
            found += _doubts(number, line, text, edits)
    found += _model(edits, texts)
    if any(line.source != TextSource.DRAWN for line in lines):
        found += _sum(texts)
    return tuple(sorted(found, key=lambda s: (s.line, s.start)))


def _checks(number: int, text: str) -> Iterator[Suspect]:
    """Tokens that carry a check of their own."""
    for match in _IBAN.finditer(text):
        if match[0][:2].isalpha() and not iban.is_valid(match[0]) and not _VAT.match(match[0]):
            yield _suspect(
                number, match, "iban", "its check digits (mod 97) or its length do not fit"
            )
    for match in _VAT.finditer(text):
        if not vat.is_valid(match[0]):
            yield _suspect(number, match, "vat", "the VAT number's check digits do not fit")
    banks = [match.span() for match in _IBAN.finditer(text)]
    for match in _CARD.finditer(text):
        if any(a <= match.start() < b for a, b in banks):
            continue
        if not luhn.is_valid(re.sub(r"\D", "", match[0])):
            yield _suspect(number, match, "card", "its check digit (Luhn) does not fit")
    for match in _LONG.finditer(text):
        card = _CARD_WORD.search(text) and not luhn.is_valid(match[0])
        article = len(match[0]) == 13 and _GS1.fullmatch(match[0]) and not ean.is_valid(match[0])
        if card or article:
            name = "card" if card else "ean"
            yield _suspect(number, match, name, "its check digit does not fit")
    for match in _EAN_WORD.finditer(text):
        if not ean.is_valid(match[1]) and not (len(match[1]) == 13 and _GS1.fullmatch(match[1])):
            yield Suspect(number, match.start(1), match[1], "ean", "its check digit does not fit")
    for match in _ISBN.finditer(text):
        if not isbn.is_valid(match[1]):
            yield Suspect(number, match.start(1), match[1], "isbn", "its check digit does not fit")
    for match in _DATE.finditer(text):
        if not valid_date(match[0]):
            yield _suspect(number, match, "date", "there is no such day")


def _suspect(number: int, match: re.Match[str], kind: str, reason: str) -> Suspect:
    return Suspect(number, match.start(), match[0], kind, reason)


def _doubts(number: int, line: Line, text: str, edits: Sequence[Edit]) -> Iterator[Suspect]:
    """Numbers with characters that the engine was not sure of, or with letters among their digits."""
    accepted = [e for e in edits if e.accepted and e.line == number]
    unsure = {
        place + sum(len(e.after) - len(e.before) for e in accepted if e.start < place)
        for place in line.unsure or ()
    }
    for match in _NUMBER.finditer(text):
        doubted = [n for n in range(*match.span()) if n in unsure and text[n].isdigit()]
        if doubted:
            places = ", ".join(str(n - match.start() + 1) for n in doubted)
            yield _suspect(
                number, match, "unsure", f"the engine was not sure of character {places}"
            )
        core = match[0].strip("()[]{}.,;:!?€$£+-")
        letters = [n for n, c in enumerate(core) if c in DIGIT_LIKE]
        rest = [c for c in core if not c.isdigit() and c not in DIGIT_LIKE and c not in ".,/:-"]
        if letters and not rest and 0 < letters[0] < len(core) - 1:
            yield _suspect(number, match, "letter", "a letter among digits, perhaps a digit")


def _model(edits: Sequence[Edit], texts: Sequence[str]) -> Iterator[Suspect]:
    """Where the model reads a number otherwise: rejected, and worth a look."""
    for edit in edits:
        if edit.rule == "digits" and edit.before and edit.after:
            start = texts[edit.line].find(edit.before)
            if start >= 0:
                reason = f"the model reads {edit.after!r}"
                yield Suspect(edit.line, start, edit.before, "model", reason)


def _sum(texts: Sequence[str]) -> Iterator[Suspect]:
    """Net + tax = gross, where a page tells each of them once."""
    net: dict[int, int] = {}
    tax: dict[int, int] = {}
    gross: dict[int, int] = {}
    for number, text in enumerate(texts):
        words, amount = text.casefold(), _AMOUNT.search(text)
        if amount is None:
            continue
        cents = int(re.sub(r"\D", "", amount[1])) * 100 + int(amount[2])
        if _NET.search(words):
            net[number] = cents
        elif _GROSS.search(words):
            gross[number] = cents
        elif _TAX.search(words) and not _NO_TAX.search(words):
            tax[number] = cents
    if len(set(net.values())) == len(set(gross.values())) == 1 and tax:
        (first, *_), (last, *_) = net.values(), gross
        total = first + sum(tax.values())
        if total != gross[last]:
            match = _AMOUNT.search(texts[last])
            assert match
            reason = f"net {_money(first)} and tax {_money(sum(tax.values()))} make {_money(total)}"
            yield _suspect(last, match, "sum", reason)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
