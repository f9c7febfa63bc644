"""Test which characters are dropped as parts of rules or details of pictures, on drawn pages with invented readings."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.ocr.engines.base import Segment, UprightPage
from scanmend.ocr.strays import without_strays
from scanmend.page import Box, CharAlternatives

HEIGHT = 40
FONT = ImageFont.load_default(32)


def _cut(drawn: str, read: str, *rules: tuple[float, float, float, float]) -> str:
    """Return what is left of ``read`` where ``drawn`` stands at (200, 100), with rules at offsets from its ends.

    A rule's points are offsets from the left end if they are negative, else from the right end, and from the middle.
    """
    image = Image.new("L", (900, 260), 255)
    draw = ImageDraw.Draw(image)
    draw.text((200, 120), drawn, 0, FONT, anchor="lm")
    right = 200 + FONT.getlength(drawn)
    for x0, y0, x1, y1 in rules:
        a, b = ((200 if min(x0, x1) < 0 else right) + x for x in (x0, x1))
        draw.line([a, 120 + y0, b, 120 + y1], 0, 3)
    extra = 14 if len(read) > len(drawn) else 0
    left = 200 - (extra if read[0] != drawn[0] else 0)
    box = Box(left, 100, right + (extra if read[-1] != drawn[-1] else 0), 140)
    kept = without_strays((Segment(read, box, 0.99),), UprightPage(image, 150), ("en",))
    return kept[0].text if kept else ""


TICK_AND_AXIS = ((4, 0, 24, 0), (24, -100, 24, 100))
RULE_BEHIND = ((4, 0, 400, 0),)
RULE_BEFORE = ((-180, 2, -5, 2),)
CELL = ((-10, -24, -10, 24), (10, -24, 10, 24))


@pytest.mark.parametrize(
    ("drawn", "read", "rules", "left"),
    [
        ("2.3", "2.3-", TICK_AND_AXIS, "2.3"),
        ("345.20", "345.20-", RULE_BEHIND, "345.20"),
        ("345.20", "345.20 _", RULE_BEHIND, "345.20"),
        ("17.00", "-17.00", RULE_BEFORE, "17.00"),
        ("-8.25", "--8.25", RULE_BEFORE, "-8.25"),
        ("-12.50", "-12.50", (), "-12.50"),
        ("12.50-", "12.50-", (), "12.50-"),
        ("-3.10", "-3.10", CELL, "-3.10"),
        ("12.50-", "12.50-", CELL, "12.50-"),
        ("- 3.00 EUR", "- 3.00 EUR", CELL, "- 3.00 EUR"),
        ("5-7", "5-7", RULE_BEHIND, "5-7"),
        ("-", "-", CELL, "-"),
        ("docu-", "docu-", (), "docu-"),
    ],
)
def test_a_rule_is_no_minus_and_a_minus_stays(
    drawn: str, read: str, rules: tuple[tuple[float, float, float, float], ...], left: str
) -> None:
    assert _cut(drawn, read, *rules) == left


def test_a_rule_that_was_read_by_itself_is_dropped() -> None:
    image = Image.new("L", (900, 260), 255)
    ImageDraw.Draw(image).line([100, 120, 700, 120], 0, 3)
    read = (Segment("_", Box(100, 105, 300, 135), 0.8),)

    assert without_strays(read, UprightPage(image, 150), ("en",)) == ()


PAGE = UprightPage(Image.new("L", (900, 400), 255), 150)
ENGLISH = [
    Segment(f"All human beings are born free and equal in line {n}", Box(0, 50 * n, 800, 50 * n + HEIGHT), 0.99)
    for n in range(4)
]  # fmt: skip


def _strays(*read: Segment, languages: tuple[str, ...] = ("en",)) -> list[str]:
    return [s.text for s in without_strays((*ENGLISH, *read), PAGE, languages)][len(ENGLISH) :]


def _at(text: str, confidence: float, height: float = HEIGHT) -> Segment:
    return Segment(text, Box(100, 300, 140, 300 + height), confidence)


def test_a_lone_character_of_another_script_is_a_pictures_detail() -> None:
    assert _strays(_at("水", 0.81)) == []
    assert _strays(_at("日", 0.99, height=150)) == []
    assert _strays(_at("ト", 0.7), _at("一", 0.64)) == []


def test_a_real_character_stays() -> None:
    assert _strays(_at("水", 0.99)) == ["水"]
    assert _strays(_at("东京", 0.8)) == ["东京"]
    assert _strays(_at("水", 0.7), languages=("en", "ja")) == ["水"]
    assert _strays(_at("Fuji 水 (water)", 0.9)) == ["Fuji 水 (water)"]
    assert _strays(*[_at("水日一口人山川火", 0.9)] * 4, _at("水", 0.7))[-1] == "水"


def test_a_doubted_character_at_the_end_of_a_line_is_dropped() -> None:
    doubt = (CharAlternatives(4, {"水": 0.6, "": 0.3}),)
    segment = Segment("Net 水", Box(100, 300, 200, 340), 0.9, (4,), ((170.0, 10.0),), doubt)

    assert _strays(segment) == ["Net"]
    assert _strays(Segment("Net 水", Box(100, 300, 200, 340), 0.9, (), ((170.0, 10.0),), ())) == [
        "Net 水"
    ]
