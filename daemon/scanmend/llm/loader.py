"""Load a GGUF file with llama.cpp, with as many layers on the GPU as fit, or say why it can't be loaded."""

import os
from dataclasses import dataclass, field
from typing import Any

from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory
from scanmend.gguf_notes import Notes
from scanmend.llm import draft_length, gguf_header, llama_model
from scanmend.llm.contexts import closing_on_error, create_contexts
from scanmend.llm.llama_context import LlamaContext
from scanmend.llm.llama_log import RECENT
from scanmend.llm.prompt import ChatTemplate, PromptTokens
from scanmend.page import ModelInfo
from scanmend.workers.protocol import FactsFound, LayersTried, LoadRequest, Said
from scanmend.workers.server import Tell


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, with the capabilities that were found while loading it."""

    model: Any
    contexts: tuple[LlamaContext, ...]
    """One context for each thread that decodes a line."""
    info: ModelInfo
    template: ChatTemplate
    curve: draft_length.CostCurve
    drafts: bool
    """Whether drafts can be verified, because the memory can be truncated."""
    method: str
    """How lines are decoded: "parallel", "single" or "greedy"; published in the sidecar."""
    max_line_bytes: int = 0
    """The model reads longer lines in pieces; 0: it reads all lines whole."""
    prompts: dict[str, PromptTokens] = field(default_factory=dict)
    """The tokens of each system prompt used so far."""

    @property
    def context(self) -> LlamaContext:
        """Return the first context, for the properties that all of them share."""
        return self.contexts[0]

    @property
    def calls(self) -> int:
        """Return how many times the decoder has run."""
        return sum(context.calls for context in self.contexts)

    @property
    def can_rescore(self) -> bool:
        """Return whether a ``Rescorer`` can score words with this model.

        A model with ``max_line_bytes`` is a corrector like the built-in one: its tokens are bytes.
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
        if automatic and layers != noted:
            notes.set(fact, layers)
        return loaded
    raise llama_model.too_large(request.path)


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
    """Load the model with this many layers on the GPU.

    Loading includes the first decodings, since they need memory too.
    """
    model = llama_model.open_model(request.path, layers)
    line_bytes = llama_model.max_line_bytes(model)
    per_line = not layers and bool(line_bytes)
    try:
        created = create_contexts(model, request, layers, per_line=per_line)
        with closing_on_error(created.contexts):
            context = created.contexts[0]
            template = ChatTemplate(model, context)
            curve = draft_length.ONE_THREAD
            if not per_line:
                curve = _measured_curve(context, notes, layers, request.threads)
    except (OutOfMemory, ChildError, ModelUnavailable):
        llama_model.close_model(model)
        raise
    method = "parallel" if context.options.sequences > 1 else "single"
    return LoadedModel(
        model=model,
        contexts=created.contexts,
        info=ModelInfo(
            name=os.path.basename(request.path),
            sha256=notes.sha256(),
            quantization=llama_model.quantization(model, request.path),
            gpu_layers=layers,
            context=context.cells,
            device=llama_model.device(),
            unused_gpu="" if layers else request.gpu,
        ),
        template=template,
        curve=curve,
        drafts=created.drafts,
        method=method if created.drafts else "greedy",
        max_line_bytes=line_bytes,
    )


def _measured_curve(
    context: LlamaContext, notes: Notes, layers: int, threads: int | None
) -> draft_length.CostCurve:
    """Return the cost curve from the model's notes, or measure and note it."""
    fact = f"speed of {layers} layers, {threads} threads"
    curve = notes.curve(fact)
    if not curve:
        curve = draft_length.measured_curve(context)
        notes.set(fact, curve)
    return curve
