"""Load a GGUF file with llama.cpp, with as many layers on the GPU as fit, or say why it can't be loaded."""

import os
from dataclasses import dataclass, field
from typing import Any

from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory
from scanmend.gguf_notes import Notes
from scanmend.llm import gguf_header, llama_model
from scanmend.llm.contexts import closing_on_error, corrector_contexts, judge_context
from scanmend.llm.judge.known_languages import KnownLanguages
from scanmend.llm.llama_context import LlamaContext
from scanmend.llm.llama_log import RECENT
from scanmend.page import ModelInfo
from scanmend.workers.protocol import FactsFound, LayersTried, LoadRequest, Said
from scanmend.workers.server import Tell


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A language model in memory, which judges."""

    model: Any
    contexts: tuple[LlamaContext, ...]
    """A corrector has one context for each thread that decodes a line; other models have one."""
    info: ModelInfo
    languages: KnownLanguages = field(default_factory=KnownLanguages, kw_only=True)

    @property
    def context(self) -> LlamaContext:
        """Return the first context, for the properties that all of them share."""
        return self.contexts[0]

    @property
    def calls(self) -> int:
        """Return how many times the decoder has run."""
        return sum(context.calls for context in self.contexts)


@dataclass(frozen=True, slots=True)
class LoadedCorrector(LoadedModel):
    """A byte-level corrector in memory, like the built-in one."""

    max_line_bytes: int
    """The model reads longer lines in pieces."""
    line_end: tuple[int, ...]
    """The tokens between a line as read and the corrected line."""


def load(request: LoadRequest, tell: Tell) -> LoadedModel:
    """Load the model, with fewer layers on the GPU when memory is short.

    ``tell`` receives each attempt and the facts found about the file. Raises ModelUnavailable with llama.cpp's reason,
    or OutOfMemory when the model does not fit into the main memory either.
    """
    llama_model.check_file(request.path)
    notes = Notes(request.path, lambda facts: tell(FactsFound(facts)))
    automatic = request.gpu_layers is None and bool(request.gpu)
    fact = f"layers on {request.gpu}"
    noted = notes.integer(fact) if automatic else None
    for layers in _layers_to_try(request, noted):
        tell(LayersTried(layers))
        try:
            loaded = _load_with(request, layers, notes)
        except (OutOfMemory, ChildError) as error:
            out_of_memory = isinstance(error, OutOfMemory) or RECENT.reports_out_of_memory
            if layers == 0 or not out_of_memory:
                raise
            tell(Said(f"{layers} layers on the GPU: {error}; trying fewer"))
            continue
        if automatic and loaded.info.gpu_layers != noted:
            notes.set(fact, loaded.info.gpu_layers)
        return loaded
    raise llama_model.too_large(request.path)


def load_corrector(request: LoadRequest) -> LoadedCorrector:
    """Load a byte-level corrector. Raises as ``load``; ModelUnavailable if the file is another model."""
    loaded = load(request, lambda _: None)
    if not isinstance(loaded, LoadedCorrector):
        raise ModelUnavailable(f"{request.path}: this is not a byte-level corrector")
    return loaded


def _layers_to_try(request: LoadRequest, noted: int | None) -> list[int]:
    """Return the numbers of layers on the GPU to try: the wanted one, then its halves, down to 0.

    ``noted``: the number that fitted an earlier time, if known.
    """
    if llama_model.device() != "gpu":
        return [0]
    layers = request.gpu_layers
    if layers is None:
        output_layer = 1
        layers = (
            noted if noted is not None else gguf_header.layer_count(request.path) + output_layer
        )
    if request.max_layers is not None:
        layers = min(layers, request.max_layers)
    halves = []
    while layers:
        halves.append(layers)
        layers //= 2
    return [*halves, 0]


def _load_with(request: LoadRequest, layers: int, notes: Notes) -> LoadedModel:
    """Load the model with this many layers on the GPU; a byte-level corrector always runs on the CPU.

    Loading includes the first decodings, since they need memory too.
    """
    model = llama_model.open_model(request.path, layers)
    line_bytes = llama_model.max_line_bytes(model)
    if line_bytes and layers:  # it is fast on the CPU, a line for each thread
        llama_model.close_model(model)
        return _load_with(request, 0, notes)
    try:
        if line_bytes:
            return _corrector(model, line_bytes, request, notes)
        context = judge_context(model, request)
        with closing_on_error([context]):
            return LoadedModel(model, (context,), _info(model, context, request, layers, notes))
    except (OutOfMemory, ChildError, ModelUnavailable):
        llama_model.close_model(model)
        raise


def _corrector(model: Any, line_bytes: int, request: LoadRequest, notes: Notes) -> LoadedCorrector:
    """Return the byte-level corrector that llama.cpp has opened.

    Raises OutOfMemory, or ModelUnavailable if its file does not state what ends a line.
    """
    line_end = llama_model.line_end(model)
    if not line_end:
        what = f"{request.path}: the corrector's chat template does not state what ends a line"
        raise ModelUnavailable(what, "export it again with models/corrector/export.py")
    contexts = corrector_contexts(model, request)
    with closing_on_error(contexts):
        context = contexts[0]
        tokens = tuple(context.tokenize(line_end.encode(), markers=True))
        info = _info(model, context, request, 0, notes)
        return LoadedCorrector(model, contexts, info, line_bytes, tokens)


def _info(
    model: Any, context: LlamaContext, request: LoadRequest, layers: int, notes: Notes
) -> ModelInfo:
    """Return what to publish about a model."""
    return ModelInfo(
        name=os.path.basename(request.path),
        sha256=notes.sha256(),
        quantization=llama_model.quantization(model, request.path),
        gpu_layers=layers,
        context=context.cells,
        device=llama_model.device(),
        unused_gpu="" if layers else request.gpu,
    )
