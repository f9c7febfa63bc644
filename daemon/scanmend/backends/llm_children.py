"""Create the children that run ``scanmend.llm``, all with the same environment."""

import os

from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox


def llm_child(name: str, sandbox: Sandbox, memory: int = 0) -> Child:
    """Return an LLM child that is not started yet.

    ``name`` is for messages; ``memory`` limits the child's memory, in bytes (0: no limit).
    """
    return Child("scanmend.llm", name, _environment(), memory, sandbox)


def _environment() -> dict[str, str]:
    """Return the child's whole environment.

    OMP_WAIT_POLICY lets its threads sleep while they wait for each other. Beside busy OCR children, spinning made a page
    four times as slow (117 s against 30 s for the same tests beside two busy processes on two cores).
    """
    return {
        "OMP_WAIT_POLICY": "passive",
        **os.environ,
        "GGML_NO_BACKTRACE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
