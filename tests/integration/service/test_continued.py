"""Test scans that come back with more pages: the real daemon replaces the earlier result, and loses nothing."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import Tree, new_tree
from samples import encoded, numbered, page, put
from selection import long

SETTINGS = "llm: {enabled: false}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path / "tree", SETTINGS) as made:
        yield made


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _publish(tree: Tree, name: str, data: bytes) -> dict[str, Any]:
    """Drop a file and wait until its result is published and its original archived."""
    put(tree.inbox, name, data)
    found: list[dict[str, Any]] = []

    def is_published() -> bool:
        found[:] = [
            sidecar
            for path in tree.outbox.rglob("*.json")
            if (sidecar := _loaded(path)).get("source", {}).get("sha256") == _sha256(data)
        ]
        return bool(found) and not (tree.inbox / name).exists()

    tree.eventually(is_published)
    return found[0]


def _loaded(path: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:  # replaced at this moment
        return {}
    return loaded


def _archived(tree: Tree) -> list[str]:
    return sorted(_sha256((tree.archive / name).read_bytes()) for name in tree.files(tree.archive))


@pytest.mark.parametrize("kind", ["pdf", "tiff"])
def test_the_new_result_replaces_the_old_one_and_says_so(tree: Tree, kind: str) -> None:
    scans = [encoded(kind, numbered(pages)) for pages in (1, 2, 4)]
    tree.start()
    name = f"desk/scan.{kind}"

    first, second, third = (_publish(tree, name, data) for data in scans)

    assert first["supersedes"] is None
    assert second["supersedes"] == {"sha256": _sha256(scans[0]), "pages": 1, "earlier": []}
    assert third["supersedes"] == {
        "sha256": _sha256(scans[1]),
        "pages": 2,
        "earlier": [_sha256(scans[0])],
    }
    assert tree.files(tree.outbox) == ["desk/scan.json", "desk/scan.txt"]
    assert len(tree.published("desk/scan")["pages"]) == 4
    assert tree.text("desk/scan").count("\f") == 3
    assert _archived(tree) == sorted(map(_sha256, scans))


def test_an_unrelated_scan_of_the_same_name_replaces_nothing(tree: Tree) -> None:
    form = ["Invoice of the harbour office", "for the bound ledger"]
    first = encoded("pdf", [page([*form, "Total 150.90"])])
    second = encoded("pdf", [page([*form, "Total 160.90"]), page(["Terms of payment"])])
    tree.start()

    _publish(tree, "scan.pdf", first)
    sidecar = _publish(tree, "scan.pdf", second)

    assert sidecar["supersedes"] is None
    suffix = _sha256(second)[:8]
    assert tree.files(tree.outbox) == [
        f"scan-{suffix}.json",
        f"scan-{suffix}.txt",
        "scan.json",
        "scan.txt",
    ]
    assert "150.90" in tree.text("scan")


def test_a_result_that_somebody_took_away_is_not_looked_for(tree: Tree) -> None:
    tree.start()
    _publish(tree, "scan.pdf", encoded("pdf", numbered(1)))
    for name in tree.files(tree.outbox):
        (tree.outbox / name).unlink()

    sidecar = _publish(tree, "scan.pdf", encoded("pdf", numbered(2)))

    assert sidecar["supersedes"] is None
    assert tree.files(tree.outbox) == ["scan.json", "scan.txt"]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "point",
    [
        "after:file:scan.txt",
        "after:file:scan.json",
        *long("before:file:scan.txt", "before:file:scan.json"),
    ],
)
def test_a_kill_in_the_middle_of_the_replacement_leaves_one_result(tree: Tree, point: str) -> None:
    scans = [encoded("tiff", numbered(pages)) for pages in (1, 2)]
    process = tree.start()
    _publish(tree, "scan.tiff", scans[0])
    tree.stop(process)
    put(tree.inbox, "scan.tiff", scans[1])
    tree.die_at(point)
    for path in tree.outbox.glob("*.json"):  # no sidecar stands beside a text that is not its own
        pages = len(json.loads(path.read_text("utf-8"))["pages"])
        assert tree.text("scan").count("\f") == pages - 1
    (tree.inbox / "scan.tiff").rename(tree.home / "taken.tiff")  # its owner takes it away
    tree.start()

    sidecar = tree.published("scan")

    assert sidecar["supersedes"]["sha256"] == _sha256(scans[0])
    assert len(sidecar["pages"]) == 2
    assert tree.files(tree.outbox) == ["scan.json", "scan.txt"]
    assert _sha256(scans[0]) in _archived(tree)
