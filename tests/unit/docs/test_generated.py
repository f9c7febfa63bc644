"""Test that the generated parts of docs/ are current, and that they describe every key, error and setting."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from scanmend import errors
from scanmend.config.reference import every_key

ROOT = Path(__file__).resolve().parents[3]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()


@pytest.mark.parametrize("part", sorted(generate.PARTS))
def test_a_generated_page_is_current(part: str) -> None:
    path, now, wanted = generate.page(part)

    assert now == wanted, f"{path.name} is out of date: run .venv/bin/python docs/generate.py"


def test_every_key_is_in_the_reference() -> None:
    keys = re.findall(r"^### `(\S+)`$", generate.configuration(), re.MULTILINE)

    assert keys == [key.path for key in every_key()]


@pytest.mark.parametrize(
    "facts",
    [
        "Default: `5s`; it must be a number with a unit (ms, s, m, h, d), such as 30s, at least 200 ms; SIGHUP",
        "Default: `auto`; it must be one of auto, native, polling; **a change needs a restart**",
        "Default: `300`; it must be a whole number from 50 to 1200; SIGHUP reloads it",
    ],
)
def test_the_reference_says_what_a_value_may_be(facts: str) -> None:
    assert facts in generate.configuration()


def test_every_key_of_the_sidecar_is_in_the_reference() -> None:
    schema = json.loads(generate.SCHEMA.read_text())
    text = generate.sidecar()

    for key in _keys(schema):
        assert f"| `{key}` |" in text


def _keys(node: object) -> set[str]:
    """Return the names of all properties below a node of the schema."""
    if isinstance(node, list):
        return {key for item in node for key in _keys(item)}
    if not isinstance(node, dict):
        return set()
    below = {key for value in node.values() for key in _keys(value)}
    return below | set(node.get("properties", ()))


def test_every_error_is_in_troubleshooting() -> None:
    text = generate.troubles()

    for cls in errors.every_class():
        if cls is not errors.ScanmendError:
            assert text.count(f"### `{cls.code}`\n") == 1
