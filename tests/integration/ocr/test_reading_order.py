"""Test the order of recognised pictures, from their pixels to their lines."""

import json
from pathlib import Path

import pytest
from PIL import Image

from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.rapid import Rapid
from scanmend.ocr.layout import arrange
from scanmend.ocr.rulings import rules_of

CASES = Path(__file__).parents[2] / "cases"
TRUTH = json.loads((CASES / "truth.json").read_text())


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    return Rapid(("en",))


def lines_of(rapid: Rapid, name: str) -> list[str]:
    image = Image.open(CASES / name).convert("L")
    segments = rapid.read(UprightPage(image, 200)).segments
    return [line.text for line in arrange(segments, rules_of(image), image.size)]


def test_facing_pages_are_read_one_after_the_other(rapid: Rapid) -> None:
    wanted = TRUTH["book-spread.png"]

    assert [line for line in lines_of(rapid, "book-spread.png") if line in wanted] == wanted


def test_the_values_of_a_bank_statement_stand_in_their_columns(rapid: Rapid) -> None:
    rows = [row.split(" | ") for row in TRUTH["grid.png"]]
    found = lines_of(rapid, "grid.png")

    assert [line.split() for line in found] == [[c for c in row if c.strip()] for row in rows]
    for column in range(2, 5):
        ends = [
            line.index(row[column]) + len(row[column])
            for line, row in zip(found, rows, strict=True)
            if row[column].strip()
        ]
        assert max(ends) - min(ends) <= 1
