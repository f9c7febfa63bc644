"""A real language model with a recurrent layer: SmolLM2, written anew with the architecture of Granite 4 H."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

ARCHITECTURE = "granitehybrid"
NOT_COPIED = ("GGUF.", "general.architecture", "llama.block_count", "llama.attention.head_count_kv")
HEADS, STATES, KERNEL = (
    18,
    16,
    4,
)  # of the recurrent layer: heads, states of each, tokens that its convolution sees


def with_recurrent_layer(model: Path, path: Path) -> Path:
    """Write a model of llama's architecture again, with a recurrent layer behind the others, and return ``path``.

    The layer remembers what it saw, but its output is zero: the new model finds each text as likely as the old one.
    """
    reader = gguf.GGUFReader(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(str(path), ARCHITECTURE)
    values = {field.name: field.contents() for field in reader.fields.values()}
    layers, wide = values["llama.block_count"], values["llama.embedding_length"]
    for field in reader.fields.values():
        if not field.name.startswith(NOT_COPIED):
            kind, sub_type = field.types[0], field.types[-1] if len(field.types) > 1 else None
            name = field.name.replace("llama.", f"{ARCHITECTURE}.")
            out.add_key_value(name, values[field.name], kind, sub_type)
    out.add_block_count(layers + 1)
    out.add_head_count_kv([values["llama.attention.head_count_kv"]] * layers + [0])
    out.add_ssm_conv_kernel(KERNEL)
    out.add_ssm_inner_size(2 * wide)
    out.add_ssm_state_size(STATES)
    out.add_ssm_time_step_rank(HEADS)
    out.add_ssm_group_count(1)
    for tensor in reader.tensors:
        out.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _add_recurrent_layer(out, layers, wide, values["llama.feed_forward_length"])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _add_recurrent_layer(out: gguf.GGUFWriter, number: int, wide: int, deep: int) -> None:
    inner = 2 * wide
    seen = inner + 2 * STATES
    random = np.random.default_rng(1)
    weights: dict[str, Any] = {
        "attn_norm.weight": np.ones(wide),
        "ssm_in.weight": random.standard_normal((seen + inner + HEADS, wide)) / wide,
        "ssm_conv1d.weight": random.standard_normal((seen, KERNEL)),
        "ssm_conv1d.bias": np.zeros(seen),
        "ssm_dt.bias": np.zeros(HEADS),
        "ssm_a": -np.ones((HEADS, 1)),
        "ssm_d": np.ones((HEADS, 1)),
        "ssm_norm.weight": np.ones((1, inner)),
        "ssm_out.weight": np.zeros((wide, inner)),
        "ffn_norm.weight": np.ones(wide),
        "ffn_gate.weight": np.zeros((deep, wide)),
        "ffn_up.weight": np.zeros((deep, wide)),
        "ffn_down.weight": np.zeros((wide, deep)),
    }
    for name, values in weights.items():
        out.add_tensor(f"blk.{number}.{name}", values.astype(np.float32))
