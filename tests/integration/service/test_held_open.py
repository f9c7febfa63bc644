"""Test files that another program holds open for writing: the real daemon leaves them until they are closed."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import journals
from programs import Writer, running_writer
from running import Tree, new_tree
from samples import encoded, numbered, put

pytestmark = pytest.mark.unmeasured
STILL_OPEN = "still open for writing by another program"
NO_LEASE = ("setpriv", "--bounding-set=-lease,-setuid", "--inh-caps=-lease,-setuid")

needs_setpriv = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv"
)


@pytest.fixture
def tree(tmp_path: Path, null_engine: str) -> Iterator[Tree]:
    with new_tree(tmp_path / "tree", null_engine) as made:
        yield made


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with running_writer(tmp_path / "data") as program:
        yield program


def _waits_open(tree: Tree, name: str) -> bool:
    found = journals.documents(tree.state)
    return any(d.name == name and d.reason == STILL_OPEN for d in found)


def _stays(tree: Tree, name: str) -> None:
    """Wait until status says why the file waits, and through another file."""
    tree.eventually(lambda: _waits_open(tree, name))
    put(tree.inbox, "other.png", encoded("png"))
    tree.published("other")
    (tree.outbox / "other.json").unlink()
    assert _waits_open(tree, name)
    assert (tree.inbox / name).exists()
    assert not (tree.outbox / name).with_suffix(".json").exists()


def _archived_as_published(tree: Tree, name: str) -> None:
    sidecar = tree.published(name.rsplit(".", 1)[0])
    archived = tree.archive / name
    tree.eventually(archived.exists)
    assert hashlib.sha256(archived.read_bytes()).hexdigest() == sidecar["source"]["sha256"]


@pytest.mark.parametrize("name", ["a.pdf", "a.png"])
def test_a_whole_file_waits_until_its_writer_closes_it(
    tree: Tree, writer: Writer, name: str
) -> None:
    tree.start()
    writer.do("open", tree.inbox / name)
    writer.write(encoded(name[-3:]))

    _stays(tree, name)
    text = tree.command("status").stdout
    assert f"{name}: {STILL_OPEN}, since" in text
    writer.do("close")

    _archived_as_published(tree, name)


def test_a_file_that_was_opened_before_the_daemon_started_waits(tree: Tree, writer: Writer) -> None:
    put(tree.inbox, "a.pdf", encoded("pdf"))
    writer.do("open", tree.inbox / "a.pdf")
    tree.start()

    _stays(tree, "a.pdf")
    writer.do("close")

    _archived_as_published(tree, "a.pdf")


def test_a_file_that_is_renamed_into_place_while_it_is_open_waits(
    tree: Tree, writer: Writer
) -> None:
    tree.start()
    writer.do("open", tree.inbox / "a.part")
    writer.write(encoded("pdf"))
    (tree.inbox / "a.part").rename(tree.inbox / "a.pdf")

    _stays(tree, "a.pdf")
    writer.do("close")

    _archived_as_published(tree, "a.pdf")


def test_a_file_that_a_program_has_mapped_waits(tree: Tree, writer: Writer) -> None:
    data = encoded("pdf")
    tree.start()
    writer.do("open", tree.inbox / "a.pdf")
    writer.write(data)
    writer.do("map")

    _stays(tree, "a.pdf")
    writer.do("poke", len(data) - 1, data[-1])
    writer.do("close")

    _archived_as_published(tree, "a.pdf")


def test_the_last_of_two_writers_counts(tree: Tree, writer: Writer, tmp_path: Path) -> None:
    tree.start()
    with running_writer(tmp_path / "more data") as second:
        writer.do("open", tree.inbox / "a.pdf")
        writer.write(encoded("pdf", numbered(1)))
        second.do("open", tree.inbox / "a.pdf")
        writer.do("close")
        _stays(tree, "a.pdf")

    _archived_as_published(tree, "a.pdf")


@needs_setpriv
def test_root_without_the_capability_asks_as_the_owner(tree: Tree, writer: Writer) -> None:
    file = put(tree.inbox, "a.pdf", encoded("pdf"))
    os.chown(file, 65534, 65534)
    writer.do("open", file)
    tree.start(before=("setpriv", "--bounding-set=-lease", "--inh-caps=-lease"))

    _stays(tree, "a.pdf")
    writer.do("close")

    _archived_as_published(tree, "a.pdf")


@needs_setpriv
def test_without_leases_the_missing_close_event_tells(tree: Tree, writer: Writer) -> None:
    """Give up CAP_LEASE, and let another user own the file."""
    tree.start(before=NO_LEASE)
    writer.do("open", tree.inbox / "a.pdf")
    os.chown(tree.inbox / "a.pdf", 65534, 65534)
    writer.write(encoded("pdf"))

    _stays(tree, "a.pdf")
    writer.do("close")

    _archived_as_published(tree, "a.pdf")


@needs_setpriv
def test_without_leases_and_events_the_quiet_period_decides(tree: Tree, writer: Writer) -> None:
    file = put(tree.inbox, "a.pdf", encoded("pdf"))
    os.chown(file, 65534, 65534)
    writer.do("open", file)
    tree.start(before=NO_LEASE)

    _archived_as_published(tree, "a.pdf")


def test_an_original_that_is_opened_again_waits_in_the_inbox_for_its_end(
    tree: Tree, writer: Writer
) -> None:
    put(tree.inbox, "a.pdf", encoded("pdf", numbered(3)))
    tree.die_at("before:original")
    writer.do("open", tree.inbox / "a.pdf")
    tree.start()
    why = f"waits: a.pdf: {STILL_OPEN}"
    tree.eventually(lambda: [d.reason for d in journals.documents(tree.state)] == [why])
    assert (tree.inbox / "a.pdf").exists()
    put(tree.inbox, "b.png", encoded("png"))
    tree.published("b")

    writer.do("close")

    _archived_as_published(tree, "a.pdf")
    assert tree.files(tree.outbox) == ["a.json", "a.txt", "b.json", "b.txt"]


def test_process_reads_a_file_though_a_program_has_it_open(
    tree: Tree, writer: Writer, tmp_path: Path
) -> None:
    file = put(tmp_path, "a.pdf", encoded("pdf"))
    writer.do("open", file)

    tree.command("process", str(file), "--out", str(tmp_path / "out"))

    assert (tmp_path / "out" / "a.json").exists()
