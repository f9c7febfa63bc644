"""Profiles: one file for each domain, chosen by the sub-folder."""

from pathlib import Path

import pytest

from scanmend.config.profiles import load_profiles, select
from scanmend.config.settings import ProfilesSettings, Settings, load_settings
from scanmend.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def _settings(tmp_path: Path, more: str = "") -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(more)
    (tmp_path / "profiles").mkdir(exist_ok=True)
    (tmp_path / "profiles" / "default.yaml").write_text("prompt: copy\n")
    return load_settings(str(file))


def test_the_shipped_profiles() -> None:
    profiles = load_profiles(load_settings(str(ROOT / "etc" / "scanmend.yaml")))

    assert {"default", "financial", "medical"} == set(profiles)
    assert len({p.prompt_sha256 for p in profiles.values()}) == 3


def test_the_sub_folder_selects() -> None:
    profiles = load_profiles(load_settings(str(ROOT / "etc" / "scanmend.yaml")))
    settings = ProfilesSettings(folders={"invoices": "financial", "invoices/clinic": "medical"})

    chosen = [select(profiles, settings, p).name for p in (
        b"a.png", b"invoices/a.png", b"invoices/2026/a.png", b"invoices/clinic/x/a.png", b"medical/a.png", b"\xff/a.png",
    )]  # fmt: skip

    assert chosen == ["default", "financial", "financial", "medical", "medical", "default"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("promt: x\n", ["own.yaml:1: promt: unknown key", "did you mean prompt?"]),
        ("protect: ['(']\nprompt: x\n", ["own.yaml: protect: '('", "no regular expression"]),
        ("max_edit_ratio: 7\nprompt: x\n", ["max_edit_ratio: 7", "from 0 to 1"]),
        ("protect: []\n", ["prompt: missing"]),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: list[str]) -> None:
    settings = _settings(tmp_path)
    (tmp_path / "profiles" / "own.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_profiles(settings)

    for words in said:
        assert words in str(error.value)


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "profiles: {folders: {invoices: finance}}\n")
    with pytest.raises(
        ConfigError, match=r"profiles\.folders\.invoices: no profile finance .*there is: default"
    ):
        load_profiles(settings)
