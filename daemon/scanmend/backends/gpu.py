"""Measure the memory of this machine's NVIDIA GPUs by NVML, in a process of its own.

    python -P -m scanmend.backends.gpu                  prints the GPUs, or why there are none, as JSON
    python -P -m scanmend.backends.gpu MIB SECONDS      the same, once at most so much is in use, or the time is over

The daemon asks around a load and an unload, never on a timer: a question wakes a sleeping GPU. NVML needs no CUDA
context, which would hold GPU memory itself. It is asked in a short process because a driver that hangs takes the
process that asks along, beyond SIGKILL: that must not be the daemon, nor a thread of it. Besides, importing the library
alone would cost the daemon 4.7 MB and 0.1 s.
"""

import subprocess
import sys
import time

import msgspec

MIB = 2**20
ANSWER_SECONDS = 20.0  # that the driver may take for one question
POLL_SECONDS = 0.25
# after an unload, until its memory is free: typically one second
FREE_AGAIN_SECONDS = 5.0


class GpuMemory(msgspec.Struct, frozen=True, tag=True):
    """The memory of all GPUs of this machine together, in MiB."""

    name: str
    used: int
    total: int

    @property
    def key(self) -> str:
        """Return which GPUs these are, and how large: the number of layers that fit depends on it."""
        return f"{self.name}, {self.total} MiB"


class NoGpu(msgspec.Struct, frozen=True, tag=True):
    """There is no GPU that can be asked, for a reason."""

    reason: str


def look() -> GpuMemory | NoGpu:
    """Return the GPUs' memory, or why there is none; never raises."""
    return _ask([], ANSWER_SECONDS)


def memory() -> GpuMemory | None:
    """Return the GPUs' memory, or None."""
    found = look()
    return found if isinstance(found, GpuMemory) else None


def wait_until_free(used: int, by: float) -> float:
    """Wait until at most ``used`` MiB are in use, or until ``by`` (monotonic). Return the seconds waited."""
    started = time.monotonic()
    left = by - started
    if left > 0:
        _ask([str(used), f"{left:.3f}"], left + ANSWER_SECONDS)
    return time.monotonic() - started


def _ask(arguments: list[str], seconds: float) -> GpuMemory | NoGpu:
    command = [sys.executable, "-P", "-m", "scanmend.backends.gpu", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=True)
        return msgspec.json.decode(done.stdout, type=GpuMemory | NoGpu)
    except subprocess.TimeoutExpired:
        return NoGpu(f"the NVIDIA driver does not answer within {seconds:.0f} s")
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        return NoGpu(f"the NVIDIA driver can't be asked: {error}")


# in the process of its own --------------------------------------------------------------------------


def _measured() -> GpuMemory | NoGpu:
    """Ask the driver."""
    try:
        import pynvml as nvml  # noqa: PLC0415 - not for the daemon
    except ImportError:
        return NoGpu("nvidia-ml-py is not installed: pip install 'scanmend[llm]'")
    try:
        nvml.nvmlInit()
        devices = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
        names = " + ".join(nvml.nvmlDeviceGetName(device) for device in devices)
        found = [nvml.nvmlDeviceGetMemoryInfo(device) for device in devices]
    except nvml.NVMLError as error:
        return NoGpu(f"there is no NVIDIA driver: {error}")
    if not found:
        return NoGpu("the NVIDIA driver finds no GPU")
    return GpuMemory(names, sum(m.used for m in found) // MIB, sum(m.total for m in found) // MIB)


def main(arguments: list[str]) -> None:
    """Print what ``look`` returns, at once or when the memory is free."""
    found = _measured()
    if arguments:
        used, deadline = int(arguments[0]), time.monotonic() + float(arguments[1])
        while isinstance(found, GpuMemory) and found.used > used and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            found = _measured()
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main(sys.argv[1:])
