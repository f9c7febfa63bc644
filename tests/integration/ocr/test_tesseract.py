"""Test the real Tesseract, if it is installed."""

import ctypes
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from scanmend.backends.ocr_engines import choose, probe
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import EngineUnusable
from scanmend.ocr.engines import tesseract
from scanmend.ocr.engines.base import UprightPage
from scanmend.ocr.engines.factory import EngineChoice, load
from scanmend.ocr.engines.tesseract import Tesseract, segments_of, words_of
from scanmend.ocr.layout import arrange


def _has_library() -> bool:
    try:
        ctypes.CDLL(tesseract.LIBRARY)
    except OSError:
        return False
    return True


def _data_folder() -> Path:
    """Return the folder of the system's traineddata; a folder that does not exist if there is none."""
    found = sorted(Path("/usr/share").glob("tesseract-ocr/*/tessdata"))
    return found[-1] if found else Path("/nonexistent")


needs_library = pytest.mark.skipif(
    not _has_library(), reason=f"{tesseract.LIBRARY} is not installed (apt install tesseract-ocr)"
)


def page(lines: list[tuple[int, int, str]], size: tuple[int, int] = (1240, 700)) -> Image.Image:
    """Return a page with each text at its x and y."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for x, y, text in lines:
        draw.text((x, y), text, fill=0, font=ImageFont.load_default(36))
    return image


@needs_library
def test_a_letter_is_read_with_boxes_and_confidences() -> None:
    wanted = [
        "Dear Mrs Whitlock,",
        "thank you for your order of 14 March.",
        "The amount is 1,284.50 EUR.",
    ]
    image = page([(100, 80 + 90 * n, line) for n, line in enumerate(wanted)])

    reading = Tesseract(("en",)).read(UprightPage(image, 150))

    assert [line.text for line in arrange(reading.segments)] == wanted
    for number, segment in enumerate(reading.segments):
        assert abs(segment.box.x0 - 100) < 10
        assert 80 + 90 * number - 5 < segment.box.y0 < 80 + 90 * number + 40
        assert segment.confidence is not None
        assert 0.5 < segment.confidence <= 1.0


@needs_library
def test_a_wide_gap_separates_segments() -> None:
    image = page(
        [(60, 100, "Bread and milk"), (800, 100, "12.49"), (60, 200, "Apples"), (800, 200, "3.05")]
    )

    reading = Tesseract(("en",)).read(UprightPage(image, 150))

    lines = [line.text for line in arrange(reading.segments)]
    assert [line.split() for line in lines] == [
        ["Bread", "and", "milk", "12.49"],
        ["Apples", "3.05"],
    ]
    assert all("   " in line for line in lines)


@needs_library
def test_an_empty_page_has_no_segments() -> None:
    assert Tesseract(("en",)).read(UprightPage(page([]), 150)).segments == ()


@needs_library
def test_the_error_for_a_missing_language_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "eng.traineddata").write_bytes(b"")

    with pytest.raises(EngineUnusable, match=r"for fr.*apt install tesseract-ocr-fra"):
        load(EngineChoice("tesseract", ("en", "fr")))


@needs_library
def test_a_language_that_is_missing_beside_an_installed_one_is_an_error() -> None:
    """Refuse it: the library itself would continue without the language, and read Welsh as English."""
    with pytest.raises(EngineUnusable, match=r"for cy.*apt install tesseract-ocr-cym"):
        Tesseract(("en", "cy"))


@needs_library
def test_the_error_for_damaged_data_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "eng.traineddata").write_bytes(b"not a model")

    with pytest.raises(EngineUnusable, match=r"can't load eng.*--reinstall tesseract-ocr-eng"):
        Tesseract(("en",))


@needs_library
@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program is not installed")
def test_the_library_reads_page_after_page_as_the_program_reads_each() -> None:
    pages = [
        page([(100, 80 + 90 * n, f"{word} {7 * n} of March, {word}") for n in range(6)])
        for word in ("Invoice", "Delivery", "Rnodern", "Invoice")
    ]
    engine = Tesseract(("en",))
    for image in pages:
        file = io.BytesIO()
        image.save(file, "ppm")
        command = ["tesseract", "-", "-", "-l", "eng", "--psm", "3", "--dpi", "150", "tsv"]
        done = subprocess.run(command, input=file.getvalue(), capture_output=True, check=True)

        rows = done.stdout.decode().splitlines()[1:]
        assert engine.read(UprightPage(image, 150)).segments == tuple(
            segments_of(words_of("\n".join(rows)))
        )


@needs_library
def test_a_language_that_only_tesseract_reads_selects_it_or_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Try Russian with data, and with none; the library itself need not open them."""
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    ocr = replace(Settings().ocr, languages=("en", "ru"))
    settings = replace(Settings(), ocr=ocr, folders=FoldersSettings(state=str(tmp_path)))
    with pytest.raises(EngineUnusable) as error:
        choose(settings)
    assert "rapidocr does not read ru" in error.value.what
    assert error.value.remedy == "install it with: apt install tesseract-ocr-eng tesseract-ocr-rus"

    system = _data_folder()
    if not (system / "eng.traineddata").exists():
        pytest.skip("no data for English are installed")
    for name in ("eng", "rus"):  # the test needs no Russian text, so English data will do
        (tmp_path / f"{name}.traineddata").symlink_to(system / "eng.traineddata")
    chosen = choose(settings)

    assert chosen.engine == "tesseract"
    assert chosen.reason.startswith("ocr.languages: rapidocr does not read ru")
    assert choose(replace(settings, ocr=replace(ocr, languages=("en", "de")))).engine == "rapidocr"


@needs_library
def test_rapidocr_is_refused_for_a_language_that_only_tesseract_reads(tmp_path: Path) -> None:
    ocr = replace(Settings().ocr, engine="rapidocr", languages=("el",))

    with pytest.raises(EngineUnusable, match="apt install tesseract-ocr tesseract-ocr-ell"):
        choose(replace(Settings(), ocr=ocr, folders=FoldersSettings(state=str(tmp_path))))


@needs_library
def test_info_reports_version_and_settings() -> None:
    info = Tesseract(("en",)).info()

    assert info.name == "tesseract"
    assert int(info.version.lstrip("v").split(".")[0]) >= 5
    assert info.settings["traineddata"] == "eng"


@needs_library
def test_the_probe_needs_the_library_and_not_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Find the library without the program, as Debian's libtesseract5 installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    status = probe(Settings(), "tesseract")

    assert status.usable
    assert status.version


def test_the_error_for_a_missing_library_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Look for a library of another name, since the real one can't be removed here."""
    monkeypatch.setattr(tesseract, "LIBRARY", "libtesseract.so.none")

    with pytest.raises(EngineUnusable, match=r"so\.none is not there.*apt install tesseract-ocr"):
        load(EngineChoice("tesseract", ("en",)))
