"""`make bench-gpu MODEL=model.gguf`: check on a machine with a GPU what no other test can, and measure the model there.

- Each load frees its memory again: to the MiB, two seconds after the idle end, over many cycles.
- While memory is short, fewer layers are on the GPU, and the number that fits is remembered for the next load. Another process holds
  memory meanwhile, by the CUDA driver.
- How long a load and a page take.

It ends with exit code 1 if a check fails. With Vulkan or ROCm, memory is not measured and not held, as scanmend knows only NVIDIA's.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scanmend.backends import gpu
from scanmend.backends.gpu import MIB
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.page import Box, Line

TEXT = (
    "The comrnittee will mect again on Tuesday to consider tbe matter.",
    "We rccommend thnt you replace the toner cartridqe soon.",
    "Thank you for your ordcr. Goods rernain our property until paid in full.",
    "The patient shou1d take two tablets with watcr after meals.",
)
LINES = tuple(Line(text, Box(0, 0, 1, 1), 0.9) for text in TEXT * 10)
PROFILE = Profile("bench")
SETTLED_SECONDS = 2.0  # after which the memory of an ended process must be free
SHORT_SHARE = 0.6  # of the model's size that is left free in the check with little memory
# Holds MIB of the first GPU until its standard input ends.
HOLD = """
import ctypes, sys
cuda = ctypes.CDLL("libcuda.so.1")
device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
for error in (
    cuda.cuInit(0),
    cuda.cuDeviceGet(ctypes.byref(device), 0),
    cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device),
    cuda.cuCtxSetCurrent(context),
    cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(int(sys.argv[1]) * 2**20)),
):
    if error:
        sys.exit(f"CUDA error {error}")
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One load: MiB in use before, loaded and after the idle end; seconds until a first line is done, and of a page."""

    before: int | None
    loaded: int | None
    after: int | None
    layers: int
    load_seconds: float
    page_seconds: float

    @property
    def freed(self) -> bool:
        """Return whether the process has left nothing behind; True if memory is not measured."""
        return self.before is None or self.after is None or self.after <= self.before


def _used() -> int | None:
    memory = gpu.memory()
    return memory.used if memory else None


def cycle(model: LanguageModel) -> Cycle:
    """Load the model for one line, let it correct the page, and unload it."""
    before, started = _used(), time.monotonic()
    layers = model.propose(LINES[:1], [0], PROFILE).model.gpu_layers
    load = time.monotonic() - started
    started = time.monotonic()
    model.propose(LINES, range(len(LINES)), PROFILE)
    page, loaded = time.monotonic() - started, _used()
    model.idle()
    time.sleep(SETTLED_SECONDS)
    return Cycle(before, loaded, _used(), layers, load, page)


@contextlib.contextmanager
def held(mebibytes: int) -> Iterator[None]:
    """Hold this much memory of the first GPU in another process."""
    command = [sys.executable, "-c", HOLD, str(mebibytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # fmt: skip
        assert process.stdout
        if process.stdout.readline() != "held\n":
            sys.exit(f"{mebibytes} MiB can't be held")
        yield
        assert process.stdin
        process.stdin.close()


def check_cycles(model: LanguageModel, cycles: int) -> bool:
    """Print each cycle; return whether all memory was freed, and whether layers were on the GPU."""
    print("| cycle | MiB before | loaded | after | layers | seconds of the load | of a page |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    good = True
    for number in range(1, cycles + 1):
        one = cycle(model)
        cells = (one.before, one.loaded, one.after, one.layers)
        print(f"| {number} |", *(f"{cell} |" for cell in cells), end=" ")
        print(f"{one.load_seconds:.2f} | {one.page_seconds:.2f} |", flush=True)
        good = good and one.freed and one.layers > 0
    characters = sum(len(line.text) for line in LINES)
    print(f"a page has {len(LINES)} lines and {characters} characters")
    return good


def check_short_memory(settings: LlmSettings, folder: str, told: list[str]) -> bool:
    """Load twice while memory is short; return whether fewer layers were used, and at once the second time."""
    memory = gpu.memory()
    if memory is None:
        print("little memory: not checked, since the GPU's memory can't be measured")
        return True
    size = os.path.getsize(os.path.join(folder, settings.model or "")) // MIB
    hold = memory.total - memory.used - int(SHORT_SHARE * size)
    with held(hold):
        tries = []
        for _ in range(2):
            told.clear()
            model = LanguageModel(settings, folder, lambda _state, reason: told.append(reason))
            try:
                layers = model.propose(LINES[:1], [0], PROFILE).model.gpu_layers
            finally:
                model.close()
            tries.append((layers, sum("trying" in reason for reason in told)))
    (first, failures), (second, again) = tries
    print(
        f"little memory: {first} layers after {failures} failed tries; then {second} after {again}"
    )
    return failures > 0 and first == second and again == 0


def main() -> int:
    """Run the checks; return 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a GGUF file, of 3 GB for example")
    parser.add_argument("--cycles", type=int, default=50)
    options = parser.parse_args()
    print(f"GPU: {gpu.measure()}")
    with tempfile.TemporaryDirectory() as folder:  # its notes are forgotten after each run
        name = os.path.basename(options.model)
        (Path(folder) / name).symlink_to(os.path.abspath(options.model))
        settings = replace(LlmSettings(), model=name)
        told: list[str] = []
        model = LanguageModel(settings, folder, lambda _state, reason: told.append(reason))
        try:
            cycles = check_cycles(model, options.cycles)
        finally:
            model.close()
        for notes in Path(folder).glob("*.json"):
            notes.unlink()
        short = check_short_memory(settings, folder, told)
    print("memory freed, layers on the GPU:", "ok" if cycles else "FAILED")
    print("little memory:", "ok" if short else "FAILED")
    return 0 if cycles and short else 1


if __name__ == "__main__":
    sys.exit(main())
