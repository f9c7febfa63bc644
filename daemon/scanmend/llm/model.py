"""Loading a GGUF with llama.cpp: as many layers on the GPU as fit, and a reason when it can't be loaded."""

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

import llama_cpp

from scanmend.errors import ModelUnavailable, OutOfMemory
from scanmend.serve import Progress
from scanmend.values import ModelInfo

_MEMORY = ("out of memory", "failed to allocate", "cudamalloc failed", "unable to allocate", "not enough memory",
           "outofdevicememory", "out_of_device_memory")  # fmt: skip
_KEPT = 200  # lines of llama.cpp's log that are kept for the reason

_log: list[str] = []


@dataclass(slots=True)
class Loaded:
    """A model in memory."""

    llama: Any
    info: ModelInfo


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(_level: int, text: bytes, _data: Any) -> None:
    """llama.cpp's own words: the only place where it says why a load failed."""
    _log.append(text.decode(errors="replace"))
    del _log[:-_KEPT]


llama_cpp.llama_log_set(_on_log, None)


def load(
    path: str, gpu_layers: int | None, context: int, threads: int | None, progress: Progress
) -> Loaded:
    """Load the model. ``gpu_layers`` None: as many as fit.

    Raises ModelUnavailable with llama.cpp's reason, or OutOfMemory when not even the CPU has room.
    """
    _check(path)
    for layers in _ladder(path, gpu_layers):
        try:
            llama = _try(path, layers, context, threads)
        except OutOfMemory as error:
            progress({"said": f"{layers} layers on the GPU: {error}; trying fewer"})
            continue
        file_type = llama.metadata.get("general.file_type", "")
        return Loaded(llama, ModelInfo(os.path.basename(path), _sha256(path), _quantization(path, file_type), layers,
                                       llama.n_ctx()))  # fmt: skip
    raise OutOfMemory(
        f"{path}: not enough memory for the model, not even on the CPU; choose a smaller one"
    )


def _check(path: str) -> None:
    """What llama.cpp would answer with an abort or a riddle is told before."""
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelUnavailable(f"{path}: the model can't be read: {error.strerror}") from None
    if magic != b"GGUF":
        raise ModelUnavailable(
            f"{path}: this is no GGUF file; remove it, or put the right one in its place"
        )


def _ladder(path: str, wanted: int | None) -> list[int]:
    """The numbers of layers to try: as wanted, then halved down to the CPU."""
    if not llama_cpp.llama_supports_gpu_offload():
        return [0]
    layers = _layers(path) + 1 if wanted is None else wanted  # the output layer counts as one
    ladder = []
    while layers:
        ladder.append(layers)
        layers //= 2
    return [*ladder, 0]


def _layers(path: str) -> int:
    header = llama_cpp.Llama(path, vocab_only=True, verbose=True)
    try:
        return int(header.metadata.get(f"{header.metadata['general.architecture']}.block_count", 0))
    finally:
        header.close()


def _try(path: str, layers: int, context: int, threads: int | None) -> Any:
    _log.clear()
    try:
        # verbose: the other way redirects the whole process's output while it loads, and the reason is lost
        return llama_cpp.Llama(path, n_gpu_layers=layers, n_ctx=context, n_threads=threads, n_threads_batch=threads,
                               verbose=True)  # fmt: skip
    except (ValueError, RuntimeError) as error:
        said = "".join(_log)
        if any(word in said.lower() for word in _MEMORY):
            raise OutOfMemory(f"{path}: not enough memory") from None
        raise ModelUnavailable(
            f"{path}: llama.cpp can't load it: {_reason(said) or error}; get it again"
        ) from None


def _reason(said: str) -> str:
    """llama.cpp's last line that speaks of an error."""
    lines = [
        line.strip()
        for line in said.splitlines()
        if "error" in line.lower() or "corrupt" in line.lower()
    ]
    return lines[0] if lines else ""


def _quantization(path: str, file_type: str) -> str:
    """As the file's name says it; else the number of the GGUF's file type."""
    name = os.path.basename(path).lower().removesuffix(".gguf")
    words = name.replace(".", "-").split("-")
    found = [
        w
        for w in words
        if w.startswith(("q2", "q3", "q4", "q5", "q6", "q8", "iq"))
        or w in ("f16", "fp16", "bf16", "f32")
    ]
    return found[-1] if found else f"file type {file_type}"


def _sha256(path: str) -> str:
    """The file's sha256, reckoned once: three gigabytes take seconds, and the model comes and goes."""
    status = os.stat(path)
    stamp = [status.st_size, status.st_mtime_ns]
    note = f"{path}.sha256"
    try:
        with open(note, encoding="utf-8") as file:
            known = json.load(file)
        if known["stamp"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not reckoned yet, or of another file
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with open(f"{note}.tmp", "w", encoding="utf-8") as file:
            json.dump({"sha256": digest, "stamp": stamp}, file)
        os.replace(f"{note}.tmp", note)
    except OSError:
        pass  # a read-only folder of models: it is reckoned again
    return digest
