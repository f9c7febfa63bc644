"""Write a checkpoint as GGUF for llama.cpp.

    python export.py CHECKPOINT.pt OUT.gguf [--type f16|q8_0] [--command "python train.py …"] [--sources FILE…]

Byte tokens are written as GPT-2's printable letters; the one merge that the tokenizer requires joins two bytes that never occur
in UTF-8. The chat template shows only the last line of the user's message, and SEP: if the message ends with "The line:" and a
line, as in scanmend's own prompt, it shows that line alone.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

import vocabulary
from architecture import NORM_EPSILON

SEP_TEXT, EOS_TEXT = "<|sep|>", "<|end|>"
TEMPLATE = "{{ messages[-1]['content'].split('\\n')[-1] }}" + SEP_TEXT
DESCRIPTION = "Corrects a line of OCR text, byte by byte. Made for scanmend, whose gate decides what is taken."
# Longer lines are split into pieces of this length, which is that of most lines in the training.
LINE_BYTES = 110
WHOLE_NAMES = {
    "embedding.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "out.weight": "output.weight",
}
BLOCK_NAMES = {
    "attention_norm": "attn_norm",
    "attention.q": "attn_q",
    "attention.k": "attn_k",
    "attention.v": "attn_v",
    "attention.o": "attn_output",
    "deep_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
TYPES = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
FILE_TYPES = {"f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}


def tokens() -> list[str]:
    """Return the texts of all tokens: the bytes as GPT-2 prints them, the merge, SEP and EOS."""
    shown = [
        byte for first, last in ("!~", "¡¬", "®ÿ") for byte in range(ord(first), ord(last) + 1)
    ]
    hidden = [byte for byte in range(256) if byte not in shown]
    stand_in = {byte: byte for byte in shown} | {byte: 256 + n for n, byte in enumerate(hidden)}
    return [*(chr(stand_in[byte]) for byte in range(256)), "ÿÿ", SEP_TEXT, EOS_TEXT]


def tensor_name(name: str) -> str:
    """Return llama.cpp's name for a tensor of the checkpoint."""
    if name in WHOLE_NAMES:
        return WHOLE_NAMES[name]
    _, block, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{block}.{BLOCK_NAMES[part]}.weight"


def write(checkpoint: Path, path: Path, kind: str, notes: dict[str, str]) -> None:
    """Write the whole file; ``notes`` are further metadata, whose keys begin with ``scanmend.``."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    out = gguf.GGUFWriter(str(path), "llama")
    _add_description(out, notes)
    _add_shape(out, saved["shape"])
    out.add_file_type(FILE_TYPES[kind])
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_tokenizer(out)
    for name, tensor in saved["model"].items():
        values = tensor.float().numpy()
        if values.ndim == 1:
            out.add_tensor(tensor_name(name), values.astype(np.float32))
        else:
            data = gguf.quants.quantize(values, TYPES[kind])
            out.add_tensor(tensor_name(name), data, raw_dtype=TYPES[kind])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _add_description(out: gguf.GGUFWriter, notes: dict[str, str]) -> None:
    out.add_name("scanmend corrector")
    out.add_description(DESCRIPTION)
    out.add_license("apache-2.0")
    out.add_author("The scanmend contributors")
    out.add_languages(["en", "de", "es", "fr", "it", "nl"])
    out.add_uint32("scanmend.line_bytes", LINE_BYTES)
    for key, value in notes.items():
        out.add_string(f"scanmend.{key}", value)


def _add_shape(out: gguf.GGUFWriter, shape: dict[str, Any]) -> None:
    out.add_context_length(shape["context"])
    out.add_embedding_length(shape["width"])
    out.add_block_count(shape["layers"])
    out.add_feed_forward_length(shape["deep"])
    out.add_head_count(shape["heads"])
    out.add_head_count_kv(shape["heads"])
    out.add_layer_norm_rms_eps(NORM_EPSILON)
    out.add_rope_dimension_count(shape["width"] // shape["heads"])
    out.add_rope_freq_base(shape["rope"])
    out.add_vocab_size(vocabulary.SIZE)


def _add_tokenizer(out: gguf.GGUFWriter) -> None:
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens())
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    out.add_token_types([normal] * vocabulary.SEP + [control] * 2)
    out.add_token_merges(["ÿ ÿ"])
    out.add_eos_token_id(vocabulary.EOS)
    out.add_eot_token_id(vocabulary.EOS)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=TYPES, default="f16")
    parser.add_argument("--command", default="", help="how it was trained, for the metadata")
    parser.add_argument("--sources", type=Path, nargs="*", default=[], help="whose hash is kept")
    options = parser.parse_args()
    notes = {"training.command": options.command} if options.command else {}
    for source in options.sources:
        notes[f"source.{source.name}.sha256"] = hashlib.sha256(source.read_bytes()).hexdigest()
    write(options.checkpoint, options.out, options.type, notes)


if __name__ == "__main__":
    main()
