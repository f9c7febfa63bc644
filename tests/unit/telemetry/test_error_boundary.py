"""Test that an error never ends its step's thread, and how errors are logged and delayed."""

import sqlite3
import threading

import pytest
import structlog
from structlog.testing import LogCapture

from scanmend.errors import FolderGone, PathUnusable
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import BUG_RETRY_SECONDS, ErrorBoundary


@pytest.fixture
def logged() -> LogCapture:
    """Collect the log entries; tests/conftest.py resets the configuration."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    return capture


def _away() -> None:
    raise FolderGone("the share is away")


def _bug() -> None:
    raise KeyError("nobody")


def _nothing() -> None:
    """Succeed."""


def test_an_outage_is_logged_once_and_its_delays_grow(logged: LogCapture) -> None:
    boundary = ErrorBoundary(log.get("test"), longest_delay=0.0)
    for _ in range(3):
        failure = boundary.attempt(_away, document="a.pdf")
        assert failure is not None
        assert failure.reason == "the share is away"
        assert not failure.is_bug
    assert boundary.attempt(_nothing) is None
    boundary.attempt(_away)

    levels = [entry["log_level"] for entry in logged.entries]
    assert levels == ["warning", "debug", "debug", "warning"]
    assert logged.entries[0]["document"] == "a.pdf"


def test_threads_that_meet_one_outage_double_the_delay_once() -> None:
    """Let five slots meet one outage: counted per slot, the delay would be 16 times as long."""
    boundary = ErrorBoundary(log.get("test"))
    delays: list[float] = []

    def fail() -> None:
        failure = boundary.attempt(_away)
        assert failure is not None
        delays.append(failure.delay)

    threads = [threading.Thread(target=fail) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(delays) == 0.5
    assert min(delays) > 0.0


def test_each_key_has_its_own_outage() -> None:
    boundary = ErrorBoundary(log.get("test"), longest_delay=0.0)
    boundary.attempt(_away, key=1)
    boundary.attempt(_nothing, key=2)

    with structlog.testing.capture_logs() as logged:
        boundary.attempt(_away, key=1)

    assert logged[0]["log_level"] == "debug"


def test_a_bug_is_logged_with_its_traceback(logged: LogCapture) -> None:
    failure = ErrorBoundary(log.get("test")).attempt(_bug)

    assert failure is not None
    assert failure.is_bug
    assert failure.delay == BUG_RETRY_SECONDS
    assert failure.reason == "KeyError: 'nobody'"
    assert logged.entries[0]["exc_info"]


def test_a_failure_is_logged_even_if_the_documents_name_cannot_be_read(logged: LogCapture) -> None:
    """Fail to read the name: a failing journal once ended the thread of the publish step that way."""

    def name() -> str:
        raise sqlite3.OperationalError("disk I/O error")

    failure = ErrorBoundary(log.get("test")).attempt(_bug, document=name)

    assert failure is not None
    assert "can't be read" in logged.entries[0]["document"]


def test_best_effort_work_never_raises(logged: LogCapture) -> None:
    boundary = ErrorBoundary(log.get("test"))

    boundary.best_effort(_away)
    boundary.best_effort(_bug)

    assert [entry["log_level"] for entry in logged.entries] == ["debug", "error"]


def test_a_path_that_cant_be_used_is_an_outage_of_its_own() -> None:
    """Otherwise each success of another document would log the same warning again, and restart the delays."""
    boundary = ErrorBoundary(log.get("test"))

    def unusable() -> None:
        raise PathUnusable("a.pdf: no rights")

    with structlog.testing.capture_logs() as logged:
        boundary.attempt(unusable, own_key=1)
        boundary.attempt(_nothing, own_key=2)
        boundary.attempt(unusable, own_key=1)
        boundary.attempt(_nothing, own_key=1)
        boundary.attempt(unusable, own_key=1)

    levels = [entry["log_level"] for entry in logged]
    assert levels == ["warning", "debug", "warning"]


def test_a_failure_that_lasts_without_any_success_is_a_stall() -> None:
    boundary = ErrorBoundary(log.get("test"))
    boundary.attempt(_away, key=1)
    boundary.attempt(_bug, key=2)

    assert boundary.stalled(60.0) is None
    assert not boundary.is_active(0.0)
    stall = boundary.stalled(0.0)
    assert stall is not None
    assert stall.reason == "the share is away"
    boundary.attempt(_nothing, key=1)
    assert boundary.is_active(60.0)
    bug = boundary.stalled(0.0)
    assert bug is not None
    assert bug.is_bug
    boundary.attempt(_nothing, key=2)
    assert boundary.stalled(0.0) is None


def test_work_under_way_is_no_stall() -> None:
    boundary = ErrorBoundary(log.get("test"))
    seen: list[bool] = []

    boundary.attempt(lambda: seen.append(boundary.is_active(0.0)))

    assert seen == [True]
