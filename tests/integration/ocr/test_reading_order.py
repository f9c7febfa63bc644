"""Test the order of recognised pictures, from their pixels to their lines."""

from pathlib import Path

import pytest
from PIL import Image

from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.rapid import Rapid
from scanmend.ocr.layout import arrange
from scanmend.ocr.rulings import rules_of

CASES = Path(__file__).parents[2] / "cases"
SPREAD = [
    "Chapter 4",
    "The ferry left the pier at six each",
    "morning with the mail, the milk and",
    "whoever had business in the town.",
    "In winter the ice closed the sound",
    "for weeks, and then the post came",
    "by sledge, if it came at all.",
    "Old Sorensen kept the tolls. A cow",
    "cost 12 ore, a cart 25, and people",
    "on foot paid nothing.",
    "with his pipe and a ledger bound in",
    "green cloth. On 3 April 1889 he wrote",
    "that nobody had crossed.",
    "The bridge of 1931",
    "changed all this. It was built by the",
    "county for 184,000 crowns and opened",
    "on a day of rain. The ferry was sold",
    "to a man from Ness, who took out the",
    "engine and kept hens in the hull.",
]
STATEMENT = [
    "Date | Text | Debit | Credit | Balance",
    "01.02.2024 | Opening |  |  | 1,204.50",
    "03.02.2024 | Rent | 850.00 |  | 354.50",
    "05.02.2024 | Refund |  | 12.00 | 366.50",
    "11.02.2024 | Water | 41.10 |  | 325.40",
    "28.02.2024 | Salary |  | 2,110.75 | 2,436.15",
]


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    return Rapid(("en",))


def lines_of(rapid: Rapid, name: str) -> list[str]:
    image = Image.open(CASES / name).convert("L")
    segments = rapid.read(UprightPage(image, 200)).segments
    return [line.text for line in arrange(segments, rules_of(image), image.size)]


def test_facing_pages_are_read_one_after_the_other(rapid: Rapid) -> None:
    found = lines_of(rapid, "book-spread.png")

    assert [line for line in found if line in SPREAD] == SPREAD


def test_the_values_of_a_bank_statement_stand_in_their_columns(rapid: Rapid) -> None:
    rows = [row.split(" | ") for row in STATEMENT]
    found = lines_of(rapid, "grid.png")

    assert [line.split() for line in found] == [[c for c in row if c.strip()] for row in rows]
    for column in range(2, 5):
        ends = [
            line.index(row[column]) + len(row[column])
            for line, row in zip(found, rows, strict=True)
            if row[column].strip()
        ]
        assert max(ends) - min(ends) <= 1
