"""Test which language model is recommended for a machine."""

import pytest

from scanmend.backends.gpu import GpuMemory
from scanmend.cli.model_advice import GB, circumstances, free_memory, recommended


def _gpu(free: int) -> GpuMemory:
    return GpuMemory("Tiny", 1000, 1000 + free)


@pytest.mark.parametrize(
    ("languages", "free", "gpu", "name"),
    [
        (("en",), 4 * GB, None, "SmolLM2-135M-Instruct"),
        (("en", "de"), 4 * GB, None, "Qwen3-0.6B-Base, 119 languages"),
        (("de",), 1 * GB, None, None),
        (("en",), 1 * GB, None, None),
        (("de",), 4 * GB, _gpu(8000), "Qwen3-4B, 119 languages"),
        (("en",), 4 * GB, _gpu(4000), "Qwen3-4B as int4, 119 languages"),
        (("fr",), 4 * GB, _gpu(2000), "Qwen3-0.6B-Base, 119 languages"),
    ],
)
def test_languages_memory_and_gpu_decide(
    languages: tuple[str, ...], free: float, gpu: GpuMemory | None, name: str | None
) -> None:
    model = recommended(languages, free, gpu)

    assert (model.name if model else None) == name


def test_the_reasons_are_told() -> None:
    assert circumstances(("en", "de"), 4 * GB, None) == "en, de, 4.0 GB of free memory, no GPU"
    assert circumstances(("en",), GB, _gpu(8000)).endswith(", Tiny with 8.4 GB free")


def test_the_free_memory_is_known_here() -> None:
    assert free_memory() > 10e6
