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
    made = Tree(tmp_path / "tree", SETTINGS)
    for name in ("inbox", "outbox", "archive", "failed", "state"):
        shutil.rmtree(made.home / name, ignore_errors=True)
        shutil.copytree(original[0] / name, made.home / name)
    yield made, original[1]
    made.close()


def _sidecar(made: Tree) -> Path:
    return min(made.outbox.rglob("*.json"))


def _change_a_line(made: Tree) -> None:
    sidecar = json.loads(_sidecar(made).read_text())
    sidecar["pages"][0]["lines"][0]["text"] += "x"
    _sidecar(made).write_text(json.dumps(sidecar))


def _copy_a_result(made: Tree) -> None:
    shutil.copy(_sidecar(made), _sidecar(made).with_name("again.json"))


def _in_the_journal(statement: str) -> Callable[[Tree], None]:
    def change(made: Tree) -> None:
        with sqlite3.connect(made.state / "journal.sqlite") as db:
            db.execute(statement)
        db.close()

    return change


VIOLATIONS: dict[str, Callable[[Tree], object]] = {
    "other than undisturbed": _change_a_line,
    "lost": lambda made: _sidecar(made).unlink(),
    "half-written": lambda made: _sidecar(made).unlink(),
    "duplicated": _copy_a_result,
    "archive: too much": lambda made: (made.archive / "more").write_bytes(b"x"),
    "not put away": lambda made: (made.inbox / "left.png").write_bytes(b"x"),
    "temp file": lambda made: (made.outbox / ".half").write_bytes(b"x"),
    "final states": _in_the_journal("UPDATE documents SET state = 'reading' WHERE id = 1"),
    "from": _in_the_journal("DELETE FROM moves WHERE rowid = 2"),
}


def test_an_undisturbed_run_has_no_violation(copied: tuple[Tree, Ledger]) -> None:
    made, ledger = copied
    assert ledger.violations(made) == []
    assert os.listdir(made.outbox)


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_each_kind_of_violation_is_found(copied: tuple[Tree, Ledger], kind: str) -> None:
    made, ledger = copied
    VIOLATIONS[kind](made)
    assert any(kind in what for what in ledger.violations(made))
