"""Test the main job with the real daemon, the real engine and real files."""

import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from running import Tree, new_tree
from samples import CASES, LETTER, encoded, numbered, page, put


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path) as tree:
        tree.start()
        yield tree


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


def test_the_pictures_of_phones_and_scanners_are_published(daemon: Tree) -> None:
    kinds = {"heic": "heif", "avif": "avif", "jp2": "jpeg2000", "webp": "webp"}
    for extension, kind in kinds.items():
        put(daemon.inbox, f"from-{extension}.{extension}", encoded(kind))
    put(daemon.inbox, "two.HEIC", (CASES / "two-pictures.heic").read_bytes())

    for extension in kinds:
        daemon.published(f"from-{extension}")
        lines = daemon.text(f"from-{extension}").splitlines()
        assert list(LETTER) == [line for line in lines if line]
    two = daemon.published("two")
    assert two["warnings"] == ["two.HEIC holds 2 pictures; only the main one is read"]


def test_the_sidecar_describes_the_provenance_of_the_text(daemon: Tree) -> None:
    data = encoded("png")
    put(daemon.inbox, "letter.png", data)

    sidecar = daemon.published("letter")

    import hashlib

    assert sidecar["source"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert sidecar["source"]["size"] == len(data)
    assert sidecar["engine"]["name"] == "rapidocr"
    assert sidecar["evaluation"] is False
    assert sidecar["model"] is None
    assert sidecar["correction"]["status"] == "off"
    assert sidecar["correction"]["reason"] == "llm.enabled is false"
    page = sidecar["pages"][0]
    assert (page["width"], page["height"], page["rotation"]) == (1000, 420, 0)
    line = page["lines"][0]
    x0, y0, x1, y1 = line["box"]
    assert 0 <= x0 < x1 <= 1000
    assert 0 <= y0 < y1 <= 420
    assert 40 <= x0 <= 80  # the place of the text in the sample
    assert 0.8 < line["confidence"] <= 1
    assert line["ocr"] == line["text"] == LETTER[0]


def test_a_broken_file_fails_alone(daemon: Tree) -> None:
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
    daemon.eventually(lambda: daemon.status()["counts"]["gone"] == 1)
    again = daemon.command("retry", "nowhere.pdf", check=False)
    assert again.returncode == 2
    assert "no file of this name in failed/" in again.stderr


def test_results_with_equal_names_do_not_overwrite_each_other(daemon: Tree) -> None:
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


def test_the_same_file_dropped_again_gets_the_same_names(daemon: Tree) -> None:
    for _ in range(2):
        put(daemon.inbox, "scan.png", encoded("png", numbered(1)))
        daemon.eventually(lambda: not (daemon.inbox / "scan.png").exists())

    daemon.eventually(lambda: daemon.status()["counts"]["done"] == 2)
    assert daemon.files(daemon.outbox) == ["scan.json", "scan.txt"]
    assert len(daemon.files(daemon.archive)) == 2


def test_files_with_strange_names_are_published(daemon: Tree) -> None:
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
    assert "\ncafe" not in daemon.log_text()
    assert all(f.isprintable() for f in daemon.files(daemon.outbox))


def test_status_process_and_a_second_daemon_name_the_problem(daemon: Tree) -> None:
    put(daemon.inbox, "notes.txt", b"no scan\n")
    daemon.failure("notes.txt")
    (daemon.inbox / "half.pdf").write_bytes(encoded("pdf")[:2000])
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


def test_process_publishes_a_file_without_the_daemon(tmp_path: Path) -> None:
    with new_tree(tmp_path) as tree:
        source = put(tmp_path, "letter.pdf", encoded("pdf"))
        for _ in range(2):
            done = tree.command("process", str(source), "--out", str(tmp_path / "results"))

        assert "letter.pdf: letter.txt" in done.stdout
        assert sorted(p.name for p in (tmp_path / "results").iterdir()) == [
            "letter.json",
            "letter.txt",
        ]
        assert source.exists()
        missing = tree.command("process", "nowhere.pdf", check=False)
        assert missing.returncode == 2
        assert "nowhere.pdf: no such file" in missing.stderr


def test_originals_are_kept_or_deleted_as_configured(tmp_path: Path) -> None:
    with new_tree(tmp_path, "originals: keep") as tree:
        process = tree.start()
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        tree.published("scan")
        tree.eventually(lambda: tree.status()["counts"]["done"] == 1)
        assert tree.stop(process) == 0
        process = tree.start()
        put(tree.inbox, "other.png", encoded("png", numbered(1)))
        tree.published("other")
        # scan.png is not processed a second time
        tree.eventually(lambda: tree.status()["counts"]["done"] == 2)
        assert tree.files(tree.inbox) == ["other.png", "scan.png"]
        tree.configure("originals: delete")
        process.send_signal(signal.SIGHUP)
        tree.eventually(lambda: "configuration read again" in tree.log_text())
        put(tree.inbox, "third.png", encoded("png", numbered(1)))
        tree.published("third")
        tree.eventually(lambda: tree.files(tree.inbox) == ["other.png", "scan.png"])
        assert tree.files(tree.archive) == []


def test_a_touched_file_is_read_once(daemon: Tree) -> None:
    """Change the file's time but not its content while it is in work, as a NAS or a virus scanner does."""
    import os

    book = put(daemon.inbox, "book.pdf", encoded("pdf", numbered(6)))
    daemon.eventually(lambda: "page read" in daemon.log_text())

    os.utime(book, (1_000_000_000, 1_000_000_000))

    daemon.published("book")
    daemon.eventually(lambda: daemon.files(daemon.inbox) == [])
    daemon.eventually(lambda: daemon.status()["counts"]["done"] == 1)
    assert daemon.status()["counts"]["gone"] == 0
    assert daemon.log_text().count("page read") == 6


def test_each_page_of_a_pdf_is_read_by_its_text_layer_or_by_ocr(daemon: Tree) -> None:
    """Read a PDF whose first page has a text layer and whose second page is a scan."""
    import io

    import pikepdf

    pdf = pikepdf.open(io.BytesIO(encoded("pdf", numbered(1))))
    pdf.add_blank_page(page_size=(612, 792))
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    pdf.pages[-1].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    pdf.pages[-1].Contents = pikepdf.Stream(
        pdf, b"BT /F1 14 Tf 60 700 Td (The ledger carries its text) Tj ET"
    )
    out = io.BytesIO()
    pdf.save(out)
    put(daemon.inbox, "mixed.pdf", out.getvalue())

    sidecar = daemon.published("mixed")

    assert [page["source"] for page in sidecar["pages"]] == ["ocr", "pdf-text"]
    assert sidecar["engine"]["name"] == "rapidocr"
    assert sidecar["text_layer"]["name"] == "pdf-text"
    assert sidecar["pages"][1]["lines"][0]["confidence"] is None
    assert daemon.text("mixed").split("\f")[1].strip() == "The ledger carries its text"


def test_a_turned_page_is_turned_upright(daemon: Tree) -> None:
    put(
        daemon.inbox,
        "turned.png",
        encoded("png", [page(LETTER * 2, size=(1000, 640)).rotate(90, expand=True)]),
    )

    sidecar = daemon.published("turned")

    assert sidecar["pages"][0]["rotation"] == 90
    assert (sidecar["pages"][0]["width"], sidecar["pages"][0]["height"]) == (1000, 640)
    assert LETTER[0] in daemon.text("turned")


def test_a_file_is_published_whole_although_its_writer_pauses(daemon: Tree) -> None:
    """Pause in the middle of a PDF for longer than the quiet period."""
    data = encoded("pdf", numbered(2))
    with open(daemon.inbox / "slow.pdf", "wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        daemon.eventually(lambda: daemon.status()["counts"]["settling"] == 1)
        daemon.eventually(lambda: "incomplete" in daemon.status()["waiting"][0]["reason"])
        file.write(data[len(data) // 2 :])

    assert daemon.published("slow")["source"]["pages"] == 2


def test_the_error_for_a_file_over_a_limit_names_it(tmp_path: Path) -> None:
    with new_tree(tmp_path, "limits: {file_size: 20KB, pages: 3}") as tree:
        tree.start()
        put(tree.inbox, "large.bmp", encoded("bmp", [page()]))
        put(tree.inbox, "long.pdf", encoded("pdf", [p.resize((200, 40)) for p in numbered(4)]))
        put(tree.inbox, "good.png", encoded("png", numbered(1)))

        assert "limits.file_size" in tree.failure("large.bmp")["reason"]
        assert "4 pages, more than 3 (limits.pages)" in tree.failure("long.pdf")["reason"]
        tree.published("good")


def test_an_unreadable_file_waits_with_its_reason(tmp_path: Path) -> None:
    """Run the daemon without root's permission to read everything."""
    import os
    import shutil

    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to give up the right to read everything")
    with new_tree(tmp_path) as tree:
        bounded = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        process = tree.start(before=bounded)
        path = put(tree.home, "scan.png", encoded("png", numbered(1)))
        path.chmod(0)
        os.chown(path, 65534, 65534)
        path.rename(tree.inbox / "scan.png")
        tree.eventually(lambda: tree.status()["counts"]["settling"] == 1)

        assert "can't be opened: Permission denied" in tree.status()["waiting"][0]["reason"]
        (tree.inbox / "scan.png").chmod(0o644)
        tree.published("scan")
        assert tree.stop(process) == 0


def test_a_broken_configuration_is_refused_at_reload(daemon: Tree) -> None:
    daemon.config.write_text(daemon.config.read_text() + "ocr:\n  dpi: 7\n")
    daemon.processes[-1].send_signal(signal.SIGHUP)

    daemon.eventually(lambda: "the configuration stays as it was" in daemon.log_text())
    put(daemon.inbox, "scan.png", encoded("png", numbered(1)))
    daemon.published("scan")


@pytest.mark.unmeasured
def test_an_idle_daemon_has_no_child_and_little_memory(tmp_path: Path) -> None:
    with new_tree(tmp_path, "ocr: {workers: 1, idle_unload: 500ms}") as tree:
        process = tree.start()
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        tree.published("scan")
        me = psutil.Process(process.pid)

        tree.eventually(lambda: me.children(recursive=True) == [])
        put(tree.inbox, "again.png", encoded("png", numbered(1)))
        tree.published("again")
        assert me.memory_info().rss < 60 * 2**20


def test_twins_that_differ_by_normalisation_or_case_are_told_apart(tmp_path: Path) -> None:
    """Drop names as a Mac (NFD) and as other systems (NFC) write them, with equal and with different content."""
    with new_tree(tmp_path) as tree:
        names = ["Gro\u0308\u00dfe.png", "Gr\u00f6\u00dfe.png", "GR\u00d6\u00dfE.png"]
        for number, name in enumerate(names):
            put(tree.inbox, name, encoded("png", [page([f"page {max(1, number)}"])]))
        tree.start()

        tree.eventually(lambda: len(list(tree.outbox.glob("*.json"))) == len(names))
        stems = {path.name.removesuffix(".json") for path in tree.outbox.glob("*.json")}
        sources = {tree.published(stem)["source"]["path"] for stem in stems}

    assert sources == set(names)
    assert all(unicodedata.is_normalized("NFC", stem) for stem in stems)
    assert {"Gr\u00f6\u00dfe", "GR\u00d6\u00dfE"} < stems
