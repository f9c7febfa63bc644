"""A machine of its own for a test: systemd, booted in a container on an overlay of this root file system."""

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

AGAIN = 'until "$@"; [ $? != 133 ]; do :; done'  # 133: rebooted, see systemd-nspawn(1), --keep-unit
# which a bare machine has, and a container of systemd 252 has not
SANDBOXES = "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"
ROOT = Path(__file__).resolve().parents[1]
# services of the host that have no business in the container
MASKED = ("smbd", "nmbd", "samba-ad-dc", "ssh", "cron", "systemd-networkd-wait-online", "apt-daily.timer", "apt-daily-upgrade.timer",
          "unattended-upgrades", "docker", "containerd", "getty@tty1", "console-getty")  # fmt: skip


def impossible() -> str | None:
    """Why no container can be booted here; None: it can."""
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
    """The container; files below ``root`` are its files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "ns" / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Mount the overlay: what the container writes stays in memory, and goes with it."""
        base = self.home / "ns"
        base.mkdir()
        _run("mount", "-t", "tmpfs", "tmpfs", str(base))
        for name in ("up", "work", "root"):
            (base / name).mkdir()
        layers = f"lowerdir=/,upperdir={base}/up,workdir={base}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        (self.root / "root").chmod(0o755)  # where a Python of one's own may lie
        (self.root / "etc/machine-id").write_text("")
        for name in MASKED:
            unit = name if "." in name else f"{name}.service"
            place = self.root / "etc/systemd/system" / unit
            place.unlink(missing_ok=True)
            place.symlink_to("/dev/null")

    def boot(self) -> None:
        """Boot, and wait until systemd answers."""
        bound = [f"--bind-ro={place}" for place in {str(ROOT), sys.prefix}]
        command = ["systemd-nspawn", "-q", "-D", str(self.root), "-b", "--register=no", "--keep-unit", "--private-network",
                   "--console=pipe", "-M", f"scanmend-{os.getpid()}", SANDBOXES, *bound]  # fmt: skip
        with open(self.home / "console", "ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", AGAIN, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.answers()

    def reboot(self) -> None:
        """As its administrator does it; systemd-nspawn leaves with 133 then, and is started again."""
        before = self._leader()
        self.run("systemctl", "reboot", check=False)
        deadline = time.monotonic() + 120
        while self._leader() in (before, None):
            assert time.monotonic() < deadline, (self.home / "console").read_text(errors="replace")
            time.sleep(0.1)
        self.answers()

    def answers(self, limit: float = 120) -> None:
        """Wait until its systemd answers."""
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
        """Its systemd, which is the child of systemd-nspawn, which is the child of the shell."""
        assert self._process is not None
        with contextlib.suppress(psutil.Error, IndexError):
            nspawn = psutil.Process(self._process.pid).children()[0]
            return int(nspawn.children()[0].pid)
        return None

    def close(self) -> None:
        """End it, and leave nothing mounted."""
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
    """A container that runs while the block does."""
    made = Container(home)
    try:
        made.prepare()
        made.boot()
        yield made
    finally:
        made.close()
