"""Give llama.cpp's batch interface types: tokens of many sequences in, the model's next token at each position out.

A ``LlamaContext`` is one model's KV cache; many sequences share it, and may begin alike.
"""

import ctypes
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from scanmend.errors import ChildError, OutOfMemory
from scanmend.llm.llama_batch import BATCH_TOKENS, BatchToken, LlamaBatch, batches_of

# Logits that llama.cpp returns from one call at most: with a vocabulary of 262,144 tokens, those of 512 positions would
# take half a gigabyte.
MAX_LOGITS = 32 * 1024 * 1024
LOGIT_ROWS = 4  # positions whose logits are summed together
MAX_BEHIND_LIKELIEST = (
    14.0  # nats; a token so far behind the likeliest one is not among the likeliest
)
NO_TOKEN = -1  # llama.cpp's number for "no token"
CACHE_FULL = 1  # llama_decode returns it when the KV cache has no space for the batch


class CacheFull(Exception):
    """The KV cache has too few free cells for a batch."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's most probable next token.

    ``margin``: nats by which its log-probability exceeds that of the expected token; meaningless where no token was
    expected.
    """

    token: int
    margin: float


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """The options of a model's context."""

    cells: int
    """Capacity of the KV cache: tokens of all sequences together."""
    threads: int
    sequences: int
    """Number of sequences, not counting sequence 0, which holds their common beginning."""
    flash_attention: bool = True
    """Whether llama.cpp may use its flash attention."""
    recurrent: bool = False
    """Whether the model has recurrent layers: a sequence can be copied only whole, and forgotten only whole."""


class LlamaContext:
    """A model's KV cache and its decoder. ``calls`` counts runs of the decoder, ``tokens`` the tokens decoded."""

    def __init__(self, model: Any, options: ContextOptions) -> None:
        """Create the context of llama.cpp's ``model``; raise OutOfMemory when llama.cpp can't."""
        self._vocabulary = llama.llama_model_get_vocab(model)
        self._vocabulary_size = int(llama.llama_vocab_n_tokens(self._vocabulary))
        self.options = options
        pointer = llama.llama_init_from_model(model, self._parameters())
        if not pointer:
            raise OutOfMemory("no memory for the model's context")
        self._pointer = pointer
        self._memory = llama.llama_get_memory(pointer)
        self.cells = int(llama.llama_n_ctx(pointer))
        # beyond the length of its training sequences, a model writes nonsense
        trained = int(llama.llama_model_n_ctx_train(model))
        self.max_sequence_tokens = min(self.cells, trained or self.cells)
        self._batch = LlamaBatch()
        self.calls = self.tokens = 0

    def _parameters(self) -> Any:
        """Return the options as llama.cpp's parameters."""
        options = self.options
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = options.cells
        parameters.n_batch = parameters.n_ubatch = BATCH_TOKENS
        parameters.n_seq_max = options.sequences + 1
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = options.threads
        if not options.flash_attention:
            parameters.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return parameters

    def close(self) -> None:
        """Free the memory. Nothing may use the context afterwards."""
        llama.llama_free(self._pointer)

    # decoding -------------------------------------------------------------------------------------

    def decode(self, tokens: Sequence[BatchToken]) -> list[Prediction]:
        """Run the tokens through the model and return the wanted predictions in order.

        Raises CacheFull, after which the cache holds nothing of the failed batch, or ChildError when llama.cpp fails.
        """
        predictions: list[Prediction] = []
        for wanted in self._run(tokens):
            predictions += self._from_logits(wanted)
        return predictions

    def log_likelihoods(self, tokens: Sequence[BatchToken]) -> list[float]:
        """Run the tokens and return the log-probability (nats) of each expected token.

        Raises as ``decode`` does.
        """
        expected = [[token.expected or 0] for token in tokens if token.predict]
        return [log for (log,) in self.log_likelihoods_of(tokens, expected)]

    def log_likelihoods_of(
        self, tokens: Sequence[BatchToken], following: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Run the tokens; return the log-probabilities (nats) of tokens that may follow each one that predicts.

        ``following``: those tokens, for each one that predicts. Raises as ``decode`` does.
        """
        logs: list[list[float]] = []
        for wanted in self._run(tokens, max(1, MAX_LOGITS // self._vocabulary_size)):
            rows = self._logits(len(wanted))
            for start in range(
                0, len(wanted), LOGIT_ROWS
            ):  # a few rows stay in the processor's cache
                logits = rows[start : start + LOGIT_ROWS]
                top = logits.max(axis=1, keepdims=True)
                log_sums = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
                for row, log_sum in zip(logits, log_sums, strict=True):
                    logs.append((row[following[len(logs)]] - log_sum).tolist())
        return logs

    def likeliest(
        self, tokens: Sequence[BatchToken], count: int, others: Sequence[Sequence[int]]
    ) -> list[dict[int, float]]:
        """Run the tokens, all of which predict; return for each the ``count`` likeliest next tokens with their logs (nats).

        ``others``: further tokens wanted for each. Raises as ``decode`` does.
        """
        count = min(count, self._vocabulary_size)
        found: list[dict[int, float]] = []
        for wanted in self._run(tokens, max(1, MAX_LOGITS // self._vocabulary_size)):
            for logits in self._logits(len(wanted)):
                top = float(logits.max())
                log_sum = top + math.log(float(np.exp(logits - top).sum()))
                near = np.flatnonzero(logits >= top - MAX_BEHIND_LIKELIEST)
                if len(near) > count:
                    near = near[np.argpartition(logits[near], -count)[-count:]]
                best = [*near.tolist(), *others[len(found)]]
                logs = (logits[best] - log_sum).tolist()
                found.append(dict(zip(best, logs, strict=True)))
        return found

    def _run(
        self, tokens: Sequence[BatchToken], max_predictions: int = BATCH_TOKENS
    ) -> Iterator[list[tuple[int, int]]]:
        """Run batch by batch; yield each batch's predictions as (row in the batch, expected token or NO_TOKEN)."""
        for part in batches_of(tokens, max_predictions):
            result = llama.llama_decode(self._pointer, self._batch.fill(part))
            self.calls += 1
            self.tokens += len(part)
            if result == CACHE_FULL:
                raise CacheFull
            if result != 0:
                raise ChildError(f"llama_decode returned {result}")
            wanted = [
                (row, NO_TOKEN if token.expected is None else token.expected)
                for row, token in enumerate(part)
                if token.predict
            ]
            if wanted:
                yield wanted

    def _logits(self, rows: int) -> NDArray[np.float32]:
        """Return the last call's logits, (rows, vocabulary) float32: a view that the next call overwrites."""
        pointer = llama.llama_get_logits(self._pointer)
        shape = (rows, self._vocabulary_size)
        logits: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape)
        return logits

    def _from_logits(self, wanted: list[tuple[int, int]]) -> list[Prediction]:
        """Return the predictions by all logits of the last call."""
        logits = self._logits(len(wanted))
        best = logits.argmax(axis=1)
        rows = np.arange(len(wanted))
        expected = np.maximum(np.array([token for _, token in wanted]), 0)
        margins = logits[rows, best] - logits[rows, expected]
        return [
            Prediction(int(token), float(margin))
            for token, margin in zip(best, margins, strict=True)
        ]

    # the KV cache ---------------------------------------------------------------------------------

    def copy(self, source: int, target: int, end: int = -1) -> None:
        """Add the positions of ``source`` before ``end`` (-1: all) to sequence ``target``; both share the cells.

        With recurrent layers, ``end`` must be -1.
        """
        llama.llama_memory_seq_cp(self._memory, source, target, -1, end)

    def truncate(self, sequence: int, position: int) -> bool:
        """Forget a sequence from ``position`` on; return False if this model's memory can't be truncated there."""
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, position, -1))

    @property
    def has_memory(self) -> bool:
        """Return whether the model remembers sequences: models for embeddings and diffusion read whole texts at once."""
        return bool(self._memory)

    def clear(self) -> None:
        """Forget all sequences."""
        llama.llama_memory_clear(self._memory, True)

    # the vocabulary -------------------------------------------------------------------------------

    def tokenize(self, text: bytes, *, markers: bool = False) -> list[int]:
        """Return the tokens of UTF-8 text.

        ``markers``: recognise control tokens, such as a corrector's end of a line; this must never happen with the text of a page.
        """
        size = len(text) + 16
        out = (llama.llama_token * size)()
        count = llama.llama_tokenize(self._vocabulary, text, len(text), out, size, False, markers)
        return list(out[:count])

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token stands for; b"" for a marker."""
        out = (ctypes.c_char * 256)()
        size = llama.llama_token_to_piece(self._vocabulary, token, out, 256, 0, False)
        return out.raw[: max(0, size)]

    @functools.cached_property
    def token_numbers(self) -> Mapping[bytes, int]:
        """Return the number of each token by the bytes that it stands for."""
        return {self.token_bytes(token): token for token in range(self._vocabulary_size)}

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the answer."""
        return bool(llama.llama_vocab_is_eog(self._vocabulary, token))

    @property
    def end_token(self) -> int:
        """Return the token that ends an answer: end of turn, else end of sequence."""
        turn = int(llama.llama_vocab_eot(self._vocabulary))
        return turn if turn >= 0 else int(llama.llama_vocab_eos(self._vocabulary))

    @property
    def begin_tokens(self) -> list[int]:
        """Return the token that begins every text; empty for models without one."""
        wanted = llama.llama_vocab_get_add_bos(self._vocabulary)
        return [int(llama.llama_vocab_bos(self._vocabulary))] if wanted else []
