"""Test that the ledger finds each kind of violation."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.faults import SETTINGS
from faults.ledger import Ledger
from faults.run import undisturbed
from running import Tree


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    home = tmp_path_factory.mktemp("original") / "tree"
    return home, undisturbed(home, 6, seed=4)


@pytest.fixture
def copied(original: tuple[Path, Ledger], tmp_path: Path) -> Iterator[tuple[Tree, Ledger]]:
    tree = Tree(tmp_path / "tree", SETTINGS)
    for name in ("inbox", "outbox", "archive", "failed", "state"):
        shutil.rmtree(tree.home / name, ignore_errors=True)
        shutil.copytree(original[0] / name, tree.home / name)
    yield tree, original[1]
    tree.close()


def _sidecar(tree: Tree) -> Path:
    return min(tree.outbox.rglob("*.json"))


def _change_a_line(tree: Tree) -> None:
    sidecar = json.loads(_sidecar(tree).read_text())
    sidecar["pages"][0]["lines"][0]["text"] += "x"
    _sidecar(tree).write_text(json.dumps(sidecar))


def _copy_a_result(tree: Tree) -> None:
    shutil.copy(_sidecar(tree), _sidecar(tree).with_name("again.json"))


def _in_the_journal(statement: str) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        with sqlite3.connect(tree.state / "journal.sqlite") as db:
            db.execute(statement)
        db.close()

    return change


VIOLATIONS: dict[str, Callable[[Tree], object]] = {
    "other than undisturbed": _change_a_line,
    "lost": lambda tree: _sidecar(tree).unlink(),
    "half-written": lambda tree: _sidecar(tree).unlink(),
    "duplicated": _copy_a_result,
    "archive: too much": lambda tree: (tree.archive / "more").write_bytes(b"x"),
    "not put away": lambda tree: (tree.inbox / "left.png").write_bytes(b"x"),
    "temp file": lambda tree: (tree.outbox / ".half").write_bytes(b"x"),
    "final states": _in_the_journal("UPDATE documents SET state = 'reading' WHERE id = 1"),
    "from": _in_the_journal("DELETE FROM moves WHERE rowid = 2"),
}


def test_an_undisturbed_run_has_no_violation(copied: tuple[Tree, Ledger]) -> None:
    tree, ledger = copied
    assert ledger.violations(tree) == []
    assert os.listdir(tree.outbox)


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_each_kind_of_violation_is_found(copied: tuple[Tree, Ledger], kind: str) -> None:
    tree, ledger = copied
    VIOLATIONS[kind](tree)
    assert any(kind in what for what in ledger.violations(tree))
