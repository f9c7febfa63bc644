"""Find the numbers that a person should check: their check digits fail, or the engine doubted them.

This module reports them; nothing here changes a text.
"""

import re
from collections.abc import Iterator, Sequence

from stdnum import ean, iban, isbn, luhn
from stdnum.eu import vat

from scanmend.correction.digits import DIGIT_LIKE
from scanmend.correction.iban import IBAN_SHAPE
from scanmend.correction.number_forms import is_valid_date
from scanmend.correction.protected import overlaps
from scanmend.correction.rules import RuleName
from scanmend.page import Edit, Line, Suspect, TextSource

_IBAN = re.compile(IBAN_SHAPE)
_VAT = re.compile(
    r"\b(?:ATU ?\d{8}|BE ?[01]\d{3}[. ]?\d{3}[. ]?\d{3}|DE ?\d{3} ?\d{3} ?\d{3}"
    r"|ES ?[A-Z]\d{7}[A-Z0-9]|ES ?\d{8}[A-Z]|FR ?\d{2} ?\d{3} ?\d{3} ?\d{3}|IT ?\d{11}|LU ?\d{8}|NL ?\d{9}B\d{2}|PL ?\d{10})(?![\w])"
)
_GROUPED_CARD = re.compile(r"(?<![\w.,-])\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?![\w-])")
_CARD_LABEL = re.compile(
    r"(?i)\b(?:cards?|karten?|kredit\w*|carte|tarjeta|carta|kaart|visa|mastercard|amex|maestro)\b"
)
_LONG_NUMBER = re.compile(r"(?<![\w.,-])\d{13,19}(?![\w.,-])")
_LABELLED_EAN = re.compile(
    r"(?i)\b(?:EAN|GTIN|UPC)(?:-?(?:8|12|13|14))?[\s:.#]+(\d{8}|\d{12,14})(?!\d)"
)
_ISBN = re.compile(r"(?i)\bISBN(?:-1[03])?[\s:]*((?:\d[ -]?){9,12}[\dX])(?![\d])")
# prefixes that GS1 has assigned to a country, or to books
_GS1_PREFIX = re.compile(r"(?:3[0-7]|4[0-4]|50|54|57|64|7[036]|8[0-4]|87|9[01]|97[89])\d*")
_DATE_IN_TEXT = re.compile(
    r"(?<![\d.,/-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])"
    r"|(?<![\d/-])(\d{4})-(\d\d)-(\d\d)(?![\d-])"
)
# Starts where a word starts: without that, matching a line of one long word would take time that is
# quadratic in its length.
_WORD_WITH_DIGIT = re.compile(r"(?<!\S)\S*\d\S*")
_AMOUNT_AT_END = re.compile(
    r"(\d{1,3}(?:[.,' \u00a0\u202f]\d{3}){1,5}|\d{1,15})[.,](\d{2})(?=\s*(?:[€$£¥]|[A-Z]{3})?\s*$)"
)

_NET = re.compile(
    r"\b(?:net|netto\w*|sub-?total|subtotaal|zwischensumme|imponibile|base imponible|h\.?t\.?"
    r"|hors taxes?|(?:excl|exkl)\w*|ohne)\b"
)
_GROSS = re.compile(
    r"\b(?:total|gross|brutto\w*|gesamt\w*|summe|rechnungsbetrag|endbetrag|t\.?t\.?c\.?|totale"
    r"|totaal|amount due|zu zahlen)\b"
)
# words of a line whose amount is added to the net amount
_ADDED = re.compile(
    r"\b(?:vat|tax|mwst|ust|umsatzsteuer|mehrwertsteuer|tva|iva|btw|gst|rounding|rundung\w*)\b"
)
# words of a line whose tax is already part of another amount
_INCLUDED = re.compile(
    r"\b(?:incl\w*|inkl\w*|inclu\w*|enthalten\w*|darin|davon|dont|di cui|waarvan|discount|rabatt)\b"
)

_WRONG_CHECK_DIGIT = "its check digit does not fit"


def suspects(
    lines: Sequence[Line], texts: Sequence[str], edits: Sequence[Edit]
) -> tuple[Suspect, ...]:
    """Return the numbers to check on a page, in reading order.

    ``lines`` are the page's lines as read, ``texts`` the same lines as published, ``edits`` those
    of all lines. Text that a PDF draws is exact: none of it can have been misread.
    """
    found: list[Suspect] = []
    for line_index, (line, text) in enumerate(zip(lines, texts, strict=True)):
        if line.source != TextSource.DRAWN and any(map(str.isdigit, text)):
            found += _failed_bank_checks(line_index, text)
            found += _failed_article_checks(line_index, text)
            found += _impossible_dates(line_index, text)
            found += _doubted_numbers(line_index, line, text, edits)
    found += _numbers_that_model_disputes(edits, texts)
    if any(line.source != TextSource.DRAWN for line in lines):
        found += _wrong_sum(texts)
    return tuple(sorted(found, key=lambda s: (s.line, s.start)))


def _suspect(
    line_index: int, match: re.Match[str], kind: str, reason: str, group: int = 0
) -> Suspect:
    """Return the matched text, or one group of it, as a suspect on line ``line_index``."""
    return Suspect(line_index, match.start(group), match[group], kind, reason)


def _failed_bank_checks(line_index: int, text: str) -> Iterator[Suspect]:
    """Yield IBANs, VAT numbers and grouped card numbers that fail their own check."""
    ibans = list(_IBAN.finditer(text))
    for match in ibans:
        if not iban.is_valid(match[0]) and not _VAT.match(match[0]):
            yield _suspect(
                line_index, match, "iban", "its check digits (mod 97) or its length do not fit"
            )
    for match in _VAT.finditer(text):
        if not vat.is_valid(match[0]):
            yield _suspect(line_index, match, "vat", "the VAT number's check digits do not fit")
    spans = [match.span() for match in ibans]
    for match in _GROUPED_CARD.finditer(text):
        first = (match.start(), match.start() + 1)
        if not overlaps(first, spans) and not luhn.is_valid(re.sub(r"\D", "", match[0])):
            yield _suspect(line_index, match, "card", "its check digit (Luhn) does not fit")


def _failed_article_checks(line_index: int, text: str) -> Iterator[Suspect]:
    """Yield ungrouped cards, article numbers and book numbers that fail their own check.

    A number of 13 digits whose prefix GS1 assigned is checked anywhere; any other number only
    behind "EAN" or the like.
    """
    for match in _LONG_NUMBER.finditer(text):
        is_wrong_card = _CARD_LABEL.search(text) and not luhn.is_valid(match[0])
        if is_wrong_card:
            yield _suspect(line_index, match, "card", _WRONG_CHECK_DIGIT)
        elif _is_article(match[0]) and not ean.is_valid(match[0]):
            yield _suspect(line_index, match, "ean", _WRONG_CHECK_DIGIT)
    for match in _LABELLED_EAN.finditer(text):
        if not ean.is_valid(match[1]) and not _is_article(match[1]):
            yield _suspect(line_index, match, "ean", _WRONG_CHECK_DIGIT, group=1)
    for match in _ISBN.finditer(text):
        if not isbn.is_valid(match[1]):
            yield _suspect(line_index, match, "isbn", _WRONG_CHECK_DIGIT, group=1)


def _is_article(digits: str) -> bool:
    """Return whether digits of any number are those of an article (EAN-13)."""
    return len(digits) == 13 and _GS1_PREFIX.fullmatch(digits) is not None


def _impossible_dates(line_index: int, text: str) -> Iterator[Suspect]:
    """Yield dates that no calendar has, such as 31.02.2024."""
    for match in _DATE_IN_TEXT.finditer(text):
        if not is_valid_date(match[0]):
            yield _suspect(line_index, match, "date", "there is no such day")


def _doubted_numbers(
    line_index: int, line: Line, text: str, edits: Sequence[Edit]
) -> Iterator[Suspect]:
    """Yield numbers with digits that the engine doubted, or with a letter among their digits."""
    accepted = [e for e in edits if e.accepted and e.line == line_index]
    unsure = {
        offset + sum(len(e.after) - len(e.before) for e in accepted if e.start < offset)
        for offset in line.unsure or ()
    }
    for match in _WORD_WITH_DIGIT.finditer(text):
        doubted = [n for n in range(*match.span()) if n in unsure and text[n].isdigit()]
        if doubted:
            positions = ", ".join(str(n - match.start() + 1) for n in doubted)
            reason = f"the engine was not sure of character {positions}"
            yield _suspect(line_index, match, "unsure", reason)
        if _has_letter_among_digits(match[0].strip("()[]{}.,;:!?€$£+-")):
            yield _suspect(line_index, match, "letter", "a letter among digits, perhaps a digit")


def _has_letter_among_digits(core: str) -> bool:
    """Return whether a number has letters inside, all of which look like digits."""
    letters = [n for n, c in enumerate(core) if c in DIGIT_LIKE]
    if not letters or not 0 < letters[0] < len(core) - 1:
        return False
    return all(c.isdigit() or c in DIGIT_LIKE or c in ".,/:-" for c in core)


def _numbers_that_model_disputes(edits: Sequence[Edit], texts: Sequence[str]) -> Iterator[Suspect]:
    """Yield the numbers that the model wanted to change; the gate rejected these edits."""
    for edit in edits:
        if edit.rule == RuleName.DIGITS and edit.before and edit.after:
            start = texts[edit.line].find(edit.before)
            if start >= 0:
                reason = f"the model reads {edit.after!r}"
                yield Suspect(edit.line, start, edit.before, "model", reason)


def _wrong_sum(texts: Sequence[str]) -> Iterator[Suspect]:
    """Yield the gross amount if the page states net, tax and gross, and they do not add up."""
    # all amounts in cents
    net: set[int] = set()
    taxes: list[int] = []
    gross: set[int] = set()
    first_gross: tuple[int, re.Match[str]] | None = None
    for line_index, text in enumerate(texts):
        folded, amount = text.casefold(), _AMOUNT_AT_END.search(text)
        if amount is None:
            continue
        cents = int(re.sub(r"\D", "", amount[1])) * 100 + int(amount[2])
        if _NET.search(folded):
            net.add(cents)
        elif _GROSS.search(folded):
            gross.add(cents)
            first_gross = first_gross or (line_index, amount)
        elif _ADDED.search(folded) and not _INCLUDED.search(folded):
            taxes.append(cents)
    if len(net) == len(gross) == 1 and taxes and first_gross:
        (net_cents,), (gross_cents,) = net, gross
        total = net_cents + sum(taxes)
        if total != gross_cents:
            reason = f"net {_money(net_cents)} and tax {_money(sum(taxes))} make {_money(total)}"
            yield _suspect(*first_gross, "sum", reason)


def _money(cents: int) -> str:
    """Return an amount with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"
