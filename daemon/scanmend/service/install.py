"""`scanmend install-service` and `uninstall-service`: the systemd unit, its user and folders, step by step."""

import functools
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from scanmend import resources
from scanmend.config.settings import FoldersSettings, Settings, load_settings
from scanmend.errors import MachineError, UsageError

CONFIG = Path("/etc/scanmend/scanmend.yaml")
HOME = Path("/var/lib/scanmend")
UNIT = Path("/etc/systemd/system/scanmend.service")
SYSUSERS = Path("/etc/sysusers.d/scanmend.conf")
TMPFILES = Path("/etc/tmpfiles.d/scanmend.conf")
NOTIFY_RELOAD = 253  # the systemd that has Type=notify-reload
_GPU = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/dri", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and how to say it."""

    said: str
    do: Callable[[], object]


def install(dry_run: bool, start: bool) -> int:
    """Install the service; 0. Raises UsageError or MachineError with what to do."""
    program = _program()
    steps = [
        _write(SYSUSERS, _text("systemd/scanmend.sysusers")),
        _write(TMPFILES, _text("systemd/scanmend.tmpfiles")),
        _run("systemd-sysusers", str(SYSUSERS)),
        _run("systemd-tmpfiles", "--create", str(TMPFILES)),
    ]
    if not CONFIG.exists():
        steps.append(_write(CONFIG, system_config(_text("etc/scanmend.yaml"))))
    for name in ("default", "financial", "medical"):
        place = CONFIG.parent / "profiles" / f"{name}.yaml"
        if not place.exists():
            steps.append(_write(place, _text(f"etc/profiles/{name}.yaml")))
    # the configuration that was just written is read when the unit is made
    steps.append(Step(f"write {UNIT}", lambda: _put(UNIT, unit(program, _settings(), _version()))))
    steps.append(_run("systemctl", "daemon-reload"))
    steps.append(_run("systemctl", "enable", *(["--now"] if start else []), "scanmend.service"))
    _all(steps, dry_run)
    if not dry_run:
        print(
            f"edit {CONFIG}, then: systemctl restart scanmend; what it does: journalctl -u scanmend"
        )
    return 0


def uninstall(dry_run: bool) -> int:
    """Remove the service; its documents, configuration and user stay."""
    steps = []
    if UNIT.exists() or dry_run:
        steps.append(_run("systemctl", "disable", "--now", "scanmend.service"))
    steps += [
        Step(f"remove {place}", functools.partial(place.unlink, missing_ok=True))
        for place in (UNIT, SYSUSERS, TMPFILES)
        if place.exists() or dry_run
    ]
    steps.append(_run("systemctl", "daemon-reload"))
    _all(steps, dry_run)
    print(f"kept: {CONFIG.parent}, {HOME} with all documents, and the user scanmend")
    return 0


def unit(program: str, settings: Settings, version: int) -> str:
    """The unit for this machine.

    ``version`` of systemd: it has Type=notify-reload from 253 on. The devices are opened when there is a GPU.
    """
    kind = "Type=notify-reload"
    if version < NOTIFY_RELOAD:
        kind = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID"
    places = {getattr(settings.folders, f.name) for f in fields(FoldersSettings)}
    places |= {str(HOME), settings.models.directory or ""}
    devices = "PrivateDevices=yes"
    found = [device for device in _GPU if os.path.exists(device)]
    if found:
        allowed = "".join(
            f"\nDeviceAllow={device} rw" for device in found if device.startswith("/dev/nvidia")
        )
        allowed += "\nDeviceAllow=char-drm rw" if "/dev/dri" in found else ""
        devices = f"# the GPU\nPrivateDevices=no\nDevicePolicy=closed{allowed}"
    values = {
        "TYPE": kind,
        "PROGRAM": program,
        "FOLDERS": " ".join(f"-{place}" for place in sorted(places) if place),
        "HOME": _protect_home([program, os.path.realpath(sys.executable), *places]),
        "DEVICES": devices,
    }
    return re.sub(r"@([A-Z]+)@", lambda m: values[m[1]], _text("systemd/scanmend.service"))


def _protect_home(places: list[str]) -> str:
    """Homes are out of sight, unless a folder or the program lies in one: then they can't be written."""
    inside = any(p.startswith(("/home/", "/root/", "/run/user/")) for p in places)
    return "read-only" if inside else "yes"


def system_config(text: str) -> str:
    """The commented default configuration, with the folders of a system service."""
    text = text.replace("\nbase: ..", f"\nbase: {HOME}")
    return re.sub(r"(?m)^(  (?:inbox|outbox|archive|failed|state): )var/", r"\1", text)


def _program() -> str:
    """The console script beside this interpreter; MachineError when the service's user can't run it."""
    program = Path(sys.executable).parent / "scanmend"
    remedy = (
        "python3 -m venv /opt/scanmend && /opt/scanmend/bin/pip install 'scanmend[all]',"
        " then: /opt/scanmend/bin/scanmend install-service"
    )
    if not program.exists():
        raise MachineError(f"{program} is not there; install the package: {remedy}")
    interpreter = Path(os.path.realpath(sys.executable))
    for place in (program, *program.parents, interpreter, *interpreter.parents):
        if not place.stat().st_mode & stat.S_IXOTH:
            raise MachineError(
                f"{program}: the service's user can't run it, {place} is closed to others; install it elsewhere: {remedy}"
            )
    return str(program)


def _settings() -> Settings:
    return load_settings(str(CONFIG))


def _version() -> int:
    done = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1].split(".")[0])


def _text(name: str) -> str:
    return resources.shipped_file(name).read_text("utf-8")


def _write(place: Path, text: str) -> Step:
    return Step(f"write {place}", lambda: _put(place, text))


def _put(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")


def _run(*command: str) -> Step:
    def run() -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise MachineError(
                f"{command[0]}: {error.strerror}; is this a systemd machine?"
            ) from None
        if done.returncode != 0:
            raise MachineError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")

    return Step(f"run {' '.join(command)}", run)


def _all(steps: list[Step], dry_run: bool) -> None:
    if not dry_run:
        if os.geteuid() != 0:
            raise UsageError(
                "only root may do that: sudo scanmend install-service (--dry-run shows the steps)"
            )
        if shutil.which("systemctl") is None or not os.path.isdir("/run/systemd/system"):
            raise MachineError("this machine was not started by systemd; run it with: scanmend run")
    for step in steps:
        print(f"{'would ' if dry_run else ''}{step.said}", flush=True)
        if not dry_run:
            step.do()
