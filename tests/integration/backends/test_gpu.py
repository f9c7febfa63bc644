"""Test the measurement of the GPU's memory, on a real GPU if there is one, else with a stand-in for NVML."""

import os
import time
from pathlib import Path

import pytest

from scanmend.backends import gpu
from scanmend.backends.gpu import GpuMemory, NoGpu

HERE = isinstance(gpu.measure(), GpuMemory)
needs_gpu = pytest.mark.skipif(not HERE, reason="no NVIDIA GPU here")
without_gpu = pytest.mark.skipif(HERE, reason="there is a GPU here, and NVML is not replaced")
FAKE = """
import types
class NVMLError(Exception):
    pass
def nvmlInit():
    with open({queries!r}, "a") as file:
        file.write("x")
{init}
nvmlDeviceGetCount = lambda: {count}
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetName = lambda index: f"Tiny {{index + 1}}"
def nvmlDeviceGetMemoryInfo(index):
    used = 900 if len(open({queries!r}).read()) < 4 else 100
    return types.SimpleNamespace(used=used * 2**20 + 5, total=1000 * 2**20)
"""


def _replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, init: str = "", count: int = 1) -> None:  # fmt: skip
    """Replace NVML by a module that reports free memory from the fourth query on."""
    queries = str(tmp_path / "queries")
    (tmp_path / "pynvml.py").write_text(
        FAKE.format(queries=queries, init=f"    {init}", count=count)
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")


@needs_gpu
def test_a_gpu_is_measured() -> None:
    memory = gpu.memory()

    assert memory
    assert 0 <= memory.used <= memory.total
    assert memory.key == f"{memory.name}, {memory.total} MiB"
    assert gpu.wait_until_free(memory.total, time.monotonic() + 60) < 20


@without_gpu
def test_without_a_driver_the_reason_is_reported() -> None:
    assert gpu.measure() == NoGpu("there is no NVIDIA driver: NVML Shared Library Not Found")
    assert gpu.memory() is None


@without_gpu
def test_a_wait_ends_when_the_memory_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace(tmp_path, monkeypatch)

    waited = gpu.wait_until_free(200, time.monotonic() + 60)

    assert 3 * gpu.GPU_POLL_SECONDS <= waited < 30
    assert gpu.memory() == GpuMemory("Tiny 1", 100, 1000)
    assert gpu.wait_until_free(50, time.monotonic() + 0.6) < 30  # it does not exceed its deadline


@without_gpu
def test_several_gpus_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace(tmp_path, monkeypatch, count=2)

    assert gpu.measure() == GpuMemory("Tiny 1 + Tiny 2", 1800, 2000)


@without_gpu
@pytest.mark.parametrize(
    ("init", "count", "reason"),
    [
        ("raise NVMLError('Driver/library version mismatch')", 1, "version mismatch"),
        ("", 0, "the NVIDIA driver finds no GPU"),
        ("raise ValueError", 1, "can't be asked"),
        ("import time; time.sleep(60)", 1, "did not answer within 2 s"),
    ],
)
def test_a_driver_that_fails_or_hangs_counts_as_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, init: str, count: int, reason: str
) -> None:
    monkeypatch.setattr(gpu, "MEASUREMENT_SECONDS", 2.0)
    _replace(tmp_path, monkeypatch, init, count)

    found = gpu.measure()

    assert isinstance(found, NoGpu)
    assert reason in found.reason
