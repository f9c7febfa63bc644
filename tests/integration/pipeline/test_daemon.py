"""Test the whole daemon in this process: start, reload, health checks and stop, as a service manager sees them."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scanmend.config.loading import load_settings
from scanmend.errors import ConfigError
from scanmend.pipeline import daemon as daemon_module
from scanmend.pipeline.daemon import FORCED_EXIT, Daemon
from scanmend.pipeline.pipeline import Pipeline
from scanmend.telemetry import log

CONFIG = """\
base: .
folders: {inbox: inbox, outbox: outbox, archive: archive, failed: failed, state: state}
profiles: {directory: profiles}
ocr: {engine: "null", workers: 1}
llm: {enabled: false}
"""


class ServiceManager:
    """Starts the daemon in this thread, and takes its messages in another one, as systemd would."""

    def __init__(self, home: Path, manager: socket.socket) -> None:
        self.config = home / "scanmend.yaml"
        self.config.write_text(CONFIG)
        (home / "profiles").mkdir()
        (home / "profiles" / "default.yaml").write_text("prompt: Correct it.\n")
        self.socket = manager
        self.received: list[str] = []

    @property
    def pipeline(self) -> Pipeline:
        """Return the pipeline of the running daemon."""
        pipeline = self.daemon._pipeline
        assert pipeline
        return pipeline

    def await_message(self, begin: str) -> str:
        """Return the next message that begins so."""
        while not (message := self.socket.recv(4096).decode()).startswith(begin):
            self.received.append(message)
        self.received.append(message)
        return message

    def run(self, meanwhile: Callable[[], None]) -> int:
        """Run the daemon until ``meanwhile``, which another thread runs once it is ready, has stopped it."""
        settings = load_settings(str(self.config))
        log.set_up(settings.log)
        self.daemon = Daemon(settings)
        errors: list[Exception] = []

        def operate() -> None:
            try:
                self.await_message("READY=1")
                meanwhile()
            except Exception as error:
                errors.append(error)
                send(signal.SIGTERM)

        operator = threading.Thread(target=operate, name="operator")
        operator.start()
        code = self.daemon.run()
        operator.join(30)
        assert errors == []
        return code


def send(number: int) -> None:
    """Send a signal to the daemon, which is this process."""
    os.kill(os.getpid(), number)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceManager]:
    """Return a service manager whose watchdog makes the daemon check its threads ten times a second."""
    monkeypatch.setenv("SCANMEND_NULL_ENGINE", "1")
    monkeypatch.setattr(daemon_module, "NICENESS", 0)  # this process runs other tests afterwards
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.bind(str(tmp_path / "notify"))
        own.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        yield ServiceManager(tmp_path, own)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_daemon_reports_its_life_to_the_service_manager(manager: ServiceManager) -> None:
    def stop() -> None:
        manager.await_message("WATCHDOG=1")
        manager.await_message("STATUS=")
        for _ in range(2):
            manager.await_message("WATCHDOG=1")
        send(signal.SIGTERM)
        manager.await_message("STOPPING=1")

    assert manager.run(stop) == 0
    # the same status is not sent again
    assert len([message for message in manager.received if message.startswith("STATUS=")]) == 1


def test_a_reload_puts_the_changed_configuration_in_force(
    manager: ServiceManager, capsys: pytest.CaptureFixture[str]
) -> None:
    def reload() -> None:
        manager.config.write_text(CONFIG + "grace: 7s\nweb: {listen: '127.0.0.1:1'}\n")
        send(signal.SIGHUP)
        manager.await_message("RELOADING=1")
        manager.await_message("READY=1")
        send(signal.SIGTERM)

    assert manager.run(reload) == 0
    said = capsys.readouterr().err
    assert "configuration read again" in said
    assert "needs a restart to take effect" in said
    assert "web.listen" in said
    assert "grace=7" in said


def test_a_reload_with_a_mistake_changes_nothing(
    manager: ServiceManager, capsys: pytest.CaptureFixture[str]
) -> None:
    def reload() -> None:
        manager.config.write_text(CONFIG + "grace: soon\n")
        send(signal.SIGHUP)
        manager.await_message("READY=1")
        send(signal.SIGTERM)

    assert manager.run(reload) == 0
    said = capsys.readouterr().err
    assert "the configuration stays as it was" in said
    assert "configuration read again" not in said


def test_the_daemon_stops_when_a_thread_has_ended(
    manager: ServiceManager, capsys: pytest.CaptureFixture[str]
) -> None:
    """End the claim step by closing its queue: no exception is known that ends a step."""

    def end_a_step() -> None:
        manager.pipeline.intake.claims.close()

    assert manager.run(end_a_step) == 1
    assert "a thread ended by itself" in capsys.readouterr().err


def test_the_watchdog_is_not_fed_while_a_thread_hangs(manager: ServiceManager) -> None:
    def hang() -> None:
        with manager.pipeline.liveness.task("a page", -1.0):
            status = manager.await_message("STATUS=hangs")
            assert status.startswith("STATUS=hangs: operator: a page, ")
            manager.await_message("STATUS=hangs")
            assert "WATCHDOG=1" not in manager.received[-2:]
        send(signal.SIGTERM)

    assert manager.run(hang) == 0


def test_what_is_missing_of_the_sandbox_is_logged(
    manager: ServiceManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replace the look at the kernel, which has all of it where the tests run."""
    monkeypatch.setattr(daemon_module, "find_gaps", lambda: [ConfigError("no Landlock")])

    assert manager.run(lambda: send(signal.SIGTERM)) == 0
    assert "not confined" in capsys.readouterr().err


def test_a_second_signal_ends_the_daemon_at_once(
    manager: ServiceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replace the exit of the process, which is the test's own; test_stop.py has a daemon that exits."""
    exits: list[int] = []

    def record_exit(code: int) -> None:
        exits.append(code)

    monkeypatch.setattr(os, "_exit", record_exit)

    def stop_twice() -> None:
        send(signal.SIGTERM)
        manager.await_message("STOPPING=1")
        send(signal.SIGHUP)  # does not count
        send(signal.SIGTERM)

    assert manager.run(stop_twice) == 0
    assert exits == [FORCED_EXIT + signal.SIGTERM]
