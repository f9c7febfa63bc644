"""Test that no piece of work ends its step's thread, and how its errors are logged and delayed."""

import sqlite3
import threading

import pytest
import structlog
from structlog.testing import LogCapture

from scanmend.errors import FolderGone
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import BUG_RETRY_SECONDS, ErrorBoundary


@pytest.fixture
def logged() -> LogCapture:
    """Collect what is logged; tests/conftest.py resets the configuration."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    return capture


def _away() -> None:
    raise FolderGone("the share is away")


def _bug() -> None:
    raise KeyError("nobody")


def _nothing() -> None:
    """Succeed."""


def test_an_outage_is_warned_of_once_and_its_delays_grow(logged: LogCapture) -> None:
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


def test_the_delay_doubles_once_per_delay_and_not_once_per_thread() -> None:
    """Five slots that meet one outage would else wait for 16 times as long as one."""
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


def test_a_name_that_cannot_be_looked_up_does_no_harm(logged: LogCapture) -> None:
    """The journal may be what fails: the error boundary of the publish step once died of that."""

    def name() -> str:
        raise sqlite3.OperationalError("disk I/O error")

    failure = ErrorBoundary(log.get("test")).attempt(_bug, document=name)

    assert failure is not None
    assert "can't be read" in logged.entries[0]["document"]


def test_work_that_can_be_left_out_never_raises(logged: LogCapture) -> None:
    boundary = ErrorBoundary(log.get("test"))

    boundary.best_effort(_away)
    boundary.best_effort(_bug)

    assert [entry["log_level"] for entry in logged.entries] == ["debug", "error"]
