"""The faults: each makes it happen while the daemon works, and takes it back."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

import tinygguf
from faults.ledger import Dropped, Ledger
from running import Tree, eventually

HERE = Path(__file__).resolve().parent
SETTINGS = """\
settle: {quiet: 300ms, patience: 1h}
watch: {poll_interval: 300ms, reconcile_interval: 2s, lease: 5s}
ocr: {workers: 2, idle_unload: 30s, attempts: 100}
"""
FLOOD = 50_000


class Run:
    """A daemon that is started again whenever it ends, as systemd does it, and the files that it is given."""

    def __init__(self, tree: Tree, ledger: Ledger, seed: int) -> None:
        self.tree = tree
        self.ledger = ledger
        self.rng = random.Random(seed)
        self.before: Sequence[str] = ()
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.starts = 0
        self.log_at_start = 0
        models = tree.state / "models"
        models.mkdir(parents=True, exist_ok=True)
        tinygguf.write(models / "tiny-q8_0.gguf")

    def keep_alive(self) -> None:
        """Start it when it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.log_at_start = len(self.tree.said())
            self.process = self.tree.start(wait=False, before=self.before, **self.environment)
            self.starts += 1

    def ready(self) -> None:
        """Start it, and wait until it says so."""
        self.keep_alive()
        assert self.process is not None
        process = self.process
        self.tree.eventually(lambda: self._is_ready() or process.poll() is not None)
        assert process.poll() is None, self.tree.said()

    def _is_ready(self) -> bool:
        return "ready" in self.tree.said()[self.log_at_start :]

    def daemon(self) -> psutil.Process:
        """The daemon itself; what runs before it has become it."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def drop(self, documents: Sequence[Dropped]) -> None:
        """Whole, as a scanner's rename does it, so that a fault of ours is no fault of the writer's."""
        for document in documents:
            path = self.tree.inbox / document.name
            temporary = self.tree.home / "coming"
            temporary.write_bytes(document.data)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(temporary, path.parent / ".coming")
            (path.parent / ".coming").rename(path)

    def progress(self) -> int:
        """How many of the files are through."""
        return sum(1 for _ in self.tree.outbox.rglob("*.json")) + sum(1 for _ in self.tree.failed.rglob("*.json"))  # fmt: skip

    def wait_for_progress(self, more: int = 1, limit: float = 180) -> None:
        """Until so many more are through, or all are."""
        goal = min(len(self.ledger.dropped), self.progress() + more)
        eventually(lambda: self._alive_and(lambda: self.progress() >= goal), limit, "progress")

    def _alive_and(self, condition: Callable[[], bool]) -> bool:
        self.keep_alive()
        return condition()

    def finish(self, limit: float = 600) -> list[str]:
        """Until every file has its end and the daemon has stopped by itself; what is wrong then."""
        eventually(lambda: self._alive_and(lambda: self.ledger.settled(self.tree)), limit, self.tree.said()[-3000:])  # fmt: skip
        self.ready()  # a signal before that would end a process that does not know it yet
        assert self.process is not None
        code = self.tree.stop(self.process)
        wrong = self.ledger.violations(self.tree)
        return wrong if code == 0 else [f"it ended with {code}", *wrong]


# killing ------------------------------------------------------------------------------------------


def kill(run: Run, times: int) -> dict[str, int]:
    """SIGKILL at random moments: the daemon, one of its children, or all of them at once; how often which."""
    counts = {"daemon": 0, "child": 0, "all": 0}
    while sum(counts.values()) < times:
        run.keep_alive()
        time.sleep(run.rng.expovariate(1 / 1.2))
        assert run.process is not None
        try:
            daemon = run.daemon()
            children = daemon.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        whom = run.rng.choice(("daemon", "child", "all"))
        victims = {"daemon": [daemon], "all": [daemon, *children]}.get(whom, run.rng.sample(children, 1) if children else [])  # fmt: skip
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        if victims:
            counts[whom] += 1
        if whom != "child":
            run.process.wait()
    return counts


# disks --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A tmpfs of this size on the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    ballast = folder / "ballast.tmp"
    with open(ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


def full_and_empty(run: Run, folder: Path, times: int = 2) -> None:
    """Full for some seconds, then not, again and again."""
    for _ in range(times):
        ballast = fill(folder)
        _hold(run, 3)
        ballast.unlink()
        run.wait_for_progress(2)


@contextlib.contextmanager
def troubled(folder: Path) -> Iterator[Path]:
    """The folder through a file system that can be told to fail; yields the file to tell it by."""
    behind = folder.with_name(f"{folder.name}-behind")
    folder.mkdir(parents=True, exist_ok=True)
    folder.rename(behind)
    folder.mkdir()
    control = folder.with_name(f"{folder.name}-control")
    control.write_text("")
    command = [sys.executable, str(HERE / "passthrough.py"), str(behind), str(folder), str(control)]
    server = subprocess.Popen(command)
    try:
        eventually(lambda: os.path.ismount(folder), 30, "mounted")
        yield control
    finally:
        control.write_text("")
        subprocess.run(["umount", "-l", str(folder)], check=True)
        server.terminate()  # another test's container may have the mount too, and keep it up
        server.wait(30)


def errors(run: Run, control: Path, kinds: Sequence[str], seconds: float = 3) -> None:
    """Each kind of error for some seconds, then none."""
    for kind in kinds:
        control.write_text(kind)
        _hold(run, seconds)
        control.write_text("")
        run.wait_for_progress(2)


def _hold(run: Run, seconds: float) -> None:
    """Let the daemon live with it; it must."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run.keep_alive()
        time.sleep(0.1)


# folders ------------------------------------------------------------------------------------------

# root may do anything but for these
WITHOUT_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search")  # fmt: skip


def take_permission(run: Run, folder: Path) -> None:
    """Nobody may enter the folder for some seconds."""
    folder.chmod(0)
    _hold(run, 3)
    folder.chmod(0o755)
    run.wait_for_progress(2)


def replace_inbox(run: Run) -> None:
    """Another folder in the inbox's place for some seconds, then what was in the old one comes back by and by."""
    inbox = run.tree.inbox
    old = inbox.with_name("inbox-before")
    inbox.rename(old)
    inbox.mkdir()
    _hold(run, 3)
    for path in sorted(p for p in old.rglob("*") if p.is_file() and ".scanmend" not in p.parts):
        target = inbox / path.relative_to(old)
        run.ledger.put_back.add(str(path.relative_to(old)))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


# limits of the machine ----------------------------------------------------------------------------


def overflow_events(run: Run) -> None:
    """50,000 files come and go while the daemon does not listen; among them those that count."""
    assert run.process is not None
    run.process.send_signal(signal.SIGSTOP)
    flood = run.tree.inbox / "flood"
    flood.mkdir()
    for number in range(FLOOD):
        os.close(os.open(flood / f"{number}.tmp", os.O_CREAT))
    run.drop(run.ledger.dropped)
    for number in range(FLOOD):
        os.unlink(flood / f"{number}.tmp")
    run.process.send_signal(signal.SIGCONT)


def few_watches(number: int) -> tuple[str, ...]:
    """A user namespace in which so many inotify watches may be had."""
    script = f'echo {number} > /proc/sys/user/max_inotify_watches && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh")


def few_descriptors(run: Run, times: int = 3) -> None:
    """No descriptor left for some seconds."""
    for _ in range(times):
        daemon = run.daemon()
        before = daemon.rlimit(psutil.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")) + 1
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        _hold(run, 2)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
        run.wait_for_progress(2)


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def clock(file: Path) -> dict[str, str]:
    """The environment of a daemon whose wall clock follows the file; the monotonic one goes on."""
    file.write_text("+0\n")
    return {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(run: Run, file: Path) -> None:
    """Two days back, a week forth, and right again."""
    for offset in ("-2d", "+7d", "-1h", "+0"):
        file.write_text(f"{offset}\n")
        run.wait_for_progress(2)


# a power cut --------------------------------------------------------------------------------------


@contextlib.contextmanager
def disk(home: Path, mountpoint: Path) -> Iterator[Path]:
    """An ext4 on an image of its own, mounted; the image lies on a btrfs, which copies it in one moment."""
    store, images = home / "store.img", home / "images"
    images.mkdir()
    mountpoint.mkdir(parents=True, exist_ok=True)
    _sparse(store, 3 * 2**30)
    subprocess.run(["mkfs.btrfs", "-q", str(store)], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", str(store), str(images)], check=True)
    try:
        _sparse(images / "disk.img", 256 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", str(images / "disk.img")], check=True)
        yield images
    finally:
        if os.path.ismount(mountpoint):
            subprocess.run(["umount", "-l", str(mountpoint)], check=True)
        subprocess.run(["umount", "-l", str(images)], check=True)


def insert(images: Path, name: str, mountpoint: Path) -> None:
    """Mount this image; its file system repairs itself from its own journal."""
    subprocess.run(["mount", "-o", "loop", str(images / name), str(mountpoint)], check=True)


def snapshot(images: Path, name: str) -> None:
    """What was written to the disk until this moment, and nothing that waits in memory."""
    source, target = str(images / "disk.img"), str(images / name)
    subprocess.run(["cp", "--reflink=always", source, target], check=True)


def _sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)
