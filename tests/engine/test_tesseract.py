"""The real Tesseract program, where there is one."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.errors import ChildError, EngineUnusable
from scanmend.ocr import engine as engines
from scanmend.ocr.layout import arrange
from scanmend.ocr.tesseract import Tesseract

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None,
    reason="the program tesseract is not installed (apt install tesseract-ocr)",
)


def page(lines: list[tuple[int, int, str]], size: tuple[int, int] = (1240, 700)) -> Image.Image:
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for x, y, text in lines:
        draw.text((x, y), text, fill=0, font=ImageFont.load_default(36))
    return image


@needs_tesseract
def test_a_letter_with_boxes_and_confidence() -> None:
    wanted = [
        "Dear Mrs Whitlock,",
        "thank you for your order of 14 March.",
        "The amount is 1,284.50 EUR.",
    ]
    image = page([(100, 80 + 90 * n, line) for n, line in enumerate(wanted)])
    reading = Tesseract(("en",)).read(image, 150)
    assert [line.text for line in arrange(reading.segments, *image.size)] == wanted
    for number, segment in enumerate(reading.segments):
        assert abs(segment.box.x0 - 100) < 10
        assert 80 + 90 * number - 5 < segment.box.y0 < 80 + 90 * number + 40
        assert segment.confidence is not None
        assert 0.5 < segment.confidence <= 1.0


@needs_tesseract
def test_a_wide_gap_parts_segments() -> None:
    image = page(
        [(60, 100, "Bread and milk"), (800, 100, "12.49"), (60, 200, "Apples"), (800, 200, "3.05")]
    )
    reading = Tesseract(("en",)).read(image, 150)
    lines = [line.text for line in arrange(reading.segments, *image.size)]
    assert [line.split() for line in lines] == [
        ["Bread", "and", "milk", "12.49"],
        ["Apples", "3.05"],
    ]
    assert all("   " in line for line in lines)


@needs_tesseract
def test_an_empty_page_has_no_segments() -> None:
    assert Tesseract(("en",)).read(page([]), 150).segments == ()


@needs_tesseract
def test_a_missing_language_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "eng.traineddata").write_bytes(b"")
    with pytest.raises(EngineUnusable, match=r"'fr'.*apt install tesseract-ocr-fra"):
        engines.load("tesseract", ("en", "fr"), None, False)


@needs_tesseract
def test_data_that_can_not_be_loaded_is_this_pages_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "eng.traineddata").write_bytes(b"not a model")
    with pytest.raises(ChildError, match="tesseract ended with status"):
        Tesseract(("en",)).read(page([(10, 10, "x")]), 150)


@needs_tesseract
def test_info_tells_how_it_was_read() -> None:
    info = Tesseract(("en",)).info()
    assert info.name == "tesseract"
    assert int(info.version.lstrip("v").split(".")[0]) >= 5
    assert info.settings["traineddata"] == "eng"


def test_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnusable, match="apt install tesseract-ocr"):
        engines.load("tesseract", ("en",), None, False)


def test_an_old_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\necho tesseract 4.1.1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(EngineUnusable, match=r"4\.1\.1 is too old"):
        Tesseract(("en",))
