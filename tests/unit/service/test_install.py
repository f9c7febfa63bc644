"""Test the installation as a service: the unit for each machine, the configuration, and the dry run."""

import configparser
import grp
import os
import sys
from pathlib import Path

import pytest

from scanmend import resources
from scanmend.config.loading import load_settings
from scanmend.config.settings import Settings
from scanmend.errors import MachineError, UsageError
from scanmend.service import install

PROGRAM = "/opt/scanmend/bin/scanmend"


def _settings(tmp_path: Path, text: str = "") -> Settings:
    file = tmp_path / "scanmend.yaml"
    file.write_text(f"base: {tmp_path}\n{text}")
    return load_settings(str(file))


def _parse(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(text)
    return dict(parser["Service"])


def test_the_unit_depends_on_systemds_version(tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    new = _parse(install.unit(PROGRAM, settings, 253))
    old = _parse(install.unit(PROGRAM, settings, 252))

    assert new["Type"] == "notify-reload"
    assert "ExecReload" not in new
    assert (old["Type"], old["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert new["ExecStart"].startswith(f"{PROGRAM} --config /etc/scanmend/")
    assert "@" not in "".join(v for k, v in new.items() if k != "SystemCallFilter")


def test_the_unit_allows_writing_to_the_configured_folders_and_no_others(tmp_path: Path) -> None:
    text = "folders: {inbox: /srv/scans}\nmodels: {directory: /data/models}"
    settings = _settings(tmp_path, text)

    unit = _parse(install.unit(PROGRAM, settings, 253))

    assert unit["ProtectSystem"] == "strict"
    assert {"-/srv/scans", "-/data/models"} <= set(unit["ReadWritePaths"].split())


@pytest.mark.parametrize(("inbox", "protect"), [("/srv/in", "yes"), ("/home/anna/in", "read-only")])
def test_homes_are_hidden_unless_a_folder_is_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inbox: str, protect: str
) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(os.path, "realpath", lambda path: path)
    settings = _settings(tmp_path, f"folders: {{inbox: {inbox}}}")

    assert _parse(install.unit("/opt/bin/scanmend", settings, 253))["ProtectHome"] == protect


def test_only_the_gpus_devices_are_open_to_the_service_and_its_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take plain files for the device files of GPUs; the test machine has none."""
    names = ("nvidia0", "nvidiactl", "nvidia-caps/cap1", "dri/card0", "dri/renderD128", "kfd")
    group = os.getgid() or grp.getgrnam("daemon").gr_gid  # in place of render
    for name in names:
        file = tmp_path / "dev" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.chown(file, -1, group)
        file.chmod(0o666 if name.startswith("nvidia") else 0o660)
    patterns = tuple(p.replace("/dev/", f"{tmp_path}/dev/") for p in install._GPU_DEVICES)
    monkeypatch.setattr(install, "_GPU_DEVICES", patterns)

    text = install.unit(PROGRAM, _settings(tmp_path), 253)

    assert _parse(text)["PrivateDevices"] == "no"
    assert _parse(text)["DevicePolicy"] == "closed"
    assert _parse(text)["SupplementaryGroups"] == grp.getgrgid(group).gr_name
    assert [line for line in text.splitlines() if line.startswith("DeviceAllow=")] == [
        f"DeviceAllow={tmp_path}/dev/kfd rw",
        f"DeviceAllow={tmp_path}/dev/nvidia0 rw",
        f"DeviceAllow={tmp_path}/dev/nvidiactl rw",
        "DeviceAllow=char-drm rw",
    ]


def test_a_services_configuration_is_the_shipped_one_with_other_folders() -> None:
    text = install.system_config(resources.shipped_file("etc/scanmend.yaml").read_text())

    assert "\nbase: /var/lib/scanmend\n" in text
    assert "\n  inbox: inbox\n" in text
    assert "var/inbox" not in text


def test_a_dry_run_changes_nothing_and_needs_no_root(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_program", lambda: PROGRAM)

    install.install(dry_run=True, start=True)
    install.uninstall(dry_run=True)

    output = capsys.readouterr().out
    assert "would write /etc/systemd/system/scanmend.service" in output
    assert "would run systemctl enable --now scanmend.service" in output
    assert "would remove /etc/systemd/system/scanmend.service" in output
    assert not install.UNIT.exists()


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_program", lambda: PROGRAM)

    with pytest.raises(UsageError, match="only root"):
        install.install(dry_run=False, start=True)


def test_a_program_that_the_services_user_cannot_run_is_named(
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
