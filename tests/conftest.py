"""What every test has: nothing may leak, and conditions are waited for, never slept for."""

import logging
import os
import threading
import time
from collections.abc import Iterator

import hypothesis
import psutil
import pytest
import structlog

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # as in the LLM's child, and before llama.cpp is loaded
# the suite draws the same examples each time: what fails, fails for everyone
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


class Told:
    """A failure is told when it happens: a run that is cut off later has said what it was."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.terminal.write_line(f"\n{report.nodeid} ({report.when}):\n{report.longreprtext}", red=True)  # fmt: skip


def pytest_sessionstart(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Told(terminal))


@pytest.fixture(autouse=True)
def _clean_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's settings from processes that a test starts; and coverage.py, where it would be in the way."""
    if request.node.get_closest_marker("unmeasured"):
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    for name in list(os.environ):
        if name.startswith(("SCANMEND_", "HF_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a test set up in this process may write to a stream that ends with the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """No thread and no child process outlives its test."""
    threads = set(threading.enumerate())
    me = psutil.Process()
    children = set(me.children())

    yield

    def left() -> list[object]:
        return [
            *(t for t in threading.enumerate() if t not in threads and t.is_alive()),
            *(c for c in me.children() if c not in children and c.status() != psutil.STATUS_ZOMBIE),
        ]

    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left() == []
