"""How much of the GPUs' memory is in use, by nvidia-smi: asked around a load and an unload, never on a timer.

To ask it wakes a sleeping GPU, and a CUDA context of our own would hold memory; a short process does neither.
"""

import shutil
import subprocess
import time
from dataclasses import dataclass

PATIENCE = 5.0  # seconds after an unload until its memory is back; typically one
_ASK = 0.25
_QUERY = [
    "nvidia-smi",
    "--query-gpu=name,memory.used,memory.total",
    "--format=csv,noheader,nounits",
]


@dataclass(frozen=True, slots=True)
class Memory:
    """All GPUs of this machine together; MiB."""

    name: str
    used: int
    total: int

    @property
    def key(self) -> str:
        """Which GPUs, and how large: what the number of layers that fit depends on."""
        return f"{self.name}, {self.total} MiB"


def memory() -> Memory | None:
    """None when there is no NVIDIA GPU, or it does not answer."""
    if shutil.which(_QUERY[0]) is None:
        return None
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=20, check=True)
        rows = [line.rsplit(",", 2) for line in done.stdout.splitlines() if line.strip()]
        names = " + ".join(name.strip() for name, _, _ in rows)
        return Memory(names, sum(int(r[1]) for r in rows), sum(int(r[2]) for r in rows))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def wait_until_free(used: int, by: float) -> float:
    """Wait until at most ``used`` MiB are in use, at the longest until ``by`` (monotonic); seconds waited."""
    started = time.monotonic()
    while time.monotonic() < by:
        now = memory()
        if now is None or now.used <= used:
            break
        time.sleep(_ASK)
    return time.monotonic() - started
