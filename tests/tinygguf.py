"""Tiny GGUFs that the tests write: real models for the real llama.cpp.

They have llama's architecture and a byte-level tokenizer (model "gpt2": 256 byte tokens, and the one merge that llama.cpp
requires). A model of random weights judges at random, which the gate must stop. The others are byte-level correctors, like the
built-in one, with weights set by hand, so that their answers are known.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

ONLY_LINE = "{{ messages[-1]['content'].split('\n')[-1] }}\x01"
LINE_END = "\x01"  # the last character of ONLY_LINE
LINE_BYTES = 4000  # of the pieces in which a corrector reads lines
END = 257
FIRST_WORD = 258  # first of the tokens of a scripted model's answers, one token for each
RANDOM_DEVIATION = 0.3
# logits that the last token, or a byte seen before it, adds to the next token
SURE, BY_LAST, BY_SEEN = 1000.0, 1.0, 20.0

Script = Mapping[
    tuple[str | None, int], int
]  # (byte that must stand somewhere before, last token) -> next token


@dataclass(frozen=True)
class Shape:
    """The size of a model."""

    width: int
    deep: int
    """Width of the feed-forward part."""


def write(
    path: Path,
    *,
    seed: int = 1,
    wide: int = 64,
    layers: int = 2,
    corrector: bool = False,
    architecture: str = "llama",
    causal: bool = True,
) -> Path:
    """Write a model of random weights, of about 400 kB.

    ``corrector``: a byte-level corrector. ``architecture``: one with the tensors of llama's: that, "llada", or "eurobert".
    ``causal``: whether the header says that the model reads from left to right.
    """
    size = Shape(wide, wide * 2)
    out = _begin(path, "tiny random", size, layers, heads=4, architecture=architecture)
    if not causal:
        out.add_causal_attention(False)
    if corrector:
        _make_corrector(out)
    tensors = _RandomTensors(out, seed)
    tensors.ends(wide, "output_norm", output=architecture != "eurobert")
    for n in range(layers):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors.add(f"blk.{n}.{part}.weight", wide, wide)
        tensors.norms(n, wide, "attn_norm")
        tensors.feed_forward(n, wide)
    return _end(out, path)


def write_mamba(path: Path, *, seed: int = 1, wide: int = 32, layers: int = 2) -> Path:
    """Write a recurrent model of random weights, of about 150 kB, with the architecture of Mamba."""
    inner, states, ranks, kernel = 2 * wide, 8, 4, 4
    out = _begin(path, "tiny mamba", Shape(wide, 0), layers, heads=0, architecture="mamba")
    out.add_ssm_conv_kernel(kernel)
    out.add_ssm_inner_size(inner)
    out.add_ssm_state_size(states)
    out.add_ssm_time_step_rank(ranks)
    tensors = _RandomTensors(out, seed)
    tensors.ends(wide, "output_norm")
    for n in range(layers):
        tensors.norms(n, wide, "attn_norm")
        tensors.add(f"blk.{n}.ssm_in.weight", 2 * inner, wide)
        tensors.add(f"blk.{n}.ssm_conv1d.weight", inner, kernel)
        tensors.add(f"blk.{n}.ssm_conv1d.bias", inner)
        tensors.add(f"blk.{n}.ssm_x.weight", ranks + 2 * states, inner)
        tensors.add(f"blk.{n}.ssm_dt.weight", inner, ranks)
        tensors.add(f"blk.{n}.ssm_dt.bias", inner)
        decay = -np.tile(np.arange(1, states + 1, dtype=np.float32) / states, (inner, 1))
        out.add_tensor(f"blk.{n}.ssm_a", decay)
        out.add_tensor(f"blk.{n}.ssm_d", np.ones(inner, np.float32))
        tensors.add(f"blk.{n}.ssm_out.weight", wide, inner)
    return _end(out, path)


def write_lfm2(path: Path, *, seed: int = 1, wide: int = 64) -> Path:
    """Write a hybrid model of random weights, of about 400 kB: LFM2's architecture, one convolution and one attention layer."""
    heads, kernel = 4, 3
    size = Shape(wide, wide * 2)
    out = _begin(path, "tiny lfm2", size, layers=2, heads=heads, architecture="lfm2", kv=[0, heads])
    out.add_shortconv_l_cache(kernel)
    tensors = _RandomTensors(out, seed)
    tensors.ends(wide, "token_embd_norm")
    for n in range(2):
        tensors.norms(n, wide, "attn_norm")
        tensors.feed_forward(n, wide)
    tensors.add("blk.0.shortconv.conv.weight", wide, kernel)
    tensors.add("blk.0.shortconv.in_proj.weight", 3 * wide, wide)
    tensors.add("blk.0.shortconv.out_proj.weight", wide, wide)
    tensors.norms(1, wide // heads, "attn_q_norm", "attn_k_norm")
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensors.add(f"blk.1.{part}.weight", wide, wide)
    return _end(out, path)


class _RandomTensors:
    """The tensors of a model of random weights, as they are added to its file."""

    def __init__(self, out: gguf.GGUFWriter, seed: int) -> None:
        self._out = out
        self._rng = np.random.default_rng(seed)

    def add(self, name: str, *shape: int) -> None:
        """Add a tensor of random weights."""
        values = (self._rng.standard_normal(shape) * RANDOM_DEVIATION).astype(np.float32)
        self._out.add_tensor(name, values)

    def ends(self, wide: int, output_norm: str, *, output: bool = True) -> None:
        """Add the tensors before the first layer and behind the last one."""
        self.add("token_embd.weight", FIRST_WORD, wide)
        if output:
            self.add("output.weight", FIRST_WORD, wide)
        self._out.add_tensor(f"{output_norm}.weight", np.ones(wide, np.float32))

    def norms(self, layer: int, wide: int, *parts: str) -> None:
        """Add norms that change nothing."""
        for part in parts:
            self._out.add_tensor(f"blk.{layer}.{part}.weight", np.ones(wide, np.float32))

    def feed_forward(self, layer: int, wide: int) -> None:
        """Add the feed-forward part of a layer."""
        self.norms(layer, wide, "ffn_norm")
        for part in ("ffn_gate", "ffn_up"):
            self.add(f"blk.{layer}.{part}.weight", wide * 2, wide)
        self.add(f"blk.{layer}.ffn_down.weight", wide, wide * 2)


def chain(path: Path, text: bytes) -> Path:
    """Write a corrector that answers every line with ``text``, byte by byte, with no near-ties.

    The bytes of the text must all differ: each is followed by the next one, and the end of the line as read by the first.
    """
    if len(set(text)) != len(text):
        raise ValueError("the bytes of the text must differ")
    after: dict[int, int] = {ord(LINE_END): text[0], text[-1]: END}
    after |= dict(itertools.pairwise(text))
    return _scripted(path, {(None, a): b for a, b in after.items()}, [])


def scripted(path: Path, answers: dict[str, str]) -> Path:
    """Write a corrector that answers a line by the byte in it that is a key of ``answers``."""
    script: dict[tuple[str | None, int], int] = {}
    for number, byte in enumerate(answers):
        script[byte, ord(LINE_END)] = FIRST_WORD + number
        script[None, FIRST_WORD + number] = END
    return _scripted(path, script, [*answers.values()])


def _scripted(path: Path, script: Script, words: list[str]) -> Path:
    """Write a corrector that follows a script.

    Its layer attends equally to all positions, and writes the bytes that it finds to the upper half of the width.
    """
    tokens = FIRST_WORD + len(words)
    half = -(-tokens // 32) * 32
    size = Shape(2 * half, 2 * half)
    wide = size.width
    out = _begin(path, "scripted", size, layers=1, heads=1, words=words)
    _make_corrector(out)
    idle = {"ffn_gate": (wide, wide), "ffn_up": (wide, wide), "ffn_down": (wide, wide)}
    tensors = _script_tensors(script, tokens, wide)
    tensors |= {f"blk.0.{part}": np.zeros(shape) for part, shape in idle.items()}
    for name, values in tensors.items():
        out.add_tensor(f"{name}.weight", values.astype(np.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        out.add_tensor(f"{name}.weight", np.ones(wide, np.float32))
    return _end(out, path)


def _script_tensors(script: Script, tokens: int, wide: int) -> dict[str, NDArray[Any]]:
    """Return the tensors that decide the answer: embedding, output, and the first layer's attention."""
    seen = wide // 2
    embedding = np.zeros((tokens, wide), np.float32)
    embedding[np.arange(tokens), np.arange(tokens)] = 1
    copy = np.zeros((wide, wide), np.float32)
    copy[:seen, :seen] = np.eye(seen)
    move = np.zeros((wide, wide), np.float32)
    move[seen:, :seen] = np.eye(seen)
    output = np.zeros((tokens, wide), np.float32)
    for (byte, last), following in script.items():
        if byte is None:
            output[following, last] += SURE
        else:  # weaker than SURE, and only at the end of the prompt
            output[following, last] += BY_LAST
            output[following, seen + ord(byte)] += BY_SEEN
    attention = {"attn_q": 0 * copy, "attn_k": 0 * copy, "attn_v": copy, "attn_output": move}
    first_layer = {f"blk.0.{part}": values for part, values in attention.items()}
    return {"token_embd": embedding, "output": output, **first_layer}


def _begin(
    path: Path,
    name: str,
    size: Shape,
    layers: int,
    heads: int,
    words: Sequence[str] = (),
    *,
    architecture: str = "llama",
    kv: list[int] | None = None,
) -> gguf.GGUFWriter:
    """Return a writer that has all metadata but the chat template.

    ``heads``: of each layer; 0 for a model without attention. ``kv``: the heads of each layer's keys and values, if they differ.
    """
    tokens = [chr(c) for c in _byte_characters()] + ["th", "<|end|>", *map(_as_token, words)]
    path.parent.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(str(path), architecture)
    out.add_name(name)
    out.add_context_length(4096)
    out.add_embedding_length(size.width)
    out.add_block_count(layers)
    out.add_feed_forward_length(size.deep)
    out.add_head_count(heads)
    out.add_layer_norm_rms_eps(1e-5)
    if heads:
        out.add_head_count_kv(heads if kv is None else kv)
        out.add_rope_dimension_count(size.width // heads)
    out.add_vocab_size(len(tokens))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    out.add_token_types([normal] * END + [control] + [normal] * len(words))
    out.add_token_merges(["t h"])
    out.add_eos_token_id(END)
    out.add_bos_token_id(END)
    out.add_add_bos_token(False)
    return out


def _make_corrector(out: gguf.GGUFWriter) -> None:
    """Add the metadata of a byte-level corrector."""
    out.add_chat_template(ONLY_LINE)
    out.add_uint32("scanmend.line_bytes", LINE_BYTES)


def _end(out: gguf.GGUFWriter, path: Path) -> Path:
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _as_token(text: str) -> str:
    shown = _byte_characters()
    return "".join(chr(shown[byte]) for byte in text.encode())


def _byte_characters() -> list[int]:
    """Return GPT-2's 256 printable stand-ins for the bytes, in the order of the bytes."""
    shown = [n for first, last in ("!~", "¡¬", "®ÿ") for n in range(ord(first), ord(last) + 1)]
    stand_in = dict(zip(shown, shown, strict=True))
    hidden = (byte for byte in range(256) if byte not in shown)
    stand_in |= {byte: 256 + n for n, byte in enumerate(hidden)}
    return [stand_in[byte] for byte in range(256)]
