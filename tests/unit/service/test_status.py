"""Test which conditions count as trouble, and the status without a journal."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from journals import document
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.document import Fact, State
from scanmend.service.status import (
    NO_PROGRESS_SECONDS,
    OUTAGE_SECONDS,
    UNCLAIMED_SECONDS,
    Status,
    read_status,
    troubles,
)
from scanmend.store.unclaimed import UnclaimedGroup

NOW = 1_800_000_000.0
RUNNING = Status(os.getpid(), last_write=NOW)
SHARE_GONE = {"inbox": Fact("away", "the share is gone", NOW - OUTAGE_SECONDS - 1)}
BOOK = document(since=NOW, first_seen=NOW)


def test_a_running_daemon_with_progress_or_without_work_has_no_trouble() -> None:
    assert troubles(RUNNING, NOW) == []
    assert (
        troubles(replace(RUNNING, last_write=NOW - NO_PROGRESS_SECONDS - 1), NOW) == []
    )  # nothing is in work


def test_no_daemon_is_trouble() -> None:
    assert "no daemon is running" in troubles(replace(RUNNING, process=None), NOW)[0]


def test_a_long_outage_is_trouble() -> None:
    status = replace(RUNNING, facts=SHARE_GONE)

    assert "the share is gone" in troubles(status, NOW)[0]
    assert troubles(status, NOW - 60) == []


def test_a_failed_model_is_not_trouble() -> None:
    """Report no trouble: documents are published without the model."""
    assert troubles(replace(RUNNING, facts={"model": Fact("failed", "", 0.0)}), NOW) == []


def test_what_waits_unclaimed_for_five_minutes_is_trouble() -> None:
    reason = "can't be opened: Permission denied"
    group = UnclaimedGroup(reason, 3, NOW - UNCLAIMED_SECONDS - 1, "desk/a.pdf")
    status = replace(RUNNING, unclaimed=(group, replace(group, reason="empty", since=NOW)))

    (found,) = troubles(status, NOW)

    assert found.startswith(f"waits in the inbox: 3: {reason}, since ")
    assert "desk/a.pdf" in found
    assert troubles(status, NOW - 60) == []


def test_a_result_that_cant_be_put_out_for_five_minutes_is_trouble() -> None:
    stuck = replace(BOOK, state=State.PUTTING_AWAY, reason="waits: may not be moved")
    status = replace(RUNNING, in_work=[(stuck, 5), (BOOK, 2)])

    (found,) = troubles(status, NOW + OUTAGE_SECONDS + 1)

    assert found == "desk/book.pdf is putting-away: waits: may not be moved"
    assert troubles(status, NOW + 60) == []


def test_work_without_progress_is_trouble() -> None:
    status = replace(RUNNING, in_work=[(BOOK, 2)], last_write=NOW - NO_PROGRESS_SECONDS - 1)

    assert "though desk/book.pdf is in work" in troubles(status, NOW)[0]
    assert troubles(status, NOW - 60) == []


def test_the_status_without_a_journal_is_empty(tmp_path: Path) -> None:
    status = read_status(Settings(folders=FoldersSettings(state=str(tmp_path))))

    assert status == Status(None)
    assert status.count(*State) == 0


@pytest.mark.parametrize("states", [(State.DONE,), (State.DONE, State.FAILED)])
def test_the_counts_of_several_states_are_added_up(states: tuple[State, ...]) -> None:
    status = Status(None, {State.DONE: 2, State.FAILED: 3})

    assert status.count(*states) == (2 if len(states) == 1 else 5)
