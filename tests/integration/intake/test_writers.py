"""Test whether the kernel tells of programs that hold a file open for writing, for users with and without the right."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from programs import SYSTEM_PYTHON, running_writer
from scanmend.intake.writers import Writers, open_for_reading, without_writers, writers_of

ROOT = Path(__file__).parents[3]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
WITH_LEASE = ("--inh-caps=+lease", "--ambient-caps=+lease")
ASK = """
import sys
from scanmend.intake.writers import open_for_reading, writers_of
print(writers_of(open_for_reading(sys.argv[1].encode())).value)
"""
OPENED_MEANWHILE = """
import subprocess, sys
from scanmend.intake.writers import open_for_reading, without_writers
with without_writers(open_for_reading(sys.argv[1].encode())) as writers:
    program = subprocess.Popen(["sh", "-c", 'echo more >> "$0"', sys.argv[1]])
    try:
        program.wait(1)
    except subprocess.TimeoutExpired:
        print("it waits", writers.value)
program.wait()
print("alive")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"x" * 5000)
    return path


def _writers(file: Path) -> Writers:
    fd = open_for_reading(bytes(file))
    try:
        return writers_of(fd)
    finally:
        os.close(fd)


def test_a_program_that_holds_a_file_open_is_seen_until_it_closes_it(
    file: Path, tmp_path: Path
) -> None:
    assert _writers(file) is Writers.NONE
    with running_writer(tmp_path / "data") as writer:
        writer.do("open", file)
        assert _writers(file) is Writers.SOME
        writer.do("close")
        assert _writers(file) is Writers.NONE


def test_the_last_of_several_writers_counts(file: Path, tmp_path: Path) -> None:
    with running_writer(tmp_path / "1") as first, running_writer(tmp_path / "2") as second:
        first.do("open", file)
        second.do("open", file)
        first.do("close")
        assert _writers(file) is Writers.SOME
        second.do("close")
        assert _writers(file) is Writers.NONE


def test_a_mapping_counts_though_its_descriptor_is_closed(file: Path, tmp_path: Path) -> None:
    with running_writer(tmp_path / "data") as writer:
        writer.do("open", file)
        writer.do("map")
        assert _writers(file) is Writers.SOME
    assert _writers(file) is Writers.NONE


def test_a_file_that_was_renamed_while_it_is_open_is_the_same(file: Path, tmp_path: Path) -> None:
    with running_writer(tmp_path / "data") as writer:
        writer.do("open", file)
        moved = file.rename(tmp_path / "b.pdf")
        assert _writers(moved) is Writers.SOME


def test_programs_that_only_read_do_not_count(file: Path) -> None:
    with open(file, "rb"):
        assert _writers(file) is Writers.NONE


def test_the_lease_is_given_back_at_once(file: Path) -> None:
    fd = open_for_reading(bytes(file))
    try:
        with without_writers(fd) as writers:
            assert writers is Writers.NONE
        with open(
            os.open(file, os.O_WRONLY | os.O_NONBLOCK), "wb"
        ):  # refused while there is a lease
            assert writers_of(fd) is Writers.SOME
    finally:
        os.close(fd)


def test_a_program_that_opens_the_file_meanwhile_waits_and_does_not_end_this_process(
    file: Path,
) -> None:
    """The kernel breaks a lease with SIGIO, which ends a process that does not expect it."""
    command = [sys.executable, "-c", OPENED_MEANWHILE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "it waits none\nalive\n"
    assert file.read_bytes().endswith(b"more\n")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not os.access(SYSTEM_PYTHON, os.X_OK),
    reason="needs root, setpriv and a Python that other users may run",
)
@pytest.mark.parametrize(
    ("rights", "owner", "expected"),
    [
        ((), 0, ("unknown", "unknown")),
        ((), 65534, ("none", "some")),
        (WITH_LEASE, 0, ("none", "some")),
    ],
    ids=["another's file", "own file", "another's file with CAP_LEASE"],
)
def test_it_takes_the_owner_or_a_capability(
    rights: tuple[str, ...], owner: int, expected: tuple[str, str]
) -> None:
    folder = Path("/tmp") / f"scanmend-test-{os.getpid()}"  # a folder that other users may enter
    package = folder / "scanmend" / "intake"
    package.mkdir(parents=True)
    try:
        shutil.copy(ROOT / "daemon/scanmend/intake/writers.py", package)
        file = folder / "a.pdf"
        file.write_bytes(b"x")
        os.chown(file, owner, owner)
        command = [*NOBODY, *rights, SYSTEM_PYTHON, "-c", ASK, str(file)]

        def answer() -> str:
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(folder)}
            )
            return done.stdout.strip()

        quiet = answer()
        with running_writer(folder / "data") as writer:
            writer.do("open", file)
            assert (quiet, answer()) == expected
    finally:
        shutil.rmtree(folder)
