"""Boot systemd in a container, on an overlay of this machine's root file system."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

# Exit code 133 means that the container rebooted (systemd-nspawn(1), --keep-unit): start the command again.
AGAIN_AFTER_REBOOT = 'until "$@"; [ $? != 133 ]; do :; done'
# A bare machine allows these system calls; systemd-nspawn 252 blocks them by default.
SANDBOXES = "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"
ROOT = Path(__file__).resolve().parents[1]
# services of the host that must not run in the container
MASKED = (
    *("smbd", "nmbd", "samba-ad-dc", "ssh", "cron", "docker", "containerd"),
    *("systemd-networkd-wait-online", "unattended-upgrades", "getty@tty1", "console-getty"),
    *("apt-daily.timer", "apt-daily-upgrade.timer"),
)


def impossible() -> str | None:
    """Return why no container can be booted here; None if one can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not there (package systemd-container)"
    if not os.path.exists("/sbin/init") or "systemd" not in os.path.realpath("/sbin/init"):
        return "no systemd to boot"
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "no namespaces here"


class Container:
    """A container that runs systemd; ``root`` is its root folder."""

    def __init__(self, home: Path) -> None:
        """Choose the folder ``home`` for the overlay and the console's log; mount nothing yet."""
        self.home = home
        self.root = home / "ns" / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Mount the overlay. The container's writes stay in memory and are lost at its end."""
        base = self.home / "ns"
        base.mkdir()
        _run("mount", "-t", "tmpfs", "tmpfs", str(base))
        for name in ("up", "work", "root"):
            (base / name).mkdir()
        layers = f"lowerdir=/,upperdir={base}/up,workdir={base}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        (self.root / "root").chmod(0o755)  # a Python may be installed below it
        (self.root / "etc/machine-id").write_text("")
        for name in MASKED:
            unit = name if "." in name else f"{name}.service"
            place = self.root / "etc/systemd/system" / unit
            place.unlink(missing_ok=True)
            place.symlink_to("/dev/null")

    def boot(self) -> None:
        """Boot, and wait until systemd answers."""
        bound = [f"--bind-ro={place}" for place in {str(ROOT), sys.prefix}]
        options = ["--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"]
        machine = f"--machine=scanmend-{os.getpid()}"
        folder = f"--directory={self.root}"
        command = ["systemd-nspawn", *options, "--console=pipe", folder, machine, SANDBOXES, *bound]
        with open(self.home / "console", "ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", AGAIN_AFTER_REBOOT, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.wait_until_booted()

    def reboot(self) -> None:
        """Reboot as an administrator does: systemd-nspawn exits with code 133, and the shell starts it again."""
        before = self._leader()
        self.run("systemctl", "reboot", check=False)
        deadline = time.monotonic() + 120
        while self._leader() in (before, None):
            assert time.monotonic() < deadline, (self.home / "console").read_text(errors="replace")
            time.sleep(0.1)
        self.wait_until_booted()

    def wait_until_booted(self, limit: float = 120) -> None:
        """Wait until systemd answers."""
        deadline = time.monotonic() + limit
        while (
            self.run("systemctl", "is-active", "dbus.socket", check=False).stdout.strip()
            != "active"
        ):
            assert time.monotonic() < deadline, (self.home / "console").read_text(errors="replace")
            time.sleep(0.2)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        leader = self._leader()
        if leader is None:
            return subprocess.CompletedProcess(command, 1, "", "not booted")
        entered = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--", *command]
        done = subprocess.run(entered, capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def _leader(self) -> int | None:
        """Return the process id of the container's systemd, which is a grandchild of the shell by way of systemd-nspawn."""
        assert self._process is not None
        with contextlib.suppress(psutil.Error, IndexError):
            nspawn = psutil.Process(self._process.pid).children()[0]
            return int(nspawn.children()[0].pid)
        return None

    def close(self) -> None:
        """End the container and unmount everything."""
        leader = self._leader() if self._process else None
        if leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
        if self._process:
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                for process in psutil.Process(self._process.pid).children(recursive=True):
                    process.kill()
                self._process.wait()
        for place in (self.root, self.home / "ns"):
            subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def booted(home: Path) -> Iterator[Container]:
    """Boot a container; end it after the block."""
    made = Container(home)
    try:
        made.prepare()
        made.boot()
        yield made
    finally:
        made.close()
