"""What children may not do: a child tries it."""

import os
from pathlib import Path
from typing import Any

import pytest

from scanmend.workers import sandbox
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox, lacking

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "document.txt").write_text("every digit")
    return tmp_path


def _tried(place: Path, box: Sandbox) -> dict[str, Any]:
    path = f"{ROOT / 'daemon'}:{ROOT / 'tests' / 'children'}"
    child = Child("prisoner", "prisoner", {**os.environ, "PYTHONPATH": path}, 0, box)
    try:
        return child.ask({"do": "try", "place": str(place), "parent": os.getpid()}, 60)
    finally:
        child.end()


def test_a_child_reads_and_writes_its_own_folder_and_nothing_else(place: Path) -> None:
    missing = lacking()
    if missing:
        pytest.skip(f"this machine can't confine: {missing}")

    answer = _tried(place, Sandbox(str(place / "scratch")))

    assert answer["done"] == ["read", "its own folder"]
    assert (place / "document.txt").read_text() == "every digit"
    assert answer["scratch"].startswith(str(place / "scratch"))
    assert os.listdir(place / "scratch") == []  # gone with the process


def test_a_download_has_the_network_and_its_folder(tmp_path: Path, place: Path) -> None:
    if lacking():
        pytest.skip("this machine can't confine")
    (tmp_path / "models").mkdir()

    answer = _tried(place, Sandbox("", (str(tmp_path / "models"),), network=True))

    assert answer["done"] == ["read", "internet socket", "local socket", "its own folder"]


def test_where_it_is_not_possible_children_work_and_it_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure can't be had on this kernel: a child that is told of no limits stands for one without them."""
    monkeypatch.setattr(Sandbox, "environment", lambda _self, scratch: {"TMPDIR": scratch})

    assert [text.split(":")[0] for text in lacking()] == [
        "children can write wherever this user can",
        "children have the network",
        "children can send signals to this user's processes (Linux 6.12 could forbid it)",
    ]
    assert "make" in _tried(place, Sandbox())["done"]
    assert sandbox.SANDBOX not in os.environ
