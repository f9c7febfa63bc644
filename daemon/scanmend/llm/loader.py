"""Loading a GGUF with llama.cpp: with as many layers on the GPU as fit, or with the reason why it can't be loaded."""

import os
from dataclasses import dataclass, field
from typing import Any

from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory
from scanmend.gguf_notes import Notes
from scanmend.llm import draft_length, llama_model
from scanmend.llm.contexts import closing_on_error, made_contexts
from scanmend.llm.llama_context import LlamaContext
from scanmend.llm.llama_log import RECENT
from scanmend.llm.prompt import ChatTemplate, PromptTokens
from scanmend.page import ModelInfo
from scanmend.workers.protocol import FactsFound, LayersTried, LoadRequest, Said
from scanmend.workers.server import Tell


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, with what it proved to be able to do."""

    model: Any
    contexts: tuple[LlamaContext, ...]
    """One for each line that is decoded at a time in a thread of its own."""
    info: ModelInfo
    template: ChatTemplate
    curve: draft_length.CostCurve
    drafts: bool
    """Whether drafts can be verified: the memory can be truncated."""
    method: str
    """How lines are decoded: "parallel", "single" or "greedy"; the sidecar tells it."""
    max_line_bytes: int = 0
    """Longer lines are given to it in pieces; 0: all lines are whole."""
    prompts: dict[str, PromptTokens] = field(default_factory=dict)
    """By system prompt."""

    @property
    def context(self) -> LlamaContext:
        """The first context, for what all have in common."""
        return self.contexts[0]

    @property
    def calls(self) -> int:
        """Runs of the decoder so far."""
        return sum(context.calls for context in self.contexts)

    @property
    def can_rescore(self) -> bool:
        """Whether a ``Rescorer`` can score words with it.

        A model that is given lines by bytes is a corrector like the built-in one: its tokens are bytes.
        """
        options = self.context.options
        parallel = options.sequences > 1 and not options.gpu_sampling
        return bool(self.max_line_bytes) and self.drafts and parallel

    def prompt(self, instruction: str) -> PromptTokens:
        """Return the tokens around the page's text, for this system prompt."""
        if instruction not in self.prompts:
            self.prompts[instruction] = self.template.prompt(instruction)
        return self.prompts[instruction]


def load(request: LoadRequest, tell: Tell) -> LoadedModel:
    """Load the model, with fewer layers on the GPU when memory is short.

    Raises ModelUnavailable with llama.cpp's reason, or OutOfMemory when it does not even fit into the main memory.
    """
    llama_model.check_file(request.path)
    notes = Notes(request.path, lambda facts: tell(FactsFound(facts)))
    automatic = request.gpu_layers is None and bool(request.gpu)
    note = f"layers on {request.gpu}"
    known = notes.integer(note) if automatic else None
    for layers in _layers_to_try(request, known):
        tell(LayersTried(layers))
        try:
            loaded = _load_with(request, layers, notes)
        except (OutOfMemory, ChildError) as error:
            short = isinstance(error, OutOfMemory) or RECENT.tells_out_of_memory
            if layers == 0 or not short:
                raise
            tell(Said(f"{layers} layers on the GPU: {error}; trying fewer"))
            continue
        if automatic and layers != known:
            notes.set(note, layers)
        return loaded
    raise llama_model.too_large(request.path)


def _layers_to_try(request: LoadRequest, known: int | None) -> list[int]:
    """Return the wanted number of layers, then halves of it down to 0, the CPU."""
    if llama_model.device() != "gpu":
        return [0]
    layers = request.gpu_layers
    if layers is None:
        output_layer = 1
        layers = (
            known if known is not None else llama_model.layer_count(request.path) + output_layer
        )
    if request.max_layers is not None:
        layers = min(layers, request.max_layers)
    found = []
    while layers:
        found.append(layers)
        layers //= 2
    return [*found, 0]


def _load_with(request: LoadRequest, layers: int, notes: Notes) -> LoadedModel:
    """Load with this many layers on the GPU.

    The first decodings are part of loading, since they need memory too.
    """
    model = llama_model.open_model(request.path, layers)
    line_bytes = llama_model.max_line_bytes(model)
    per_line = not layers and bool(line_bytes)
    try:
        made = made_contexts(model, request, layers, per_line=per_line)
        with closing_on_error(made.contexts):
            context = made.contexts[0]
            template = ChatTemplate(model, context)
            curve = draft_length.ONE_THREAD
            if not per_line:
                curve = _measured_curve(context, notes, layers, request.threads)
    except (OutOfMemory, ChildError, ModelUnavailable):
        llama_model.close_model(model)
        raise
    parallel = "parallel" if context.options.sequences > 1 else "single"
    return LoadedModel(
        model=model,
        contexts=made.contexts,
        info=ModelInfo(
            name=os.path.basename(request.path),
            sha256=notes.sha256(),
            quantization=llama_model.quantization(model, request.path),
            gpu_layers=layers,
            context=context.cells,
            device=llama_model.device(),
        ),
        template=template,
        curve=curve,
        drafts=made.drafts,
        method=parallel if made.drafts else "greedy",
        max_line_bytes=line_bytes,
    )


def _measured_curve(
    context: LlamaContext, notes: Notes, layers: int, threads: int | None
) -> draft_length.CostCurve:
    """Return the cost curve from the model's notes, or measure and note it."""
    note = f"speed of {layers} layers, {threads} threads"
    curve = notes.curve(note)
    if not curve:
        curve = draft_length.measured_curve(context)
        notes.set(note, curve)
    return curve
