"""Run a Samba server on loopback, smbclient as another client, and rclone as another machine's mount."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from running import eventually

PROGRAMS = {"smbd": "samba", "smbclient": "smbclient", "rclone": "rclone", "fusermount3": "fuse3"}
CONFIGURATION = """\
[global]
server role = standalone server
smb ports = {port}
interfaces = lo
bind interfaces only = yes
private dir = {home}/private
lock directory = {home}/lock
state directory = {home}/state
cache directory = {home}/cache
pid directory = {home}/pid
ncalrpc dir = {home}/ncalrpc
log file = {home}/log
passdb backend = tdbsam:{home}/passdb.tdb
map to guest = Bad User
guest account = root
load printers = no
disable spoolss = yes

[office]
path = {share}
guest ok = yes
read only = no
force user = root
"""
# rclone caches nothing, so that a closed file is on the server
OPTIONS = (
    *("--smb-host=127.0.0.1", "--smb-user=guest", "--vfs-cache-mode=off", "--poll-interval=0"),
    *("--dir-cache-time=300ms", "--attr-timeout=300ms", "--contimeout=3s", "--timeout=5s"),
    *("--low-level-retries=2", "--retries=1"),
)


def impossible() -> str | None:
    """Return the reason why this machine can't have a share; None if it can."""
    if os.geteuid() != 0:
        return "needs root, for smbd"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"{program} is not there (package {package})"
    return None if os.path.exists("/dev/fuse") else "no /dev/fuse"


class Samba:
    """A server that exports one folder as the share "office". It can be stopped, started again and made to hang."""

    def __init__(self, home: Path, share: Path) -> None:
        self.home = home
        self.share = share
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
            (home / name).mkdir(parents=True)
        (home / "smb.conf").write_text(CONFIGURATION.format(home=home, share=share, port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self._process = subprocess.Popen(
            ["smbd", "--foreground", "--no-process-group", f"--configfile={self.home}/smb.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(self._listens, 60, "smbd listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self) -> None:
        """End the server with all its connections."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to the server and all its connections: SIGSTOP makes it hang."""
        if self._process:
            os.killpg(self._process.pid, number)

    def client(self, *commands: str) -> subprocess.Popen[bytes]:
        """Start smbclient with these commands."""
        share = ["smbclient", "//127.0.0.1/office", "-p", str(self.port), "-N", "-b", "8192"]
        return subprocess.Popen(
            [*share, "-c", "; ".join(commands)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ask(self, *commands: str) -> str:
        """Run smbclient with these commands and return its output."""
        client = self.client(*commands)
        said, _ = client.communicate(timeout=60)
        assert client.returncode == 0, said
        return said.decode()

    def put(self, name: str, data: bytes) -> None:
        """Copy a whole file to the share as fast as possible."""
        local = self.home / "local"
        local.write_bytes(data)
        self.ask(f'put "{local}" "{name}"')

    def put_slowly(
        self, name: str, chunks: Sequence[bytes], pause: float, cut: bool = False
    ) -> None:
        """Copy a file chunk by chunk, ``pause`` seconds apart; with ``cut``, break the connection after the last chunk."""
        pipe = self.home / "pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        client = self.client(f'put "{pipe}" "{name}"')
        with open(pipe, "wb", buffering=0) as file:
            for chunk in chunks:
                file.write(chunk)
                time.sleep(pause)
            if cut:
                client.kill()
        client.communicate(timeout=60)


@contextlib.contextmanager
def samba(home: Path, share: Path) -> Iterator[Samba]:
    """Run a server during the block."""
    share.mkdir(parents=True, exist_ok=True)
    server = Samba(home, share)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Mount:
    """The share, mounted through FUSE as on another machine."""

    def __init__(self, server: Samba, place: Path) -> None:
        self.server = server
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Mount the share."""
        with self._lock:
            self._start()
        eventually(lambda: os.path.ismount(self.place), 60, "rclone mounts")

    def _start(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        command = ["rclone", "mount", ":smb:office", str(self.place), "--config", "/dev/null"]
        command += [*OPTIONS, "--smb-port", str(self.server.port)]
        command += ["--cache-dir", str(self.server.home / self.place.name)]
        with open(self.server.home / f"{self.place.name}.log", "ab") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )

    def stop(self) -> None:
        """Unmount the share; its folder stays, and is empty."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            subprocess.run(["umount", "-l", str(self.place)], check=False, capture_output=True)
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Mount again whenever rclone ends by itself, as systemd would: rclone 1.60 crashes after a failed write."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(0.5):
                with self._lock:
                    if self._process and self._process.poll() is not None:
                        self._stop()
                        self._start()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def signal(self, number: int) -> None:
        """Send a signal to rclone: SIGSTOP makes every access hang."""
        if self._process:
            self._process.send_signal(number)


@contextlib.contextmanager
def mounted(server: Samba, place: Path) -> Iterator[Mount]:
    """Mount the share during the block."""
    mount = Mount(server, place)
    try:
        mount.start()
        yield mount
    finally:
        mount.stop()
