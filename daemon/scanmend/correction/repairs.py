"""Repair numbers and commas by rule alone, without the model.

A letter that engines confuse with a digit becomes the digit where the number is then well formed in
exactly one way. A digit changes in one case only: in an IBAN, at characters that the engine itself
marked as unsure, when then, and only then, the checksum holds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stdnum import ean, luhn

from scanmend.correction.digits import DIGIT_LIKE, as_digits
from scanmend.correction.iban import MISREAD_IBAN, IbanReading
from scanmend.correction.lexicon import Lexicon
from scanmend.correction.number_forms import LongNumber, NumberWord
from scanmend.correction.protected import CURRENCIES, DIGIT, WORD, Span, overlaps
from scanmend.correction.rules import Rule, RuleName, Stage

MIN_DIGITS_FOR_LONG_NUMBERS = 6  # a line with fewer is not searched for IBANs, cards, articles

_LIKE = "".join(map(re.escape, DIGIT_LIKE))
_MISREAD_CARD = re.compile(
    rf"(?<![\w.,-])[\d{_LIKE}]{{4}}(?:([ -]?)[\d{_LIKE}]{{4}})(?:\1[\d{_LIKE}]{{4}}){{2}}(?![\w-])"
)
_MISREAD_EAN = re.compile(rf"(?<![\w.,-])[\d{_LIKE}]{{13}}(?![\w-])")

_EDGE = re.compile(rf"^[(\[{{{CURRENCIES}+-]*|[)\]}};:!?.,{CURRENCIES}-]*$")
# A word that begins with one stays as read: S may be a dollar sign, and B and D begin codes.
_FIRST_LETTERS_LEFT_ALONE = frozenset("SsBDGgQ")

_FULL_STOP_WITHIN_SENTENCE = re.compile(r"(?<![^\s(])[^\W\d_]{4,}(?=\. [^\W\d_A-ZÀ-ÖØ-Þ]{2})")
# Behind a full stop, one of these ends a web address or a file name into which the engine read a space.
_ADDRESS_ENDING = re.compile(
    r"\. (?:com|org|net|edu|gov|info|biz|eu|uk|de|fr|nl|ch|at|co|io|html?|php|aspx?|pdf|docx?|xlsx?|pptx?|odt|txt|rtf|csv"
    r"|xml|json|ya?ml|zip|exe|jpe?g|png|tiff?|gif|mp[34])(?![^\W_])"
)
# the start of an address that goes on to the end of the text, perhaps with spaces behind its full stops
_OPEN_ADDRESS = re.compile(r"(?i)(?:\bwww\b|://|@)\S*(?:\. \S*)*$")
# abbreviations of four letters and more, which end with a full stop
_LONG_ABBREVIATIONS = frozenset(
    """
    abbr acct addr approx appt assn assoc attn bldg bros calif cert chap conn cont corp dept desc
    dist encl equip excl figs govt hosp intro mass mgmt minn orig penn pers phys sect sept ster
    tech tenn thur thurs tues vols wash
    incl info intl maint natl paras prev prof prop prov qual recd refs regd spec specs suppl temp
    univ warr
    abschn abzgl ausschl bzgl einschl engl entspr evtl exkl franz gegr gesch inkl insb insbes jährl
    mind monatl mündl nachm schriftl sogen stellv tägl usw verh vers vorm zuzgl zzgl
    aprox admin dcha depto excmo izda izqda máxs mtro núms págs pral sres srta teléf
    bijv boul bull chap coll dépt docs env étab juil janv févr magas mens munic réfs suiv trim artt
    dott spett sigg
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair of ``text[start:start + len(before)]``, and the rule that made it."""

    start: int
    before: str
    after: str
    rule: RuleName

    @property
    def span(self) -> Span:
        """Return the offsets of the replaced text, the end exclusive."""
        return (self.start, self.start + len(self.before))


@dataclass(frozen=True, slots=True)
class FullStop:
    """A full stop between a word and a lower-case letter.

    ``is_unsure``: the engine doubted it. ``is_in_address``: it seems to belong to a web or mail
    address or a file name. ``is_word_known``: the word is in the lexicon, or none is consulted.
    """

    word: str
    is_unsure: bool
    is_in_address: bool = False
    is_word_known: bool = True

    @property
    def ends_abbreviation(self) -> bool:
        """Return whether the word is an abbreviation, or may be one as it is no known word."""
        return self.word.casefold() in _LONG_ABBREVIATIONS or not self.is_word_known


_ONE_WAY = "the number is well formed in no other way"
IBANS: Stage[IbanReading] = Stage(
    "IBANs",
    "Tried on each IBAN of a known country, in a line of six digits or more.",
    (
        Rule(
            RuleName.REPAIR_IBAN,
            lambda iban: iban.repaired not in (None, iban.text),
            "letters become digits, or digits that the engine doubted (up to three) become similar"
            " ones, and the IBAN is then valid",
            "the checksum (mod 97) proves it; no other IBAN with one similar digit changed is valid",
            accepts=True,
        ),
    ),
)
CARDS: Stage[LongNumber] = Stage(
    "Card numbers",
    "Tried on four groups of four characters outside IBANs.",
    (
        Rule(
            RuleName.REPAIR_CARD,
            lambda number: number.repair_passes(luhn.is_valid),
            "up to three letters stand for digits",
            "the check digit (Luhn) proves it",
            accepts=True,
        ),
    ),
)
ARTICLES: Stage[LongNumber] = Stage(
    "Article numbers",
    "Tried on thirteen characters outside IBANs.",
    (
        Rule(
            RuleName.REPAIR_EAN,
            lambda number: number.repair_passes(ean.is_valid),
            "up to three letters stand for digits",
            "the check digit (EAN-13) proves it",
            accepts=True,
        ),
    ),
)
OTHER_NUMBERS: Stage[NumberWord] = Stage(
    "Other numbers",
    "Tried on each word that has at least as many digits as letters that look like digits. The first"
    " rule that applies repairs it.",
    (
        Rule(
            RuleName.REPAIR_PERCENTAGE,
            lambda word: word.is_percentage,
            "the word is a percentage, except for letters that look like digits",
            _ONE_WAY,
            accepts=True,
        ),
        Rule(
            RuleName.REPAIR_AMOUNT,
            lambda word: word.is_amount,
            "the word is an amount with two decimals, except for letters that look like digits, and"
            " not a time of day",
            _ONE_WAY,
            accepts=True,
        ),
        Rule(
            RuleName.REPAIR_TIME,
            lambda word: word.is_time,
            "the word is a time of day, except for letters that look like digits",
            _ONE_WAY,
            accepts=True,
        ),
        Rule(
            RuleName.REPAIR_DATE,
            lambda word: word.is_date,
            "the word is a day of the calendar, except for letters that look like digits",
            _ONE_WAY,
            accepts=True,
        ),
        Rule(
            RuleName.REPAIR_DOSE,
            lambda word: word.is_dose,
            "the word is a number, except for O, I and l, and a unit of dose follows",
            "before a unit only a number can stand; a last l stays, because it may mean litres",
            accepts=True,
        ),
    ),
)
COMMAS: Stage[FullStop] = Stage(
    "Commas",
    "Tried on each full stop between a word of four letters or more and a lower-case letter.",
    (
        Rule(
            RuleName.REPAIR_COMMA,
            lambda stop: stop.is_unsure and not stop.is_in_address and not stop.ends_abbreviation,
            "the engine doubted the full stop, the word before it is known and no abbreviation, and"
            " no address or file name goes on behind it",
            "few pixels distinguish a comma from a full stop, and the sentence goes on; 29 of 33"
            " such full stops were commas",
            accepts=True,
        ),
    ),
)


def repair_numbers(text: str, unsure: Sequence[int] | None = None) -> list[Repair]:
    """Return the repairs of numbers, from left to right; none overlap.

    ``unsure`` holds the offsets of the characters that the engine doubted.

    >>> [(r.before, r.after, str(r.rule)) for r in repair_numbers("Total: $1O0.00")]
    [('$1O0.00', '$100.00', 'repair-amount')]
    >>> repair_numbers("Room 1O, gear B12")
    []
    """
    digits = len(DIGIT.findall(text))
    found: list[Repair] = []
    taken: list[Span] = []
    if digits >= MIN_DIGITS_FOR_LONG_NUMBERS:
        found, taken = _repair_long_numbers(text, frozenset(unsure or ()))
    if digits:
        found += _repair_words(text, taken)
    return sorted(found, key=lambda r: r.start)


def repair_commas(
    text: str, unsure: Sequence[int] | None = None, lexicon: Lexicon | None = None
) -> list[Repair]:
    """Return the repairs of full stops within a sentence that the engine doubted: they are commas.

    With a ``lexicon``, the word before the full stop must be known: else it may be an abbreviation.

    >>> [(r.start, r.before, r.after) for r in repair_commas("with iron nails. probably", [15])]
    [(15, '.', ',')]
    >>> repair_commas("with iron nails. probably", []), repair_commas("incl. tax", [4])
    ([], [])
    """
    doubted = frozenset(unsure or ())
    repairs = []
    for match in _FULL_STOP_WITHIN_SENTENCE.finditer(text):
        stop = FullStop(
            match[0],
            match.end() in doubted,
            is_in_address=_ADDRESS_ENDING.match(text, match.end()) is not None
            or _OPEN_ADDRESS.search(text[: match.end()]) is not None,
            is_word_known=lexicon is None or lexicon.frequency(match[0]) > 0,
        )
        rule = COMMAS.first(stop)
        if rule:
            repairs.append(Repair(match.end(), ".", ",", rule.name))
    return repairs


def _repair_long_numbers(text: str, unsure: frozenset[int]) -> tuple[list[Repair], list[Span]]:
    """Return the repairs of IBANs, cards and articles, and the spans to leave alone afterwards."""
    found = []
    taken = []
    for match in MISREAD_IBAN.finditer(text):
        taken.append(match.span())  # valid or not, its groups don't belong to a card
        iban = IbanReading(match[0], frozenset(at - match.start() for at in unsure))
        rule = IBANS.first(iban)
        if rule and iban.repaired:
            found.append(Repair(match.start(), match[0], iban.repaired, rule.name))
    for pattern, stage in ((_MISREAD_CARD, CARDS), (_MISREAD_EAN, ARTICLES)):
        for match in pattern.finditer(text):
            number = LongNumber(match[0])
            rule_of_number = None if overlaps(match.span(), taken) else stage.first(number)
            if rule_of_number:
                found.append(Repair(match.start(), match[0], number.repaired, rule_of_number.name))
    return found, taken + [repair.span for repair in found]


def _repair_words(text: str, taken: list[Span]) -> Iterator[Repair]:
    """Yield the repairs of amounts, dates, times, percentages and doses outside of ``taken``."""
    for match in WORD.finditer(text):
        word = match[0]
        if word.isalpha() or word.isdecimal() or overlaps(match.span(), taken):
            continue
        head, tail = _core_span(word)
        number = _number_word(match, head, tail)
        rule = OTHER_NUMBERS.first(number) if number else None
        if number and rule:
            after = word[:head] + number.digits + word[tail:]
            yield Repair(match.start(), word, after, rule.name)


def _number_word(match: re.Match[str], head: int, tail: int) -> NumberWord | None:
    """Return the number ``match[0][head:tail]``; None if none of its letters may be a digit."""
    core = match[0][head:tail]
    if not core or not core.isascii() or core[0] in _FIRST_LETTERS_LEFT_ALONE:
        return None
    letters = sum(c in DIGIT_LIKE for c in core)
    if not letters or sum(c.isdigit() for c in core) < letters:
        return None
    following = match.string[match.end() :]
    return NumberWord(core, as_digits(core), tail < len(match[0]), following)


def _core_span(word: str) -> Span:
    """Return the span of a word without the brackets, currencies and punctuation around it."""
    edges = list(_EDGE.finditer(word))
    head, tail = edges[0].end(), len(word)
    for edge in edges:
        if edge.end() == len(word) and edge.start() >= head:
            tail = min(tail, edge.start())
    return head, tail
