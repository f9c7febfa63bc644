"""Test the choice of the OCR engine where some of it is missing. Packages can't be removed: the look-up is replaced."""

import dataclasses
from pathlib import Path

import pytest

from scanmend import extras
from scanmend.backends.ocr_engines import check_languages, choose, probe
from scanmend.config.settings import AsposeSettings, FoldersSettings, Settings
from scanmend.errors import EngineUnusable


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return dataclasses.replace(Settings(), folders=FoldersSettings(state=str(tmp_path)))


def _with_engine(settings: Settings, engine: str) -> Settings:
    return dataclasses.replace(settings, ocr=dataclasses.replace(settings.ocr, engine=engine))


def _with_languages(settings: Settings, engine: str, *languages: str) -> Settings:
    ocr = dataclasses.replace(settings.ocr, engine=engine, languages=languages)
    return dataclasses.replace(settings, ocr=ocr)


def test_a_language_that_no_installed_engine_reads_is_an_error(settings: Settings) -> None:
    with pytest.raises(EngineUnusable, match=r"rapidocr does not read ru.*tesseract-ocr-rus"):
        choose(_with_languages(settings, "rapidocr", "en", "ru"))
    with pytest.raises(EngineUnusable, match="tesseract does not read rm"):
        choose(_with_languages(settings, "auto", "rm", "ru"))


def test_letters_that_the_engine_does_not_read_are_named(settings: Settings) -> None:
    reason = choose(_with_languages(settings, "auto", "en", "sk")).reason

    assert "ď ĺ ľ ŕ ť of sk" in reason
    assert "tesseract-ocr-slk" in reason


def test_the_check_of_the_languages_minds_no_other_fault(settings: Settings) -> None:
    check_languages(_with_engine(settings, "aspose"))
    with pytest.raises(EngineUnusable):
        check_languages(_with_languages(settings, "rapidocr", "ru"))


@pytest.fixture
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "lacking", lambda extra: [extra])


def test_the_configured_engine_is_chosen(settings: Settings) -> None:
    assert choose(_with_engine(settings, "null")).reason == "ocr.engine: null"
    assert choose(_with_engine(settings, "rapidocr")).engine == "rapidocr"


def test_without_a_licence_the_embedded_engine_is_chosen(settings: Settings) -> None:
    chosen = choose(settings)

    assert (chosen.engine, chosen.reason) == ("rapidocr", "no aspose.licence is configured")


@pytest.mark.usefixtures("_nothing_installed")
@pytest.mark.parametrize("engine", ["rapidocr", "tesseract", "aspose"])
def test_an_engine_that_is_not_installed_is_refused_with_the_remedy(
    settings: Settings, engine: str
) -> None:
    with pytest.raises(EngineUnusable) as error:
        choose(_with_engine(settings, engine))

    assert error.value.what == f"ocr.engine: {engine} can't be used: not installed ({engine})"
    assert error.value.remedy == f"pip install 'scanmend[{engine}]'"
    assert not probe(settings, engine).usable


@pytest.mark.usefixtures("_nothing_installed")
def test_without_any_engine_the_error_says_why_for_each(settings: Settings) -> None:
    licensed = dataclasses.replace(settings, aspose=AsposeSettings(licence="/etc/licence"))

    with pytest.raises(EngineUnusable) as error:
        choose(licensed)

    assert error.value.what == (
        "no OCR engine can be used: aspose can't be used: not installed (aspose);"
        " pip install 'scanmend[aspose]'; rapidocr: not installed (rapidocr)"
    )
