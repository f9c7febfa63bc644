"""The main job, with the real daemon, the real engine and real files."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from running import Tree, tree
from samples import LETTER, encoded, numbered, put


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Tree]:
    with tree(tmp_path) as made:
        made.start()
        yield made


def test_every_kind_of_file_is_published_and_put_away(daemon: Tree) -> None:
    put(daemon.inbox, "letter.png", encoded("png"))
    put(daemon.inbox, "photo.JPG", encoded("jpeg"))
    put(daemon.inbox, "fax.tif", encoded("tiff", numbered(3)))
    put(daemon.inbox, "desk/drawer/book.pdf", encoded("pdf", numbered(2)))

    letter, photo = daemon.published("letter"), daemon.published("photo")
    fax, book = daemon.published("fax"), daemon.published("desk/drawer/book")

    assert letter["source"]["media_type"] == "image/png"
    assert photo["source"]["media_type"] == "image/jpeg"
    assert (fax["source"]["pages"], book["source"]["pages"]) == (3, 2)
    assert list(LETTER) == [line for line in daemon.text("letter").splitlines() if line]
    assert [page.strip() for page in daemon.text("fax").split("\f")] == [
        "Page 1 of the harbour book",
        "Page 2 of the granary book",
        "Page 3 of the ledger book",
    ]
    daemon.eventually(lambda: daemon.files(daemon.inbox) == [])
    assert daemon.files(daemon.archive) == [
        "desk/drawer/book.pdf",
        "fax.tif",
        "letter.png",
        "photo.JPG",
    ]
    assert daemon.files(daemon.failed) == []


def test_the_sidecar_tells_how_it_came_about(daemon: Tree) -> None:
    data = encoded("png")
    put(daemon.inbox, "letter.png", data)

    sidecar = daemon.published("letter")

    import hashlib

    assert sidecar["source"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert sidecar["source"]["size"] == len(data)
    assert sidecar["engine"]["name"] == "rapidocr"
    assert sidecar["evaluation"] is False
    assert sidecar["model"] is None
    assert sidecar["correction"]["status"] == "unavailable"
    assert sidecar["correction"]["reason"]
    page = sidecar["pages"][0]
    assert (page["width"], page["height"], page["rotation"]) == (1000, 420, 0)
    line = page["lines"][0]
    x0, y0, x1, y1 = line["box"]
    assert 0 <= x0 < x1 <= 1000
    assert 0 <= y0 < y1 <= 420
    assert 40 <= x0 <= 80  # where the sample has its text
    assert 0.8 < line["confidence"] <= 1
    assert line["ocr"] == line["text"] == LETTER[0]


def test_a_broken_file_costs_itself_only(daemon: Tree) -> None:
    put(daemon.inbox, "notes.txt", b"this is no scan\n")
    put(daemon.inbox, "letter.png", encoded("png"))

    report = daemon.failure("notes.txt")
    daemon.published("letter")

    assert report["kind"] == "unsupported"
    assert report["class"] == "permanent"
    assert "notes.txt" in report["reason"]


def test_retry_puts_the_original_back(daemon: Tree) -> None:
    put(daemon.inbox, "sub/notes.pdf", b"no scan")
    daemon.failure("sub/notes.pdf")
    daemon.eventually(lambda: daemon.status()["counts"]["failed"] == 1)

    out = daemon.command("retry", "notes.pdf").stdout

    assert "sub/notes.pdf: back in the inbox" in out
    daemon.failure("sub/notes.pdf")
    daemon.eventually(lambda: daemon.status()["counts"]["failed"] == 1)
    assert daemon.status()["counts"]["gone"] == 1
    again = daemon.command("retry", "nowhere.pdf", check=False)
    assert again.returncode == 2
    assert "none of this name in failed/" in again.stderr


def test_names_collide_and_nothing_is_overwritten(daemon: Tree) -> None:
    put(daemon.inbox, "scan.png", encoded("png", numbered(1)))
    first = daemon.published("scan")
    put(daemon.inbox, "scan.tif", encoded("tiff", numbered(2)))
    import hashlib

    digest = hashlib.sha256(encoded("tiff", numbered(2))).hexdigest()[:8]

    second = daemon.published(f"scan-{digest}")

    assert first["source"]["name"] == "scan.png"
    assert second["source"]["name"] == "scan.tif"
    assert daemon.text("scan").count("\f") == 0
    assert daemon.text(f"scan-{digest}").count("\f") == 1


def test_the_same_file_again_gives_the_same_names(daemon: Tree) -> None:
    for _ in range(2):
        put(daemon.inbox, "scan.png", encoded("png", numbered(1)))
        daemon.eventually(lambda: not (daemon.inbox / "scan.png").exists())

    daemon.eventually(lambda: daemon.status()["counts"]["done"] == 2)
    assert daemon.files(daemon.outbox) == ["scan.json", "scan.txt"]
    assert len(daemon.files(daemon.archive)) == 2


def test_strange_names(daemon: Tree) -> None:
    names = [
        b"with space.png",
        b"line\nbreak.png",
        b"quo'te\".png",
        b"caf\xe9.png",
        "ärger.png".encode(),
        b"x" * 251 + b".png",
        b"-rf.png",
        b"CON.png",
    ]
    data = encoded("png", numbered(1))
    for name in names:
        with open(bytes(daemon.inbox) + b"/" + name, "wb") as file:
            file.write(data)

    daemon.eventually(lambda: daemon.status()["counts"]["done"] == len(names))

    stems = [f[:-5] for f in daemon.files(daemon.outbox) if f.endswith(".json")]
    assert len(stems) == len(names)
    originals = {daemon.published(stem)["source"]["path_percent"] for stem in stems}
    from urllib.parse import quote_from_bytes

    assert originals == {quote_from_bytes(name) for name in names}
    import os

    assert set(os.listdir(bytes(daemon.archive))) == set(names)
    assert "\ncafe" not in daemon.said()
    assert all(f.isprintable() for f in daemon.files(daemon.outbox))


def test_status_process_and_errors_for_people(daemon: Tree) -> None:
    put(daemon.inbox, "notes.txt", b"no scan\n")
    daemon.failure("notes.txt")
    (daemon.inbox / "half.pdf").write_bytes(encoded("pdf")[:-200])
    daemon.eventually(lambda: daemon.status()["counts"]["settling"] == 1)

    shown = daemon.command("status").stdout
    once = daemon.command(
        "process", str(daemon.inbox / "half.pdf"), "--out", str(daemon.home), check=False
    )
    second = daemon.command("run", check=False)

    assert "half.pdf: incomplete" in shown
    assert "notes.txt" in shown
    assert "model" in shown
    assert once.returncode == 5
    assert "half.pdf" in once.stderr
    assert second.returncode == 4
    assert "another scanmend works on this state folder" in second.stderr


def test_process_does_the_same_once(tmp_path: Path) -> None:
    with tree(tmp_path) as made:
        source = put(tmp_path, "letter.pdf", encoded("pdf"))
        for _ in range(2):
            done = made.command("process", str(source), "--out", str(tmp_path / "results"))

        assert "letter.pdf: letter.txt" in done.stdout
        assert sorted(p.name for p in (tmp_path / "results").iterdir()) == [
            "letter.json",
            "letter.txt",
        ]
        assert source.exists()
        missing = made.command("process", "nowhere.pdf", check=False)
        assert missing.returncode == 2
        assert "nowhere.pdf: no such file" in missing.stderr


def test_keep_and_delete(tmp_path: Path) -> None:
    with tree(tmp_path, "originals: keep") as made:
        process = made.start()
        put(made.inbox, "scan.png", encoded("png", numbered(1)))
        made.published("scan")
        made.eventually(lambda: made.status()["counts"]["done"] == 1)
        assert made.stop(process) == 0
        process = made.start()
        put(made.inbox, "other.png", encoded("png", numbered(1)))
        made.published("other")
        made.eventually(
            lambda: made.status()["counts"]["done"] == 2
        )  # scan.png is not done a second time
        assert made.files(made.inbox) == ["other.png", "scan.png"]
        made.configure("originals: delete")
        process.send_signal(signal.SIGHUP)
        made.eventually(lambda: "configuration read again" in made.said())
        put(made.inbox, "third.png", encoded("png", numbered(1)))
        made.published("third")
        made.eventually(lambda: made.files(made.inbox) == ["other.png", "scan.png"])
        assert made.files(made.archive) == []


def test_a_broken_configuration_is_refused_at_reload(daemon: Tree) -> None:
    daemon.config.write_text(daemon.config.read_text() + "ocr:\n  dpi: 7\n")
    daemon.processes[-1].send_signal(signal.SIGHUP)

    daemon.eventually(lambda: "the configuration stays as it was" in daemon.said())
    put(daemon.inbox, "scan.png", encoded("png", numbered(1)))
    daemon.published("scan")


def test_the_idle_daemon_is_alone_and_small(tmp_path: Path) -> None:
    with tree(tmp_path, "ocr: {workers: 1, idle_unload: 500ms}") as made:
        process = made.start()
        put(made.inbox, "scan.png", encoded("png", numbered(1)))
        made.published("scan")
        me = psutil.Process(process.pid)

        made.eventually(lambda: me.children(recursive=True) == [])
        put(made.inbox, "again.png", encoded("png", numbered(1)))
        made.published("again")
        assert me.memory_info().rss < 60 * 2**20
