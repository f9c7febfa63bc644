"""Test embedded files as documents: how many may be extracted, and where they are kept."""

import dataclasses
import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from journals import moves
from scanmend.config.settings import LimitsSettings
from scanmend.document import Contents, Document, FileSnapshot, Part, State
from scanmend.errors import MachineError, ProtocolError
from scanmend.store.journal import PUBLISHED, Journal
from scanmend.store.parts import MAX_DEPTH, MAX_PARTS, Allowance, Parts, allowance, part_of

DATA = b"%PDF-1.7 and more" * 100
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(str(tmp_path))


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return the folder of an OCR child that has extracted two files."""
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
    document = journal.move(document, State.PUTTING_AWAY, "", outcome=PUBLISHED)
    return journal.parts_in_line(document)


def test_parts_are_queued_when_their_document_is_published(
    journal: Journal, parts: Parts, scratch: Path, tmp_path: Path
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
    assert moves(tmp_path, first.id) == ["queued"]
    assert journal.parts_in_hand() == {(1, 0), (1, 1)}


@pytest.mark.parametrize("end", [State.GONE, State.FAILED])
def test_a_document_that_is_not_published_has_no_parts(
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


def test_taking_parts_again_replaces_them(journal: Journal, parts: Parts, scratch: Path) -> None:
    """Repeat the copy, as after a crash before the journal's write; then copy a version with fewer files."""
    document = _reading(journal)
    for count in (2, 2, 1):
        (scratch / "parts").mkdir(exist_ok=True)
        for number in range(2):
            (scratch / "parts" / str(number)).write_bytes(DATA)
        extracted = [_part(f"{number}.pdf") for number in range(count)]
        taken = parts.take(document, extracted, LimitsSettings(), str(scratch))
        journal.keep_contents(document, Contents("application/pdf", 1), taken)

    (part,) = _published(journal, document)

    assert part.path == b"desk/mail/0.pdf"
    assert len(list(scratch.parent.glob("parts/1/*/*"))) == 1


def test_a_file_with_the_path_of_a_part_can_be_claimed(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    document = _reading(journal)
    taken = parts.take(document, [_part()], LimitsSettings(), str(scratch))
    journal.keep_contents(document, Contents("application/pdf", 1), taken)
    (part,) = _published(journal, document)
    seen = FileSnapshot(part.path, part.size, part.mtime_ns, part.inode)

    assert journal.lease_state(part.path) == (False, "")
    assert not journal.in_hand(seen)
    assert journal.claim(seen, part.sha256, "default") is not None


def test_the_limits_are_divided_among_parts_and_end_at_a_depth(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    document = _reading(journal)
    limits = dataclasses.replace(LimitsSettings(), file_size=10_000)
    allowed = allowance(document, limits)
    assert allowed == Allowance(MAX_PARTS, 10_000, ("f00",))
    assert allowed.depth == MAX_DEPTH

    taken = parts.take(document, [_part(), _part("b")], limits, str(scratch))

    inner = dataclasses.replace(document, part_of=taken[0].part_of, sha256=SHA)
    rest = ((MAX_PARTS - 2) // 2, (10_000 - 2 * len(DATA)) // 2)
    assert allowance(inner, limits) == Allowance(*rest, ("f00", SHA))
    origin = part_of(inner)
    assert origin is not None
    deep = dataclasses.replace(origin, ancestors=("0",) * (MAX_DEPTH - 2))
    inner = dataclasses.replace(inner, part_of=msgspec.json.encode(deep).decode())
    (scratch / "parts").mkdir()
    (scratch / "parts" / "0").write_bytes(DATA)
    (last,) = parts.take(inner, [_part()], limits, str(scratch))
    innermost = allowance(dataclasses.replace(inner, part_of=last.part_of), limits)
    assert (innermost.parts, innermost.depth) == (0, 0)


def test_a_file_without_attachments_has_no_parts(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    assert parts.take(_reading(journal), [], LimitsSettings(), str(scratch)) == []
    assert not (scratch.parent / "parts").exists()


def _take(journal: Journal, parts: Parts, scratch: Path, part: Part) -> None:
    parts.take(_reading(journal), [part], LimitsSettings(), str(scratch))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (dataclasses.replace(_part(), sha256="0"), "not what the OCR child said"),
        (dataclasses.replace(_part(), size=9999), "shorter than the OCR child said"),
        (dataclasses.replace(_part(), size=10), "not what the OCR child said"),
        (_part("a.sh", ".sh"), "no known kind"),
    ],
)
def test_a_childs_wrong_statement_about_a_file_is_a_protocol_error(
    journal: Journal, parts: Parts, scratch: Path, part: Part, reason: str
) -> None:
    with pytest.raises(ProtocolError, match=reason):
        _take(journal, parts, scratch, part)


def test_a_link_in_the_childs_folder_is_not_followed(
    journal: Journal, parts: Parts, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    (scratch / "parts" / "0").unlink()
    (scratch / "parts" / "0").symlink_to(tmp_path / "secret")

    with pytest.raises(MachineError):
        _take(journal, parts, scratch, _part())


def test_a_pipe_in_the_childs_folder_is_not_read(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    (scratch / "parts" / "0").unlink()
    os.mkfifo(scratch / "parts" / "0")

    with pytest.raises(ProtocolError, match="no file"):
        _take(journal, parts, scratch, _part())


def test_a_file_of_the_inbox_has_no_copy_as_a_part(journal: Journal, parts: Parts) -> None:
    document = _reading(journal)

    with pytest.raises(ValueError, match=r"desk/mail.pdf is a file of the inbox"):
        parts.file(document)
    parts.drop(document)


def test_copies_that_a_crash_left_behind_are_removed(
    journal: Journal, parts: Parts, scratch: Path
) -> None:
    parts.sweep(set())
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
