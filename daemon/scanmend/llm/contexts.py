"""Create the contexts of a loaded model: one for each thread of a corrector, or one with many sequences for a judge."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from scanmend.llm import rescoring
from scanmend.llm.judge.page_copies import SHARED, copies_of
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import ContextOptions, LlamaContext
from scanmend.llm.llama_model import READS_AT_ONCE, cant_judge, has_recurrent_layers
from scanmend.workers.protocol import LoadRequest

PARALLEL_VARIANTS = 64  # variants of words (sequences) that a model scores at once
# With recurrent layers, llama.cpp allocates each sequence's state at once: 75 MB for the shape of Granite 4 H Micro. A word
# with its replacements needs up to 6. With 16 sequences a page took 3 % less time, with 32 6 %.
PARALLEL_VARIANTS_OF_RECURRENT = 8
# A context that decodes one line at a time has a sequence for the line, and the sequences of the rescorer. llama.cpp's
# attention looks at every cell in use, so other lines in the same cache would cost time.
ONE_LINE_SEQUENCES = 1 + rescoring.SEQUENCES
ONE_LINE_CELLS = 2048  # tokens: one line, its answer and the candidates for its words
MAX_LINE_THREADS = 8  # threads that each decode a line of their own
SAME_LIKELIHOOD = 0.1  # nats by which two decodings of the same text may differ
PROBE_TEXT = b"The quick brown fox jumps over the lazy dog"


def corrector_contexts(model: Any, request: LoadRequest) -> tuple[LlamaContext, ...]:
    """Return a context for each thread of a byte-level corrector, which decodes one line at a time.

    Threads that share the little work of one line mostly wait for each other. llama.cpp's flash attention goes through heads
    of width 32 cell by cell: 64 tokens took 375 µs each with it, 157 µs without. Raises OutOfMemory.
    """
    cells = min(request.context, ONE_LINE_CELLS)
    options = ContextOptions(cells, 1, ONE_LINE_SEQUENCES, flash_attention=False)
    contexts: list[LlamaContext] = []
    with closing_on_error(contexts):
        for _ in range(min(MAX_LINE_THREADS, _threads(request))):
            contexts.append(LlamaContext(model, options))  # noqa: PERF401 - closed on error
    return tuple(contexts)


def judge_context(model: Any, request: LoadRequest) -> LlamaContext:
    """Return the context of a model that judges: the page's sequence, and one for each variant of a batch.

    Raises OutOfMemory; ModelUnavailable if the model can't tell how likely a text is.
    """
    recurrent = has_recurrent_layers(model)
    sequences = PARALLEL_VARIANTS_OF_RECURRENT if recurrent else PARALLEL_VARIANTS
    options = ContextOptions(request.context, _threads(request), sequences, recurrent=recurrent)
    context = LlamaContext(model, options)
    with closing_on_error([context]):
        if not context.has_memory:
            raise cant_judge(request.path, READS_AT_ONCE)
        if not _shares_beginnings(context):
            raise cant_judge(
                request.path, "texts that begin alike come out different in its memory"
            )
    return context


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


def _shares_beginnings(context: LlamaContext) -> bool:
    """Return whether a text that begins as a copy of another gets the same likelihood as by itself."""
    tokens = context.tokenize(PROBE_TEXT)[:8]
    last = len(tokens) - 1
    copies, other, copied = copies_of(context), SHARED + 1, SHARED + 2

    def ending(sequence: int) -> list[BatchToken]:
        return [BatchToken(tokens[last], last, sequence, predict=True, expected=tokens[0])]

    context.clear()
    context.decode([BatchToken(token, n, SHARED) for n, token in enumerate(tokens[:last])])
    in_one_go = context.log_likelihoods(ending(SHARED))
    copies.begin(tokens)
    while not copies.reach(last):
        pass
    copies.copy(other, last)
    context.decode([BatchToken(tokens[0], last, other)])
    copies.copy(copied, last)
    through_copy = context.log_likelihoods(ending(copied))
    context.clear()
    return abs(through_copy[0] - in_one_go[0]) < SAME_LIKELIHOOD
