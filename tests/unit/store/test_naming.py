"""Test the names that scanmend gives to files and folders."""

import os
import unicodedata
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from scanmend.intake.scanner import Scanner
from scanmend.store import naming

SHA = "0123456789abcdef" * 4
EXTENSIONS = (".json", ".txt")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (b"invoice 12.pdf", "invoice 12.pdf"),
        ("Größe 'x'.png".encode(), "Größe 'x'.png"),
        (b'a:b?"c"\n.pdf', "a_b__c__.pdf"),
        (b"caf\xe9.png", "caf_.png"),
        (b"ends. ", "ends"),
        (b"CON", "_CON"),
        (b"con.png", "_con.png"),
        (b"...", "_"),
        (b"..", "_"),
        (b"", "_"),
        (b"PRN ", "_PRN"),
        ("COM¹.txt".encode(), "_COM¹.txt"),
        (b"CONIN$", "_CONIN$"),
        ("Gro\u0308\u00dfe.pdf".encode(), "Gr\u00f6\u00dfe.pdf"),  # as a Mac writes it
        (b"concert", "concert"),
        ("a\u202efdp.exe".encode(), "a_fdp.exe"),
    ],
)
def test_unsafe_characters_of_a_name_are_replaced(name: bytes, safe: str) -> None:
    assert safe == naming.safe_name(name)


@hypothesis.given(strategies.binary(max_size=300))
def test_any_name_becomes_safe(name: bytes) -> None:
    safe = naming.safe_name(name)

    assert safe
    assert not set(safe) & set('<>:"/\\|?*\0\n')
    assert not safe.endswith((".", " "))
    assert naming.safe_name(safe.encode()) == safe
    assert unicodedata.is_normalized("NFC", safe)


def test_long_names_are_cut_between_characters() -> None:
    cut = naming.fit("ö" * 200, ".json")

    assert len(cut) <= 255
    assert cut.endswith(b".json")
    assert cut.decode().startswith("öö")


def test_candidates_get_the_hash_and_then_a_number() -> None:
    names = naming.candidates("scan", SHA)

    first = [next(names) for _ in range(4)]
    assert first == ["scan", "scan-01234567", "scan-01234567-2", "scan-01234567-3"]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (b"scan.pdf", b"/out"),
        (b"desk/a:b/scan.pdf", b"/out/desk/a_b"),
        (b"/".join([b"d" * 200] * 25) + b"/scan.pdf", b"/out"),
    ],
)
def test_result_folders_mirror_the_inbox(path: bytes, folder: bytes) -> None:
    assert naming.result_folder(b"/out", path) == folder


def test_a_result_lies_in_the_inboxs_sub_folder() -> None:
    assert naming.result_path(b"/out", b"desk/a.pdf", "a-2", ".txt") == b"/out/desk/a-2.txt"


def _stem(outbox: Path, path: bytes, own: str | None = None) -> str:
    """Choose a stem; ``own`` is the name of the sidecar that belongs to the document."""

    def is_own(sidecar: bytes) -> bool:
        return own is not None and os.path.basename(sidecar) == own.encode()

    return naming.free_stem(os.fsencode(outbox), path, SHA, EXTENSIONS, is_own)


def test_a_result_never_takes_the_name_of_another(tmp_path: Path) -> None:
    assert _stem(tmp_path, b"a.pdf") == "a"
    (tmp_path / "a.txt").touch()
    assert _stem(tmp_path, b"a.pdf") == "a-01234567"
    (tmp_path / "a-01234567.json").touch()
    assert _stem(tmp_path, b"a.pdf") == "a-01234567-2"
    (tmp_path / "a-01234567-2.txt").symlink_to("/nowhere")
    assert _stem(tmp_path, b"a.pdf") == "a-01234567-3"


def test_a_result_takes_its_own_name_again(tmp_path: Path) -> None:
    for name in ("a.txt", "a.json", "a-01234567.txt", "a-01234567.json"):
        (tmp_path / name).touch()

    assert _stem(tmp_path, b"a.pdf", own="a.json") == "a"
    assert _stem(tmp_path, b"a.pdf", own="a-01234567.json") == "a-01234567"


def test_a_long_stem_has_space_for_a_collision(tmp_path: Path) -> None:
    stem = _stem(tmp_path, b"x" * 251 + b".pdf")

    assert len(stem) == 255 - len("-01234567-999.json")
    for number, name in zip(range(5), naming.candidates(stem, SHA), strict=False):
        assert naming.fit(name, ".json").decode() == f"{name}.json", number


def test_originals_mirror_the_inbox_with_their_bytes(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)

    assert naming.kept_folder(root, b"a.pdf") == root
    assert naming.kept_folder(root, b"caf\xe9/a:b/a.pdf") == root + b"/caf\xe9/a:b"


def test_an_original_goes_to_the_root_if_its_folder_can_not_be_made(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "mail").write_bytes(b"a file that failed")
    (tmp_path / "desk").mkdir()

    assert naming.kept_folder(root, b"desk/mail/deep/a.pdf") == root + b"/desk/mail/deep"
    assert naming.kept_folder(root, b"mail/a.pdf") == root
    assert naming.kept_folder(root, b"mail/deep/er/a.pdf") == root
    assert naming.kept_folder(root, b"/".join([b"d" * 200] * 25) + b"/a.pdf") == root


def test_an_original_never_takes_the_name_of_another(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    name = b"caf\xe9.pdf"
    assert naming.free_original(root, name, SHA) == root + b"/" + name
    Path(os.fsdecode(root + b"/" + name)).touch()
    assert naming.free_original(root, name, SHA) == root + b"/caf\xe9-01234567.pdf"
    assert naming.free_original(root, name, "") == root + b"/caf\xe9-original.pdf"
    (tmp_path / "b.pdf.error.json").touch()
    assert naming.free_original(root, b"sub/b.pdf", SHA) == root + b"/b-01234567.pdf"


def test_the_name_of_a_second_original_with_a_long_name_is_cut(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    name = b"x" * 251 + b".pdf"
    (tmp_path / name.decode()).touch()

    second = os.path.basename(naming.free_original(root, name, SHA))

    assert len(second) == 255
    assert second.endswith(b"xxx-01234567.pdf")


def test_the_name_of_an_error_report_ends_with_error_json(tmp_path: Path) -> None:
    original = os.fsencode(tmp_path / "a.pdf")
    report = naming.error_report(original)
    assert report == original + b".error.json"
    assert naming.is_error_report(report)
    assert not naming.is_error_report(original)
    long = naming.error_report(os.fsencode(tmp_path) + b"/" + b"x" * 255)
    assert len(os.path.basename(long)) == 255


def test_an_original_may_be_called_like_an_error_report(tmp_path: Path) -> None:
    original = tmp_path / "b.error.json"
    original.touch()
    Path(os.fsdecode(naming.error_report(os.fsencode(original)))).touch()

    assert not naming.is_error_report(os.fsencode(original))


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (b"mail.pdf", b"mail"),
        (b"desk/mail.v2.pdf", b"desk/mail.v2"),
        (b"desk/mail", b"desk/mail_"),  # the original may be moved to failed/ under this name
        (b"mail.txt.pdf", b"mail.txt_"),  # the result of mail.pdf is called mail.txt
        (b"mail.JSON.pdf", b"mail.JSON_"),
        (b"mail.tmp.pdf", b"mail.tmp_"),  # the watcher ignores *.tmp
        (b"mail.aria2.pdf", b"mail.aria2_"),
        (b"a.b/mail", b"a.b/mail_"),
    ],
)
def test_a_folder_of_parts_has_the_stem_of_its_document(path: bytes, folder: bytes) -> None:
    assert naming.part_folder(path) == folder


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
def test_names_of_parts_are_safe_and_not_ignored(name: str, kind: str, safe: bytes) -> None:
    found = naming.part_name(name, kind)

    assert len(found) <= 255
    assert found == safe or (name.startswith("\ud800") and found.endswith(b".pdf"))
    assert not Scanner(b"", lambda *_: None).ignored(found)


def test_a_part_of_an_unknown_kind_has_no_name() -> None:
    with pytest.raises(KeyError):
        naming.part_name("a.sh", ".sh")


def test_temporary_files_of_this_run_are_told_from_leftovers() -> None:
    mine = naming.temp_beside(b"/out/a.txt")

    assert os.path.dirname(mine) == b"/out"
    assert not naming.is_left_over(os.path.basename(mine))
    assert naming.is_left_over(b".scanmend-00ff.tmp")
    assert not naming.is_left_over(b".scanmend-00ff")
    assert not naming.is_left_over(b"scan.tmp")
