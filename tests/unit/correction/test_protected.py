"""Test the tokens that no model may change."""

import pytest

from gating import RULES, published
from scanmend.config.profiles import Profile
from scanmend.correction.protected import overlaps, protected_spans

TOKENS = [
    *("1.234,56 €", "1 234,56", "1'234.50", "$1,234.56", "EUR 12,-", "12/03/2024", "12.03.2024"),
    *("2024-03-12", "14:35", "19 %", "7,5%", "0.5 mg", "2 × 250 ml", "+49 (0) 30 123-456"),
    *("DE89 3704 0044 0532 0130 00", "COBADEFFXXX", "4111 1111 1111 1111", "4006381333931"),
    *("978-3-16-148410-0", "DE136695976", "6204-2RS", "RE-2024/0815-A", "anna@linden.example"),
    *("https://linden.example/a?b=c", "-12,50", "(3.00)", "½ l", "20°C", "§ 312b"),
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("other", ["", "9", "l", "€", "12.35", "4111 1111 1111 1112", "Tausend"])
def test_no_protected_token_changes(token: str, other: str) -> None:
    text = f"the amount {token} was paid"

    for proposal in (
        text.replace(token, other),
        text.replace(token, token[::-1]),
        text.replace(token, other + token),
        text.replace(token, token[1:]),
        text.replace(token, token[:-1]),
        text.replace(token, token.replace(".", ",")),
        text.replace(token, token.replace(" ", "")),
        text.replace(token, token.replace("1", "7")),
        text.replace(token, token.upper() + other),
        f"{token} was the amount paid",
    ):
        assert published(text, proposal) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chapter XXVIII of seven", ["XXVIII", "seven"]),
        ("BIC COBADEFFXXX, not COBAXXFFXXX", ["COBADEFFXXX"]),
        ("a½b and (Million)", ["a½b", "(Million)"]),
        ("10 kg of AB-CD.E at www.a.example", ["10", "kg", "AB-CD.E", "www.a.example"]),
    ],
)
def test_numbers_codes_and_addresses_are_protected(text: str, words: list[str]) -> None:
    found = {text[slice(*span)] for span in protected_spans(text)}

    assert found >= set(words)
    assert "COBAXXFFXXX" not in found


def test_a_profile_protects_its_words() -> None:
    rules = Profile("medical", "correct", protect=(r"\bParacetamo1?l\b",)).gate_rules

    assert published("Paracetamol tabIet", "Paracetamel tablet", rules) == "Paracetamol tablet"
    assert published("Paracetamol tabIet", "Paracetamel tablet", RULES) != "Paracetamol tablet"


def test_spans_that_touch_do_not_overlap() -> None:
    assert overlaps((2, 5), [(0, 1), (4, 9)])
    assert not overlaps((2, 5), [(0, 2), (5, 9)])
