"""Measure the memory of this machine's NVIDIA GPUs by NVML, in a separate process.

    python -P -m scanmend.backends.gpu                  prints the GPUs, or why there are none, as JSON
    python -P -m scanmend.backends.gpu MIB SECONDS      the same, as soon as at most MIB are in use or SECONDS have passed

The daemon measures before and after a load and an unload, never on a timer: a measurement wakes a sleeping GPU. NVML
needs no CUDA context, which would occupy GPU memory itself. A short process calls NVML because a driver that hangs also
hangs its caller, which then survives even SIGKILL: that must not be the daemon or one of its threads. Importing the
library would also cost the daemon 4.7 MB and 0.1 s.
"""

import subprocess
import sys
import time

import msgspec

from scanmend.durations import duration_text

MIB = 2**20
MEASUREMENT_SECONDS = 20.0  # time limit of one measurement, as a driver may hang
GPU_POLL_SECONDS = 0.25
MAX_RELEASE_SECONDS = 5.0  # to wait after an unload until the memory is free: typically one second


class GpuMemory(msgspec.Struct, frozen=True, tag=True):
    """The memory of all GPUs of this machine together, in MiB; ``name`` joins their names."""

    name: str
    used: int
    total: int

    @property
    def key(self) -> str:
        """Return the GPUs' names and size, on which the number of layers that fit depends."""
        return f"{self.name}, {self.total} MiB"


class NoGpu(msgspec.Struct, frozen=True, tag=True):
    """No GPU can be used or measured, and why."""

    reason: str


def measure() -> GpuMemory | NoGpu:
    """Return the GPUs' memory, or why there is none; never raises."""
    return _run([], MEASUREMENT_SECONDS)


def memory() -> GpuMemory | None:
    """Return the GPUs' memory, or None if there is no GPU."""
    measured = measure()
    return measured if isinstance(measured, GpuMemory) else None


def wait_until_free(used: int, deadline: float) -> float:
    """Wait until at most ``used`` MiB are in use, or until ``deadline`` (monotonic). Return the seconds waited."""
    started = time.monotonic()
    remaining = deadline - started
    if remaining > 0:
        _run([str(used), f"{remaining:.3f}"], remaining + MEASUREMENT_SECONDS)
    return time.monotonic() - started


def _run(arguments: list[str], seconds: float) -> GpuMemory | NoGpu:
    """Return the result that this module prints when it runs as a program."""
    command = [sys.executable, "-P", "-m", "scanmend.backends.gpu", *arguments]
    try:
        completed = subprocess.run(command, capture_output=True, timeout=seconds, check=True)
        return msgspec.json.decode(completed.stdout, type=GpuMemory | NoGpu)
    except subprocess.TimeoutExpired:
        return NoGpu(f"the NVIDIA driver did not answer within {duration_text(seconds)}")
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        return NoGpu(f"the NVIDIA driver can't be asked: {error}")


# in the separate process -----------------------------------------------------------------------------


def _measured() -> GpuMemory | NoGpu:
    """Return the result of asking the driver."""
    try:
        import pynvml as nvml  # noqa: PLC0415 - not for the daemon
    except ImportError:
        return NoGpu("nvidia-ml-py is not installed: pip install 'scanmend[llm]'")
    try:
        nvml.nvmlInit()
        devices = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
        names = " + ".join(nvml.nvmlDeviceGetName(device) for device in devices)
        memories = [nvml.nvmlDeviceGetMemoryInfo(device) for device in devices]
    except nvml.NVMLError as error:
        return NoGpu(f"there is no NVIDIA driver: {error}")
    if not memories:
        return NoGpu("the NVIDIA driver finds no GPU")
    used, total = sum(m.used for m in memories), sum(m.total for m in memories)
    return GpuMemory(names, used // MIB, total // MIB)


def main(arguments: list[str]) -> None:
    """Print the result as JSON: at once without arguments, else when the memory is free or the time is over."""
    result = _measured()
    if arguments:
        used, deadline = int(arguments[0]), time.monotonic() + float(arguments[1])
        while isinstance(result, GpuMemory) and result.used > used and time.monotonic() < deadline:
            time.sleep(GPU_POLL_SECONDS)
            result = _measured()
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main(sys.argv[1:])
