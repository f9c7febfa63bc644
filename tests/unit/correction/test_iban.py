"""Test the form of IBANs by country, and the repair of misread ones."""

import random
import re

import pytest
from stdnum import iban, numdb

from gating import line, published
from scanmend.correction.checks import suspects
from scanmend.correction.digits import DIGIT_LIKE
from scanmend.correction.iban import IBAN_SHAPE, MASKS, MISREAD_IBAN, IbanReading

# The numbers of digits (n), capitals (a) and characters of either kind (c) after the check digits, by the ISO 13616
# registry. They are written out here so that a change in the library's edition of the registry fails a test.
ACCOUNTS = """
    AT 16n; BE 12n; CH 5n12c; CZ 20n; DE 18n; DK 14n; EE 16n; ES 20n; FI 14n; FR 10n11c2n; GB 4a14n; HR 17n; HU 24n
    IE 4a14n; IT 1a10n12c; LI 5n12c; LT 16n; LU 3n13c; MC 10n11c2n; NL 4a10n; NO 11n; PL 24n; PT 21n; SE 20n; SI 15n
    SK 20n
"""
LIKE = {digit: letter for letter, digit in DIGIT_LIKE.items() if letter.isupper()}
REGISTERED = sorted(prefix for _, prefix, *_ in numdb.get("iban").prefixes)
GOOD = "DE02 1203 0000 0000 2020 51"


def _valid(country: str, rng: random.Random) -> str:
    """Return a valid IBAN of this country, in groups of four."""
    ((_, properties),) = numdb.get("iban").info(country)
    kinds = {"n": "0123456789", "a": "ABCDEFGHKLM", "c": "0123456789ABCDEFGHKLM"}
    groups = re.findall(r"(\d+)!([nac])", properties["bban"])
    while True:
        account = "".join(
            rng.choice(kinds[kind]) for length, kind in groups for _ in range(int(length))
        )
        number = country + iban.calc_check_digits(f"{country}00{account}") + account
        if iban.is_valid(number):
            return iban.format(number)


@pytest.mark.parametrize("country", REGISTERED)
def test_every_country_has_a_recognised_shape(country: str) -> None:
    number = _valid(country, random.Random(country))

    assert re.fullmatch(IBAN_SHAPE, number)


def test_the_masks_agree_with_the_registry() -> None:
    written = dict(
        entry.split() for entry in ACCOUNTS.replace("\n", ";").split(";") if entry.strip()
    )
    masks = {
        country: "aann" + "".join(kind * int(n) for n, kind in re.findall(r"(\d+)([nac])", account))
        for country, account in written.items()
    }

    assert masks == MASKS


@pytest.mark.parametrize("country", MASKS)
def test_letters_at_the_positions_of_digits_are_repaired(country: str) -> None:
    rng = random.Random(country)
    for _ in range(20):
        good = _valid(country, rng)
        offsets = [n for n, c in enumerate(good) if c != " "]
        digits = [
            n
            for n, kind in zip(offsets, MASKS[country], strict=True)
            if kind == "n" and good[n] in LIKE
        ]
        misread = good
        for at in rng.sample(digits, min(2, len(digits))):
            misread = misread[:at] + LIKE[good[at]] + misread[at + 1 :]

        assert MISREAD_IBAN.fullmatch(misread)
        assert IbanReading(misread, frozenset()).repaired == good


def test_a_digit_is_repaired_where_the_engine_was_unsure() -> None:
    misread = GOOD.replace("20 51", "20 57")
    last = len(misread) - 1

    assert published(line(misread, [last]), None) == GOOD
    assert published(line(misread, []), None) == misread
    assert published(line(misread), None) == misread
    # the engine doubted another digit: the mistake is reported, not repaired
    assert published(line(misread, [5]), None) == misread
    assert [s.kind for s in suspects([line(misread)], [misread], ())] == ["iban"]
    # a model can not repair it
    assert published(misread, GOOD) == misread


def test_nothing_is_repaired_when_two_repairs_would_be_valid() -> None:
    misread = "DE89 3704 0044 0582 0130 00"  # 0532 was printed, but another repair is valid too

    assert published(line(misread, [17]), None) == misread


def test_nothing_is_repaired_when_the_engine_doubted_many_digits() -> None:
    misread = GOOD.replace("20 51", "20 57")

    assert published(line(misread, [5, 10, 15, len(misread) - 1]), None) == misread


def test_a_letter_that_resembles_no_digit_is_not_repaired() -> None:
    assert published("DE02 1203 0000 0000 2020 5X", None) == "DE02 1203 0000 0000 2020 5X"


def test_a_digit_of_another_script_is_not_repaired() -> None:
    """Guard against a failed look-up, which ended the correction of the whole page."""
    wide = GOOD.replace("20 51", "２0 57")

    assert published(line(wide, [len(wide) - 1]), None) == GOOD.replace("20 51", "２0 51")
