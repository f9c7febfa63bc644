"""Start the children that run ``scanmend.llm``, all in the same environment."""

import os

from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox


def llm_child(name: str, box: Sandbox, memory: int = 0) -> Child:
    """Return a child, not started yet, for models; ``name`` is for messages, ``memory`` its limit in bytes (0: none)."""
    return Child("scanmend.llm", name, _environment(), memory, box)


def _environment() -> dict[str, str]:
    """Return the whole environment.

    Its threads sleep while they wait for each other. Beside busy OCR children, spinning made a page four times as slow
    (117 s against 30 s of the same tests beside two busy processes on two cores).
    """
    return {
        "OMP_WAIT_POLICY": "passive",
        **os.environ,
        "GGML_NO_BACKTRACE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
