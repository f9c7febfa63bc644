"""The request to load a model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Which model to load, and how."""

    path: str
    gpu_layers: int | None = None
    """None: as many as fit."""
    context: int = 8192
    """Tokens of the KV cache."""
    threads: int | None = None
    """None: one for each core that this process may use."""
    gpu: str = ""
    """Which GPU, and how large; empty: none."""
    max_layers: int | None = None
    """More were tried in a process that did not survive it."""
    method: str = "auto"
    """The best method to try: "auto", "parallel", "single" or "greedy". Benchmarks compare them."""
