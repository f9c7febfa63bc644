"""Test PDFs with an odd end on the real daemon: they are read after `settle.doubtful`, or wait for the rest."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import journals
from running import Tree, new_tree
from samples import encoded, numbered, put
from scanmend.document import Document, State

SETTLE = "settle: {quiet: 300ms, doubtful: 3s, patience: 10m}\n"
CASES = Path(__file__).parents[2] / "cases"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path / "tree", SETTLE) as tree:
        tree.start()
        yield tree


def _documents(tree: Tree) -> dict[bytes, Document]:
    return {d.path: d for d in journals.documents(tree.state)}


def _moves(tree: Tree, path: bytes) -> list[str]:
    return journals.moves(tree.state, _documents(tree)[path].id)


def _reason(tree: Tree, path: bytes) -> str:
    document = _documents(tree).get(path)
    return document.reason if document and document.state == State.SETTLING else ""


def test_a_pdf_with_an_odd_end_is_read_after_its_quiet_period_with_a_warning(daemon: Tree) -> None:
    for name in ("eof-cut", "junk-after-eof", "no-trailer", "no-header"):
        put(daemon.inbox, f"{name}.pdf", (CASES / f"{name}.pdf").read_bytes())

    daemon.eventually(lambda: "no %%EOF" in _reason(daemon, b"eof-cut.pdf"))
    for name in ("eof-cut", "junk-after-eof", "no-trailer"):
        warnings = daemon.published(name)["warnings"]
        assert warnings[0].startswith("the end of the PDF looks incomplete: no %%EOF")
        assert warnings[0].endswith("; it was read after 3 s of quiet")
    assert daemon.published("no-header")["warnings"] == ["repaired: no header"]
    daemon.eventually((daemon.archive / "no-header.pdf").exists)
    archived = (daemon.archive / "no-header.pdf").read_bytes()
    assert archived == (CASES / "no-header.pdf").read_bytes()


def test_half_a_file_is_tried_once_and_read_when_it_is_whole(daemon: Tree) -> None:
    data = encoded("pdf", numbered(3))
    put(daemon.inbox, "book.pdf", data[: len(data) // 2])
    daemon.eventually(lambda: "again" in _reason(daemon, b"book.pdf"))
    assert _moves(daemon, b"book.pdf")[-3:] == ["queued", "reading", "settling"]
    put(daemon.inbox, "after.png", encoded("png"))
    daemon.published("after")
    assert _moves(daemon, b"book.pdf").count("reading") == 1
    assert daemon.status()["counts"]["failed"] == 0
    with open(daemon.inbox / "book.pdf", "ab") as file:
        file.write(data[len(data) // 2 :])

    sidecar = daemon.published("book")

    assert sidecar["source"]["pages"] == 3
    assert sidecar["warnings"] == []
    assert _moves(daemon, b"book.pdf").count("reading") == 2


def test_the_same_version_is_not_tried_again_after_a_restart(tmp_path: Path) -> None:
    with new_tree(tmp_path / "tree", SETTLE) as tree:
        process = tree.start()
        put(tree.inbox, "half.pdf", encoded("pdf", numbered(3))[:5000])
        tree.eventually(lambda: "again" in _reason(tree, b"half.pdf"))
        tree.stop(process)
        tree.start()
        put(tree.inbox, "after.png", encoded("png"))
        tree.published("after")

        assert _moves(tree, b"half.pdf").count("reading") == 1
        assert "again" in _reason(tree, b"half.pdf")


def test_half_a_file_fails_when_patience_ends(tmp_path: Path) -> None:
    with new_tree(
        tmp_path / "tree", "settle: {quiet: 300ms, doubtful: 1s, patience: 6s}\n"
    ) as tree:
        tree.start()
        put(tree.inbox, "half.pdf", encoded("pdf", numbered(3))[:5000])

        report = tree.failure("half.pdf")

    assert report["kind"] == "never-completed"
    assert (
        "can't be" in report["reason"]
        or "not all there" in report["reason"]
        or "missing" in report["reason"]
    )
    assert "for 6 s (settle.patience)" in report["reason"]


def test_process_reads_a_pdf_with_an_odd_end_at_once(tmp_path: Path) -> None:
    with new_tree(tmp_path / "tree") as tree:
        half = put(tmp_path, "half.pdf", encoded("pdf", numbered(3))[:5000])
        out = tmp_path / "out"
        files = (str(CASES / "eof-cut.pdf"), str(half))
        done = tree.command("process", *files, "--out", str(out), check=False)

        sidecar = json.loads((out / "eof-cut.json").read_text())

    assert done.returncode == 5
    (warning,) = sidecar["warnings"]
    assert warning == "the end of the PDF looks incomplete: no %%EOF near the end of the PDF"
    assert "half.pdf" in done.stderr
    assert "again" in done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["eof-cut.json", "eof-cut.txt"]
