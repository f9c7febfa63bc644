"""Fixtures for every test: no leaks, a clean environment, and failures reported at once."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
import structlog

# The LLM child sets this too. It must be set before llama.cpp is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Hypothesis draws the same examples each time, so that everyone sees the same failures.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")

TESTS = Path(__file__).parent
# folders, those with the longest files first
START_ORDER = ("faults", "shares", "system", "integration/service", "integration", "hostile")


class ReportAtOnce:
    """A pytest plugin that prints each failure when it happens, so that an aborted run has printed it too."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            what = f"\n{report.nodeid} ({report.when}):\n{report.longreprtext}"
            self.terminal.write_line(what, red=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(ReportAtOnce(terminal))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with the longest files first, so that at the end no worker is busy with one of them alone.

    The random order of pytest-randomly stays within each folder.
    """
    items.sort(key=_start_rank)


def _start_rank(item: pytest.Item) -> int:
    """Return the position of the test's folder in ``START_ORDER``; folders that are not in there come last."""
    folder = item.path.parent.relative_to(TESTS).as_posix()
    return next(
        (n for n, name in enumerate(START_ORDER) if folder.startswith(name)), len(START_ORDER)
    )


@pytest.fixture(autouse=True)
def _clean_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's settings from processes that a test starts, and coverage.py from ``unmeasured`` tests."""
    if request.node.get_closest_marker("unmeasured"):
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    for name in list(os.environ):
        if name.startswith(("SCANMEND_", "HF_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Restore the logging set-up after a test, whose log stream may be closed by then."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def _children() -> set[psutil.Process]:
    """Return the child processes. Ask the kernel first: most unit tests have none, and psutil reads all of /proc."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return set()
    return set(psutil.Process().children())


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads = set(threading.enumerate())
    children = _children()

    yield

    def leaked() -> list[object]:
        return [
            *(t for t in threading.enumerate() if t not in threads and t.is_alive()),
            *(c for c in _children() - children if c.status() != psutil.STATUS_ZOMBIE),
        ]

    deadline = time.monotonic() + 10
    while leaked() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert leaked() == []
