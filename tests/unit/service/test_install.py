"""What the service manager gets: the unit for each machine, and when the watchdog is fed."""

import configparser
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from scanmend.config.settings import Settings, load_settings
from scanmend.errors import MachineError, UsageError
from scanmend.service import install, sd_notify
from scanmend.telemetry import log
from scanmend.telemetry.liveness import Pulse


def _settings(tmp_path: Path, more: str = "") -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(f"base: {tmp_path}\n{more}")
    return load_settings(str(file))


def _unit(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(text)
    return dict(parser["Service"])


def test_the_unit_is_of_its_systemd(tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    new = _unit(install.unit("/opt/scanmend/bin/scanmend", settings, 253))
    old = _unit(install.unit("/opt/scanmend/bin/scanmend", settings, 252))

    assert new["Type"] == "notify-reload"
    assert "ExecReload" not in new
    assert (old["Type"], old["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert new["ExecStart"].startswith("/opt/scanmend/bin/scanmend --config /etc/scanmend/")
    assert "@" not in "".join(v for k, v in new.items() if k != "SystemCallFilter")


def test_the_unit_opens_the_configured_folders_and_no_others(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path, "folders: {inbox: /srv/scans}\nmodels: {directory: /data/models}"
    )

    unit = _unit(install.unit("/opt/scanmend/bin/scanmend", settings, 253))

    assert unit["ProtectSystem"] == "strict"
    assert {"-/srv/scans", "-/data/models"} <= set(unit["ReadWritePaths"].split())


@pytest.mark.parametrize(("place", "protect"), [("/srv/in", "yes"), ("/home/anna/in", "read-only")])
def test_homes_are_hidden_unless_a_folder_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, protect: str
) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(os.path, "realpath", lambda p: p)
    settings = _settings(tmp_path, f"folders: {{inbox: {place}}}")

    assert _unit(install.unit("/opt/bin/scanmend", settings, 253))["ProtectHome"] == protect


def test_a_gpu_is_reachable_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no GPU here, so its device files are said to be there."""
    there = {"/dev/nvidia0", "/dev/nvidiactl", "/dev/dri"}
    settings = _settings(tmp_path)
    monkeypatch.setattr(os.path, "exists", lambda p: p in there)

    text = install.unit("/opt/bin/scanmend", settings, 253)

    assert _unit(text)["PrivateDevices"] == "no"
    assert _unit(text)["DevicePolicy"] == "closed"
    allowed = [line for line in text.splitlines() if line.startswith("DeviceAllow=")]
    assert allowed == [
        "DeviceAllow=/dev/nvidia0 rw",
        "DeviceAllow=/dev/nvidiactl rw",
        "DeviceAllow=char-drm rw",
    ]


def test_the_configuration_of_a_service_is_the_default_elsewhere() -> None:
    text = install.system_config((Path(__file__).parents[3] / "etc" / "scanmend.yaml").read_text())

    assert "\nbase: /var/lib/scanmend\n" in text
    assert "\n  inbox: inbox\n" in text
    assert "var/inbox" not in text


def test_a_dry_run_changes_nothing_and_needs_no_root(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_program", lambda: "/opt/bin/scanmend")

    assert install.install(dry_run=True, start=True) == 0
    assert install.uninstall(dry_run=True) == 0

    said = capsys.readouterr().out
    assert "would write /etc/systemd/system/scanmend.service" in said
    assert "would run systemctl enable --now scanmend.service" in said
    assert "would remove /etc/systemd/system/scanmend.service" in said
    assert not install.UNIT.exists()
    with pytest.raises(UsageError, match="only root"):
        install.install(dry_run=False, start=True)


def test_a_program_that_the_user_cannot_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "scanmend"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.parent / "python"))
    tmp_path.chmod(0o700)

    with pytest.raises(MachineError, match=f"{tmp_path} is closed to others; install it elsewhere"):
        install._program()


def test_a_thread_beyond_its_limit_is_told() -> None:
    pulse = Pulse()
    go_on = threading.Event()

    def work() -> None:
        with pulse.at("a page", 0.05):
            go_on.wait(30)

    thread = threading.Thread(target=work, name="read-1")
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not pulse.overdue() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert pulse.overdue()[0].startswith("read-1: a page, ")
    finally:
        go_on.set()
        thread.join()
    assert pulse.overdue() == []


def test_what_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        sd_notify.ready("3 waiting\nREADY=0")
        sd_notify.reloading()
        sd_notify.alive()
        sd_notify.stopping()

        said = [manager.recv(4096).decode() for _ in range(4)]
    assert said[0] == "READY=1\nSTATUS=3 waiting READY=0"  # a file's name forges nothing
    assert said[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[2:] == ["WATCHDOG=1", "STOPPING=1"]


def test_the_watchdogs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sd_notify.watchdog() is None
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert sd_notify.watchdog() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert sd_notify.watchdog() is None


def test_a_terminal_is_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "out", "w") as stream:
        assert not log._is_journal(stream)
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert log._is_journal(stream)
