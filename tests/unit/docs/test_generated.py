"""The generated parts of docs/ are those that the code gives now, and tell of every key, error and setting."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from scanmend import errors
from scanmend.config.settings import load_settings

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


def test_the_example_is_the_default(tmp_path: Path) -> None:
    """A user may leave out any key: what the reference calls its default is what applies then."""
    empty = tmp_path / "etc" / "scanmend.yaml"
    empty.parent.mkdir()
    empty.write_text("base: ..\n")
    example = tmp_path / "etc" / "example.yaml"
    example.write_text((ROOT / "etc" / "scanmend.yaml").read_text())
    left, right = load_settings(str(empty)), load_settings(str(example))

    for name in ("folders", "watch", "settle", "ocr", "aspose", "pdf", "limits", "journal", "log", "hooks", "web"):  # fmt: skip
        assert getattr(left, name) == getattr(right, name)
    # a model may be named or follow from the others: the comment of llm.model says how
    assert (left.llm.wanted, right.llm.wanted) == (None, "builtin")


def test_every_key_is_in_the_reference() -> None:
    keys = set(re.findall(r"^### `(\S+)`$", generate.configuration(), re.MULTILINE))

    written = generate.example()
    assert keys == {name for name in written if "." in name} | {"base", "originals", "grace"}


def test_what_a_value_may_be_is_told_by_its_parser() -> None:
    text = generate.configuration()

    assert (
        "Default: `5s`; it must be a number with a unit (ms, s, m, h, d), as 5s, at least 0.2 s"
        in text
    )
    assert (
        "Default: `auto`; it must be one of auto, native, polling; **a change needs a restart**"
        in text
    )
    assert "Default: `300`; it must be a whole number from 50 to 1200; SIGHUP reloads it" in text


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
