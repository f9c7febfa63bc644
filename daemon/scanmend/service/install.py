"""Install or remove the systemd service. Each is an ordered list of actions, which ``dry_run`` only prints."""

import functools
import glob
import grp
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanmend import resources
from scanmend.config.keys import keys_of
from scanmend.config.loading import load_settings
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import MachineError, UsageError

CONFIG = Path("/etc/scanmend/scanmend.yaml")
HOME = Path("/var/lib/scanmend")
UNIT = Path("/etc/systemd/system/scanmend.service")
SYSUSERS = Path("/etc/sysusers.d/scanmend.conf")
TMPFILES = Path("/etc/tmpfiles.d/scanmend.conf")
PROFILES = ("default", "financial", "medical")
NOTIFY_RELOAD_VERSION = 253  # the first systemd with Type=notify-reload
# device files of NVIDIA (CUDA, Vulkan), of all other GPUs (Vulkan, ROCm), and of ROCm
_GPU_DEVICES = ("/dev/nvidia*", "/dev/dri/renderD*", "/dev/kfd")
_HOMES = ("/home/", "/root/", "/run/user/")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an installation. ``description``: in the imperative, such as "write /etc/…"."""

    description: str
    perform: Callable[[], object]


def install(*, dry_run: bool, start: bool) -> None:
    """Install and enable the service. ``dry_run``: only print the actions. ``start``: also start the service.

    Raise UsageError without root's rights, MachineError if the machine does not run systemd or a command fails.
    """
    program = _program()
    actions = [
        _write(SYSUSERS, _shipped("systemd/scanmend.sysusers")),
        _write(TMPFILES, _shipped("systemd/scanmend.tmpfiles")),
        _run("systemd-sysusers", str(SYSUSERS)),
        _run("systemd-tmpfiles", "--create", str(TMPFILES)),
        *_configuration(),
        # needs the configuration that the action before it has written
        Action(f"write {UNIT}", lambda: _write_unit(program)),
        _run("systemctl", "daemon-reload"),
        _run("systemctl", "enable", *(["--now"] if start else []), "scanmend.service"),
    ]
    _perform(actions, dry_run=dry_run)
    if not dry_run:
        print(f"installed; edit {CONFIG}, then run: systemctl restart scanmend")
        print("see the log with: journalctl -u scanmend")


def uninstall(*, dry_run: bool) -> None:
    """Remove the service, but keep documents, configuration and user. ``dry_run``: only print the actions.

    Raise as ``install`` does.
    """
    actions = []
    if UNIT.exists() or dry_run:
        actions.append(_run("systemctl", "disable", "--now", "scanmend.service"))
    actions += [
        Action(f"remove {path}", functools.partial(path.unlink, missing_ok=True))
        for path in (UNIT, SYSUSERS, TMPFILES)
        if path.exists() or dry_run
    ]
    actions.append(_run("systemctl", "daemon-reload"))
    _perform(actions, dry_run=dry_run)
    print(f"kept: {CONFIG.parent}, {HOME} with all documents, and the user scanmend")


def unit(program: str, settings: Settings, systemd_version: int) -> str:
    """Return the text of the unit for this machine: its systemd, the configured folders, its GPU."""
    service_type = "Type=notify-reload"
    if systemd_version < NOTIFY_RELOAD_VERSION:
        service_type = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID"
    folders = {getattr(settings.folders, name) for name in keys_of(FoldersSettings)}
    folders |= {str(HOME), settings.models.directory}
    values = {
        "TYPE": service_type,
        "PROGRAM": program,
        "FOLDERS": " ".join(f"-{folder}" for folder in sorted(folders)),
        "HOME": _protect_home([program, os.path.realpath(sys.executable), *folders]),
        "DEVICES": _devices(),
    }
    return re.sub(r"@([A-Z]+)@", lambda m: values[m[1]], _shipped("systemd/scanmend.service"))


def system_config(text: str) -> str:
    """Return the shipped configuration with the folders of a system service."""
    text = text.replace("\nbase: ..", f"\nbase: {HOME}")
    return re.sub(r"(?m)^(  (?:inbox|outbox|archive|failed|state): )var/", r"\1", text)


def _configuration() -> list[Action]:
    """Return the actions that write the configuration and the profiles, unless they exist."""
    actions = []
    if not CONFIG.exists():
        actions.append(_write(CONFIG, system_config(_shipped("etc/scanmend.yaml"))))
    for name in PROFILES:
        path = CONFIG.parent / "profiles" / f"{name}.yaml"
        if not path.exists():
            actions.append(_write(path, _shipped(f"etc/profiles/{name}.yaml")))
    return actions


def _write_unit(program: str) -> None:
    settings = load_settings(str(CONFIG))
    _write_file(UNIT, unit(program, settings, _systemd_version()))


def _devices() -> str:
    """Return the unit's lines about devices: allow only the GPU's, if there is a GPU."""
    paths = sorted(path for pattern in _GPU_DEVICES for path in glob.glob(pattern))
    found = [path for path in paths if not os.path.isdir(path)]
    if not found:
        return "PrivateDevices=yes"
    allowed = [f"{path} rw" for path in found if "/dri/" not in path]
    if len(allowed) < len(found):
        allowed.append("char-drm rw")
    lines = ["# the GPU", "PrivateDevices=no", "DevicePolicy=closed"]
    lines += [f"DeviceAllow={device}" for device in allowed]
    if groups := _groups_of(found):
        lines.append(f"SupplementaryGroups={' '.join(groups)}")
    return "\n".join(lines)


def _groups_of(devices: Sequence[str]) -> list[str]:
    """Return the groups (render, video) that may write to devices which are closed to other users."""
    groups = set()
    for path in devices:
        status = os.stat(path)
        if status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_IWOTH and status.st_gid:
            groups.add(grp.getgrgid(status.st_gid).gr_name)
    return sorted(groups)


def _protect_home(paths: Collection[str]) -> str:
    """Return the value of ProtectHome=: hide the homes, or make them read-only if one of the paths is in one."""
    return "read-only" if any(path.startswith(_HOMES) for path in paths) else "yes"


def _program() -> str:
    """Return the path of this installation's `scanmend`.

    Raise MachineError if it is missing, or the service's user can't run it.
    """
    program = Path(sys.executable).parent / "scanmend"
    remedy = (
        "python3 -m venv /opt/scanmend && /opt/scanmend/bin/pip install 'scanmend[all]',"
        " then: /opt/scanmend/bin/scanmend install-service"
    )
    if not program.exists():
        raise MachineError(f"{program} is not there", f"install the package: {remedy}")
    interpreter = Path(os.path.realpath(sys.executable))
    for path in (program, *program.parents, interpreter, *interpreter.parents):
        if not path.stat().st_mode & stat.S_IXOTH:
            message = (
                f"{program}: the service's user can't run it, since {path} is closed to others"
            )
            raise MachineError(message, f"install it elsewhere: {remedy}")
    return str(program)


def _systemd_version() -> int:
    done = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1].split(".")[0])


def _shipped(name: str) -> str:
    return resources.shipped_file(name).read_text("utf-8")


def _write(path: Path, text: str) -> Action:
    return Action(f"write {path}", lambda: _write_file(path, text))


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _run(*command: str) -> Action:
    def run() -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            message = f"{command[0]}: {error.strerror}"
            raise MachineError(message, "run this on a machine with systemd") from None
        if done.returncode != 0:
            raise MachineError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")

    return Action(f"run {' '.join(command)}", run)


def _perform(actions: list[Action], *, dry_run: bool) -> None:
    if not dry_run:
        if os.geteuid() != 0:
            remedy = "run: sudo scanmend install-service (--dry-run shows what it would do)"
            raise UsageError("only root may do that", remedy)
        if shutil.which("systemctl") is None or not os.path.isdir("/run/systemd/system"):
            remedy = "start scanmend with: scanmend run"
            raise MachineError("this machine does not run systemd", remedy)
    for action in actions:
        print(f"{'would ' if dry_run else ''}{action.description}", flush=True)
        if not dry_run:
            action.perform()
