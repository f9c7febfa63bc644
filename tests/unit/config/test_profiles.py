"""Test profiles: one file for each kind of document, selected by the sub-folder."""

from pathlib import Path

import pytest

from scanmend import resources
from scanmend.config.loading import load_settings
from scanmend.config.profiles import load_profiles, select
from scanmend.config.settings import ProfilesSettings, Settings
from scanmend.errors import ConfigError


def _settings(tmp_path: Path, text: str = "") -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(text)
    (tmp_path / "profiles").mkdir(exist_ok=True)
    (tmp_path / "profiles" / "default.yaml").write_text("prompt: copy\n")
    return load_settings(str(file))


def _shipped() -> Settings:
    return load_settings(str(resources.shipped_file("etc/scanmend.yaml")))


def test_three_profiles_with_different_prompts_are_shipped() -> None:
    profiles = load_profiles(_shipped())

    assert set(profiles) == {"default", "financial", "medical"}
    assert len({p.prompt_sha256 for p in profiles.values()}) == 3


@pytest.mark.parametrize(
    ("path", "profile"),
    [
        (b"a.png", "default"),
        (b"invoices/a.png", "financial"),
        (b"invoices/2026/a.png", "financial"),
        (b"invoices/clinic/x/a.png", "medical"),
        (b"medical/a.png", "medical"),
        (b"\xff/a.png", "default"),
        ("Ä/a.png".encode(), "financial"),
        ("A\u0308/a.png".encode(), "financial"),  # as a Mac writes it
    ],
)
def test_the_sub_folder_selects_the_profile(path: bytes, profile: str) -> None:
    folders = {"invoices": "financial", "invoices/clinic": "medical", "Ä": "financial"}
    settings = ProfilesSettings(folders=folders)

    assert select(load_profiles(_shipped()), settings, path).name == profile


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("promt: x\n", ["own.yaml:1: promt: unknown key", "did you mean prompt?"]),
        ("protect: ['(']\nprompt: x\n", ["own.yaml: protect: '('", "no regular expression"]),
        ("max_edit_ratio: 7\nprompt: x\n", ["max_edit_ratio: 7", "from 0 to 1"]),
        ("prompt: 7\n", ["prompt: 7", "must be a text, or null"]),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, messages: list[str]) -> None:
    settings = _settings(tmp_path)
    (tmp_path / "profiles" / "own.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_profiles(settings)

    for message in messages:
        assert message in str(error.value)


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "profiles: {folders: {invoices: finance}}\n")
    with pytest.raises(
        ConfigError, match=r"profiles\.folders\.invoices: no profile finance .*there is: default"
    ):
        load_profiles(settings)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "profiles: {directory: nowhere}\n")
    with pytest.raises(ConfigError, match=r"profiles\.directory: .*nowhere can't be read"):
        load_profiles(settings)


def test_words_of_the_domain_are_protected_in_any_case(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    (tmp_path / "profiles" / "own.yaml").write_text("words: [Metformin, 'A.B']\nprotect: [x+]\n")

    own = load_profiles(settings)["own"]

    first, second = own.gate_rules.protected
    assert first.pattern == "x+"
    assert second.findall("METFORMIN, metforminx, A.B and AxB") == ["METFORMIN", "A.B"]
    assert load_profiles(settings)["default"].gate_rules.protected == ()
