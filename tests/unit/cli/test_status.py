"""Test the reports of `scanmend status` for people and for programs."""

from dataclasses import replace

from journals import document
from scanmend.cli.status import as_json, as_text
from scanmend.document import Fact, State
from scanmend.service.status import Status, time_text
from scanmend.store.unclaimed import UnclaimedGroup

NOW = 1_800_000_000.0
BOOK = document(since=NOW, first_seen=NOW)


def test_the_report_of_an_empty_journal_shows_zeros() -> None:
    assert as_text(Status(None), "/in", NOW).splitlines() == [
        "daemon    not running",
        "inbox     /in",
        "waiting   0 incomplete, 0 queued",
        "in work   0",
        "done      0",
        "failed    0",
        "model     not loaded",
    ]


def test_the_report_shows_each_document_with_its_reason() -> None:
    waiting = replace(BOOK, state=State.SETTLING, reason="still open for writing")
    stuck = replace(BOOK, reason="waits: no space")
    failed = replace(BOOK, state=State.FAILED, reason="desk/book.pdf: no scan")
    other = replace(failed, reason="too many pages")
    status = Status(
        7,
        counts={State.SETTLING: 1, State.QUEUED: 2, State.READING: 2, State.FAILED: 2},
        waiting=[waiting],
        in_work=[(BOOK, 2), (stuck, 0)],
        failed=[failed, other],
        facts={"model": Fact("idle", "", NOW), "publish": Fact("waiting", "disk full", NOW)},
    )
    at = time_text(NOW)

    assert as_text(status, "/in", NOW + 90).splitlines() == [
        "daemon    running, process 7",
        "inbox     /in",
        "waiting   1 incomplete, 2 queued",
        f"          desk/book.pdf: still open for writing, since {at} (1.5 min)",
        "in work   2",
        "          desk/book.pdf: reading, 2 of 5 pages",
        "          desk/book.pdf: reading, 0 of 5 pages, waits: no space",
        "done      0",
        "failed    2",
        f"          desk/book.pdf: no scan ({at})",
        f"          desk/book.pdf: too many pages ({at})",
        f"model     idle, since {at}",
        f"publish   waiting: disk full, since {at}",
    ]


def test_the_report_counts_what_waits_unclaimed_by_reason() -> None:
    groups = (
        UnclaimedGroup("can't be opened: Permission denied", 3, NOW, "a.pdf"),
        UnclaimedGroup("empty", 1, NOW, "desk/b.pdf"),
    )
    at = time_text(NOW)

    text = as_text(Status(7, unclaimed=groups), "/in", NOW)

    assert text.splitlines()[3:6] == [
        "unclaimed 4",
        f"          3: can't be opened: Permission denied, since {at} (the oldest: a.pdf)",
        f"          desk/b.pdf: empty, since {at}",
    ]
    assert as_json(Status(7, unclaimed=groups))["unclaimed"][1] == {
        "reason": "empty",
        "count": 1,
        "since": NOW,
        "oldest": "desk/b.pdf",
    }


def test_the_json_report_has_counts_documents_and_facts() -> None:
    failed = replace(BOOK, state=State.FAILED, outcome="damaged")
    report = as_json(
        Status(7, in_work=[(BOOK, 2)], failed=[failed], facts={"model": Fact("idle", "", NOW)})
    )

    assert report["running"] is True
    assert set(report["counts"]) == {state.value for state in State}
    assert report["in_work"][0]["pages_done"] == 2
    assert report["failed"][0]["kind"] == "damaged"
    assert report["facts"] == {"model": {"value": "idle", "reason": "", "since": NOW}}
