"""Open GGUF files with llama.cpp, and describe them and the device that they run on."""

import ctypes
import os
from typing import Any

import llama_cpp as llama

from scanmend.errors import ModelUnavailable, OutOfMemory
from scanmend.llm.llama_log import RECENT

GPU_BACKENDS = ("cuda", "vulkan", "hip", "metal", "sycl", "musa")
QUANTIZATION_PREFIXES = ("q2", "q3", "q4", "q5", "q6", "q8", "iq")
READS_AT_ONCE = "it reads whole texts at once, as models for embeddings do"
FLOAT_TYPES = ("f16", "fp16", "bf16", "f32")


def check_file(path: str) -> None:
    """Raise ModelUnavailable for a file on which llama.cpp would abort or report an obscure error."""
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelUnavailable(f"{path}: the model can't be read: {error.strerror}") from None
    if magic != b"GGUF":
        raise ModelUnavailable(
            f"{path}: this is not a GGUF file", "remove it, or replace it with the right one"
        )


def open_model(path: str, layers: int) -> Any:
    """Return llama.cpp's model with ``layers`` layers on the GPU.

    Raises OutOfMemory; ModelUnavailable with llama.cpp's reason, or if the model does not write from left to right.
    """
    parameters = llama.llama_model_default_params()
    parameters.n_gpu_layers = layers
    # With AMX, quantized weights end the process at the first prompt (llama.cpp's issue 20824, its pull request 26954).
    parameters.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    return _loaded(path, parameters)


def architecture(path: str) -> str:
    """Return a model's architecture by the file's header and vocabulary; no weight is read.

    Raises ModelUnavailable for a damaged file, and for a model that can't judge, as far as its header tells.
    """
    check_file(path)
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = _loaded(path, parameters)
    found = metadata(model, "general.architecture")
    close_model(model)
    return found


def _loaded(path: str, parameters: Any) -> Any:
    """Return what llama.cpp loads with these parameters; raise as ``open_model``."""
    RECENT.clear()
    model = llama.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        if RECENT.reports_out_of_memory:
            raise (
                too_large(path)
                if parameters.n_gpu_layers == 0
                else OutOfMemory("not enough memory")
            )
        raise ModelUnavailable(
            f"{path}: llama.cpp can't load it: {RECENT.first_error}", "download it again"
        )
    if why_not := _why_not_causal(model):
        close_model(model)
        raise cant_judge(path, why_not)
    return model


def cant_judge(path: str, why: str) -> ModelUnavailable:
    """Return the error for a model that can't judge."""
    remedy = "choose a causal language model, such as Qwen 2.5"
    return ModelUnavailable(f"{path}: this model can't tell how likely a text is: {why}", remedy)


def has_recurrent_layers(model: Any) -> bool:
    """Return whether a model has recurrent layers: all of them (Mamba, RWKV), or some (LFM2, Granite 4 H, Qwen3-Next)."""
    return bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))


def _why_not_causal(model: Any) -> str:
    """Return why a model does not write a text from its beginning to its end; "" if it does, or llama.cpp does not tell."""
    if llama.llama_model_has_encoder(model):
        return "it has an encoder, as models for translation and embeddings do"
    if llama.llama_model_is_diffusion(model):
        return "it writes by diffusion"
    if metadata(model, f"{metadata(model, 'general.architecture')}.attention.causal") == "false":
        return READS_AT_ONCE
    return ""


def close_model(model: Any) -> None:
    """Free a model whose contexts are closed."""
    llama.llama_model_free(model)


def too_large(path: str) -> OutOfMemory:
    """Return the error for a model that does not fit into the main memory either."""
    what = f"{path}: not enough memory for the model, not even on the CPU"
    return OutOfMemory(what, "choose a smaller model")


def metadata(model: Any, name: str) -> str:
    """Return a value of the file's header; "" if the header lacks it."""
    value = ctypes.create_string_buffer(256)
    llama.llama_model_meta_val_str(model, name.encode(), value, 256)
    return value.value.decode(errors="replace")


def max_line_bytes(model: Any) -> int:
    """Return the greatest length in bytes of the pieces in which this model reads lines; 0: it reads whole lines."""
    return int(metadata(model, "scanmend.line_bytes") or 0)


def line_end(model: Any) -> str:
    """Return what stands between a line as read and the corrected one, for a byte-level corrector.

    Its chat template shows the line, and this text behind it. "": it does not.
    """
    template = llama.llama_model_chat_template(model, None)
    _, shows_line, end = (template or b"").decode(errors="replace").rpartition("}}")
    return end if shows_line else ""


def device() -> str:
    """Return where a model can run here: "gpu", or "cpu: " with the reason why not on a GPU."""
    if llama.llama_supports_gpu_offload():
        return "gpu"
    folder = os.path.join(os.path.dirname(llama.__file__), "lib")
    built = [b for b in GPU_BACKENDS if any(f"ggml-{b}" in name for name in os.listdir(folder))]
    if built:
        return f"cpu: llama.cpp is built for {', '.join(built)}, and no such GPU is found"
    return "cpu: llama.cpp is built without support for a GPU"


def quantization(model: Any, path: str) -> str:
    """Return the quantization by the file's name; else "file type" and GGUF's number of the file type."""
    name = os.path.basename(path).lower().removesuffix(".gguf")
    matches = [
        word
        for word in name.replace(".", "-").split("-")
        if word.startswith(QUANTIZATION_PREFIXES) or word in FLOAT_TYPES
    ]
    if matches:
        return matches[-1]
    return f"file type {metadata(model, 'general.file_type') or 'unknown'}"
