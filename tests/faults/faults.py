"""Cause faults while the daemon works: each function causes one kind of failure for a while, then removes it."""

import contextlib
import functools
import io
import itertools
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
from PIL import Image

import tinygguf
from faults.ledger import Dropped, Ledger
from hostile.made import encoded
from model_server import HTML, Answer, ModelServer, refused
from programs import Writer, running_writer
from running import BRISK, Tree, eventually

HERE = Path(__file__).resolve().parent
SETTINGS = """\
settle: {quiet: 300ms, patience: 1h}
watch: {poll_interval: 300ms, reconcile_interval: 2s, lease: 5s}
ocr: {workers: 2, idle_unload: 30s, attempts: 100}
"""
# each is two events or more; the kernel keeps 16,384 for a process (fs.inotify.max_queued_events)
FLOOD_FILES = 20_000


class Run:
    """A daemon that is restarted whenever it ends, as under systemd, and the files that are dropped for it.

    ``brisk``: the daemon pauses for a second at most between two tries, and so each fault lasts half as long; a server
    is odd in half as many ways.
    """

    def __init__(self, tree: Tree, ledger: Ledger, seed: int, *, brisk: bool = False) -> None:
        self.tree = tree
        self.program = BRISK if brisk else ("-m", "scanmend")
        self.share = (
            0.5 if brisk else 1.0
        )  # of its usual duration that a fault lasts, and of a server's moods
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
        """Start the daemon if it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.log_at_start = len(self.tree.log_text())
            self.process = self.tree.start(
                self.program, wait=False, before=self.before, **self.environment
            )
            self.starts += 1

    def ready(self) -> None:
        """Start the daemon if necessary, and wait until it is ready."""
        self.keep_alive()
        assert self.process is not None
        process = self.process
        self.tree.eventually(lambda: self._is_ready() or process.poll() is not None)
        assert process.poll() is None, self.tree.log_text()

    def _is_ready(self) -> bool:
        return "ready" in self.tree.log_text()[self.log_at_start :]

    def daemon(self) -> psutil.Process:
        """Return the daemon's process: a program in front of it (``before``) has replaced itself by the daemon (exec)."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def drop(self, documents: Sequence[Dropped]) -> None:
        """Put the files into the inbox by renames, so that a fault never meets a half-written input."""
        for document in documents:
            path = self.tree.inbox / document.name
            temporary = self.tree.home / "coming"
            temporary.write_bytes(document.data)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(temporary, path.parent / ".coming")
            (path.parent / ".coming").rename(path)

    def progress(self) -> int:
        """Return how many files are published or failed."""
        folders = (self.tree.outbox, self.tree.failed)
        return sum(1 for folder in folders for _ in folder.rglob("*.json"))

    def wait_for_progress(self, more: int = 1, limit: float = 180) -> None:
        """Wait until ``more`` further files are published or failed, or all files are."""
        goal = min(len(self.ledger.dropped), self.progress() + more)
        eventually(lambda: self._alive_and(lambda: self.progress() >= goal), limit, "progress")

    def _alive_and(self, condition: Callable[[], bool]) -> bool:
        self.keep_alive()
        return condition()

    def finish(self, limit: float = 600) -> list[str]:
        """Wait until every file has its final state, stop the daemon, and return all violations."""
        settled = functools.partial(self.ledger.settled, self.tree)
        eventually(lambda: self._alive_and(settled), limit, self.tree.log_text()[-3000:])
        self.ready()  # before that, the process has no handler and the signal would kill it
        assert self.process is not None
        code = self.tree.stop(self.process)
        wrong = self.ledger.violations(self.tree)
        return wrong if code == 0 else [f"the daemon ended with {code}", *wrong]


# killing ------------------------------------------------------------------------------------------


def kill(run: Run, times: int) -> dict[str, int]:
    """Kill the daemon, one of its children or all of them at random moments. Return how often each was killed."""
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
        one = run.rng.sample(children, 1) if children else []
        victims = {"daemon": [daemon], "all": [daemon, *children], "child": one}[whom]
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        if victims:
            counts[whom] += 1
        if whom != "child":
            run.process.wait()
    return counts


# programs that write files ------------------------------------------------------------------------

HOLD = "20s"  # of settle.reopen: longer than any pause of ``open_again`` on a busy machine
KILLED = 0.2  # share of the pauses in which the daemon is killed


def hold_open(run: Run) -> int:
    """Write each file in pieces under its own name, with pauses, and close it late. Return how often the daemon died."""
    kills = 0
    with running_writer(run.tree.home / "piece") as writer:
        for document in run.ledger.dropped:
            _open(run, writer, document)
            for piece in _pieces(document.data, run.rng):
                writer.write(piece)
                kills += _pause(run)
            writer.do("close")
    return kills


def open_again(run: Run) -> int:
    """Write the first page of each book, close it, and write the whole book. Return how often the daemon died."""
    kills = 0
    books = [d for d in run.ledger.dropped if d.name.endswith(".tif")]
    run.drop([d for d in run.ledger.dropped if d not in books])
    with running_writer(run.tree.home / "piece") as writer:
        for document in books:
            with Image.open(io.BytesIO(document.data)) as image:
                first_page = encoded("TIFF", image)
            for data in (first_page, document.data):
                _open(run, writer, document)
                writer.do("truncate")
                writer.write(data)
                writer.do("close")
                kills += _pause(run)
    return kills


def _open(run: Run, writer: Writer, document: Dropped) -> None:
    path = run.tree.inbox / document.name
    path.parent.mkdir(parents=True, exist_ok=True)
    writer.do("open", path)


def _pieces(data: bytes, rng: random.Random) -> list[bytes]:
    cuts = sorted(rng.sample(range(1, len(data)), min(2, len(data) - 1)))
    return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]


def _pause(run: Run) -> int:
    """Wait for a moment, and kill the daemon now and then. Return whether it was killed."""
    time.sleep(run.rng.uniform(0.1, 0.8))
    run.keep_alive()
    if run.rng.random() >= KILLED:
        return 0
    assert run.process is not None
    run.process.kill()
    run.process.wait()
    run.keep_alive()
    return 1


# disks --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs of this size on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk. Return the path of the file that fills it."""
    ballast = folder / "ballast.tmp"
    with open(ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


def full_and_empty(run: Run, folder: Path, times: int = 2) -> None:
    """Fill the disk for some seconds, then empty it, several times."""
    for _ in range(times):
        ballast = fill(folder)
        _hold(run, 3)
        ballast.unlink()
        run.wait_for_progress(2)


@contextlib.contextmanager
def unreliable(folder: Path) -> Iterator[Path]:
    """Mount a file system over a folder that shows it and fails on request. Yield the path of its control file."""
    source = folder.with_name(f"{folder.name}-source")
    folder.mkdir(parents=True, exist_ok=True)
    folder.rename(source)
    folder.mkdir()
    control = folder.with_name(f"{folder.name}-control")
    control.write_text("")
    command = [sys.executable, str(HERE / "passthrough.py"), str(source), str(folder), str(control)]
    server = subprocess.Popen(command)
    try:
        eventually(lambda: os.path.ismount(folder), 30, "mounted")
        yield control
    finally:
        control.write_text("")
        subprocess.run(["umount", "-l", str(folder)], check=True)
        server.terminate()  # the container of another test may still use the mount
        server.wait(30)


def errors(run: Run, control: Path, kinds: Sequence[str], seconds: float = 3) -> None:
    """Cause each kind of error for some seconds, then none."""
    for kind in kinds:
        control.write_text(kind)
        _hold(run, seconds)
        control.write_text("")
        run.wait_for_progress(2)


def _hold(run: Run, seconds: float) -> None:
    """Let the fault last for some seconds, and keep the daemon running."""
    deadline = time.monotonic() + seconds * run.share
    while time.monotonic() < deadline:
        run.keep_alive()
        time.sleep(0.1)


# folders ------------------------------------------------------------------------------------------

# Without these capabilities, file permissions also apply to root.
_OVERRIDE = "-dac_override,-dac_read_search"
WITHOUT_OVERRIDE = ("setpriv", "--bounding-set", _OVERRIDE, "--inh-caps", _OVERRIDE)


def take_permission(run: Run, folder: Path) -> None:
    """Take all permissions of a folder away for some seconds."""
    folder.chmod(0)
    _hold(run, 3)
    folder.chmod(0o755)
    run.wait_for_progress(2)


# Without any capability, root's process is like any user's: other users' files are closed to it.
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
OTHER_USER = 65534  # nobody


def give_to_another_user(run: Run, times: int = 8) -> int:
    """Drop the files in portions. After each, give files and sub-folders to another user for a while.

    Kill the daemon now and then. Return how often it died.
    """
    kills = 0
    for part in portions(run.ledger.dropped, times):
        run.drop(part)
        taken = [path for path in _some_paths(run) if _take(path, run.rng.choice((0o600, 0o700)))]
        kills += _pause(run)
        _hold(run, 2)
        for path in taken:
            _give_back(path)
    return kills


def portions(documents: Sequence[Dropped], count: int) -> list[Sequence[Dropped]]:
    """Return the documents in ``count`` portions."""
    return [documents[number::count] for number in range(count)]


def _some_paths(run: Run) -> list[Path]:
    tree = run.tree
    files = [path for path in tree.inbox.rglob("*") if ".scanmend" not in path.parts]
    folders = [
        path for top in (tree.outbox, tree.archive) for path in top.rglob("*") if path.is_dir()
    ]
    some = run.rng.sample(files, min(12, len(files)))
    return some + run.rng.sample(folders, min(2, len(folders)))


def _take(path: Path, mode: int) -> bool:
    """Close a file or folder to the daemon; return whether it is still there."""
    with contextlib.suppress(FileNotFoundError):
        path.chmod(mode)
        os.chown(path, OTHER_USER, OTHER_USER)
        return True
    return False


def _give_back(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.chown(path, 0, 0)
        path.chmod(0o755)


def replace_inbox(run: Run) -> None:
    """Replace the inbox by another folder for some seconds, then move the files of the old one back one by one."""
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


# model servers ------------------------------------------------------------------------------------

SERVER_MOODS = (
    "well",
    "400",
    "413",
    "500",
    "503",
    "null",
    "empty",
    "chat",
    "cut",
    "html",
    "away",
)


def odd_server(run: Run, server: ModelServer) -> None:
    """Drop the files in portions, and let the model server answer each portion oddly, in another way.

    Kill the daemon after each: one that lives on asks an odd server again only after minutes.
    """
    moods = run.rng.sample(SERVER_MOODS, round(len(SERVER_MOODS) * run.share))
    for mood, part in zip(moods, portions(run.ledger.dropped, len(moods)), strict=True):
        _set_mood(server, mood)
        before = run.progress()
        run.drop(part)
        _hold(run, 3)
        if mood != "503":  # then the pages wait for the server
            run.wait_for_progress(before + 1 - run.progress())
        assert run.process is not None
        run.process.kill()
        run.process.wait()
        run.keep_alive()
    _set_mood(server, "well")


def _set_mood(server: ModelServer, mood: str) -> None:
    server.models = Answer(body={"data": None if mood == "null" else [{"id": "chatty"}]})
    server.loading_until = time.monotonic() + 600 if mood == "503" else 0.0
    server.base = "/elsewhere" if mood == "away" else "/v1"
    odd = {
        "400": refused(400, "too long"),
        "413": refused(413, "too big"),
        "500": refused(500, "a template"),
        "empty": Answer(body={"choices": []}),
        "chat": Answer(body={"choices": [{"text": "Sure!", "logprobs": None}]}),
        "cut": Answer(body={"choices": []}, cut=True),
        "html": Answer(body=HTML),
    }
    answer = odd.get(mood)
    server.odd = lambda *_: answer


# limits of the machine ----------------------------------------------------------------------------


def overflow_events(run: Run) -> None:
    """Make and remove files in the inbox while the daemon is stopped, and drop the documents among them."""
    assert run.process is not None
    run.process.send_signal(signal.SIGSTOP)
    flood = [run.tree.inbox / f"{number}.tmp" for number in range(FLOOD_FILES)]
    for path in flood:
        os.close(os.open(path, os.O_CREAT))
    run.drop(run.ledger.dropped)
    for path in flood:
        path.unlink()
    run.process.send_signal(signal.SIGCONT)


def few_watches(number: int) -> tuple[str, ...]:
    """Return the command that starts a program in a user namespace with ``number`` inotify watches."""
    script = f'echo {number} > /proc/sys/user/max_inotify_watches && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh")


def few_descriptors(run: Run, times: int = 3) -> None:
    """Leave the daemon no free file descriptor for some seconds, several times."""
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
    """Return the environment of a daemon whose wall clock follows the file, but not its monotonic clock."""
    file.write_text("+0\n")
    return {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(run: Run, file: Path) -> None:
    """Set the clock two days back, a week forward, an hour back, and right again."""
    for offset in ("-2d", "+7d", "-1h", "+0"):
        file.write_text(f"{offset}\n")
        run.wait_for_progress(2)


# a power cut --------------------------------------------------------------------------------------


@contextlib.contextmanager
def disk(home: Path, mountpoint: Path) -> Iterator[Path]:
    """Make an ext4 in an image file on a btrfs, which copies the image atomically. Yield the image's folder."""
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
    """Mount an image. The file system replays its journal, as after a power cut."""
    subprocess.run(["mount", "-o", "loop", str(images / name), str(mountpoint)], check=True)


def snapshot(images: Path, name: str) -> None:
    """Copy the image: it has all data that was written to the disk, but none that the kernel still buffers."""
    source, target = str(images / "disk.img"), str(images / name)
    subprocess.run(["cp", "--reflink=always", source, target], check=True)


def _sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)
