"""Make lines of invoices, receipts, statements, letters, prescriptions, forms and tables, in six languages.

The words are our own and Faker's (MIT); numbers, codes and addresses are random. Each template is the layout of one line.
"""

import functools
import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faker import Faker

LOCALES = {"en": "en_GB", "de": "de_DE", "es": "es_ES", "fr": "fr_FR", "it": "it_IT", "nl": "nl_NL"}
FOREIGN = (  # locales of names in languages that the prose does not cover
    "pl_PL",
    "cs_CZ",
    "tr_TR",
    "hu_HU",
    "ro_RO",
    "sv_SE",
    "pt_PT",
    "da_DK",
    "hr_HR",
    "fi_FI",
    "el_GR",
)
# words for totals, labels, items and phrases, by language
WORDS: dict[str, dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("document_words.json").read_text(encoding="utf-8")
)
DRUGS = [
    *("Paracetamol", "Ibuprofen", "Amoxicillin", "Metformin", "Ramipril"),
    *("Simvastatin", "Omeprazol", "Levothyroxin", "Bisoprolol", "Prednisolon"),
]
CODE_SHAPES = [  # "#" stands for a digit, "A" for a capital
    *("######", "AA-####", "####/##", "A##-###A", "##.###.##"),
    *("RE-####-###", "AAA#####", "#A#A#A#", "6204-#AA", "AA ## ### ###"),
]
UNITS = ["mg", "ml", "g", "µg", "IE", "kg", "m", "cm", "mm", "l", "pcs", "Stk", "h", "kWh", "m²"]


SLOGANS = ("en", "es", "it")  # languages for which Faker has slogans
PACKAGES = ["Tabl.", "N1", "N2", "Filmtabletten", "Tropfen", "tablets"]
LAYOUTS = [  # templates of a line, which ``_Fields`` fills
    "{total}:{gap}{amount}",
    "{total}{gap}{amount}",
    "{total} {percent}%{gap}{amount}",
    "{label} {number}",
    "{label}: {number}",
    "{label}{gap}{date}",
    "{label} {number} {date}",
    "{count} {item}{gap}{amount}",
    "{count} x {item} {amount}",
    "{number}{gap}{item}{gap}{count}{gap}{amount}",
    "{item}{gap}{amount}",
    "{item}, {small_item}",
    "{item}",
    "{phrase}",
    "{phrase} {date}",
    "{name}",
    "{company}",
    "{street}",
    "{postcode} {city}",
    "{city}",
    "{name}, {city}",
    "Tel. {phone_number}",
    "{email}",
    "www.{domain_name}",
    "IBAN {iban}",
    "{drug} {strength} {drug_unit} {dose}-{dose}-{dose}",
    "{drug} {package}",
    "{job}",
    "{last_name}, {first_name}",
    "{date}{gap}{item}{gap}{amount}",
    "{date} {company} {amount}",
    "{count},{digit} {unit}",
    "{label}: {name}",
    "{sentence}",
    "{slogan}",
    "{letter}) {phrase}",
    "{list_number}. {phrase}",
    "{phrase} {other_phrase}",
    "[ ] {item}   [x] {other_item}",
    "| {item} | {count} | {amount} |",
    "{capital_total}{gap}{amount}",
    "{capital_item}{gap}{amount}",
    "{capital_company}",
    "def {user_name}(x): return x[{count}]",
    "{user_name}@{domain_name} {number}",
    "{label} ........ {count}",
    "{phrase} ({label} {number})",
]


@functools.cache
def _faker(language: str) -> Any:
    return Faker(LOCALES.get(language, language))


def foreign_name(rng: random.Random) -> str:
    """Return a name, a place or a firm of a language that the prose does not cover."""
    fake = _faker(rng.choice(FOREIGN))
    return str(rng.choice([fake.name, fake.last_name, fake.city, fake.company])())


def _amount(rng: random.Random, language: str) -> str:
    """Return an amount of money as the language writes it."""
    value = rng.choice([rng.uniform(0.2, 30), rng.uniform(1, 1000), rng.uniform(1000, 90000)])
    text = f"{value:,.2f}"
    if language == "en":
        return rng.choice([text, f"${text}", f"£{text}", f"{text} GBP", f"USD {text}"])
    separator = rng.choice([".", " ", ""]) if language != "fr" else " "
    text = text.replace(",", "\0").replace(".", ",").replace("\0", separator)
    return rng.choice([text, f"{text} €", f"€ {text}", f"{text} EUR", f"EUR {text}"])


def code(rng: random.Random) -> str:
    """Return a number of an invoice, an article or a customer."""
    drawn_from = {"#": string.digits, "A": string.ascii_uppercase}
    shape = rng.choice(CODE_SHAPES)
    return "".join(rng.choice(drawn_from[c]) if c in drawn_from else c for c in shape)


def _date(rng: random.Random) -> str:
    d, m, y = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1990, 2030)
    day, month = f"{d:02}", f"{m:02}"
    german, short = f"{day}.{month}.{y}", f"{d}.{m}.{y % 100:02}"
    slashes, iso, dashes = f"{day}/{month}/{y}", f"{y}-{month}-{day}", f"{day}-{month}-{y}"
    return rng.choice([german, slashes, iso, short, dashes])


class _Fields(dict[str, str]):
    """The fields of a layout. Rare fields are drawn only when a layout has them."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._language = language = rng.choice([*WORDS, "en", "en"])
        for kind in ("total", "label", "item", "phrase"):
            self[kind] = rng.choice(WORDS[language][kind])
        self["gap"] = " " * rng.choice([1, 1, 2, 4, 8])
        self["amount"] = _amount(rng, language)
        self["number"] = code(rng)
        self["date"] = _date(rng)
        self["count"] = str(rng.randrange(1, 200))

    def __missing__(self, name: str) -> str:
        """Return a newly drawn field."""
        rng, language, fake = self._rng, self._language, _faker(self._language)
        words = WORDS[language]
        drawn: dict[str, Callable[[], Any]] = {
            "percent": lambda: rng.choice([7, 19, 20, 21]),
            "other_item": lambda: rng.choice(words["item"]),
            "small_item": lambda: rng.choice(words["item"]).lower(),
            "other_phrase": lambda: rng.choice(words["phrase"]),
            "capital_total": self["total"].upper,
            "capital_item": self["item"].upper,
            "drug": lambda: rng.choice(DRUGS),
            "strength": lambda: rng.choice([5, 10, 20, 100, 250, 500]),
            "drug_unit": lambda: rng.choice(UNITS[:5]),
            "unit": lambda: rng.choice(UNITS),
            "package": lambda: rng.choice(PACKAGES),
            "dose": lambda: rng.randrange(2),
            "digit": lambda: rng.randrange(10),
            "letter": lambda: rng.choice("ABCDEF"),
            "list_number": lambda: rng.randrange(1, 30),
            "street": lambda: fake.street_address().replace("\n", ", "),
            "sentence": lambda: fake.sentence(nb_words=rng.randrange(4, 11)),
            "slogan": lambda: fake.catch_phrase() if language in SLOGANS else self["phrase"],
            "capital_company": lambda: fake.company().upper(),
        }
        if name in drawn:
            return str(drawn[name]())
        return str(getattr(fake, name)())  # name, company, city …


def document_line(rng: random.Random) -> str:
    """Return a line in a random layout and language."""
    fields = _Fields(rng)
    text = rng.choice(LAYOUTS).format_map(fields)
    return " ".join(text.split("\n")).strip() or fields["item"]
