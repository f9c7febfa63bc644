"""Embedded files as documents: names, room, and what is kept of them where."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from scanmend.config.settings import LimitsSettings
from scanmend.document import Contents, Document, FileSnapshot, Part, State
from scanmend.errors import MachineError, ProtocolError
from scanmend.intake.scanner import Listing
from scanmend.store.journal import Journal
from scanmend.store.parts import LEVELS, MOST, Parts, below, file_name, part_of, room

DATA = b"%PDF-1.7 and more" * 100
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(str(tmp_path))
    yield journal
    journal.close()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(str(tmp_path))


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    (folder / "parts").mkdir(parents=True)
    for number in range(2):
        (folder / "parts" / str(number)).write_bytes(DATA)
    return folder


def _part(name: str = "a.pdf", kind: str = ".pdf") -> Part:
    return Part(name, kind, len(DATA), SHA)


def _reading(journal: Journal, path: bytes = b"desk/mail.pdf") -> Document:
    document = journal.claim(FileSnapshot(path, 10, 20, 30), "f00", "financial")
    assert document is not None
    return journal.move(document, State.READING, "")


def _published(journal: Journal, document: Document) -> list[Document]:
    document = journal.move(journal.document(document.id), State.PUBLISHING, "")
    document = journal.move(document, State.PUTTING_AWAY, "", outcome="published")
    return journal.parts_in_line(document)


@pytest.mark.parametrize(
    ("name", "kind", "safe"),
    [
        ("invoice.pdf", ".pdf", b"invoice.pdf"),
        ("scan.JPEG", ".jpg", b"scan.JPEG"),
        ("invoice", ".pdf", b"invoice.pdf"),
        ("invoice.exe", ".png", b"invoice.exe.png"),
        ("report.v2", ".pdf", b"report.v2.pdf"),
        ("../../etc/passwd", ".pdf", b"passwd.pdf"),
        ("C:\\Users\\me\\a.pdf", ".pdf", b"a.pdf"),
        (".hidden.pdf", ".pdf", b"_.hidden.pdf"),
        ("~$x.pdf", ".pdf", b"_~$x.pdf"),
        ("..", ".pdf", b"_.pdf"),
        ("", ".pdf", b"_.pdf"),
        ("a\0b\n.pdf", ".pdf", b"a_b_.pdf"),
        ("CON.pdf", ".pdf", b"_CON.pdf"),
        ("\ud800.pdf", ".pdf", b"_.pdf"),
        ("ü" * 300 + ".pdf", ".pdf", "ü".encode() * 125 + b".pdf"),
    ],
)
def test_names_are_safe_and_not_passed_over(name: str, kind: str, safe: bytes) -> None:
    found = file_name(_part(name, kind))

    assert len(found) <= 255
    assert found == safe or (name.startswith("\ud800") and found.endswith(b".pdf"))
    assert not Listing(b"", lambda *_: None).ignored(found)


def test_a_kind_that_no_child_of_ours_tells() -> None:
    with pytest.raises(ProtocolError):
        file_name(_part("a.sh", ".sh"))


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (b"mail.pdf", b"mail"),
        (b"desk/mail.v2.pdf", b"desk/mail.v2"),
        (b"desk/mail", b"desk/mail_"),  # the file of this name may come to failed/ as well
        (b"mail.txt.pdf", b"mail.txt_"),  # the result of another is called mail.txt
        (b"mail.JSON.pdf", b"mail.JSON_"),
        (b"mail.tmp.pdf", b"mail.tmp_"),  # the watcher passes *.tmp over
        (b"a.b/mail", b"a.b/mail_"),
    ],
)
def test_the_folder_of_a_documents_parts(path: bytes, folder: bytes) -> None:
    assert below(path) == folder


def test_parts_enter_the_line_when_their_document_is_published(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    document = _reading(journal)
    taken = parts.take(document, [_part(), _part("b")], LimitsSettings(), str(scratch))
    journal.keep_contents(document, Contents("application/pdf", 1), taken)

    assert journal.parts_in_line(document) == []
    assert not (scratch / "parts").exists()
    assert journal.parts_in_hand() == {(1, 0), (1, 1)}
    first, second = _published(journal, document)

    assert (first.path, second.path) == (b"desk/mail/a.pdf", b"desk/mail/b.pdf")
    assert (first.state, first.profile, first.sha256) == (State.QUEUED, "financial", SHA)
    assert (first.parent, first.part, first.mtime_ns) == (document.id, 0, document.mtime_ns)
    assert Path(parts.file(first).decode()).read_bytes() == DATA
    assert journal.counts()[State.QUEUED] == 2
    assert [new for _, _, new, _ in journal.history(first)] == ["queued"]
    assert journal.parts_in_hand() == {(1, 0), (1, 1)}


@pytest.mark.parametrize("end", [State.GONE, State.FAILED])
def test_a_document_that_is_not_published_has_none(
    journal: Journal, parts: Parts, scratch: Path, end: State
) -> None:
    document = _reading(journal)
    taken = parts.take(document, [_part()], LimitsSettings(), str(scratch))
    journal.keep_contents(document, Contents("application/pdf", 1), taken)
    if end == State.FAILED:
        document = journal.move(document, State.PUTTING_AWAY, "", outcome="damaged")

    document = journal.move(document, end, "")

    assert journal.parts_in_line(document) == []
    assert journal.parts_in_hand() == set()


def test_taking_them_again_changes_nothing(journal: Journal, parts: Parts, scratch: Path) -> None:
    """A crash between the copy and the journal, then another version with fewer files."""
    document = _reading(journal)
    for count in (2, 2, 1):
        (scratch / "parts").mkdir(exist_ok=True)
        for number in range(2):
            (scratch / "parts" / str(number)).write_bytes(DATA)
        taken = parts.take(document, [_part(f"{n}.pdf") for n in range(count)], LimitsSettings(), str(scratch))  # fmt: skip
        journal.keep_contents(document, Contents("application/pdf", 1), taken)

    (part,) = _published(journal, document)

    assert part.path == b"desk/mail/0.pdf"
    assert len(list(scratch.parent.glob("parts/1/*/*"))) == 1


def test_the_path_of_a_part_is_not_that_of_a_file(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    document = _reading(journal)
    taken = parts.take(document, [_part()], LimitsSettings(), str(scratch))
    journal.keep_contents(document, Contents("application/pdf", 1), taken)
    (part,) = _published(journal, document)
    seen = FileSnapshot(part.path, part.size, part.mtime_ns, part.inode)

    assert journal.lease_state(part.path) == (False, "")
    assert not journal.known(seen)
    assert journal.claim(seen, part.sha256, "default") is not None


def test_room_is_divided_and_ends(journal: Journal, parts: Parts, scratch: Path) -> None:
    document = _reading(journal)
    limits = dataclasses.replace(LimitsSettings(), file_size=10_000)
    assert room(document, limits) == (MOST, 10_000, ("f00",))

    taken = parts.take(document, [_part(), _part("b")], limits, str(scratch))

    mine = dataclasses.replace(document, part_of=taken[0].part_of, sha256=SHA)
    assert room(mine, limits) == ((MOST - 2) // 2, (10_000 - 2 * len(DATA)) // 2, ("f00", SHA))
    where = part_of(mine)
    assert where is not None
    deep = dataclasses.replace(where, ancestors=("0",) * (LEVELS - 2))
    mine = dataclasses.replace(mine, part_of=msgspec.json.encode(deep).decode())
    (scratch / "parts").mkdir()
    (scratch / "parts" / "0").write_bytes(DATA)
    (last,) = parts.take(mine, [_part()], limits, str(scratch))
    assert room(dataclasses.replace(mine, part_of=last.part_of), limits)[0] == 0


def test_what_a_child_says_of_its_files_is_checked(
    journal: Journal, parts: Parts, scratch: Path, tmp_path: Path
) -> None:
    document = _reading(journal)
    with pytest.raises(ProtocolError, match="not what the OCR child said"):
        parts.take(
            document, [dataclasses.replace(_part(), sha256="0")], LimitsSettings(), str(scratch)
        )
    with pytest.raises(ProtocolError):
        parts.take(
            document, [dataclasses.replace(_part(), size=9999)], LimitsSettings(), str(scratch)
        )
    (tmp_path / "secret").write_bytes(DATA)
    (scratch / "parts" / "0").unlink()
    (scratch / "parts" / "0").symlink_to(tmp_path / "secret")
    with pytest.raises(MachineError):
        parts.take(document, [_part()], LimitsSettings(), str(scratch))


def test_what_a_crash_left_is_swept(journal: Journal, parts: Parts, scratch: Path) -> None:
    document = _reading(journal)
    taken = parts.take(document, [_part(), _part("b")], LimitsSettings(), str(scratch))
    journal.keep_contents(document, Contents("application/pdf", 1), taken)
    first, _ = _published(journal, document)
    orphan = scratch.parent / "parts" / "77" / "0"
    orphan.mkdir(parents=True)

    parts.sweep(journal.parts_in_hand() - {(1, 1)})

    assert [p.name for p in scratch.parent.glob("parts/*/*/*")] == ["a.pdf"]
    assert not orphan.parent.exists()
    parts.drop(first)
    assert list((scratch.parent / "parts").iterdir()) == []
