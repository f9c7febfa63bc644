"""Test stops and kills: after the next start, documents in work are finished exactly once."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from running import BRISK, Tree, new_tree
from samples import encoded, numbered, put

POINTS = [
    "after:claim",
    "after:state:reading",
    "after:text",
    "after:result",
    "before:state:publishing",
    "after:state:publishing",
    "before:file:book.txt",
    "after:file:book.txt",
    "before:file:book.json",
    "after:file:book.json",
    "before:state:putting-away",
    "after:state:putting-away",
    "after:original",
    "before:state:done",
    "after:state:done",
]


def _whole(tree: Tree, stem: str, pages: int) -> None:
    """Wait until the result is complete, its original is archived and no other file is left."""
    sidecar = tree.published(stem)
    assert sidecar["source"]["pages"] == pages == len(sidecar["pages"])
    assert tree.text(stem).count("\f") == pages - 1
    tree.eventually(lambda: tree.files(tree.inbox) == [])
    tree.eventually(lambda: tree.status()["counts"]["done"] == 1)
    assert tree.files(tree.outbox) == [f"{stem}.json", f"{stem}.txt"]
    assert tree.files(tree.archive) == [f"{stem}.pdf"]
    assert tree.files(tree.failed) == []


@pytest.mark.unmeasured
@pytest.mark.parametrize("point", POINTS)
def test_a_document_survives_a_kill_at_each_step(
    tmp_path: Path, point: str, null_engine: str
) -> None:
    """Kill the daemon between the steps. Which engine reads the pages makes no difference to them."""
    with new_tree(tmp_path, null_engine) as tree:
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(2)))
        tree.die_at(point)

        tree.start()

        _whole(tree, "book", 2)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "point",
    [
        "before:state:putting-away",
        "after:state:putting-away",
        "after:file:notes.pdf.error.json",
        "after:original",
        "before:state:failed",
    ],
)
def test_a_failing_document_survives_a_kill(tmp_path: Path, point: str) -> None:
    with new_tree(tmp_path) as tree:
        put(tree.inbox, "notes.pdf", b"no scan at all")
        tree.die_at(point)

        tree.start()

        tree.failure("notes.pdf")
        tree.eventually(lambda: tree.status()["counts"]["failed"] == 1)
        assert tree.files(tree.failed) == ["notes.pdf", "notes.pdf.error.json"]
        assert tree.files(tree.inbox) == tree.files(tree.outbox) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_daemon_finishes_its_book_after_the_next_start(
    tmp_path: Path, number: int
) -> None:
    with new_tree(tmp_path) as tree:
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(12)))
        tree.eventually(lambda: "page read" in tree.log_text())

        assert tree.stop(process, number) == 0

        assert tree.files(tree.outbox) == []
        assert "stopped" in tree.log_text()
        children = [
            p
            for p in psutil.process_iter(["cmdline"])
            if str(tmp_path) in " ".join(p.info["cmdline"] or ())
        ]
        assert children == []
        read_before = tree.log_text().count("page read")
        tree.start()
        _whole(tree, "book", 12)
        assert tree.log_text().count("page read") == 12, f"{read_before} pages were kept"


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with new_tree(tmp_path, "grace: 1h") as tree:
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(30)))
        tree.eventually(lambda: "page read" in tree.log_text())
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        for child in children:  # the page never ends
            child.suspend()
        process.send_signal(signal.SIGTERM)
        tree.eventually(lambda: "stopping" in tree.log_text())

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 128 + signal.SIGTERM
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
        tree.start()
        tree.published("book")


def test_a_hanging_page_is_given_back_after_the_grace_period(tmp_path: Path) -> None:
    with new_tree(tmp_path, "grace: 500ms") as tree:
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(5)))
        tree.eventually(lambda: "page read" in tree.log_text())
        for child in psutil.Process(process.pid).children(recursive=True):
            child.suspend()

        assert tree.stop(process) == 0

        tree.start()
        assert tree.published("book")["attempts"] == 0


def test_a_crash_of_the_engine_costs_an_attempt(tmp_path: Path) -> None:
    with new_tree(tmp_path) as tree:
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(6)))
        tree.eventually(lambda: "page read" in tree.log_text())
        for child in psutil.Process(process.pid).children():
            child.send_signal(signal.SIGSEGV)

        sidecar = tree.published("book")

        assert len(sidecar["pages"]) == 6
        assert sidecar["attempts"] <= 1  # 0 if the child was between two pages


def test_an_engine_that_always_hangs_exhausts_the_attempts(tmp_path: Path) -> None:
    """Set a time limit shorter than any engine needs, since no picture is known that hangs one."""
    with new_tree(tmp_path, "ocr: {workers: 1, page_timeout: 1s, attempts: 2}") as tree:
        tree.start()
        rows = [
            f"line {n} of a page that is far too long to be read in a second" for n in range(90)
        ]
        from samples import page

        put(tree.inbox, "long.png", encoded("png", [page(rows, size=(2400, 6000))]))

        report = tree.failure("long.png")

        assert report["kind"] == "timed-out"
        assert report["class"] == "exhausted"
        assert "failed 2 times" in report["reason"]
        assert report["attempts"] in (2, 3)  # 3 if the first look at the file took a second, too


def test_a_full_outbox_pauses_the_work_and_nothing_is_lost(tmp_path: Path) -> None:
    """Put the outbox on a tmpfs of 1 MB; fill it, then empty it."""

    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    with new_tree(tmp_path) as tree:
        tree.outbox.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tree.outbox)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode:
            pytest.skip(f"can't mount a tmpfs here: {mounted.stderr!r}")
        try:
            ballast = tree.outbox / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 65536)
            tree.start(BRISK)
            put(tree.inbox, "scan.png", encoded("png", numbered(1)))
            tree.eventually(lambda: "No space left" in tree.log_text())
            tree.eventually(lambda: "publish" in tree.status()["facts"])
            assert tree.files(tree.inbox) == ["scan.png"]
            put(tree.inbox, "later.png", encoded("png", numbered(1)))

            ballast.unlink()

            tree.published("scan")
            tree.published("later")
            tree.eventually(lambda: tree.files(tree.inbox) == [])
            tree.eventually(lambda: "publish" not in tree.status()["facts"])
            assert tree.files(tree.failed) == []
            tree.stop(tree.processes[-1])
        finally:
            subprocess.run(["umount", str(tree.outbox)], check=True)


def test_a_file_that_disappears_while_it_is_read_is_gone(tmp_path: Path) -> None:
    with new_tree(tmp_path) as tree:
        tree.start()
        book = put(tree.inbox, "book.pdf", encoded("pdf", numbered(12)))
        tree.eventually(lambda: "page read" in tree.log_text())

        book.unlink()

        tree.eventually(lambda: tree.status()["counts"]["gone"] == 1)
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        tree.published("scan")
        assert tree.files(tree.outbox) == ["scan.json", "scan.txt"]


def test_of_a_file_replaced_while_it_is_read_the_last_version_is_published(tmp_path: Path) -> None:
    with new_tree(tmp_path) as tree:
        tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(8)))
        tree.eventually(lambda: "page read" in tree.log_text())

        put(tree.home, "new.pdf", encoded("pdf", numbered(2))).rename(tree.inbox / "book.pdf")

        sidecar = tree.published("book")
        assert sidecar["source"]["pages"] == 2
        tree.eventually(lambda: tree.status()["counts"]["done"] == 1)
        tree.eventually(lambda: tree.status()["counts"]["gone"] == 1)
        assert tree.files(tree.archive) == ["book.pdf"]


def test_an_unreadable_journal_is_reported(tmp_path: Path) -> None:
    with new_tree(tmp_path) as tree:
        tree.state.mkdir()
        (tree.state / "journal.sqlite").write_bytes(b"no database" * 1000)

        done = tree.command("run", check=False)

        assert done.returncode == 3
        assert "journal.sqlite: the journal can't be opened" in done.stderr


def test_many_files_at_once_are_all_published(tmp_path: Path) -> None:
    """Drop twenty files for two workers; the watcher's own test has 2,000, without an engine."""
    with new_tree(tmp_path, "ocr: {workers: 2}") as tree:
        tree.start()
        data = encoded("png", numbered(1))
        for number in range(20):
            put(tree.inbox, f"in/{number % 4}/scan-{number}.png", data)

        tree.eventually(lambda: tree.status()["counts"]["done"] == 20, 300)

        sidecars = [f for f in tree.files(tree.outbox) if f.endswith(".json")]
        assert len(sidecars) == 20
        times = [json.loads((tree.outbox / f).read_text())["times"]["published"] for f in sidecars]
        assert len(set(times)) > 1


def test_a_full_state_disk_pauses_the_work_and_nothing_is_lost(tmp_path: Path) -> None:
    """Put the state folder on a tmpfs; fill it while the daemon runs, then empty it. The WAL takes 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    with new_tree(tmp_path) as tree:
        tree.state.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tree.state)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode:
            pytest.skip(f"can't mount a tmpfs here: {mounted.stderr!r}")
        try:
            process = tree.start(BRISK)
            ballast = tree.state / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            for number in range(30):  # more rows than fit into the pages that SQLite has allocated
                put(tree.inbox, f"scan-{number}.png", encoded("png", numbered(1)))
            tree.eventually(lambda: "the journal can't be written" in tree.log_text())

            ballast.unlink()

            tree.eventually(lambda: len(list(tree.outbox.glob("*.json"))) == 30, 300)
            tree.eventually(lambda: tree.files(tree.inbox) == [])
            assert tree.files(tree.failed) == []
            assert tree.stop(process) == 0
        finally:
            subprocess.run(["umount", "-l", str(tree.state)], check=True)


def test_the_json_log_names_the_document_on_each_line(tmp_path: Path) -> None:
    with new_tree(tmp_path, "log: {format: json}") as tree:
        tree.start()
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        tree.published("scan")

        lines = [json.loads(line) for line in tree.log_text().splitlines()]

        assert {"claimed", "page read", "published"} <= {
            line["event"] for line in lines if line.get("document") == "scan.png"
        }
        assert "harbour" not in tree.log_text()  # a page's text must not get into the log
