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
    path: Path, *, seed: int = 1, wide: int = 64, layers: int = 2, corrector: bool = False
) -> Path:
    """Write a model of random weights, of about 400 kB. ``corrector``: a byte-level corrector."""
    rng = np.random.default_rng(seed)
    out = _begin(path, "tiny random", Shape(wide, wide * 2), layers, heads=4)
    if corrector:
        _make_corrector(out)

    def tensor(name: str, *shape: int) -> None:
        values = (rng.standard_normal(shape) * RANDOM_DEVIATION).astype(np.float32)
        out.add_tensor(f"{name}.weight", values)

    tensor("token_embd", FIRST_WORD, wide)
    tensor("output", FIRST_WORD, wide)
    out.add_tensor("output_norm.weight", np.ones(wide, np.float32))
    for n in range(layers):
        for part in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{n}.{part}.weight", np.ones(wide, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{n}.{part}", wide, wide)
        for part in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{n}.{part}", wide * 2, wide)
        tensor(f"blk.{n}.ffn_down", wide, wide * 2)
    return _end(out, path)


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
    path: Path, name: str, size: Shape, layers: int, heads: int, words: Sequence[str] = ()
) -> gguf.GGUFWriter:
    """Return a writer that has all metadata but the chat template."""
    tokens = [chr(c) for c in _byte_characters()] + ["th", "<|end|>", *map(_as_token, words)]
    path.parent.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name(name)
    out.add_context_length(4096)
    out.add_embedding_length(size.width)
    out.add_block_count(layers)
    out.add_feed_forward_length(size.deep)
    out.add_head_count(heads)
    out.add_head_count_kv(heads)
    out.add_layer_norm_rms_eps(1e-5)
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
