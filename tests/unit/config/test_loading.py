"""Test the loading of the configuration: defaults, paths, and messages with line, key, value and remedy."""

from pathlib import Path

import pytest

from scanmend.config.loading import load_settings
from scanmend.config.settings import Settings
from scanmend.errors import NULL_ALLOWED, ConfigError


def _load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(text)
    return load_settings(str(file))


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = _load(tmp_path, "")

    assert settings.ocr == Settings().ocr
    assert settings.file == str(tmp_path / "scanmend.yaml")
    assert settings.folders.inbox == str(tmp_path / "var" / "inbox")


def test_relative_paths_are_relative_to_base(tmp_path: Path) -> None:
    settings = _load(tmp_path, "base: sub\nfolders: {inbox: in}\naspose: {licence: l.lic}\n")

    assert settings.folders.inbox == str(tmp_path / "sub" / "in")
    assert settings.models.directory == str(tmp_path / "sub" / "var" / "state" / "models")
    assert settings.aspose.licence == str(tmp_path / "sub" / "l.lic")
    assert settings.aspose.library_path is None
    assert settings.profiles.directory == str(tmp_path / "profiles")


def test_models_are_in_the_state_folder_unless_configured(tmp_path: Path) -> None:
    default = _load(tmp_path, "folders: {state: /srv/state}\n")
    configured = _load(tmp_path, "folders: {state: /srv/state}\nmodels: {directory: m}\n")

    assert default.models.directory == "/srv/state/models"
    assert configured.models.directory == str(tmp_path / "m")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "ocr:\n  enigne: auto\n",
            ["scanmend.yaml:2: ocr.enigne: unknown key", "did you mean ocr.engine?"],
        ),
        ("inboxx: x\n", [":1: inboxx: unknown key"]),
        (
            "ocr:\n  engine: tesserakt\n",
            [":2: ocr.engine: 'tesserakt'", "one of auto, rapidocr", "did you mean tesseract"],
        ),
        ("ocr:\n  dpi: 20\n", [":2: ocr.dpi: 20 is not allowed", "50 to 1200"]),
        ("ocr:\n  dpi: true\n", ["True is not allowed", "whole number"]),
        ("settle:\n\n  quiet: 3\n", [":3: settle.quiet: 3", "number with a unit", "30s"]),
        ("settle: {quiet: 1ms}\n", ["settle.quiet: '1ms'", "at least 100 ms"]),
        ("limits: {file_size: 3 XB}\n", ["limits.file_size", "GiB"]),
        ("ocr: 3\n", [":1: ocr: must be keys with values"]),
        ("- ocr\n", [":1: the file: must be keys with values"]),
        ("ocr: {rotate: true, rotate: false}\n", ["given twice"]),
        ("log: {}\nlog: {}\n", [":2: log: given twice"]),
        (
            "pdf: {text: sometimes}\nllm: {enabled: perhaps}\n",
            ["pdf.text", ":2: llm.enabled", "true or false"],
        ),
        ("folders: {inbox: a, outbox: a/out}\n", ["folders.outbox", "lies in the inbox"]),
        ("a: [\n", ["not YAML"]),
        ("ocr: {languages: english}\n", ["ocr.languages", "[en, de]"]),
        ("ocr: {gpu: 1}\n", ["unknown key"]),
        ("folders: {inbox: null}\n", ["folders.inbox: None is not allowed"]),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, messages: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)

    for message in messages:
        assert message in str(error.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, "ocr: {dpi: 1}\nxxxx: 1\ngrace: soon\n")

    assert str(error.value).count("\n") == 2


def test_a_wrong_password_list_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="each in quotes") as error:
        _load(tmp_path, "pdf:\n  passwords: opensesame\n")

    assert "opensesame" not in str(error.value)


def test_the_null_engine_needs_the_permission_of_the_benches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'ocr: {engine: "null"}\n'
    with pytest.raises(ConfigError, match=r"one of auto, rapidocr.*null reads nothing"):
        _load(tmp_path, text)

    monkeypatch.setenv(NULL_ALLOWED, "1")
    assert _load(tmp_path, text).ocr.engine == "null"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read: No such file"):
        load_settings(str(tmp_path / "nowhere.yaml"))
