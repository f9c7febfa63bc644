"""Test scanners that close their file after each page and open it again, with a real program and the real daemon."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import journals
from programs import Writer, running_writer
from running import Tree, new_tree
from samples import encoded, numbered, page

SETTINGS = "llm: {enabled: false}\nsettle: {quiet: 300ms}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path / "tree", SETTINGS) as made:
        (made.inbox / "desk").mkdir()
        yield made


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[Writer]:
    with running_writer(tmp_path / "data") as program:
        yield program


def _scan(scanner: Writer, file: Path, data: bytes) -> None:
    """Write the whole file anew, as a scanner that adds a page."""
    scanner.do("open", file)
    scanner.do("truncate")
    scanner.write(data)
    scanner.do("close")


def _book(kind: str, pages: int) -> bytes:
    return encoded(kind, numbered(pages))


def _published(tree: Tree, stem: str, pages: int) -> dict[str, Any]:
    """Wait for the result with this number of pages, until its original is put away."""
    path = tree.outbox / f"{stem}.json"

    def sidecar() -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return loaded

    tree.eventually(lambda: len(sidecar().get("pages", ())) == pages)
    tree.eventually(lambda: not tree.files(tree.inbox))
    return sidecar()


def _is_held(tree: Tree, name: str) -> bool:
    found = journals.documents(tree.state)
    return any(d.name == name and d.reason.startswith("held for ") for d in found)


def _teach(tree: Tree, scanner: Writer, kind: str = "pdf") -> None:
    _scan(scanner, tree.inbox / f"desk/first.{kind}", _book(kind, 1))
    first = _published(tree, "desk/first", 1)
    _scan(scanner, tree.inbox / f"desk/first.{kind}", _book(kind, 2))
    sidecar = _published(tree, "desk/first", 2)
    assert sidecar["supersedes"]["sha256"] == first["source"]["sha256"]


def _scan_in_three_sittings(tree: Tree, scanner: Writer, name: str, kind: str) -> None:
    file = tree.inbox / name
    for pages in (1, 2, 3):
        _scan(scanner, file, _book(kind, pages))
        tree.eventually(lambda: _is_held(tree, name))
    sidecar = _published(tree, name.rsplit(".", 1)[0], 3)
    assert sidecar["supersedes"] is None
    documents = [d for d in journals.documents(tree.state) if d.name == name]
    assert len(documents) == 1
    assert journals.moves(tree.state, documents[0].id).count("queued") == 1


@pytest.mark.parametrize("kind", ["pdf", "tiff"])
def test_a_scanner_that_opens_files_again_is_learnt_and_kept_over_a_restart(
    tree: Tree, scanner: Writer, kind: str
) -> None:
    process = tree.start()
    _teach(tree, scanner, kind)
    tree.eventually(lambda: tree.status()["held"])
    (hold,) = tree.status()["held"].values()
    assert hold > 1
    assert "held      PDFs and TIFFs in desk: " in tree.command("status").stdout
    tree.stop(process)
    tree.start()

    _scan_in_three_sittings(tree, scanner, f"desk/second.{kind}", kind)

    assert tree.files(tree.outbox) == [
        "desk/first.json",
        "desk/first.txt",
        "desk/second.json",
        "desk/second.txt",
    ]


def test_a_configured_hold_needs_no_lesson(tmp_path: Path, scanner: Writer) -> None:
    settings = SETTINGS.replace("quiet: 300ms", "quiet: 300ms, reopen: 6s")
    with new_tree(tmp_path / "tree", settings) as tree:
        tree.start()
        _scan_in_three_sittings(tree, scanner, "scan.tiff", "tiff")


def test_unrelated_scans_of_one_name_are_not_held(tree: Tree, scanner: Writer) -> None:
    """Use one name for all scans, each larger than the one before."""
    tree.start()
    for number in (1, 2, 3):
        lines = [
            f"Invoice {number}{number}{number} of the harbour office",
            *["for a ledger"] * number,
        ]
        data = encoded("pdf", [page(lines)] * number)
        _scan(scanner, tree.inbox / "desk/scan.pdf", data)
        suffix = f"-{hashlib.sha256(data).hexdigest()[:8]}" if number > 1 else ""
        sidecar = _published(tree, f"desk/scan{suffix}", number)
        assert sidecar["supersedes"] is None
    assert tree.status()["held"] == {}
    assert len(tree.files(tree.outbox)) == 6


def test_a_page_that_is_added_while_the_file_is_in_work_gives_one_result(
    tree: Tree, scanner: Writer
) -> None:
    file = tree.inbox / "desk/scan.pdf"
    _scan(scanner, file, _book("pdf", 6))
    tree.die_at("after:text")
    _scan(scanner, file, _book("pdf", 7))
    tree.start()

    sidecar = _published(tree, "desk/scan", 7)

    assert sidecar["supersedes"] is None
    assert tree.files(tree.outbox) == ["desk/scan.json", "desk/scan.txt"]
