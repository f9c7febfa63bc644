"""Test the suspects: numbers and words that a person should check."""

import pytest

from gating import gate_line, line
from scanmend.correction.checks import suspects
from scanmend.page import Edit, Line, TextSource


def _kinds(*texts: str) -> list[tuple[str, str]]:
    lines = [line(text) for text in texts]
    return [(s.kind, s.text) for s in suspects(lines, texts, ())]


@pytest.mark.parametrize(
    ("text", "kind", "token"),
    [
        ("IBAN DE89 3704 0044 0532 0130 01", "iban", "DE89 3704 0044 0532 0130 01"),
        ("VAT DE136695977", "vat", "DE136695977"),
        ("card 4111 1111 1111 1112", "card", "4111 1111 1111 1112"),
        ("Visa 4111111111111112", "card", "4111111111111112"),
        ("4006381333932", "ean", "4006381333932"),
        ("EAN 73513538", "ean", "73513538"),
        ("ISBN 978-3-16-148410-1", "isbn", "978-3-16-148410-1"),
        ("due 31.02.2024", "date", "31.02.2024"),
        ("due 2024-02-30", "date", "2024-02-30"),
        ("no. 12l4-5", "letter", "12l4-5"),
    ],
)
def test_a_number_that_fails_its_check_is_suspect(text: str, kind: str, token: str) -> None:
    assert _kinds(text) == [(kind, token)]


@pytest.mark.parametrize(
    "text",
    [
        "IBAN DE89 3704 0044 0532 0130 00",
        "VAT DE136695976",
        "card 4111 1111 1111 1111",
        "Visa 4111111111111111",
        "4006381333931",
        "EAN 73513537",
        "ISBN 978-3-16-148410-0",
        "due 29.02.2024",
        "9999999999999",  # not an article number: GS1 assigned no such prefix
        "order 1234567890123456",  # long, but nothing says that it is a card
        "no. l2 and 12l and a1b2",
        "no digits at all",
    ],
)
def test_a_number_that_passes_its_check_is_not_suspect(text: str) -> None:
    assert _kinds(text) == []


def test_the_groups_of_an_iban_are_not_taken_for_a_card_number() -> None:
    assert _kinds("3704 0044 0532 0130") == [("card", "3704 0044 0532 0130")]
    assert _kinds("DE89 3704 0044 0532 0130 00") == []


def test_drawn_text_is_never_suspect() -> None:
    text = "due 31.02.2024"
    drawn = Line(text, line(text).box, None, source=TextSource.DRAWN)

    assert suspects([drawn], [text], ()) == ()


def test_a_doubted_digit_is_suspect_at_its_offset_in_the_published_line() -> None:
    read = line("rnodern 12", [8, 9])
    accepted = Edit(0, 0, "rnodern", "modern", True, "ocr-plausible")

    (found,) = suspects([read], ["modern 12"], [accepted])

    assert (found.kind, found.start, found.text) == ("unsure", 7, "12")
    assert found.reason == "the engine was not sure of character 1, 2"


def test_a_number_that_the_model_reads_differently_is_suspect() -> None:
    text, edits = gate_line("Total 12 pieces", "Total 17 pieces")

    (found,) = suspects([line(text)], [text], edits)

    assert (found.kind, found.text, found.reason) == ("model", "12", "the model reads '17'")


def test_a_number_that_a_rule_repaired_is_not_suspect() -> None:
    text, edits = gate_line("Total 1O.50 net", "Total 17.50 net")

    assert text == "Total 10.50 net"
    assert [e.rule for e in edits] == ["digits", "repair-amount"]
    assert suspects([line(text)], [text], edits) == ()


@pytest.mark.parametrize(
    ("texts", "is_wrong"),
    [
        (("Net 100.00", "VAT 19 % 19.00", "Total 119.00"), False),
        (("Net 100.00", "VAT 19 % 19.00", "Total 118.00"), True),
        (("Net 100.00", "VAT 7.00", "Tax 12.00", "Total 119.00"), False),
        (
            ("Net 100.00", "incl. VAT 19.00", "Total 118.00"),
            False,
        ),  # the VAT is included in the total
        (
            ("Net 100.00", "Net 50.00", "VAT 19.00", "Total 118.00"),
            False,
        ),  # ambiguous: two net amounts
        (("Net 100.00", "Total 118.00"), False),
        (("Zwischensumme 1.000,00 EUR", "MwSt 190,00", "Gesamtbetrag 1.090,00"), True),
    ],
)
def test_a_total_that_is_not_net_plus_tax_is_suspect(
    texts: tuple[str, ...], is_wrong: bool
) -> None:
    found = suspects([line(text) for text in texts], texts, ())

    assert [s.kind for s in found] == (["sum"] if is_wrong else [])


def test_a_wrong_sum_names_the_amounts() -> None:
    texts = ("Net 100.00", "VAT 19.00", "Total 118.00")

    (found,) = suspects([line(text) for text in texts], texts, ())

    assert (found.line, found.text) == (2, "118.00")
    assert found.reason == "net 100.00 and tax 19.00 make 119.00"
