"""A tiny GGUF with random weights, written by the tests: a real model for the real llama.cpp.

Llama architecture, byte-level tokenizer (model "gpt2": 256 byte tokens and one merge, which llama.cpp asks
for), a chat template. What it says is nonsense, which is what the gate is for.
"""

from pathlib import Path

import gguf
import numpy as np

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


def write(
    path: Path, *, template: bool = True, seed: int = 1, wide: int = 64, layers: int = 2
) -> Path:
    """Write the model; about 400 kB."""
    rng = np.random.default_rng(seed)
    tokens = [chr(c) for c in _byte_characters()] + ["th", "<|end|>"]
    path.parent.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name("tiny random")
    out.add_context_length(4096)
    out.add_embedding_length(wide)
    out.add_block_count(layers)
    out.add_feed_forward_length(wide * 2)
    out.add_head_count(4)
    out.add_head_count_kv(4)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(wide // 4)
    out.add_vocab_size(len(tokens))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL])
    out.add_token_merges(["t h"])
    out.add_eos_token_id(257)
    out.add_bos_token_id(257)
    out.add_add_bos_token(False)
    if template:
        out.add_chat_template(TEMPLATE)

    def tensor(name: str, *shape: int) -> None:
        out.add_tensor(name, (rng.standard_normal(shape) * 0.3).astype(np.float32))

    tensor("token_embd.weight", len(tokens), wide)
    tensor("output.weight", len(tokens), wide)
    out.add_tensor("output_norm.weight", np.ones(wide, np.float32))
    for n in range(layers):
        for part in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{n}.{part}.weight", np.ones(wide, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{n}.{part}.weight", wide, wide)
        for part in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{n}.{part}.weight", wide * 2, wide)
        tensor(f"blk.{n}.ffn_down.weight", wide, wide * 2)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


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
