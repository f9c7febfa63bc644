"""Test on_bad_page: documents with pages that hang, crash, need too much memory or are damaged, on the real daemon."""

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from running import ROOT, Tree, new_tree
from samples import encoded, numbered, put
from selection import long

SETTINGS = (
    "llm: {enabled: false}\nocr: {workers: 1, attempts: 2, page_timeout: 20s, idle_unload: 30s}\n"
)
PUBLISH = SETTINGS + "on_bad_page: publish\n"
MISSING = "[page {} could not be read: {}]\n"


def _start(tree: Tree, bad: str) -> subprocess.Popen[str]:
    children = ROOT / "tests" / "children" / "badpages"
    path = f"{children}:{ROOT / 'daemon'}:{ROOT / 'tests'}"
    return tree.start(PYTHONPATH=path, BAD_PAGES=bad)


def _errors(sidecar: dict[str, Any]) -> dict[int, str]:
    return {page["number"]: page["error"]["code"] for page in sidecar["pages"] if "error" in page}


def _texts(tree: Tree, stem: str) -> list[str]:
    return tree.text(stem).split("\f")


def damaged_tiff(pages: int, bad: int) -> bytes:
    """Return a TIFF of which the picture of page ``bad`` (from 0) can't be decoded."""
    data = io.BytesIO()
    first, *others = numbered(pages)
    first.save(data, "TIFF", save_all=True, append_images=others, compression="tiff_adobe_deflate")
    spoilt = bytearray(data.getvalue())
    with Image.open(io.BytesIO(bytes(spoilt))) as image:
        image.seek(bad)
        starts, lengths = (image.tag_v2[tag] for tag in (273, 279))  # type: ignore[attr-defined]
    for start, length in zip(starts, lengths, strict=True):
        spoilt[start : start + length] = b"\xff" * length
    return bytes(spoilt)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path / "tree", PUBLISH) as made:
        yield made


@pytest.mark.parametrize(
    ("how", "code"),
    [("die", "died"), ("memory", "out-of-memory"), ("raise", "child-error"), ("hang", "timed-out")],
)
@pytest.mark.parametrize("kind", ["pdf", *long("tiff")])
def test_the_other_pages_are_published(tmp_path: Path, kind: str, how: str, code: str) -> None:
    with new_tree(tmp_path / "tree", PUBLISH) as tree:
        _start(tree, f"1:{how}")
        data = encoded(kind, numbered(4))
        put(tree.inbox, f"book.{kind}", data)

        sidecar = tree.published("book")

        assert [page["number"] for page in sidecar["pages"]] == [1, 2, 3, 4]
        assert _errors(sidecar) == {2: code}
        what = sidecar["pages"][1]["error"]["what"]
        assert "page 2 failed 2 times" in what
        assert sidecar["pages"][1]["lines"] == []
        assert sidecar["warnings"] == [f"page 2 is missing, it could not be read: {what}"]
        assert sidecar["truncated"]
        assert sidecar["attempts"] >= 2
        texts = _texts(tree, "book")
        assert texts[1] == MISSING.format(2, code)
        assert [texts[n].startswith(f"Page {n + 1} of") for n in range(4)] == [
            True,
            False,
            True,
            True,
        ]
        tree.eventually((tree.archive / f"book.{kind}").exists)
        assert (tree.archive / f"book.{kind}").read_bytes() == data
        assert tree.files(tree.failed) == []


def test_a_damaged_picture_costs_its_page_only(tree: Tree) -> None:
    _start(tree, "")
    put(tree.inbox, "fax.tif", damaged_tiff(3, 2))

    sidecar = tree.published("fax")

    assert _errors(sidecar) == {3: "damaged"}
    assert "can't be decoded" in sidecar["pages"][2]["error"]["what"]
    assert _texts(tree, "fax")[2] == MISSING.format(3, "damaged")


def test_a_document_without_any_good_page_fails(tree: Tree) -> None:
    _start(tree, "0:die 1:raise 2:die")
    put(tree.inbox, "book.pdf", encoded("pdf", numbered(3)))
    put(tree.inbox, "single.png", encoded("png"))

    for name in ("book.pdf", "single.png"):
        report = tree.failure(name)
        assert (report["kind"], report["class"]) == ("died", "exhausted")
        assert report["reason"].startswith(f"{name}: page 1 failed 2 times")
    assert tree.files(tree.outbox) == []


def test_by_default_the_document_fails(tmp_path: Path) -> None:
    with new_tree(tmp_path / "tree", SETTINGS) as tree:
        _start(tree, "1:die")
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(3)))

        assert tree.failure("book.pdf")["kind"] == "died"
        assert tree.files(tree.outbox) == []


def test_a_profile_decides_for_its_folder(tmp_path: Path) -> None:
    with new_tree(tmp_path / "tree", SETTINGS) as tree:
        default = (tree.home / "profiles" / "default.yaml").read_text()
        changed = default.replace("on_bad_page: null", "on_bad_page: publish")
        (tree.home / "profiles" / "faxes.yaml").write_text(changed)
        _start(tree, "1:die")
        data = encoded("tiff", numbered(2))
        put(tree.inbox, "faxes/a.tif", data)
        put(tree.inbox, "b.tif", data)

        assert _errors(tree.published("faxes/a")) == {2: "died"}
        assert tree.failure("b.tif")["kind"] == "died"


def test_a_restart_keeps_what_is_known_of_a_bad_page(tree: Tree) -> None:
    process = _start(tree, "1:die 3:hang")
    put(tree.inbox, "book.pdf", encoded("pdf", numbered(4)))
    tree.eventually(lambda: "published without a page" in tree.log_text())
    process.kill()
    process.wait(60)
    _start(tree, "3:raise")

    sidecar = tree.published("book")

    assert _errors(sidecar).get(2) == "died"
    assert set(_errors(sidecar)) <= {2, 4}
    assert len(sidecar["pages"]) == 4


def test_the_page_is_read_when_the_document_is_dropped_again(tree: Tree) -> None:
    process = _start(tree, "1:die")
    data = encoded("pdf", numbered(3))
    put(tree.inbox, "book.pdf", data)
    tree.published("book")
    tree.eventually((tree.archive / "book.pdf").exists)
    tree.stop(process)
    _start(tree, "")
    put(tree.inbox, "book.pdf", data)

    tree.eventually(lambda: not _errors(tree.published("book")))

    assert "could not be read" not in tree.text("book")
    assert tree.files(tree.outbox) == ["book.json", "book.txt"]


def test_process_publishes_the_other_pages_too(tree: Tree, tmp_path: Path) -> None:
    file = put(tmp_path, "fax.tif", damaged_tiff(3, 0))
    done = tree.command("process", str(file), "--out", str(tmp_path / "out"))

    assert MISSING.format(1, "damaged") in (tmp_path / "out" / "fax.txt").read_text()
    assert "page 1" in done.stdout + done.stderr
