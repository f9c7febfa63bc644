"""Test the real RapidOCR on pages that the tests draw."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.correction.ctc import MIN_LOG_RATIO, log_likelihood_ratios
from scanmend.errors import EngineUnusable
from scanmend.languages import RAPIDOCR_LANGUAGES, UNREAD_LETTERS
from scanmend.ocr import line_models
from scanmend.ocr.detection import as_bgr
from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.factory import EngineChoice, load
from scanmend.ocr.engines.rapid import Rapid
from scanmend.ocr.layout import arrange
from scanmend.ocr.line_models import LineModels

LETTER = [
    "Dear Mrs Whitlock,",
    "thank you for your order of 14 March 2025.",
    "The invoice number is RE-20417, the amount 1,284.50 EUR.",
    "Goods remain our property until paid in full.",
    "Yours sincerely, Thomas Ferrand",
]


@pytest.fixture(scope="module")
def rapid() -> Rapid:
    return Rapid(("en",))


def page(
    lines: list[tuple[int, int, str]],
    size: tuple[int, int] = (1240, 900),
    points: int = 32,
    mode: str = "L",
) -> Image.Image:
    image = Image.new(mode, size, "white")
    draw = ImageDraw.Draw(image)
    for x, y, text in lines:
        draw.text((x, y), text, fill="black", font=ImageFont.load_default(points))
    return image


def text_of(rapid: Rapid, image: Image.Image) -> list[str]:
    """Return the lines of a page, as read."""
    return [line.text for line in arrange(rapid.read(UprightPage(image, 150)).segments)]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_letter_is_read_exactly(rapid: Rapid, mode: str) -> None:
    image = page([(100, 80 + 90 * n, line) for n, line in enumerate(LETTER)], mode=mode)
    assert text_of(rapid, image) == LETTER


def test_boxes_are_where_the_text_is_on_a_large_page(rapid: Rapid) -> None:
    """Read a page that is larger than the detector's picture, so that boxes must be scaled back."""
    image = page([(1200, 2400, "Somewhere below")], size=(2600, 3600), points=60)
    (segment,) = rapid.read(UprightPage(image, 300)).segments
    box = segment.box
    left, top, right, bottom = ImageDraw.Draw(image).textbbox(
        (1200, 2400), "Somewhere below", font=ImageFont.load_default(60)
    )
    assert abs(box.x0 - left) < 30
    assert abs(box.x1 - right) < 30
    assert box.y0 < bottom
    assert box.y1 > top
    assert segment.confidence is not None
    assert 0.8 < segment.confidence <= 1.0


FOOTER = [
    "Bank of Ferrand, IBAN GB29 NWBK 6016 1331 9268 19, VAT 123 4567 89",
    "Registered office 4 Mill Lane, Leeds LS1 4DY, company number 00417 220",
    "Directors T. Ferrand, A. Whitlock; telephone 0113 496 0417",
]


@pytest.mark.parametrize(("body", "foot"), [(42, 24), (50, 28), (60, 32), (80, 28), (300, 24)])
def test_small_print_below_larger_text_is_not_overlooked(
    rapid: Rapid, body: int, foot: int
) -> None:
    """Read DIN A4 at 300 dpi, where letters of 24 pixels have 5.8 points."""
    heights = list(range(300, 2700, round(body * 1.5)))
    image = page(
        [(250, y, LETTER[n % len(LETTER)]) for n, y in enumerate(heights)],
        size=(2480, 3508),
        points=body,
    )
    for number, line in enumerate(FOOTER):
        place = (250, 3250 + number * round(foot * 1.6))
        ImageDraw.Draw(image).text(place, line, fill="black", font=ImageFont.load_default(foot))
    assert text_of(rapid, image)[len(heights) :] == FOOTER


def test_lines_of_the_given_coarse_pass_are_not_detected_again(rapid: Rapid) -> None:
    image = page([(100, 80 + 90 * n, line) for n, line in enumerate(LETTER)])
    (first,) = (q for q in LineModels().find_lines(as_bgr(image)) if q[0][1] < 150)
    only = rapid.read(
        UprightPage(image.resize((960, 697)), 150, coarse_lines=[first * 960 / 1240])
    ).segments
    assert [segment.text for segment in only] == LETTER[:1]


def test_two_columns_are_read_one_after_the_other(rapid: Rapid) -> None:
    left = [f"The left column in line {n} tells a" for n in ("one", "two", "three", "four", "five")]
    right = [
        f"Another story runs on line {n} here" for n in ("six", "seven", "eight", "nine", "ten")
    ]
    image = page(
        [(60, 80 + 60 * n, t) for n, t in enumerate(left)]
        + [(660, 80 + 60 * n, t) for n, t in enumerate(right)]
    )
    assert text_of(rapid, image) == left + right


def test_a_receipt_keeps_gaps_as_spaces(rapid: Rapid) -> None:
    rows = [("Milk", "1.19"), ("Bread", "2.49"), ("TOTAL", "3.68")]
    image = page(
        [(60, 80 + 70 * n, name) for n, (name, _) in enumerate(rows)]
        + [(500, 80 + 70 * n, price) for n, (_, price) in enumerate(rows)],
        size=(640, 400),
    )
    lines = text_of(rapid, image)
    assert [tuple(line.split()) for line in lines] == rows
    assert all("   " in line for line in lines)


@pytest.mark.parametrize("degrees", [-1.0, 1.0])
def test_a_skewed_table_keeps_its_rows(rapid: Rapid, degrees: float) -> None:
    rows = [
        ("Milk", "2 pieces", "1.19"),
        ("Bread", "1 piece", "2.49"),
        ("Total", "3 pieces", "3.68"),
    ]
    cells = [
        (60 + 480 * c, 80 + 50 * n, text)
        for n, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    image = page(cells, size=(1240, 400)).rotate(degrees, fillcolor=255)
    assert [line.split() for line in text_of(rapid, image)] == [" ".join(r).split() for r in rows]


def test_accents_are_read(rapid: Rapid) -> None:
    try:
        font = ImageFont.truetype("DejaVuSans.ttf", 32)
    except OSError:
        pytest.skip("no font with accents (apt install fonts-dejavu-core)")
    line = "Über den Fluß führt eine Brücke, où l'été s'achève déjà"
    image = Image.new("L", (1240, 300), 255)
    ImageDraw.Draw(image).text((60, 100), line, fill=0, font=font)
    assert text_of(rapid, image) == [line]


def test_doubts_hold_the_read_character_and_its_alternatives(rapid: Rapid) -> None:
    """Read a worn page: each doubt has the character that was read, and many have the printed one."""
    image = page([(40, 40 + 50 * n, line) for n, line in enumerate(LETTER)], points=22)
    pixels = np.asarray(image.resize((500, 363)).resize(image.size), np.float32)
    pixels += np.random.default_rng(7).normal(0, 45, pixels.shape)
    worn = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    lines = arrange(rapid.read(UprightPage(worn, 150)).segments)

    looks = []
    for line, truth in zip(lines, LETTER, strict=True):
        assert line.doubts is not None
        assert line.unsure is not None
        of_characters = [d for d in line.doubts if not d.between]
        assert {d.at for d in of_characters} >= set(line.unsure)
        assert all(line.text[d.at] in d.saw for d in of_characters)
        assert all(0 < p <= 1 for d in line.doubts for p in d.saw.values())
        assert [d.at for d in line.doubts] == sorted(d.at for d in line.doubts)
        if line.text != truth:
            looks += log_likelihood_ratios(line.doubts, 0, len(line.text), line.text, [truth])
    assert looks
    assert max(looks) > MIN_LOG_RATIO


def test_a_clean_page_has_few_doubts(rapid: Rapid) -> None:
    image = page([(100, 80 + 90 * n, line) for n, line in enumerate(LETTER)])

    lines = arrange(rapid.read(UprightPage(image, 150)).segments)

    doubts = sum(len(line.doubts or ()) for line in lines)
    assert doubts < sum(len(line.text) for line in lines) / 20


@pytest.mark.parametrize("size", [(1240, 900), (40, 30), (3000, 40)])
def test_an_empty_page_has_no_segments(rapid: Rapid, size: tuple[int, int]) -> None:
    assert rapid.read(UprightPage(Image.new("L", size, 255), 150)).segments == ()


def test_an_unknown_language_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        EngineUnusable, match=r"rapidocr does not read ru and vi; use engine tesseract"
    ):
        load(EngineChoice("rapidocr", ("en", "ru", "vi")))


# the letters of each language beyond a to z; "Ș ș" and "Ş ş" are both in use
LETTERS = {
    "af": "äéèêëïîôöúûý", "az": "çəğıöşüİ", "bs": "čćđšž", "ca": "àçéèíïóòúüñ·", "cs": "áčďéěíňóřšťúůýž",
    "cy": "âêîôûŵŷ", "da": "æøå", "de": "äöüßẞ", "es": "áéíñóúü¿", "et": "äõöüšž", "eu": "ñç", "fi": "äöåšž",
    "fr": "àâæçéèêëîïôœùûüÿ", "ga": "áéíóú", "gl": "áéíñóúü", "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áðéíóúýþæö",
    "it": "àéèìíîòóùú", "ja": "ぁんァンー一龍、。", "ku": "çêîşû", "lb": "äëéöü", "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž", "mi": "āēīōū", "mt": "ċġħż", "nb": "æøå", "nl": "éëïóöü", "nn": "æøå", "no": "æøå",
    "oc": "àáçèéíòóúï", "pl": "ąćęłńóśźż", "pt": "ãáàâçéêíõóôúü", "qu": "ñ", "rm": "àèéìòù",
    "ro": "ăâîșțşţ", "rs": "čćđšž", "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sq": "çë", "sr": "čćđšž",
    "sv": "åäö", "tl": "ñ", "tr": "çğıöşüİ", "zh": "一龍龙，。",
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(RAPIDOCR_LANGUAGES))
def test_the_alphabet_has_the_letters_of_the_engines_languages(code: str) -> None:
    lower = LETTERS.get(code, "")
    needed = {*lower, *(c.upper() for c in lower if len(c.upper()) == 1)} - {"ẞ"}
    if code == "az":
        needed.discard("ə".upper())

    assert needed - set(line_models._models().characters) == set()
    assert set(UNREAD_LETTERS.get(code, "")) <= set(lower)


def test_the_alphabet_lacks_letters_of_the_languages_that_are_left_to_tesseract() -> None:
    alphabet = set(line_models._models().characters)

    for code, letters in (
        ("ru", "жяЩ"),
        ("vi", "ạểắ"),
        ("el", "άέή"),
        ("ko", "한"),
        ("he", "א"),
        ("th", "ก"),
    ):
        assert code not in RAPIDOCR_LANGUAGES
        assert set(letters) - alphabet, code


def test_info_reports_version_and_settings(rapid: Rapid) -> None:
    info = rapid.info()
    assert (info.name, info.languages, info.evaluation) == ("rapidocr", ("en",), False)
    assert info.version[0].isdigit()
    assert info.settings["model"] == "PP-OCRv6 small"


def test_crops_are_padded_to_few_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the number of widths, since OpenVINO needs memory for each new size."""
    recogniser = line_models._models().recogniser
    session, widths = recogniser.session, set()

    def watched(batch: Any) -> Any:
        widths.add(batch.shape[3])
        return session(batch)

    monkeypatch.setattr(recogniser, "session", watched)
    image = Image.new("RGB", (1000, 30), "white")
    LineModels().recognise([as_bgr(image.crop((0, 0, width, 30))) for width in range(8, 1000, 8)])

    assert min(widths) == 320
    assert max(widths) >= 1584
    assert all(width % 64 == 0 for width in widths)


GROWTH = """
import random
from test_rapid import LETTER, Rapid, UprightPage, page

def held() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmData:"))

rapid, rng = Rapid(("en",)), random.Random(1)
for number in range(38):
    lines = [(20, 20 + 60 * n, 2 * text[rng.randrange(12) :]) for n, text in enumerate(LETTER)]
    size = (1500 + 8 * rng.randrange(80), 900 + 8 * rng.randrange(80))
    rapid.read(UprightPage(page(lines, size, points=26), 150))
    if number == 14:
        before = held()
print(held() - before)
"""


def test_pages_of_many_sizes_do_not_fill_the_memory() -> None:
    """Measure in a separate process: OpenVINO kept megabytes for each size, until pages failed at ocr.memory."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "SCANMEND_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-c", GROWTH]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)

    assert int(done.stdout) < 100  # MiB; without the precaution it is 240


EXHAUSTED = """
import resource
from test_rapid import LETTER, Rapid, UprightPage, page

def read(rapid, text, width):
    image = page([(20, 30, text)], (width, 120))
    return [segment.text for segment in rapid.read(UprightPage(image, 150)).segments]

rapid = Rapid(("en",))
for number, text in enumerate(LETTER):  # each size once: only a new one needs memory
    assert read(rapid, text, 1000) == [text], text
with open("/proc/self/status") as file:
    held = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData:"))
resource.setrlimit(resource.RLIMIT_DATA, (held, held))
failed = 0
for width in range(1000, 3000, 40):
    for text in LETTER:
        try:
            assert read(rapid, text, width) == [text], (width, text)
        except Exception as error:
            if isinstance(error, AssertionError):
                raise
            failed += 1
print(failed)
"""


def test_without_memory_the_engine_fails_and_never_returns_the_previous_page() -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "SCANMEND_THREADS": "1"}
    command = [sys.executable, "-c", EXHAUSTED]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)

    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) > 0


def test_the_engine_prints_nothing_writes_no_file_and_uses_no_network(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from PIL import Image\n"
        "from scanmend.ocr.engines.base import UprightPage\n"
        "from scanmend.ocr.engines.factory import EngineChoice, load\n"
        "engine = load(EngineChoice('rapidocr', ('en', 'de', 'fr')))\n"
        "engine.read(UprightPage(Image.new('L', (600, 400), 255), 150))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
