"""llama.cpp's batch interface, typed: tokens in for many sequences, the model's choice at each place out.

One ``Context`` is one model's memory (KV cache) with room for many sequences that may share their beginning.
"""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from scanmend.errors import ChildError, OutOfMemory

BATCH = 512  # tokens that one call takes
LANES = 64  # sequences besides the shared one
# for a model that sees each line alone: llama.cpp's attention looks at each cell in use, and more of them are other lines'
FEW_LANES = 1 + 30  # the last ones for what the lexicon offers
TOP = 16  # candidates that the backend hands out for each place, instead of a logit for each of 150,000 tokens


class NoRoom(Exception):
    """The memory has no cell left for this batch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A token at a place of a sequence. ``against``: the token expected next, or -1; None: nothing is asked."""

    token: int
    place: int
    sequence: int
    against: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model would write next, and by how much (natural logarithm) it prefers that to ``against``."""

    token: int
    margin: float


class Context:
    """A model's memory. ``calls`` counts the decoder's runs, ``tokens`` what went through it."""

    def __init__(
        self, model: Any, cells: int, threads: int, lanes: int, backend: bool, flash: bool = True
    ) -> None:
        """``cells``: tokens of all sequences together. ``flash``: llama.cpp's flash attention, where there is one.

        OutOfMemory when the context can't be made.
        """
        self._vocab = llama.llama_model_get_vocab(model)
        self._words = int(llama.llama_vocab_n_tokens(self._vocab))
        self.lanes = lanes
        self.threads = threads
        self.backend = backend
        self._chains = _chains(lanes + 1) if backend else None
        pointer = llama.llama_init_from_model(model, self._parameters(cells, threads, flash))
        if not pointer:
            raise OutOfMemory("no memory for the model's context")
        self._pointer = pointer
        self._memory = llama.llama_get_memory(pointer)
        self.cells = int(llama.llama_n_ctx(pointer))
        # of one sequence: beyond what the model was trained on it writes nonsense
        self.reach = min(self.cells, int(llama.llama_model_n_ctx_train(model)) or self.cells)
        self._batch = _Batch()
        self.calls = self.tokens = 0
        self.held: list[int] = []  # tokens of the shared sequence, 0

    def _parameters(self, cells: int, threads: int, flash: bool) -> Any:
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = cells
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_seq_max = self.lanes + 1
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = threads
        if not flash:
            parameters.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        if self._chains is not None:
            parameters.samplers = ctypes.cast(self._chains, type(parameters.samplers))
            parameters.n_samplers = self.lanes + 1
            parameters.n_outputs_max = parameters.n_outputs_max_per_seq = BATCH
        return parameters

    def close(self) -> None:
        """Free the memory; the context must not be used after."""
        llama.llama_free(self._pointer)

    # decoding -------------------------------------------------------------------------------------

    def decode(self, entries: Sequence[Entry]) -> list[Choice]:
        """Run the entries through the model; a choice for each that asks, in order.

        Raises NoRoom (nothing of the failing part is kept), ChildError when llama.cpp fails.
        """
        choices: list[Choice] = []
        for asked in self._run(entries):
            choices += self._top(asked) if self.backend else self._largest(asked)
        return choices

    def likelihoods(self, entries: Sequence[Entry]) -> list[float]:
        """Run the entries: the natural logarithm of the probability of each ``against``. Not with a backend's sampler.

        Raises as ``decode`` does.
        """
        found: list[float] = []
        for asked in self._run(entries):
            rows = self._logits(len(asked))
            top = rows.max(axis=1, keepdims=True)
            whole = top[:, 0] + np.log(np.exp(rows - top).sum(axis=1))
            against = rows[np.arange(len(asked)), [token for _, token in asked]]
            found += (against - whole).tolist()
        return found

    def _run(self, entries: Sequence[Entry]) -> Iterator[list[tuple[int, int]]]:
        """Batch by batch: the places in it that ask, and what each is compared with."""
        for start in range(0, len(entries), BATCH):
            part = entries[start : start + BATCH]
            result = llama.llama_decode(self._pointer, self._batch.fill(part))
            self.calls += 1
            self.tokens += len(part)
            if result == 1:
                raise NoRoom
            if result != 0:
                raise ChildError(f"llama_decode returned {result}")
            asked = [(i, e.against) for i, e in enumerate(part) if e.against is not None]
            if asked:
                yield asked

    def _logits(self, count: int) -> NDArray[np.float32]:
        logits = llama.llama_get_logits(self._pointer)
        rows: NDArray[np.float32] = np.ctypeslib.as_array(logits, (count, self._words))
        return rows

    def _largest(self, asked: list[tuple[int, int]]) -> list[Choice]:
        rows = self._logits(len(asked))
        best = rows.argmax(axis=1)
        numbers = np.arange(len(asked))
        against = np.array([token for _, token in asked])
        margins = rows[numbers, best] - rows[numbers, np.maximum(against, 0)]
        return [Choice(int(t), float(m)) for t, m in zip(best, margins, strict=True)]

    def _top(self, asked: list[tuple[int, int]]) -> list[Choice]:
        choices = []
        for number, against in asked:
            logits = llama.llama_get_sampled_logits_ith(self._pointer, number)[:TOP]
            tokens = llama.llama_get_sampled_candidates_ith(self._pointer, number)[:TOP]
            best = max(range(TOP), key=lambda i: (logits[i], -tokens[i]))
            other = logits[tokens.index(against)] if against in tokens else min(logits)
            choices.append(Choice(int(tokens[best]), float(logits[best] - other)))
        return choices

    def hands_out_candidates(self) -> bool:
        """Whether the backend gives the best candidates of the last call; older ones don't."""
        count = llama.llama_get_sampled_candidates_count_ith
        return all(int(count(self._pointer, place)) == TOP for place in (0, 1))

    # memory ---------------------------------------------------------------------------------------

    def copy(self, source: int, target: int, end: int = -1) -> None:
        """Let a sequence begin as another one does, up to the place ``end``; the cells are shared."""
        llama.llama_memory_seq_cp(self._memory, source, target, -1, end)

    def cut(self, sequence: int, place: int) -> bool:
        """Forget a sequence from a place on; False when this model's memory can't be cut there."""
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, place, -1))

    def clear(self) -> None:
        """Forget everything."""
        llama.llama_memory_clear(self._memory, True)

    # words ----------------------------------------------------------------------------------------

    def tokenize(self, text: bytes, special: bool = False) -> list[int]:
        """Tokens of UTF-8 text. ``special``: markers of the chat template count as such; never for data."""
        room = len(text) + 16
        out = (llama.llama_token * room)()
        count = llama.llama_tokenize(self._vocab, text, len(text), out, room, False, special)
        return list(out[:count])

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; nothing for a marker."""
        out = (ctypes.c_char * 256)()
        size = llama.llama_token_to_piece(self._vocab, token, out, 256, 0, False)
        return out.raw[: max(0, size)]

    def ends(self, token: int) -> bool:
        """Whether a token ends the answer."""
        return bool(llama.llama_vocab_is_eog(self._vocab, token))

    @property
    def end(self) -> int:
        """The token that ends an answer, as far as the model tells."""
        turn = int(llama.llama_vocab_eot(self._vocab))
        return turn if turn >= 0 else int(llama.llama_vocab_eos(self._vocab))

    @property
    def beginning(self) -> list[int]:
        """The token that begins every text, where the model wants one."""
        wants = llama.llama_vocab_get_add_bos(self._vocab)
        return [int(llama.llama_vocab_bos(self._vocab))] if wants else []


class _Batch:
    """llama.cpp's batch over arrays of ours: filled by whole columns, not token by token."""

    def __init__(self) -> None:
        self._tokens = np.zeros(BATCH, np.int32)
        self._places = np.zeros(BATCH, np.int32)
        self._counts = np.ones(BATCH, np.int32)
        self._sequences = np.zeros(BATCH, np.int32)
        self._asked = np.zeros(BATCH, np.int8)
        first = self._sequences.ctypes.data
        self._pointers = (ctypes.POINTER(ctypes.c_int32) * BATCH)(
            *(
                ctypes.cast(ctypes.c_void_p(first + 4 * i), ctypes.POINTER(ctypes.c_int32))
                for i in range(BATCH)
            )
        )

    def fill(self, entries: Sequence[Entry]) -> Any:
        """The batch of these entries; good until the next one."""
        count = len(entries)
        self._tokens[:count] = [e.token for e in entries]
        self._places[:count] = [e.place for e in entries]
        self._sequences[:count] = [e.sequence for e in entries]
        self._asked[:count] = [e.against is not None for e in entries]
        pointer = ctypes.POINTER
        return llama.llama_batch(
            n_tokens=count,
            token=self._tokens.ctypes.data_as(pointer(ctypes.c_int32)),
            embd=None,
            pos=self._places.ctypes.data_as(pointer(ctypes.c_int32)),
            n_seq_id=self._counts.ctypes.data_as(pointer(ctypes.c_int32)),
            seq_id=self._pointers,
            logits=self._asked.ctypes.data_as(pointer(ctypes.c_int8)),
        )


def _chains(sequences: int) -> Any:
    """A sampler for each sequence that keeps the best candidates, on the device that computes them."""
    chains = (llama.llama_sampler_seq_config * sequences)()
    for sequence in range(sequences):
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_top_k(TOP))
        chains[sequence].seq_id = sequence
        chains[sequence].sampler = ctypes.cast(chain, ctypes.c_void_p)
    return chains
