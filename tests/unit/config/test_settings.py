"""Configuration: every mistake is named with line, key, value and remedy."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from scanmend.config.settings import (
    BUILTIN,
    REFERENCE,
    LlmSettings,
    Settings,
    load_settings,
    unreloadable,
)
from scanmend.errors import NULL_ALLOWED, ConfigError

ROOT = Path(__file__).resolve().parents[3]


def _load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(text)
    return load_settings(str(file))


def test_the_shipped_file_says_every_key_with_its_default() -> None:
    """etc/scanmend.yaml is the documentation: no key may be missing, none may differ from the code."""
    shipped = load_settings(str(ROOT / "etc" / "scanmend.yaml"))
    keys = yaml.safe_load((ROOT / "etc" / "scanmend.yaml").read_text())

    for section in dataclasses.fields(Settings):
        if section.name in ("file", "base"):
            continue
        default = getattr(Settings(), section.name)
        if not dataclasses.is_dataclass(default):
            assert section.name in keys
            assert default == getattr(shipped, section.name)
            continue
        assert {f.name for f in dataclasses.fields(default)} == set(keys[section.name])
        if section.name == "llm":  # the file names what is meant when nothing is
            default = dataclasses.replace(LlmSettings(), model=BUILTIN, repo_id=REFERENCE)
        if section.name not in ("folders", "models", "profiles"):  # made absolute
            assert default == getattr(shipped, section.name)


def test_which_model_is_meant_when_none_is_named(tmp_path: Path) -> None:
    assert _load(tmp_path, "").llm.wanted is None
    assert _load(tmp_path, "llm: {model: builtin}").llm.wanted == BUILTIN
    assert _load(tmp_path, "llm: {repo_id: a/b}").llm.wanted == "auto"
    assert _load(tmp_path, "llm: {repo_id: a/b, model: builtin}").llm.wanted == BUILTIN
    assert _load(tmp_path, "llm: {backend: openai}").llm.wanted == "auto"
    assert _load(tmp_path, "llm: {backend: openai, model: builtin}").llm.wanted == "auto"
    assert _load(tmp_path, "llm: {backend: openai, model: big}").llm.wanted == "big"
    assert _load(tmp_path, "llm: {}").llm.repository == REFERENCE


def test_a_mistake_in_the_passwords_does_not_tell_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="each in quotes") as mistake:
        _load(tmp_path, "pdf:\n  passwords: opensesame\n")
    assert "opensesame" not in str(mistake.value)


def test_relative_paths_count_from_base(tmp_path: Path) -> None:
    settings = _load(tmp_path, "base: sub\nfolders: {inbox: in}\n")

    assert str(tmp_path / "sub" / "in") == settings.folders.inbox
    assert str(tmp_path / "sub" / "var" / "state" / "models") == settings.models.directory
    assert str(tmp_path / "profiles") == settings.profiles.directory


@pytest.mark.parametrize(
    ("text", "said"),
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
        ("settle:\n\n  quiet: 3\n", [":3: settle.quiet: 3", "number with a unit", "2s"]),
        ("limits: {file_size: 3 XB}\n", ["limits.file_size", "GiB"]),
        ("ocr: 3\n", [":1: ocr: must be keys with values"]),
        ("ocr: {rotate: true, rotate: false}\n", ["given twice"]),
        (
            "pdf: {text: sometimes}\nllm: {enabled: perhaps}\n",
            ["pdf.text", ":2: llm.enabled", "true or false"],
        ),
        ("folders: {inbox: a, outbox: a/out}\n", ["folders.outbox", "lies in the inbox"]),
        (
            "folders: {archive: x, failed: x}\n",
            ["folders.failed", "the same folder as folders.archive"],
        ),
        ("folders: {inbox: st/in, state: st}\n", ["folders.state", "holds the inbox"]),
        ("a: [\n", ["not YAML"]),
        ("ocr: {languages: english}\n", ["ocr.languages", "[en, de]"]),
        ("ocr: {gpu: 1}\n", ["unknown key"]),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)

    for words in said:
        assert words in str(error.value)


def test_the_null_engine_is_for_benches_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'ocr: {engine: "null"}\n'
    with pytest.raises(ConfigError, match=r"one of auto, rapidocr.*null reads nothing"):
        _load(tmp_path, text)

    monkeypatch.setenv(NULL_ALLOWED, "1")
    assert _load(tmp_path, text).ocr.engine == "null"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, "ocr: {dpi: 1}\nxxxx: 1\ngrace: soon\n")

    assert str(error.value).count("\n") == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read: No such file"):
        load_settings(str(tmp_path / "nowhere.yaml"))


def test_what_a_reload_cannot_change(tmp_path: Path) -> None:
    old = _load(tmp_path, "ocr: {dpi: 300}\n")
    new = _load(tmp_path, "ocr: {dpi: 200, workers: 3}\nfolders: {outbox: other}\n")

    assert unreloadable(old, new) == ["folders.outbox", "ocr.workers"]
