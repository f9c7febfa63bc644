"""Read pages in scripts that RapidOCR does not know, and in those that it does, with the real engine."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.factory import EngineChoice, load
from scanmend.ocr.engines.rapid import Rapid

CASES = Path(__file__).resolve().parents[2] / "cases"
NOTO = Path("/usr/share/fonts/truetype/noto")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
ENGLISH = [
    "All human beings are born free",
    "and equal in dignity and rights.",
    "Invoice 1250 of 2 May 2024",
]
# the beginning of the Declaration of Human Rights
UNREADABLE = {
    "russian": (DEJAVU, ["Все люди рождаются свободными", "и равными в своём достоинстве", "Счёт 1250 от 2 мая 2024"]),
    "greek": (DEJAVU, ["Όλοι οι άνθρωποι γεννιούνται", "ελεύθεροι και ίσοι στην αξιοπρέπεια", "Τιμολόγιο 1250,75"]),
    "hebrew": (NOTO / "NotoSansHebrew-Regular.ttf", ["כל בני האדם נולדו בני חורין", "ושווים בערכם ובזכויותיהם", "1250 שקל"]),
    "arabic": (NOTO / "NotoNaskhArabic-Regular.ttf", ["يولد جميع الناس أحرارا متساوين", "في الكرامة والحقوق وقد وهبوا", "عقلا وضميرا وعليهم 1250"]),
    "thai": (NOTO / "NotoSansThai-Regular.ttf", ["มนุษย์ทั้งหลายเกิดมามีอิสระ", "และเสมอภาคกันในเกียรติศักดิ์", "ใบแจ้งหนี้ 1250"]),
    "hindi": (NOTO / "NotoSansDevanagari-Regular.ttf", ["सभी मनुष्यों को गौरव और अधिकारों", "के मामले में जन्मजात स्वतन्त्रता", "चालान 1250"]),
    "korean": (CJK, ["모든 인간은 태어날 때부터 자유로우며", "그 존엄과 권리에 있어 동등하다", "청구서 1250 원"]),
    "georgian": (NOTO / "NotoSansGeorgian-Regular.ttf", ["ყველა ადამიანი იბადება", "თავისუფალი და თანასწორი", "თავისი ღირსებითა 1250"]),
    "armenian": (NOTO / "NotoSansArmenian-Regular.ttf", ["Բոլոր մարդիկ ծնվում են ազատ", "ու հավասար իրենց", "արժանապատվությամբ 1250"]),
}  # fmt: skip
READABLE = {
    "english": (DEJAVU, ENGLISH),
    "turkish": (DEJAVU, ["Bütün insanlar hür, haysiyet ve", "haklar bakımından eşit doğarlar.", "Ödenecek 1.250,75"]),
    "polish": (DEJAVU, ["Wszyscy ludzie rodzą się wolni", "i równi pod względem swej godności", "Faktura 1250"]),
    "chinese": (CJK, ["人人生而自由，在尊严和权利上一律平等", "他们赋有理性和良心", "发票号码1250"]),
    "japanese": (CJK, ["すべての人間は生まれながらにして", "自由でありかつ尊厳と権利", "請求書1250"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    engine = load(EngineChoice("rapidocr", ("en",)))
    assert isinstance(engine, Rapid)
    return engine


def _page(parts: list[tuple[Path, list[str]]], worn: bool) -> Image.Image:
    image = Image.new("L", (1240, 900), 255)
    draw = ImageDraw.Draw(image)
    y = 60
    for font, lines in parts:
        if not font.exists():
            pytest.skip(f"{font.name} is not installed (apt install fonts-noto-core)")
        for line in lines:
            draw.text((100, y), line, fill=0, font=ImageFont.truetype(str(font), 34))
            y += 62
    return (
        image.filter(ImageFilter.GaussianBlur(1)).point(lambda v: v * 0.7 + 50) if worn else image
    )


@pytest.mark.parametrize("worn", [False, True])
@pytest.mark.parametrize("script", UNREADABLE)
def test_a_page_in_a_script_that_is_not_known_gets_a_warning(
    rapid: Rapid, script: str, worn: bool
) -> None:
    for parts in ([UNREADABLE[script]], [(DEJAVU, ENGLISH), UNREADABLE[script]]):
        reading = rapid.read(UprightPage(_page(parts, worn), 150))

        assert reading.unreadable_script
        assert reading.unread
        assert [w for w in reading.warnings if w.startswith("unreadable-script: ")]
    assert "All human beings are born free" in [s.text for s in reading.segments]


@pytest.mark.parametrize("worn", [False, True])
@pytest.mark.parametrize("language", READABLE)
def test_a_page_in_a_known_script_gets_none(rapid: Rapid, language: str, worn: bool) -> None:
    for parts in ([READABLE[language]], [(DEJAVU, ENGLISH), READABLE[language]]):
        reading = rapid.read(UprightPage(_page(parts, worn), 150))

        assert not reading.unreadable_script
        assert reading.warnings == ()
        assert len(reading.segments) == sum(len(lines) for _, lines in parts)


def test_russian_is_named_and_turkish_is_read(rapid: Rapid) -> None:
    with Image.open(CASES / "lang-ru.png") as image:
        assert rapid.read(UprightPage(image, 150)).unreadable_script
    with Image.open(CASES / "lang-tr.png") as image:
        reading = rapid.read(UprightPage(image, 150))
    assert not reading.unreadable_script
    assert "Güneş enerjisi çalışması bitmiştir" in [s.text for s in reading.segments]
