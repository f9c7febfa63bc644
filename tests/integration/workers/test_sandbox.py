"""Test the sandbox with a child that tries everything that it must not do."""

import os
from pathlib import Path

import pytest

from children.prisoner import Attempt, Escapes
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox, find_gaps
from scanmend.workers.variables import SANDBOX

INTERNET = ["internet socket", "internet socket of version 6", "kernel socket"]
# where drivers of GPUs and their libraries keep what they compiled
CACHES = (
    *("HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH", "__GL_SHADER_DISK_CACHE_PATH"),
    *("MESA_SHADER_CACHE_DIR", "AMD_COMGR_CACHE_DIR"),
)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "document.txt").write_text("every digit")
    return tmp_path


def _tried(folder: Path, box: Sandbox, caches: tuple[str, ...] = ()) -> Escapes:
    path = f"{ROOT / 'daemon'}:{ROOT / 'tests' / 'children'}"
    child = Child("prisoner", "prisoner", {**os.environ, "PYTHONPATH": path}, 0, box)
    try:
        return child.ask(Attempt(str(folder), os.getpid(), caches), 60)
    finally:
        child.end()


def test_a_child_reads_and_writes_its_own_folder_and_nothing_else(folder: Path) -> None:
    missing = find_gaps()
    if missing:
        pytest.skip(f"this machine can't confine: {missing}")

    found = _tried(folder, Sandbox(str(folder / "scratch")))

    assert found.done == ["read", "its own folder"]
    assert (folder / "document.txt").read_text() == "every digit"
    assert found.scratch.startswith(str(folder / "scratch"))
    assert os.listdir(folder / "scratch") == []  # the child's folder is removed with the process


def test_a_folder_may_have_a_name_that_is_not_utf8(folder: Path) -> None:
    if find_gaps():
        pytest.skip("this machine can't confine")
    named = os.fsdecode(os.path.join(os.fsencode(folder), b"\xff"))

    assert _tried(folder, Sandbox(named)).done == ["read", "its own folder"]


def test_a_download_child_has_the_network_and_its_folder(tmp_path: Path, folder: Path) -> None:
    if find_gaps():
        pytest.skip("this machine can't confine")
    (tmp_path / "models").mkdir()

    found = _tried(folder, Sandbox("", (str(tmp_path / "models"),), network=True))

    assert found.done == ["read", *INTERNET, "local socket", "its own folder"]


def test_a_child_with_a_gpu_names_its_threads_and_opens_local_sockets_only(folder: Path) -> None:
    """Try what CUDA needs, as measured with a real GPU, and every other family of sockets."""
    if find_gaps():
        pytest.skip("this machine can't confine")

    found = _tried(folder, Sandbox(str(folder / "scratch"), gpu=True))

    assert found.done == ["read", "name a thread", "local socket", "its own folder"]


def test_the_caches_of_drivers_are_in_the_childs_own_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name folders for caches in the environment, as an administrator may, who also uses the GPU."""
    if find_gaps():
        pytest.skip("this machine can't confine")
    for name in CACHES:
        monkeypatch.setenv(name, str(folder))

    found = _tried(folder, Sandbox(str(folder / "scratch"), gpu=True), CACHES)

    assert found.caches == list(CACHES)
    assert sorted(os.listdir(folder)) == ["document.txt", "scratch"]


def test_without_a_sandbox_children_work_and_the_missing_protection_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start a child without limits in its environment, as on a kernel that can't confine."""
    monkeypatch.setattr(Sandbox, "environment", lambda _self, scratch: {"TMPDIR": scratch})

    assert [gap.what for gap in find_gaps()] == [
        "children can write wherever this user can",
        "children have the network",
        "children can send signals to this user's processes",
    ]
    assert "make" in _tried(folder, Sandbox()).done
    assert SANDBOX not in os.environ
