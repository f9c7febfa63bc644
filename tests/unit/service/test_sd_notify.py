"""Test the messages to the service manager, which a socket of the test receives."""

import socket
from pathlib import Path

import pytest

from scanmend.service import sd_notify


def test_each_message_has_systemds_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        sd_notify.ready("3 waiting\nREADY=0")
        sd_notify.reloading()
        sd_notify.alive()
        sd_notify.stopping()

        messages = [manager.recv(4096).decode() for _ in range(4)]
    assert (
        messages[0] == "READY=1\nSTATUS=3 waiting READY=0"
    )  # a line break in the status adds no message
    assert messages[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert messages[2:] == ["WATCHDOG=1", "STOPPING=1"]


def test_without_a_service_manager_no_message_is_sent() -> None:
    assert not sd_notify.is_supervised()
    sd_notify.ready("")


def test_the_watchdogs_period_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sd_notify.watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert sd_notify.watchdog_seconds() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert sd_notify.watchdog_seconds() is None
