"""Test two daemons on one inbox, each with its own state folder: each file is processed once, even if one dies."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import journals
from attached import mail, saved, written
from running import Tree, eventually
from samples import encoded, numbered, put
from scanmend.document import State

pytestmark = pytest.mark.unmeasured
LEASE = "watch: {poll_interval: 300ms, reconcile_interval: 2s, shared: true, lease: 3s}\n"
PAGES = 40  # of a book that a daemon does not finish before the test stops it


def _machine(home: Path, original: Path, originals: str = "archive") -> Tree:
    """Return a tree for one daemon; all its folders except the state are shared."""
    shared = ", ".join(f"{n}: {original / n}" for n in ("inbox", "outbox", "archive", "failed"))
    more = f"{LEASE}folders: {{{shared}, state: state}}\noriginals: {originals}\n"
    return Tree(home, more)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Tree, Tree]]:
    (tmp_path / "share").mkdir()
    trees = (
        _machine(tmp_path / "one", tmp_path / "share"),
        _machine(tmp_path / "two", tmp_path / "share"),
    )
    for tree in trees:
        tree.inbox, tree.outbox = tmp_path / "share" / "inbox", tmp_path / "share" / "outbox"
        tree.archive, tree.failed = tmp_path / "share" / "archive", tmp_path / "share" / "failed"
    trees[0].inbox.mkdir()
    try:
        yield trees
    finally:
        for tree in trees:
            tree.close()


def _done(tree: Tree) -> list[str]:
    return [d.name for d in journals.documents(tree.state) if d.state == State.DONE]


def _finished(tree: Tree, names: list[str]) -> None:
    """Wait until every file is archived, with one result for each."""
    eventually(lambda: tree.files(tree.archive) == sorted(names), 180)
    stems = sorted(Path(name).stem for name in names)
    expected = sorted([f"{s}.json" for s in stems] + [f"{s}.txt" for s in stems])
    eventually(lambda: tree.files(tree.outbox) == expected, 60)
    assert [n for n in tree.files(tree.inbox) if not n.startswith(".scanmend")] == []


def test_each_file_is_published_once_though_the_clocks_differ_by_an_hour(
    two: tuple[Tree, Tree],
) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not there")
    one, other = two
    one.start()
    other.start(before=("faketime", "-f", "+1h"), FAKETIME_DONT_FAKE_MONOTONIC="1")
    names = [f"scan-{number:02}.png" for number in range(24)]
    for number, name in enumerate(names):
        put(one.inbox, name, encoded("png", [numbered(24)[number]]))

    _finished(one, names)

    eventually(lambda: set(_done(one) + _done(other)) == set(names), 60)
    done = Counter(_done(one) + _done(other))
    assert set(done.values()) == {1}
    assert "taken over" not in one.log_text() + other.log_text()
    eventually(lambda: not os.listdir(one.inbox / ".scanmend" / "leases"), 60)


def test_a_dead_daemons_files_are_taken_over_and_its_return_does_no_harm(
    two: tuple[Tree, Tree],
) -> None:
    one, other = two
    process = one.start()
    put(one.inbox, "book.tiff", encoded("tiff", numbered(PAGES)))
    one.eventually(lambda: "page read" in one.log_text())
    other.start()
    put(one.inbox, "more.png", encoded("png", numbered(1)))
    process.kill()
    process.wait()

    _finished(other, ["book.tiff", "more.png"])
    assert "taken over" in other.log_text()

    one.start()
    one.eventually(lambda: one.status()["in_work"] == [])
    _finished(one, ["book.tiff", "more.png"])
    assert len(numbered(PAGES)) == other.text("book").count("\f") + 1


def test_a_daemon_that_was_stopped_for_too_long_publishes_nothing_twice(
    two: tuple[Tree, Tree],
) -> None:
    one, other = two
    process = one.start()
    put(one.inbox, "book.tiff", encoded("tiff", numbered(PAGES)))
    one.eventually(lambda: "page read" in one.log_text())
    process.send_signal(signal.SIGSTOP)  # its children continue until they need an answer
    other.start()
    other.eventually(lambda: "taken over" in other.log_text())
    process.send_signal(signal.SIGCONT)

    _finished(other, ["book.tiff"])

    one.eventually(lambda: one.status()["in_work"] == [])
    published = [
        line for tree in two for line in tree.log_text().splitlines() if "published" in line
    ]
    assert len([line for line in published if "book.tiff" in line]) == 1


def test_originals_that_stay_are_processed_once(tmp_path: Path) -> None:
    share = tmp_path / "share"
    (share / "inbox").mkdir(parents=True)
    one = _machine(tmp_path / "one", share, "keep")
    other = _machine(tmp_path / "two", share, "keep")
    for tree in (one, other):
        tree.inbox, tree.outbox = share / "inbox", share / "outbox"
    try:
        one.start()
        put(one.inbox, "scan.png", encoded("png", numbered(1)))
        one.published("scan")
        before = (one.outbox / "scan.json").read_bytes()
        one.eventually(lambda: one.status()["counts"]["done"] == 1)
        other.start()
        other.eventually(lambda: other.status()["counts"]["gone"] == 1)
        time.sleep(1)  # wait: nothing more may be published, and no event shows that
        assert other.status()["counts"]["done"] == 0
        assert (one.outbox / "scan.json").read_bytes() == before
    finally:
        one.close()
        other.close()


def test_attachments_of_a_file_that_is_taken_over_are_published_once(
    two: tuple[Tree, Tree],
) -> None:
    """Kill one daemon when the attachments are queued and the file is still in the inbox; then start it again."""
    one, other = two
    for tree in two:
        tree.config.write_text(tree.config.read_text() + "\npdf: {attachments: extract}\n")
    files = {f"{n}.pdf": saved(written(f"Invoice {n} for 219.45")) for n in range(2)}
    put(one.inbox, "mail.pdf", mail("Two invoices", files))
    one.die_at("after:state:putting-away")

    other.start()
    expected = ["mail.json", "mail.txt", "mail/0.json", "mail/0.txt", "mail/1.json", "mail/1.txt"]
    eventually(lambda: one.files(one.outbox) == expected, 120)
    eventually(lambda: one.files(one.archive) == ["mail.pdf"])
    one.start()

    eventually(lambda: sorted(_done(one)) == ["mail.pdf", "mail/0.pdf", "mail/1.pdf"], 60)
    assert sorted(_done(other)) == ["mail.pdf", "mail/0.pdf", "mail/1.pdf"]
    assert one.files(one.outbox) == expected
    assert one.files(one.failed) == []
    assert "taken over" in other.log_text()
