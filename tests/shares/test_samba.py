"""Test a daemon on the disk of a Samba server that exports the inbox: other clients write through the share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.made import chunk
from running import Tree, new_tree
from samples import encoded, numbered
from shares.samba import Samba, impossible, samba

WHY_NOT = impossible()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Tree, Samba]]:
    with new_tree(tmp_path / "tree") as tree, samba(tmp_path / "server", tree.inbox) as server:
        tree.start()
        yield tree, server


def test_files_that_arrive_in_different_ways_are_published_once(served: tuple[Tree, Samba]) -> None:
    tree, server = served
    png, book = encoded("png", numbered(1)), encoded("tiff", numbered(3))
    names = [
        "plain.png",
        "Rechnung Müller & Söhne (1).png",
        "UPPER CASE.PNG",
        "ends with a blank .png",
        f"{'long ' * 30}.png",
    ]
    for name in names:
        server.put(name, png)
    server.ask("mkdir letters")
    server.put("letters\\inner.png", png)
    step = len(book) // 8
    server.put_slowly("slow.tif", [book[i : i + step] for i in range(0, len(book), step)], 0.6)
    server.put("coming.part", png)
    server.ask('rename "coming.part" "arrived.png"')
    for name in ("Thumbs.db", "desktop.ini", "~$letter.docx"):
        server.put(name, b"not ours")

    for stem in ("plain", "Rechnung Müller & Söhne (1)", "UPPER CASE", "letters/inner", "arrived"):
        assert "harbour" in tree.text(stem if tree.published(stem) else "")
    assert tree.published("slow")["source"]["pages"] == 3
    tree.eventually(lambda: len(tree.files(tree.archive)) == len(names) + 3)
    assert len([f for f in tree.files(tree.outbox) if f.endswith(".json")]) == len(names) + 3
    assert tree.files(tree.failed) == []
    assert set(tree.files(tree.inbox)) == {"Thumbs.db", "desktop.ini", "~$letter.docx"}
    assert tree.log_text().count("failed") == 0


def test_a_file_whose_copy_is_interrupted_waits_for_the_rest(served: tuple[Tree, Samba]) -> None:
    tree, server = served
    page = encoded("png", numbered(1))
    book = page[:33] + chunk(b"juNk", bytes(60 * 2**20)) + page[33:]  # more than the client buffers
    server.put_slowly("cut.png", [book[: 30 * 2**20], book[30 * 2**20 : 50 * 2**20]], 2.0, cut=True)
    tree.eventually(lambda: [w["path"] for w in tree.status()["waiting"]] == ["cut.png"])
    tree.eventually(lambda: "incomplete" in tree.status()["waiting"][0]["reason"])
    assert tree.files(tree.outbox) == []

    server.put("cut.png", book)

    assert tree.published("cut")["source"]["pages"] == 1
    tree.eventually(lambda: tree.files(tree.archive) == ["cut.png"])
    assert tree.files(tree.failed) == []


def test_a_replaced_file_is_published_again_and_a_removed_one_is_gone(
    served: tuple[Tree, Samba],
) -> None:
    tree, server = served
    server.put_slowly("gone.png", [encoded("png", numbered(1))[:200]], 1.0, cut=True)
    tree.eventually(lambda: tree.status()["waiting"] != [])
    server.ask('del "gone.png"')
    server.put("again.png", encoded("png", numbered(1)))
    tree.published("again")
    server.put("again.png", encoded("png", numbered(2)[1:]))

    tree.eventually(lambda: len(tree.files(tree.archive)) == 2)
    tree.eventually(lambda: tree.status()["waiting"] == [])
    assert len([f for f in tree.files(tree.outbox) if f.endswith(".json")]) == 2
    assert tree.files(tree.failed) == []
