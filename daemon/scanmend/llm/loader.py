"""Loading a GGUF with llama.cpp: as many layers on the GPU as fit, and a reason when it can't be loaded."""

import ctypes
import os
from dataclasses import dataclass, field
from typing import Any

import llama_cpp as llama

from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory
from scanmend.gguf_notes import Notes
from scanmend.llm import draft_length
from scanmend.llm.context import FEW_LANES, LANES, Context, Entry
from scanmend.llm.prompt import Prompt, Template
from scanmend.page import ModelInfo
from scanmend.workers.protocol import FactsFound, LayersTried, LoadRequest, Said
from scanmend.workers.server import Tell

_MEMORY = ("out of memory", "failed to allocate", "cudamalloc failed", "unable to allocate", "not enough memory",
           "outofdevicememory", "out_of_device_memory")  # fmt: skip
MOST_THREADS = 8  # that decode lines of a page side by side
CELLS = 2048  # for one line at a time, and what the lexicon offers for it
_KEPT = 200  # lines of llama.cpp's log that are kept for the reason
_BACKENDS = ("cuda", "vulkan", "hip", "metal", "sycl", "musa")

_log: list[str] = []


@dataclass(slots=True)
class Loaded:
    """A model in memory, with what it was found to be able to do.

    ``drafts``: its memory can be cut, so that drafts can be verified. ``method``: the rung of the ladder, for
    the sidecar. ``most_bytes``: longer lines are given to it in pieces; 0: whole. ``contexts``: as many as lines are
    to be decoded at a time, each in a thread of its own.
    """

    model: Any
    contexts: tuple[Context, ...]
    info: ModelInfo
    template: Template
    curve: draft_length.Curve
    drafts: bool
    method: str
    most_bytes: int = 0
    prompts: dict[str, Prompt] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """The first, for what all have in common."""
        return self.contexts[0]

    def prompt(self, instruction: str) -> Prompt:
        """The tokens around the data, for this system prompt."""
        if instruction not in self.prompts:
            self.prompts[instruction] = self.template.prompt(instruction)
        return self.prompts[instruction]


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(_level: int, text: bytes, _data: Any) -> None:
    """llama.cpp's own words: the only place where it says why a load failed."""
    _log.append(text.decode(errors="replace"))
    del _log[:-_KEPT]


llama.llama_log_set(_on_log, None)


def load(wish: LoadRequest, tell: Tell) -> Loaded:
    """Load the model.

    Raises ModelUnavailable with llama.cpp's reason, or OutOfMemory when not even the CPU has room.
    """
    _check(wish.path)
    notes = Notes(wish.path, lambda facts: tell(FactsFound(facts)))
    known = notes.integer(f"layers on {wish.gpu}") if wish.gpu_layers is None and wish.gpu else None
    ladder = _ladder(wish, known)
    for layers in ladder:
        tell(LayersTried(layers))
        try:
            loaded = _try(wish, layers, notes)
        except (OutOfMemory, ChildError) as error:
            if layers == 0 or not (isinstance(error, OutOfMemory) or _of_memory()):
                raise
            tell(Said(f"{layers} layers on the GPU: {error}; trying fewer"))
            continue
        if wish.gpu and wish.gpu_layers is None and layers != known:
            notes.set(f"layers on {wish.gpu}", layers)
        return loaded
    raise OutOfMemory(_too_large(wish.path))


def _too_large(path: str) -> str:
    return f"{path}: not enough memory for the model, not even on the CPU; choose a smaller one"


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


def device() -> str:
    """What the model can run on here: "gpu", or why only the CPU."""
    if llama.llama_supports_gpu_offload():
        return "gpu"
    folder = os.path.join(os.path.dirname(llama.__file__), "lib")
    built = [b for b in _BACKENDS if any(f"ggml-{b}" in name for name in os.listdir(folder))]
    if built:
        return f"cpu: llama.cpp is built for {', '.join(built)}, and no such GPU is found"
    return "cpu: llama.cpp is built without support for a GPU"


def _ladder(wish: LoadRequest, known: int | None) -> list[int]:
    """The numbers of layers to try: as wanted, then halved down to the CPU."""
    if device() != "gpu":
        return [0]
    layers = wish.gpu_layers
    if layers is None:
        layers = known if known is not None else _layers(wish) + 1  # the output layer counts as one
    if wish.max_layers is not None:
        layers = min(layers, wish.max_layers)
    ladder = []
    while layers:
        ladder.append(layers)
        layers //= 2
    return [*ladder, 0]


def _layers(wish: LoadRequest) -> int:
    header = _open(wish.path, 0, only_header=True)
    try:
        return int(
            _metadata(header, f"{_metadata(header, 'general.architecture')}.block_count") or 0
        )
    finally:
        llama.llama_model_free(header)


def _metadata(model: Any, name: str) -> str:
    """A value of the file's header; empty when it is not there."""
    value = ctypes.create_string_buffer(256)
    llama.llama_model_meta_val_str(model, name.encode(), value, 256)
    return value.value.decode(errors="replace")


def _open(path: str, layers: int, only_header: bool = False) -> Any:
    _log.clear()
    parameters = llama.llama_model_default_params()
    parameters.n_gpu_layers = layers
    parameters.vocab_only = only_header  # the weights stay on the disk
    # with AMX, quantized weights end the process at the first prompt (llama.cpp's issue 20824, its pull request 26954)
    parameters.use_extra_bufts = b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    model = llama.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        if _of_memory():
            raise OutOfMemory(_too_large(path) if layers == 0 else "not enough memory")
        raise ModelUnavailable(f"{path}: llama.cpp can't load it: {_reason()}; get it again")
    return model


def _try(wish: LoadRequest, layers: int, notes: Notes) -> Loaded:
    """One number of layers; the first decodings count as part of loading, since they too need memory."""
    model = _open(wish.path, layers)
    contexts: list[Context] = []
    try:
        each = not layers and bool(_metadata(model, "scanmend.line_bytes"))
        drafts = _contexts(model, wish, layers, each, contexts)
        context = contexts[0]
        template = Template(model, context)
        name = f"speed of {layers} layers, {wish.threads} threads"
        curve = draft_length.ONE_THREAD if each else notes.curve(name)
        if not curve:
            curve = draft_length.measure(context)
            notes.set(name, curve)
    except (OutOfMemory, ChildError, ModelUnavailable):
        for context in contexts:
            context.close()
        llama.llama_model_free(model)
        raise
    lines = "parallel" if context.lanes > 1 else "single"
    info = ModelInfo(
        os.path.basename(wish.path), notes.sha256(), _quantization(model, wish.path), layers, context.cells, device()
    )  # fmt: skip
    return Loaded(
        model,
        tuple(contexts),
        info,
        template,
        curve,
        drafts,
        lines if drafts else "greedy",
        int(_metadata(model, "scanmend.line_bytes") or 0),
    )


# the ladder of methods ------------------------------------------------------------------------------


def _contexts(model: Any, wish: LoadRequest, layers: int, each: bool, made: list[Context]) -> bool:
    """Make what this model and machine bear best; whether the memory can be cut."""
    error: Exception | None = None
    most = FEW_LANES if each else LANES
    for lanes in (1,) if wish.method in ("single", "greedy") else (most, 1):
        for backend in (
            (True, False) if layers else (False,)
        ):  # on a CPU the logits are at hand anyway
            try:
                made += [_context(model, wish, lanes, backend, each)]
            except OutOfMemory as found:
                error = found
                continue
            works, cuts = _works(made[0])
            if works and (cuts or lanes == 1):
                if each:
                    made += [_context(model, wish, lanes, backend, each) for _ in range(1, min(MOST_THREADS, _threads(wish)))]  # fmt: skip
                return cuts and wish.method != "greedy"
            made.pop().close()
            error = ChildError("the model does not decode the same twice")
    raise error or OutOfMemory("no memory for the model's context")


def _context(model: Any, wish: LoadRequest, lanes: int, backend: bool, each: bool) -> Context:
    """``each``: of a small model on the CPU, whose lines have a thread each.

    Threads that share its little work mostly wait for each other, and llama.cpp's flash attention goes through heads
    of 32 cell by cell: 64 tokens took 375 us each with it, 157 without.
    """
    if each:
        return Context(model, min(wish.context, CELLS), 1, lanes, backend, flash=False)
    return Context(model, wish.context, _threads(wish), lanes, backend)


def _threads(wish: LoadRequest) -> int:
    return wish.threads or len(os.sched_getaffinity(0))


def _works(context: Context) -> tuple[bool, bool]:
    """Whether sequences can share a beginning, and whether they can be cut."""
    tokens = context.tokenize(b"The quick brown fox jumps over the lazy dog")[:8]
    context.clear()
    context.decode([Entry(t, n, 0) for n, t in enumerate(tokens[:-1])])
    straight = context.decode(
        [Entry(tokens[-1], len(tokens) - 1, 0, -1), Entry(tokens[0], len(tokens), 0, -1)]
    )
    if context.backend and not context.hands_out_candidates():
        return False, False
    context.clear()
    context.decode([Entry(t, n, 0) for n, t in enumerate(tokens[:-1])])
    context.copy(0, 1)
    context.decode([Entry(tokens[0], len(tokens) - 1, 1, -1)])
    cuts = context.cut(1, len(tokens) - 1)
    if not cuts:
        context.cut(1, 0)
        context.copy(0, 1)
    again = context.decode(
        [Entry(tokens[-1], len(tokens) - 1, 1, -1), Entry(tokens[0], len(tokens), 1, -1)]
    )
    context.clear()
    return all(
        a.token == b.token or abs(a.margin - b.margin) < 0.1
        for a, b in zip(straight, again, strict=True)
    ), cuts


# words ----------------------------------------------------------------------------------------------


def _of_memory() -> bool:
    said = "".join(_log).lower()
    return any(word in said for word in _MEMORY)


def _reason() -> str:
    """llama.cpp's first line that speaks of an error."""
    for line in "".join(_log).splitlines():
        if "error" in line.lower() or "corrupt" in line.lower():
            return line.strip()
    return "it does not say why"


def _quantization(model: Any, path: str) -> str:
    """As the file's name says it; else the number of the GGUF's file type."""
    name = os.path.basename(path).lower().removesuffix(".gguf")
    found = [
        w
        for w in name.replace(".", "-").split("-")
        if w.startswith(("q2", "q3", "q4", "q5", "q6", "q8", "iq"))
        or w in ("f16", "fp16", "bf16", "f32")
    ]
    if found:
        return found[-1]
    return f"file type {_metadata(model, 'general.file_type') or 'unknown'}"
