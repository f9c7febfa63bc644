"""Test that a missing package is named with the command that installs it."""

import re
import tomllib
from pathlib import Path

import pytest

from scanmend import extras
from scanmend.errors import EngineUnusable, ModelUnavailable

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_of_the_project_is_known() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = set(project["optional-dependencies"]) - {"all", "test", "docs"}

    assert declared == set(extras.EXTRAS)
    (everything,) = project["optional-dependencies"]["all"]
    assert set(re.split(r"[\[\],]", everything)[1:-1]) == declared - {"smollm2"}


def test_no_extra_is_missing_in_the_test_environment() -> None:
    """Expect all extras, with which the tests run."""
    assert [name for extra in extras.EXTRAS for name in extras.lacking(extra)] == []


@pytest.mark.parametrize(
    ("module", "cls", "remedy"),
    [
        ("rapidocr.utils", EngineUnusable, "pip install 'scanmend[rapidocr]'"),
        ("aspose", EngineUnusable, "pip install 'scanmend[aspose]'"),
        ("llama_cpp", ModelUnavailable, "pip install 'scanmend[llm]'"),
        ("huggingface_hub.errors", ModelUnavailable, "pip install 'scanmend[llm]'"),
    ],
)
def test_a_failed_import_names_its_extra(module: str, cls: type, remedy: str) -> None:
    error = extras.not_installed(ModuleNotFoundError(name=module))

    assert error is not None
    assert type(error) is cls
    assert error.what == f"{module.partition('.')[0]} is not installed"
    assert error.remedy == remedy


def test_another_failed_import_is_a_bug() -> None:
    assert extras.not_installed(ModuleNotFoundError(name="scanmend.nonsense")) is None
    assert extras.not_installed(ModuleNotFoundError()) is None
