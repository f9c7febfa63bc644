"""Test that `scanmend process` always ends, with the reason: full disks, lost folders, signals, dying children, broken pipes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from running import BRISK, eventually
from samples import encoded, numbered, put
from scanmend.errors import NULL_ALLOWED

CONFIG = """\
base: .
profiles: {directory: profiles}
ocr: {engine: rapidocr, workers: 1}
llm: {enabled: false}
"""
# for tests that neither look at the text nor need pages that take a while
QUICK = CONFIG.replace("engine: rapidocr", 'engine: "null", rotate: false')
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
LIMIT = 180.0  # seconds in which the command must end; it takes about 5
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, to mount and to change owners"
)


class Command:
    """One `scanmend process` on files in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.desk, self.out, self.temp = home / "desk", home / "out", home / "temp"
        for folder in (self.desk, self.temp, home / "profiles"):
            folder.mkdir()
        put(home / "profiles", "default.yaml", b"prompt: Correct it.\n")
        self.configure(CONFIG)

    def configure(self, config: str) -> None:
        put(self.home, "scanmend.yaml", config.encode())

    def scan(self, name: str = "a.tif", pages: int = 2) -> Path:
        return put(self.desk, name, encoded("tiff", numbered(pages)))

    def start(
        self, *files: Path, before: Sequence[str] = (), stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        config = str(self.home / "scanmend.yaml")
        program = [sys.executable, *BRISK, "--config", config, "process"]
        return subprocess.Popen(
            [*before, *program, "--out", str(self.out), *map(str, files)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env={**os.environ, "TMPDIR": str(self.temp), NULL_ALLOWED: "1"},
        )

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait until the command ends; return its exit code and what it wrote to standard error."""
        try:
            _, complaints = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            _, complaints = process.communicate()
            pytest.fail(f"still running after {LIMIT} s: {complaints}")
        assert "Traceback" not in complaints, complaints
        return process.returncode, complaints

    def run(self, *files: Path, **options: object) -> tuple[int, str]:
        return self.finish(self.start(*files, **options))  # type: ignore[arg-type]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("can't mount here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def _wait_for_page(process: subprocess.Popen[str]) -> str:
    """Wait until the command has read a page; return its log so far."""
    assert process.stderr
    said = ""
    while "page read" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


# disks and folders ----------------------------------------------------------------------------------


@needs_root
def test_a_full_disk_of_the_results_is_named(command: Command) -> None:
    command.configure(QUICK)
    with _small_disk(command.out, "16k") as disk:
        (disk / "ballast").write_bytes(b"x" * 16384)
        code, complaints = command.run(command.scan())

    assert code == 7
    assert "No space left on device" in complaints
    assert "a.tif: not finished" in complaints


@needs_root
@pytest.mark.parametrize("size", ["4k", "64k", "256k"])
def test_a_full_disk_of_the_work_folder_is_named(command: Command, size: str) -> None:
    with _small_disk(command.temp, size):
        code, complaints = command.run(*(command.scan(f"{n}.tif", 30) for n in range(3)))

    assert code == 7, complaints
    assert "full" in complaints or "No space left" in complaints


@pytest.mark.parametrize("which", ["out", "desk"])
def test_a_folder_that_is_removed_ends_the_command(command: Command, which: str) -> None:
    process = command.start(command.scan(pages=25))
    _wait_for_page(process)

    shutil.rmtree(getattr(command, which))

    code, complaints = command.finish(process)
    assert code == 7, complaints
    assert complaints.rstrip().rsplit("\n", 1)[-1].startswith("scanmend: ")


def test_a_work_folder_that_is_removed_does_not_keep_the_command(command: Command) -> None:
    """The command may finish: what it has open in there remains until it ends."""
    process = command.start(command.scan(pages=25))
    _wait_for_page(process)

    shutil.rmtree(command.temp)

    assert command.finish(process)[0] in (0, 7)


@needs_root
def test_a_results_disk_that_is_unmounted_ends_the_command(command: Command) -> None:
    with _small_disk(command.out, "1m"):
        process = command.start(command.scan(pages=25))
        _wait_for_page(process)
        subprocess.run(["umount", "-l", str(command.out)], check=True)

        code, complaints = command.finish(process)

    assert code == 7, complaints
    assert "is not mounted" in complaints


@needs_root
def test_an_out_folder_that_cant_be_written_is_named_at_once(command: Command) -> None:
    command.configure(QUICK)
    command.out.mkdir(mode=0o755)
    os.chown(command.out, 65534, 65534)

    code, complaints = command.run(command.scan(), before=POWERLESS)

    assert code == 7
    assert f"--out {command.out} can't be written: Permission denied" in complaints


def test_an_out_folder_that_is_a_file_is_named(command: Command) -> None:
    command.configure(QUICK)
    command.out.write_text("no folder")

    assert command.run(command.scan()) == (2, f"scanmend: --out {command.out}: not a folder\n")


@needs_root
def test_a_file_that_cant_be_read_does_not_hold_up_the_others(command: Command) -> None:
    command.configure(QUICK)
    theirs, mine = command.scan("theirs.tif"), command.scan("mine.tif")
    theirs.chmod(0o600)
    os.chown(theirs, 65534, 65534)

    code, complaints = command.run(theirs, mine, before=POWERLESS)

    assert code == 7
    assert "theirs.tif: can't be read: Permission denied" in complaints
    assert (command.out / "mine.json").exists()


# the same file, links -------------------------------------------------------------------------------


def test_a_file_that_is_named_twice_is_one_file(command: Command) -> None:
    command.configure(QUICK)
    file = command.scan()

    code, _ = command.run(file, command.desk / ".." / "desk" / "a.tif", file)

    assert code == 0
    assert sorted(os.listdir(command.out)) == ["a.json", "a.txt"]


def test_a_link_stands_for_its_file(command: Command) -> None:
    command.configure(QUICK)
    link = command.home / "latest.tif"
    link.symlink_to(command.scan())

    assert command.run(link)[0] == 0
    assert (command.out / "a.json").exists()


# signals, children, pipes ---------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_its_children_and_its_temporary_files(
    command: Command, number: signal.Signals, code: int
) -> None:
    # a shell ignores SIGINT for what it starts in the background, this test run included
    default = ("env", "--default-signal=INT")
    command.configure(CONFIG.replace("workers: 1", "workers: 2"))
    process = command.start(command.scan(pages=60), before=default)
    _wait_for_page(process)
    children = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(number)

    assert command.finish(process)[0] == code
    eventually(lambda: not any(child.is_running() for child in children))
    assert os.listdir(command.temp) == []


def test_children_that_are_killed_again_and_again_end_in_a_failure(command: Command) -> None:
    process = command.start(command.scan(pages=60))
    _wait_for_page(process)
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        time.sleep(0.1)

    code, complaints = command.finish(process)

    assert code == 5
    assert "failed 3 times" in complaints


def test_children_without_memory_end_in_a_failure(command: Command) -> None:
    command.configure(CONFIG.replace("workers: 1", "workers: 1, memory: 60MiB"))

    code, complaints = command.run(command.scan())

    assert code in (5, 7), complaints
    assert "memory" in complaints


def test_a_model_that_is_waited_for_ends_the_command(command: Command) -> None:
    server = "backend: openai, base_url: 'http://127.0.0.1:9/v1', on_unavailable: wait"
    command.configure(CONFIG.replace("llm: {enabled: false}", f"llm: {{{server}}}"))
    put(command.home / "profiles", "default.yaml", b"prompt: x\nmin_confidence_to_skip: 1\n")

    code, complaints = command.run(command.scan())

    assert code == 7
    assert "http://127.0.0.1:9/v1: llm.base_url can't be reached" in complaints


def test_a_broken_pipe_loses_no_file(command: Command) -> None:
    command.configure(QUICK)
    read_end, write_end = os.pipe()
    os.close(read_end)
    files = [command.scan(), put(command.home, "b.png", encoded("png", numbered(1)))]

    code, complaints = command.run(*files, stdout=write_end)

    os.close(write_end)
    assert code == 0, complaints
    assert (command.out / "a.json").exists()
    assert (command.out / "b.json").exists()
    assert "BrokenPipe" not in complaints


def test_a_terminal_that_cant_be_written_is_named(command: Command) -> None:
    command.configure(QUICK)
    with open("/dev/full", "w") as full:
        code, complaints = command.run(command.scan(), stdout=full.fileno())

    assert code == 7
    assert "No space left on device" in complaints
    assert (command.out / "a.json").exists()


def test_nobody_who_reads_the_log_stops_no_work(command: Command) -> None:
    command.configure(QUICK)
    process = command.start(command.scan(pages=10))
    assert process.stderr
    process.stderr.close()

    assert process.wait(LIMIT) == 0
    assert (command.out / "a.json").exists()
    assert process.stdout
    process.stdout.close()
