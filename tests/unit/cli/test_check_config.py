"""Test `scanmend check-config`: a valid configuration, and a mistake in one of its profiles."""

from pathlib import Path

import pytest

from scanmend.cli.main import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    for name in ("default", "letters"):
        (tmp_path / "profiles" / f"{name}.yaml").write_text("prompt: Correct it.\n")
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\nprofiles: {directory: profiles}\n")
    return config


def test_a_valid_configuration_is_confirmed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(config), "check-config"]) == 0
    assert capsys.readouterr().out == f"{config}: valid; profiles: default, letters\n"


def test_a_language_that_the_engine_does_not_read_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with config.open("a") as file:
        file.write("ocr: {engine: rapidocr, languages: [en, th]}\n")

    assert main(["--config", str(config), "check-config"]) == 7
    assert "rapidocr does not read th" in capsys.readouterr().err


def test_a_mistake_in_a_profile_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = config.parent / "profiles" / "letters.yaml"
    profile.write_text("promt: Correct it.\n")

    assert main(["--config", str(config), "check-config"]) == 3
    assert f"{profile}:1: promt: unknown key" in capsys.readouterr().err
