"""Test attachments with the real daemon: each becomes one document, even after a kill -9."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from attached import mail, saved, written
from running import SCHEMA, Tree, new_tree
from samples import put
from selection import long

EXTRACT = "pdf: {text: trust, attachments: extract}\nllm: {enabled: false}"
FILES = {
    "first.pdf": saved(written("Invoice one for 219.45")),
    "second": saved(written("Invoice two for 150.90")),
    "factur-x.xml": b"<?xml version='1.0'?>",
}
MAIL = mail("Please find two invoices", FILES)
RESULTS = [
    "desk/mail.json",
    "desk/mail.txt",
    "desk/mail/first.json",
    "desk/mail/first.txt",
    "desk/mail/second.json",
    "desk/mail/second.txt",
]
POINTS = [
    "after:claim",
    "after:file:first.pdf",
    "before:file:second.pdf",
    "after:parts",
    "after:drop",
    "after:contents",
    "before:file:mail.json",
    "after:file:mail.json",
    "before:file:first.json",
    "after:file:second.txt",
    "before:state:putting-away",
    "after:state:putting-away",
    "after:original",
    "after:state:done",
]
# like those above, but for the neighbouring file or step
MORE_POINTS = [
    *("before:file:first.pdf", "after:file:second.pdf"),
    *("before:file:mail.txt", "after:file:mail.txt"),
    *("before:file:first.txt", "after:file:first.txt", "after:file:first.json"),
    *("before:file:second.txt", "before:file:second.json", "after:file:second.json"),
    *("after:text", "after:result", "before:state:publishing", "before:state:done"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with new_tree(tmp_path, EXTRACT) as found:
        yield found


def _done(tree: Tree, count: int) -> None:
    tree.eventually(lambda: tree.status()["counts"]["done"] == count)


def _parts(tree: Tree) -> list[str]:
    return tree.files(tree.state / "parts")


def test_attachments_become_documents_of_their_own(tree: Tree) -> None:
    tree.start()
    put(tree.inbox, "desk/mail.pdf", MAIL)
    _done(tree, 3)

    parent = tree.published("desk/mail")
    first, second = tree.published("desk/mail/first"), tree.published("desk/mail/second")

    assert tree.files(tree.outbox) == RESULTS
    assert tree.text("desk/mail/first") == "Invoice one for 219.45\n"
    assert tree.text("desk/mail/second") == "Invoice two for 150.90\n"
    assert parent["part_of"] is None
    assert parent["warnings"] == [
        "mail.pdf holds 2 embedded files that no page shows, read as documents of their own: first.pdf, second",
        "mail.pdf holds an embedded file that no page shows, not read (neither a PDF nor a picture): factur-x.xml",
    ]
    assert first["part_of"] == {
        "name": "mail.pdf",
        "path": "desk/mail.pdf",
        "path_percent": "desk/mail.pdf",
        "sha256": parent["source"]["sha256"],
        "attachment": "first.pdf",
    }
    assert second["source"]["path"] == "desk/mail/second.pdf"
    assert second["part_of"]["attachment"] == "second"
    assert tree.files(tree.archive) == ["desk/mail.pdf"]
    assert tree.files(tree.inbox) == tree.files(tree.failed) == _parts(tree) == []
    assert tree.log_text().count("not on the pages") == 1


@pytest.mark.unmeasured
@pytest.mark.parametrize("point", [*POINTS, *long(*MORE_POINTS)])
def test_attachments_survive_a_kill_at_each_step(tree: Tree, point: str) -> None:
    put(tree.inbox, "desk/mail.pdf", MAIL)
    tree.die_at(point)

    tree.start()
    _done(tree, 3)

    for stem in ("desk/mail", "desk/mail/first", "desk/mail/second"):
        tree.published(stem)
    tree.eventually(lambda: _parts(tree) == [])
    assert tree.files(tree.outbox) == RESULTS
    assert tree.files(tree.archive) == ["desk/mail.pdf"]
    assert tree.files(tree.inbox) == tree.files(tree.failed) == []


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "point",
    [
        "before:state:failed",
        "after:original",
        "after:file:bad.pdf.error.json",
        *long("after:state:failed", "before:file:bad.pdf.error.json", "after:drop"),
    ],
)
def test_a_failing_attachment_survives_a_kill(tmp_path: Path, point: str) -> None:
    """Keep the mail in the inbox, so that the only original which is moved is the attachment."""
    with new_tree(tmp_path, f"{EXTRACT}\noriginals: keep") as tree:
        data = mail("A bad one", {"bad.pdf": b"%PDF-1.7 and nothing else"})
        put(tree.inbox, "desk/mail.pdf", data)
        tree.die_at(point)

        tree.start()

        tree.failure("desk/mail/bad.pdf")
        tree.eventually(lambda: tree.status()["counts"]["failed"] == 1)
        tree.eventually(lambda: _parts(tree) == [])
        assert tree.files(tree.failed) == ["desk/mail/bad.pdf", "desk/mail/bad.pdf.error.json"]
        assert tree.files(tree.outbox) == ["desk/mail.json", "desk/mail.txt"]
        assert tree.files(tree.inbox) == ["desk/mail.pdf"]


def test_without_extract_attachments_are_only_named(tmp_path: Path) -> None:
    with new_tree(tmp_path, "llm: {enabled: false}") as tree:
        tree.start()
        put(tree.inbox, "mail.pdf", MAIL)

        (warning,) = tree.published("mail")["warnings"]

        assert "not read: first.pdf, second, factur-x.xml (pdf.attachments: extract" in warning
        assert "not on the pages" in tree.log_text()
        _done(tree, 1)
        assert tree.files(tree.outbox) == ["mail.json", "mail.txt"]
        assert not (tree.state / "parts").exists()


def test_attachments_of_attachments_are_read_down_to_a_depth(tree: Tree) -> None:
    """Read five levels, and only name the sixth."""
    data = saved(written("The innermost one"))
    for level in range(6, 0, -1):
        data = mail(f"This is level {level}", {f"{level}.pdf": data})
    tree.start()
    put(tree.inbox, "0.pdf", data)
    _done(tree, 6)

    deepest = tree.published("0/1/2/3/4/5")

    assert tree.text("0/1/2/3/4/5") == "This is level 6\n"
    assert deepest["part_of"]["path"] == "0/1/2/3/4.pdf"
    assert deepest["warnings"] == [
        "5.pdf holds an embedded file that no page shows, not read (attachments in attachments, too deep): 6.pdf"
    ]
    assert len(tree.files(tree.outbox)) == 12


def test_attachments_with_hostile_or_equal_names_get_safe_and_different_stems(tree: Tree) -> None:
    names = ["../../../etc/passwd", ".hidden.pdf", "~x.tmp", "a:b.pdf", "y" * 600, ""]
    files = {name: saved(written(f"This is number {n}")) for n, name in enumerate(names)}
    files["c/same.pdf"] = saved(written("the one"))
    files["d/same.pdf"] = saved(written("the other"))
    tree.start()
    put(tree.inbox, "mail.txt.pdf", mail("Many of them", files))
    _done(tree, len(files) + 1)

    found = [n for n in tree.files(tree.outbox) if n.endswith(".json") and "/" in n]

    stems = [name.removeprefix("mail.txt_/").removesuffix(".json") for name in found]
    same = [stem for stem in stems if stem.startswith("same")]
    assert sorted(set(stems) - set(same))[:4] == ["00005", "_.hidden", "_~x.tmp", "a_b"]
    assert "passwd" in stems
    assert max(len(stem) for stem in stems) > 200
    assert len(same) == 2
    assert "same" in same
    assert {tree.text(f"mail.txt_/{stem}") for stem in same} == {"the one\n", "the other\n"}


def test_an_attachment_that_fails_can_be_dropped_again(tree: Tree) -> None:
    tree.start()
    files = {"bad.pdf": b"%PDF-1.7 and nothing else", "good.pdf": FILES["first.pdf"]}
    put(tree.inbox, "desk/mail.pdf", mail("One of them is bad", files))

    report = tree.failure("desk/mail/bad.pdf")

    assert report["kind"] == "damaged"
    assert report["part_of"]["path"] == "desk/mail.pdf"
    assert report["reason"].startswith("bad.pdf: ")
    _done(tree, 2)
    tree.published("desk/mail/good")
    assert tree.files(tree.archive) == ["desk/mail.pdf"]
    assert _parts(tree) == []
    (tree.failed / "desk" / "mail" / "bad.pdf").write_bytes(FILES["second"])

    tree.command("retry")

    assert tree.published("desk/mail/bad")["part_of"] is None
    _done(tree, 3)
    assert "desk/mail/bad.pdf" in tree.files(tree.archive)


def test_a_document_that_fails_has_no_parts(tree: Tree) -> None:
    """Queue no attachment of a failed document: they come with it when it is tried again."""
    tree.configure(f"{EXTRACT}\nlimits: {{pixels: 10000}}")
    tree.start()
    put(tree.inbox, "mail.pdf", MAIL)

    report = tree.failure("mail.pdf")

    assert report["kind"] == "too-big"
    assert report["part_of"] is None
    tree.eventually(lambda: tree.status()["counts"]["failed"] == 1)
    assert _parts(tree) == tree.files(tree.outbox) == []


@pytest.mark.parametrize("originals", ["keep", "delete"])
def test_attachments_are_read_under_every_policy_for_originals(
    tmp_path: Path, originals: str
) -> None:
    with new_tree(tmp_path, f"{EXTRACT}\noriginals: {originals}") as tree:
        process = tree.start()
        put(tree.inbox, "desk/mail.pdf", MAIL)
        _done(tree, 3)
        tree.stop(process)

        tree.start()
        put(tree.inbox, "later.pdf", FILES["first.pdf"])
        tree.published("later")

        _done(tree, 4)
        assert set(RESULTS) < set(tree.files(tree.outbox))
        assert ("desk/mail.pdf" in tree.files(tree.inbox)) == (originals == "keep")
        assert tree.files(tree.archive) == tree.files(tree.failed) == _parts(tree) == []


def test_the_same_mail_dropped_again_gets_the_same_names(tree: Tree) -> None:
    tree.start()
    put(tree.inbox, "desk/mail.pdf", MAIL)
    _done(tree, 3)
    put(tree.inbox, "desk/mail.pdf", MAIL)

    _done(tree, 6)

    assert tree.files(tree.outbox) == RESULTS


def test_an_attachment_needs_no_lease(tmp_path: Path) -> None:
    with new_tree(tmp_path, f"{EXTRACT}\nwatch: {{poll_interval: 300ms, shared: true}}") as tree:
        tree.start()
        put(tree.inbox, "desk/mail.pdf", MAIL)

        _done(tree, 3)

        assert tree.files(tree.outbox) == RESULTS
        tree.eventually(lambda: list((tree.inbox / ".scanmend" / "leases").iterdir()) == [])


def _sidecar(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    jsonschema.validate(found, SCHEMA)
    return found


def test_process_publishes_attachments_too(tree: Tree) -> None:
    source = put(tree.home / "elsewhere", "mail.pdf", MAIL)
    out = tree.home / "results"

    done = tree.command("process", str(source), "--out", str(out))

    assert done.stdout.splitlines() == [
        "mail.pdf: mail.txt",
        "mail/first.pdf: mail/first.txt",
        "mail/second.pdf: mail/second.txt",
    ]
    assert tree.files(out) == [name.removeprefix("desk/") for name in RESULTS]
    assert _sidecar(out / "mail" / "first.json")["part_of"]["name"] == "mail.pdf"
    assert source.read_bytes() == MAIL


def test_process_reports_an_attachment_that_fails(tree: Tree) -> None:
    files = {"bad.pdf": b"%PDF-1.7 and nothing else", "good.pdf": FILES["first.pdf"]}
    source = put(tree.home / "elsewhere", "mail.pdf", mail("One of them is bad", files))
    out = tree.home / "results"

    done = tree.command("process", str(source), "--out", str(out), check=False)

    assert done.returncode == 5
    assert "scanmend: bad.pdf: " in done.stderr
    assert tree.files(out) == ["mail.json", "mail.txt", "mail/good.json", "mail/good.txt"]
