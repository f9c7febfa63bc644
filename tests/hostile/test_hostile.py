"""Drop all hostile files at once: each is published or fails, and a good file among them is not held up."""

import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import journals
from hostile.corpus import cases
from hostile.made import EITHER, FAILED, PUBLISHED, encoded
from running import Tree, new_tree
from samples import put
from scanmend.document import Document, State

LIMITS = """\
settle: {quiet: 300ms, patience: 8s}
ocr: {workers: 2, idle_unload: 30s, page_timeout: 1m, memory: 1GiB, attempts: 1}
limits: {file_size: 40MB, pages: 500, pixels: 20000000}
"""
DAEMON_BYTES = 200 * 2**20  # limit for the daemon itself, which opens none of the files
CHILDREN_BYTES = 3 * 2**30  # limit for both OCR children: 1 GiB of data each, and their libraries
SPECIAL_FILES = 6 + (os.geteuid() == 0)  # links, a pipe, a socket and, as root, a device


class Crowd:
    """The hostile files, the daemon that took them all, and the resulting documents.

    ``max_rss_bytes`` holds the largest resident sets. ``open_when_good_was_done`` is the number of hostile files that were
    not finished when the good one was published.
    """

    def __init__(self, tree: Tree, outside: Path) -> None:
        self.tree = tree
        self.outside = outside
        self.cases = cases()
        self.max_rss_bytes = {"daemon": 0, "children": 0}
        self.open_when_good_was_done = 0
        self._run()
        self.documents = self._documents()

    def _run(self) -> None:
        process = self.tree.start()
        half = len(self.cases) // 2
        for case in self.cases[:half]:
            put(self.tree.inbox, case.name, case.data)
        _special(self.tree.inbox, self.outside)
        put(self.tree.inbox, "good among bad.png", encoded("PNG"))
        for case in self.cases[half:]:
            put(self.tree.inbox, case.name, case.data)
        watched = psutil.Process(process.pid)
        good = self.tree.outbox / "good among bad.json"

        def ended() -> bool:
            time.sleep(
                0.1
            )  # a look reads the journal and all of /proc, which slows the daemon down
            self._measure(watched)
            documents = self._documents()
            final = [d for d in documents.values() if d.state in (State.DONE, State.FAILED)]
            if good.exists() and not self.open_when_good_was_done:
                self.open_when_good_was_done = len(self.cases) - len(final)
            return len(final) >= len(self.cases) + 3 + SPECIAL_FILES

        self.tree.eventually(ended, 600)
        assert process.poll() is None
        assert self.tree.stop(process) == 0

    def _measure(self, watched: psutil.Process) -> None:
        try:
            self.max_rss_bytes["daemon"] = max(
                self.max_rss_bytes["daemon"], watched.memory_info().rss
            )
            children = sum(c.memory_info().rss for c in watched.children(recursive=True))
            self.max_rss_bytes["children"] = max(self.max_rss_bytes["children"], children)
        except psutil.NoSuchProcess:
            pass  # a child ended meanwhile

    def _documents(self) -> dict[bytes, Document]:
        return {d.path: d for d in journals.documents(self.tree.state)}


def _special(inbox: Path, outside: Path) -> None:
    """Put links and special files into the inbox."""
    (outside / "secret.png").write_bytes(encoded("PNG"))
    (outside / "folder").mkdir()
    (outside / "folder" / "inner.png").write_bytes(encoded("PNG"))
    os.symlink(outside / "secret.png", inbox / "link.png")
    os.symlink("/nowhere", inbox / "dangling.png")
    os.symlink(outside / "folder", inbox / "linked-folder")
    os.symlink(inbox, inbox / "loop")
    os.link(outside / "secret.png", inbox / "hard.png")
    os.mkfifo(inbox / "fifo.png")
    with socket.socket(socket.AF_UNIX) as end:
        here = os.getcwd()
        os.chdir(inbox)  # the path of a socket is limited to 108 bytes
        end.bind("socket.png")
        os.chdir(here)
    if os.geteuid() == 0:
        os.mknod(inbox / "device.png", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (inbox / "folder.pdf").mkdir()
    put(inbox / "folder.pdf", "inner.png", encoded("PNG"))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    home = tmp_path_factory.mktemp("crowd")
    (home / "outside").mkdir()
    with new_tree(home / "tree", LIMITS) as tree:
        yield Crowd(tree, home / "outside")


@pytest.mark.parametrize("end", [PUBLISHED, FAILED, EITHER])
def test_each_file_reaches_its_required_end(crowd: Crowd, end: str) -> None:
    wrong = []
    for case in (case for case in crowd.cases if case.end == end):
        document = crowd.documents.get(os.fsencode(case.name))
        outcome = document.state if document else "not seen"
        allowed = {PUBLISHED: ("done",), FAILED: ("failed",), EITHER: ("done", "failed")}[end]
        if outcome not in allowed:
            wrong.append((case.name, str(outcome), document.reason if document else ""))
    assert wrong == []


def test_a_failure_names_the_file_and_the_remedy(crowd: Crowd) -> None:
    names = {os.fsencode(case.name) for case in crowd.cases}
    for path, document in crowd.documents.items():
        if path in names and document.state == State.FAILED:
            assert document.name.rsplit("/", 1)[-1] in document.reason
            assert re.search("again|limits|ocr|remove|not a kind", document.reason), document.reason
            if len(path) < 200:  # the report of a longer name has a cut name
                report = Path(os.fsdecode((document.put_away or b"") + b".error.json"))
                assert json.loads(report.read_text())["reason"] == document.reason


def test_originals_are_put_away_and_no_other_file_is_left(crowd: Crowd) -> None:
    tree = crowd.tree
    for case in crowd.cases:
        document = crowd.documents[os.fsencode(case.name)]
        assert document.put_away is not None, case.name
        folder = tree.archive if document.state == State.DONE else tree.failed
        assert Path(os.fsdecode(document.put_away)).parent == folder
        assert Path(os.fsdecode(document.put_away)).read_bytes() == case.data
    links = {"link.png", "dangling.png", "loop", "linked-folder"}
    assert set(tree.files(tree.inbox)) <= links | {"fifo.png", "socket.png", "device.png"}
    for name in ("outbox", "archive", "failed"):
        assert not [f for f in tree.files(getattr(tree, name)) if Path(f).name.startswith(".")]
    assert not (tree.state / "scratch").exists()


def test_no_file_outside_of_the_inbox_is_read_or_written(crowd: Crowd) -> None:
    assert sorted(p.name for p in crowd.outside.rglob("*")) == ["folder", "inner.png", "secret.png"]
    assert (crowd.outside / "secret.png").read_bytes() == encoded("PNG")
    assert not list(crowd.tree.home.rglob("pwned"))
    said = crowd.tree.log_text()
    for name in ("link.png", "fifo.png", "socket.png", "dangling.png"):
        assert re.search(rf"refused .*document={name} reason=.*put the file itself", said), name
    published = {p.stem for p in crowd.tree.outbox.rglob("*.json")}
    assert "hard" in published  # a hard link is published under its name in the inbox
    assert published.isdisjoint({"link", "secret"})
    states = {d.path.decode(): d for d in crowd.documents.values() if d.outcome == "refused"}
    assert {"link.png", "fifo.png", "socket.png", "dangling.png", "linked-folder"} <= states.keys()
    assert {d.state for d in states.values()} == {State.FAILED}
    texts = "".join(p.read_text() for p in crowd.tree.outbox.rglob("*.txt"))
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", texts)
    assert "granary" in (crowd.tree.outbox / "steers-the-terminal.txt").read_text()
    assert "root:" not in texts  # /etc/passwd begins so; content-is-a-file-outside.pdf names it


def test_no_name_breaks_a_line_of_the_log(crowd: Crowd) -> None:
    """Check that no name starts a new line, controls the terminal or changes the direction of the text."""
    said = crowd.tree.log.read_bytes().decode(
        "utf-8"
    )  # raises an exception if the log is not UTF-8
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", said)
    assert not re.search(r"^line\.png", said, re.MULTILINE)


def test_a_good_file_among_hostile_ones_is_not_held_up(crowd: Crowd) -> None:
    assert crowd.open_when_good_was_done > 20


def test_memory_stays_bounded(crowd: Crowd) -> None:
    assert 0 < crowd.max_rss_bytes["daemon"] < DAEMON_BYTES
    assert 0 < crowd.max_rss_bytes["children"] < CHILDREN_BYTES


def test_there_are_enough_hostile_files() -> None:
    found = cases()

    assert len(found) >= 150
    assert {case.end for case in found} == {PUBLISHED, FAILED, EITHER}
