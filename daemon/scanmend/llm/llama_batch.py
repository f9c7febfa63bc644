"""Lay out the tokens that one call of llama.cpp's decoder takes."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
import numpy as np

BATCH_TOKENS = 512  # that one call of llama_decode takes at most


@dataclass(frozen=True, slots=True)
class BatchToken:
    """A token at a position of a sequence."""

    token: int
    position: int
    sequence: int
    predict: bool = False
    """Whether to return the model's prediction of the next token."""
    expected: int | None = None
    """The token to compare the prediction with."""


def batches_of(
    tokens: Sequence[BatchToken], max_predictions: int
) -> Iterator[Sequence[BatchToken]]:
    """Yield the tokens in batches of at most BATCH_TOKENS, of which at most ``max_predictions`` predict."""
    start = predictions = 0
    for n, token in enumerate(tokens):
        if n - start == BATCH_TOKENS or (token.predict and predictions == max_predictions):
            yield tokens[start:n]
            start, predictions = n, 0
        predictions += token.predict
    if start < len(tokens):
        yield tokens[start:]


class LlamaBatch:
    """A llama_batch over numpy arrays, which are filled column by column instead of token by token."""

    def __init__(self) -> None:
        """Allocate the arrays of BATCH_TOKENS tokens."""
        self._tokens = np.zeros(BATCH_TOKENS, np.int32)
        self._positions = np.zeros(BATCH_TOKENS, np.int32)
        self._sequence_counts = np.ones(BATCH_TOKENS, np.int32)
        self._sequences = np.zeros(BATCH_TOKENS, np.int32)
        self._predict = np.zeros(BATCH_TOKENS, np.int8)
        first = self._sequences.ctypes.data
        integer = ctypes.POINTER(ctypes.c_int32)
        self._sequence_pointers = (integer * BATCH_TOKENS)(
            *(ctypes.cast(ctypes.c_void_p(first + 4 * n), integer) for n in range(BATCH_TOKENS))
        )

    def fill(self, tokens: Sequence[BatchToken]) -> Any:
        """Return the llama_batch of these tokens; the next call overwrites it."""
        count = len(tokens)
        self._tokens[:count] = [token.token for token in tokens]
        self._positions[:count] = [token.position for token in tokens]
        self._sequences[:count] = [token.sequence for token in tokens]
        self._predict[:count] = [token.predict for token in tokens]
        integer = ctypes.POINTER(ctypes.c_int32)
        return llama.llama_batch(
            n_tokens=count,
            token=self._tokens.ctypes.data_as(integer),
            embd=None,
            pos=self._positions.ctypes.data_as(integer),
            n_seq_id=self._sequence_counts.ctypes.data_as(integer),
            seq_id=self._sequence_pointers,
            logits=self._predict.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
