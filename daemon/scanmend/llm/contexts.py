"""Create the contexts of a loaded model, for the best method of decoding that works with this model on this machine."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scanmend.errors import ChildError, OutOfMemory
from scanmend.llm import rescoring
from scanmend.llm.llama_context import BatchToken, ContextOptions, LlamaContext
from scanmend.workers.protocol import LoadRequest

PARALLEL_LINES = 64  # lines (sequences) that a model which sees whole pages decodes at once
# A context that decodes one line at a time has a sequence for the line, and the sequences of the rescorer. llama.cpp's
# attention looks at every cell in use, so other lines in the same cache would cost time.
ONE_LINE_SEQUENCES = 1 + rescoring.SEQUENCES
ONE_LINE_CELLS = 2048  # tokens: one line, its answer and the candidates for its words
MAX_LINE_THREADS = 8  # threads that each decode a line of their own
SAME_MARGIN = 0.1  # nats by which two decodings of the same text may differ
PROBE_TEXT = b"The quick brown fox jumps over the lazy dog"


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of one model.

    ``drafts``: whether their memory can be truncated, so that drafts can be verified.
    """

    contexts: tuple[LlamaContext, ...]
    drafts: bool


def create_contexts(model: Any, request: LoadRequest, layers: int, *, per_line: bool) -> Contexts:
    """Return contexts for the best method that works: parallel lines, single lines or plain greedy decoding.

    ``layers``: layers on the GPU. ``per_line``: the model is small and runs on the CPU, so that each line gets a context
    and a thread of its own. Raises OutOfMemory, or ChildError when no method decodes the same text twice alike.
    """
    error: Exception | None = None
    for options in _options_to_try(request, layers, per_line=per_line):
        try:
            context = LlamaContext(model, options)
        except OutOfMemory as out_of_memory:
            error = out_of_memory
            continue
        with closing_on_error([context]):
            capable, truncates = _capabilities(context)
            if capable and (truncates or options.sequences == 1):
                contexts = [context]
                if per_line:
                    threads = min(MAX_LINE_THREADS, _threads(request))
                    contexts += _further_contexts(model, options, threads - 1)
                return Contexts(tuple(contexts), truncates and request.method != "greedy")
        context.close()
        error = ChildError("the model does not decode the same text twice alike")
    raise error or OutOfMemory("no memory for the model's context")


def _options_to_try(
    request: LoadRequest, layers: int, *, per_line: bool
) -> Iterator[ContextOptions]:
    """Yield the options of the methods, the best first."""
    parallel = ONE_LINE_SEQUENCES if per_line else PARALLEL_LINES
    for sequences in (1,) if request.method in ("single", "greedy") else (parallel, 1):
        # without layers on the GPU, the logits lie in main memory anyway; and a judge needs them all
        for gpu_sampling in (True, False) if layers and not request.corrector else (False,):
            if per_line:
                # Threads that share the little work of one line mostly wait for each other. llama.cpp's flash attention
                # goes through heads of width 32 cell by cell: 64 tokens took 375 µs each with it, 157 µs without.
                cells = min(request.context, ONE_LINE_CELLS)
                yield ContextOptions(
                    cells, 1, sequences, gpu_sampling=gpu_sampling, flash_attention=False
                )
            else:
                yield ContextOptions(
                    request.context, _threads(request), sequences, gpu_sampling=gpu_sampling
                )


def _further_contexts(model: Any, options: ContextOptions, count: int) -> list[LlamaContext]:
    """Return ``count`` contexts; close those created so far when one fails."""
    contexts: list[LlamaContext] = []
    with closing_on_error(contexts):
        for _ in range(count):
            contexts.append(LlamaContext(model, options))  # noqa: PERF401 - closed on error
    return contexts


@contextlib.contextmanager
def closing_on_error(contexts: Sequence[LlamaContext]) -> Iterator[None]:
    """Close the contexts if the block raises; leave them open otherwise."""
    try:
        yield
    except BaseException:
        for context in contexts:
            context.close()
        raise


def _threads(request: LoadRequest) -> int:
    """Return ``llm.threads``, or the number of cores that this process may use."""
    return request.threads or len(os.sched_getaffinity(0))


def _capabilities(context: LlamaContext) -> tuple[bool, bool]:
    """Return whether sequences can share a beginning, and whether they can be truncated.

    The probe decodes the same text twice: in one go, and through a copied and truncated sequence.
    """
    tokens = context.tokenize(PROBE_TEXT)[:8]
    last = len(tokens) - 1
    head = [BatchToken(t, n, 0) for n, t in enumerate(tokens[:-1])]

    def ending(sequence: int) -> list[BatchToken]:
        return [
            BatchToken(tokens[-1], last, sequence, predict=True),
            BatchToken(tokens[0], last + 1, sequence, predict=True),
        ]

    context.clear()
    context.decode(head)
    in_one_go = context.decode(ending(0))
    if context.options.gpu_sampling and not context.returns_candidates():
        return False, False
    context.clear()
    context.decode(head)
    context.copy(0, 1)
    context.decode([BatchToken(tokens[0], last, 1, predict=True)])
    truncates = context.truncate(1, last)
    if not truncates:
        context.truncate(1, 0)
        context.copy(0, 1)
    through_copy = context.decode(ending(1))
    context.clear()
    alike = all(
        first.token == second.token or abs(first.margin - second.margin) < SAME_MARGIN
        for first, second in zip(in_one_go, through_copy, strict=True)
    )
    return alike, truncates
