"""Tiny GGUFs, written by the tests: real models for the real llama.cpp.

Llama architecture, byte-level tokenizer (model "gpt2": 256 byte tokens and one merge, which llama.cpp asks
for), a chat template. With random weights, what a model says is nonsense, which is what the gate is for; the
others have weights set by hand, so that what they say is known.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "
ONLY_LINE = "{{ messages[-1]['content'].split('\n')[-1] }}\x01"
END = 257
FIRST = 258  # of the words that a scripted model has besides


def write(
    path: Path, *, template: bool = True, seed: int = 1, wide: int = 64, layers: int = 2
) -> Path:
    """Random weights; about 400 kB."""
    rng = np.random.default_rng(seed)
    out = _begin(path, "tiny random", wide, layers, heads=4)
    if template:
        out.add_chat_template(TEMPLATE)

    def tensor(name: str, *shape: int) -> None:
        out.add_tensor(name, (rng.standard_normal(shape) * 0.3).astype(np.float32))

    tensor("token_embd.weight", 258, wide)
    tensor("output.weight", 258, wide)
    out.add_tensor("output_norm.weight", np.ones(wide, np.float32))
    for n in range(layers):
        for part in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{n}.{part}.weight", np.ones(wide, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{n}.{part}.weight", wide, wide)
        for part in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{n}.{part}.weight", wide * 2, wide)
        tensor(f"blk.{n}.ffn_down.weight", wide, wide * 2)
    return _end(out, path)


def chain(
    path: Path,
    text: bytes,
    size: tuple[int, int, int] | None = None,
    template: str = TEMPLATE,
) -> Path:
    """A model that writes ``text``, whose bytes all differ, whatever it is shown: byte by byte, with no near-ties.

    Each byte of the text is followed by the next one, a space (the end of the template) by the first.
    ``size``: width, width of the feed-forward part and number of layers that say nothing, yet are reckoned:
    random weights, whose outcome is multiplied by zero.
    """
    assert len(set(text)) == len(text)
    after: dict[int, int] = {ord(" "): text[0], text[-1]: END}
    after |= dict(itertools.pairwise(text))
    script: dict[tuple[str | None, int], int] = {(None, a): b for a, b in after.items()}
    return _scripted(path, script, [], template, size)


def scripted(path: Path, answers: dict[str, str]) -> Path:
    """A model that answers a line that holds a byte (the key, no other line has it) with a text of its own."""
    script: dict[tuple[str | None, int], int] = {}
    for number, byte in enumerate(answers):
        script[byte, ord("\x01")] = FIRST + number
        script[None, FIRST + number] = END
    return _scripted(path, script, [*answers.values()], ONLY_LINE)


def _scripted(
    path: Path,
    script: dict[tuple[str | None, int], int],
    words: list[str],
    template: str,
    size: tuple[int, int, int] | None = None,
) -> Path:
    """One layer whose attention looks everywhere alike and writes down which bytes it saw.

    ``script``: (a byte that must have been seen, the last token) -> the next token.
    """
    count = FIRST + len(words)
    wide = 2 * (-(-count // 32) * 32)
    deep, idle = wide, 0
    if size:
        wide, deep, idle = size
    seen = wide // 2
    out = _begin(
        path, "scripted", wide, 1 + idle, heads=wide // 64 if size else 1, deep=deep, words=words
    )
    out.add_chat_template(template)
    embedding = np.zeros((count, wide), np.float32)
    embedding[np.arange(count), np.arange(count)] = 1
    copy = np.zeros((wide, wide), np.float32)
    copy[:seen, :seen] = np.eye(seen)
    move = np.zeros((wide, wide), np.float32)
    move[seen:, :seen] = np.eye(seen)
    output = np.zeros((count, wide), np.float32)
    for (byte, last), following in script.items():
        if byte is None:
            output[following, last] += 1000.0
        else:  # weaker than what follows from the last token alone, and only at the end of the prompt
            output[following, last] += 1.0
            output[following, seen + ord(byte)] += 20.0
    tensors: dict[str, NDArray[Any]] = {
        "token_embd": embedding, "output": output,
        "blk.0.attn_q": 0 * copy, "blk.0.attn_k": 0 * copy, "blk.0.attn_v": copy, "blk.0.attn_output": move,
    }  # fmt: skip
    half = np.float16 if size else np.float32
    shapes = {"attn_q": (wide, wide), "attn_k": (wide, wide), "attn_v": (wide, wide), "attn_output": (wide, wide),
              "ffn_gate": (deep, wide), "ffn_up": (deep, wide), "ffn_down": (wide, deep)}  # fmt: skip
    tensors |= {
        f"blk.0.{part}": np.zeros(shapes[part]) for part in shapes if part.startswith("ffn")
    }
    rng = np.random.default_rng(1)
    for number in range(1, 1 + idle):
        for part, shape in shapes.items():
            says = part in ("attn_output", "ffn_down")
            tensors[f"blk.{number}.{part}"] = (
                np.zeros(shape) if says else rng.standard_normal(shape)
            )
    for name, values in tensors.items():
        out.add_tensor(f"{name}.weight", values.astype(half))
    norms = [
        "output_norm",
        *(f"blk.{n}.{p}_norm" for n in range(1 + idle) for p in ("attn", "ffn")),
    ]
    for name in norms:
        out.add_tensor(f"{name}.weight", np.ones(wide, np.float32))
    return _end(out, path)


def _begin(
    path: Path,
    name: str,
    wide: int,
    layers: int,
    heads: int,
    words: Sequence[str] = (),
    deep: int | None = None,
) -> gguf.GGUFWriter:
    tokens = [chr(c) for c in _byte_characters()] + ["th", "<|end|>", *map(_as_token, words)]
    path.parent.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name(name)
    out.add_context_length(4096)
    out.add_embedding_length(wide)
    out.add_block_count(layers)
    out.add_feed_forward_length(deep or wide * 2)
    out.add_head_count(heads)
    out.add_head_count_kv(heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(wide // heads)
    out.add_vocab_size(len(tokens))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    out.add_token_types([normal] * 257 + [control] + [normal] * len(words))
    out.add_token_merges(["t h"])
    out.add_eos_token_id(END)
    out.add_bos_token_id(END)
    out.add_add_bos_token(False)
    return out


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
    """GPT-2's 256 printable stand-ins for the bytes, in the order of the bytes."""
    shown = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    stand_in = dict(zip(shown, shown, strict=True))
    extra = 256
    for byte in range(256):
        if byte not in stand_in:
            stand_in[byte] = extra
            extra += 1
    return [stand_in[byte] for byte in range(256)]
