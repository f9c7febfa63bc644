"""Test stops and kills: after the next start, documents in work are finished exactly once."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from running import Tree, tree
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


def _whole(made: Tree, stem: str, pages: int) -> None:
    """Wait until the result is complete, its original is archived and no other file is left."""
    sidecar = made.published(stem)
    assert sidecar["source"]["pages"] == pages == len(sidecar["pages"])
    assert made.text(stem).count("\f") == pages - 1
    made.eventually(lambda: made.files(made.inbox) == [])
    made.eventually(lambda: made.status()["counts"]["done"] == 1)
    assert made.files(made.outbox) == [f"{stem}.json", f"{stem}.txt"]
    assert made.files(made.archive) == [f"{stem}.pdf"]
    assert made.files(made.failed) == []


@pytest.mark.parametrize("point", POINTS)
def test_a_document_survives_a_kill_at_each_step(tmp_path: Path, point: str) -> None:
    with tree(tmp_path) as made:
        put(made.inbox, "book.pdf", encoded("pdf", numbered(2)))
        made.die_at(point)

        made.start()

        _whole(made, "book", 2)


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
    with tree(tmp_path) as made:
        put(made.inbox, "notes.pdf", b"no scan at all")
        made.die_at(point)

        made.start()

        made.failure("notes.pdf")
        made.eventually(lambda: made.status()["counts"]["failed"] == 1)
        assert made.files(made.failed) == ["notes.pdf", "notes.pdf.error.json"]
        assert made.files(made.inbox) == made.files(made.outbox) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_daemon_finishes_its_book_after_the_next_start(
    tmp_path: Path, number: int
) -> None:
    with tree(tmp_path) as made:
        process = made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(12)))
        made.eventually(lambda: "page read" in made.log_text())

        assert made.stop(process, number) == 0

        assert made.files(made.outbox) == []
        assert "stopped" in made.log_text()
        children = [
            p
            for p in psutil.process_iter(["cmdline"])
            if str(tmp_path) in " ".join(p.info["cmdline"] or ())
        ]
        assert children == []
        read_before = made.log_text().count("page read")
        made.start()
        _whole(made, "book", 12)
        assert made.log_text().count("page read") == 12, f"{read_before} pages were kept"


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with tree(tmp_path, "grace: 1h") as made:
        process = made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(30)))
        made.eventually(lambda: "page read" in made.log_text())
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        for child in children:  # the page never ends
            child.suspend()
        process.send_signal(signal.SIGTERM)
        made.eventually(lambda: "stopping" in made.log_text())

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 128 + signal.SIGTERM
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
        made.start()
        made.published("book")


def test_a_hanging_page_is_given_back_after_the_grace_period(tmp_path: Path) -> None:
    with tree(tmp_path, "grace: 500ms") as made:
        process = made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(5)))
        made.eventually(lambda: "page read" in made.log_text())
        for child in psutil.Process(process.pid).children(recursive=True):
            child.suspend()

        assert made.stop(process) == 0

        made.start()
        assert made.published("book")["attempts"] == 0


def test_a_crash_of_the_engine_costs_an_attempt(tmp_path: Path) -> None:
    with tree(tmp_path) as made:
        process = made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(6)))
        made.eventually(lambda: "page read" in made.log_text())
        for child in psutil.Process(process.pid).children():
            child.send_signal(signal.SIGSEGV)

        sidecar = made.published("book")

        assert len(sidecar["pages"]) == 6
        assert sidecar["attempts"] <= 1  # 0 if the child was between two pages


def test_an_engine_that_always_hangs_exhausts_the_attempts(tmp_path: Path) -> None:
    """Set a time limit shorter than any engine needs, since no picture is known that hangs one."""
    with tree(tmp_path, "ocr: {workers: 1, page_timeout: 1s, attempts: 2}") as made:
        made.start()
        rows = [
            f"line {n} of a page that is far too long to be read in a second" for n in range(90)
        ]
        from samples import page

        put(made.inbox, "long.png", encoded("png", [page(rows, size=(2400, 6000))]))

        report = made.failure("long.png")

        assert report["kind"] == "timed-out"
        assert report["class"] == "exhausted"
        assert report["attempts"] == 2


def test_a_full_outbox_pauses_the_work_and_nothing_is_lost(tmp_path: Path) -> None:
    """Put the outbox on a tmpfs of 1 MB; fill it, then empty it."""

    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    with tree(tmp_path) as made:
        made.outbox.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(made.outbox)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode:
            pytest.skip(f"can't mount a tmpfs here: {mounted.stderr!r}")
        try:
            ballast = made.outbox / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 65536)
            made.start()
            put(made.inbox, "scan.png", encoded("png", numbered(1)))
            made.eventually(lambda: "No space left" in made.log_text())
            made.eventually(lambda: "publish" in made.status()["facts"])
            assert made.files(made.inbox) == ["scan.png"]
            put(made.inbox, "later.png", encoded("png", numbered(1)))

            ballast.unlink()

            made.published("scan")
            made.published("later")
            made.eventually(lambda: made.files(made.inbox) == [])
            assert "publish" not in made.status()["facts"]
            assert made.files(made.failed) == []
            made.stop(made.processes[-1])
        finally:
            subprocess.run(["umount", str(made.outbox)], check=True)


def test_a_file_that_disappears_while_it_is_read_is_gone(tmp_path: Path) -> None:
    with tree(tmp_path) as made:
        made.start()
        book = put(made.inbox, "book.pdf", encoded("pdf", numbered(12)))
        made.eventually(lambda: "page read" in made.log_text())

        book.unlink()

        made.eventually(lambda: made.status()["counts"]["gone"] == 1)
        put(made.inbox, "scan.png", encoded("png", numbered(1)))
        made.published("scan")
        assert made.files(made.outbox) == ["scan.json", "scan.txt"]


def test_of_a_file_replaced_while_it_is_read_the_last_version_is_published(tmp_path: Path) -> None:
    with tree(tmp_path) as made:
        made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(8)))
        made.eventually(lambda: "page read" in made.log_text())

        put(made.home, "new.pdf", encoded("pdf", numbered(2))).rename(made.inbox / "book.pdf")

        sidecar = made.published("book")
        assert sidecar["source"]["pages"] == 2
        made.eventually(lambda: made.status()["counts"]["done"] == 1)
        assert made.status()["counts"]["gone"] == 1
        assert made.files(made.archive) == ["book.pdf"]


def test_an_unreadable_journal_is_reported(tmp_path: Path) -> None:
    with tree(tmp_path) as made:
        made.state.mkdir()
        (made.state / "journal.sqlite").write_bytes(b"no database" * 1000)

        done = made.command("run", check=False)

        assert done.returncode == 3
        assert "journal.sqlite: the journal can't be opened" in done.stderr


def test_many_files_at_once_are_all_published(tmp_path: Path) -> None:
    """Drop forty files for two workers; the watcher's own test has 2,000, without an engine."""
    with tree(tmp_path, "ocr: {workers: 2}") as made:
        made.start()
        data = encoded("png", numbered(1))
        started = time.time()
        for number in range(40):
            put(made.inbox, f"in/{number % 4}/scan-{number}.png", data)

        made.eventually(lambda: made.status()["counts"]["done"] == 40, 300)

        sidecars = [f for f in made.files(made.outbox) if f.endswith(".json")]
        assert len(sidecars) == 40
        times = [json.loads((made.outbox / f).read_text())["times"]["published"] for f in sidecars]
        assert len(set(times)) > 1
        assert started < time.time()


def test_a_full_state_disk_pauses_the_work_and_nothing_is_lost(tmp_path: Path) -> None:
    """Put the state folder on a tmpfs; fill it while the daemon runs, then empty it. The WAL takes 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    with tree(tmp_path) as made:
        made.state.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(made.state)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode:
            pytest.skip(f"can't mount a tmpfs here: {mounted.stderr!r}")
        try:
            process = made.start()
            ballast = made.state / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            for number in range(30):  # more rows than fit into the pages that SQLite has allocated
                put(made.inbox, f"scan-{number}.png", encoded("png", numbered(1)))
            made.eventually(lambda: "the journal can't be written" in made.log_text())

            ballast.unlink()

            made.eventually(lambda: len(list(made.outbox.glob("*.json"))) == 30, 300)
            made.eventually(lambda: made.files(made.inbox) == [])
            assert made.files(made.failed) == []
            assert made.stop(process) == 0
        finally:
            subprocess.run(["umount", "-l", str(made.state)], check=True)


def test_the_json_log_names_the_document_on_each_line(tmp_path: Path) -> None:
    with tree(tmp_path, "log: {format: json}") as made:
        made.start()
        put(made.inbox, "scan.png", encoded("png", numbered(1)))
        made.published("scan")

        lines = [json.loads(line) for line in made.log_text().splitlines()]

        assert {"claimed", "page read", "published"} <= {
            line["event"] for line in lines if line.get("document") == "scan.png"
        }
        assert "harbour" not in made.log_text()  # a page's text must not get into the log
