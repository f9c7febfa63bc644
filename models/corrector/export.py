"""Writes a checkpoint as GGUF for llama.cpp.

    python export.py CHECKPOINT.pt OUT.gguf [--type f16|q8_0] [--command "python train.py …"] [--sources FILE…]

Byte tokens stand in GPT-2's printable letters; the one merge that the tokenizer asks for is of two bytes that
UTF-8 never holds. The chat template shows the user's message and SEP, nothing else; where the message ends in
"The line:" and a line, as scanmend's own prompt does, it shows the line alone.
"""

import argparse
import hashlib
from pathlib import Path

import gguf
import numpy as np
import torch

from greedy import EOS, SEP, WORDS

SEP_TEXT, EOS_TEXT = "<|sep|>", "<|end|>"
TEMPLATE = "{{ messages[-1]['content'].split('\\n')[-1] }}" + SEP_TEXT
DESCRIPTION = "Corrects a line of OCR text, byte by byte. Made for scanmend, whose gate decides what is taken."
LINE = 110  # bytes: a longer line is given to it in pieces, as long as most lines of the training
NAMES = {
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
    """Bytes as GPT-2 prints them, the merge, SEP, EOS."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]  # fmt: skip
    hidden = [byte for byte in range(256) if byte not in shown]
    stand_in = {byte: byte for byte in shown} | {byte: 256 + n for n, byte in enumerate(hidden)}
    return [*(chr(stand_in[byte]) for byte in range(256)), "ÿÿ", SEP_TEXT, EOS_TEXT]


def tensor_name(name: str) -> str:
    """As llama.cpp calls it."""
    whole = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight", "out.weight": "output.weight"}  # fmt: skip
    if name in whole:
        return whole[name]
    _, block, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{block}.{NAMES[part]}.weight"


def write(checkpoint: Path, path: Path, kind: str, notes: dict[str, str]) -> None:
    """The whole file; ``notes``: further metadata."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    shape = saved["shape"]
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name("scanmend corrector")
    out.add_description(DESCRIPTION)
    out.add_license("apache-2.0")
    out.add_author("The scanmend contributors")
    out.add_languages(["en", "de", "es", "fr", "it", "nl"])
    out.add_uint32("scanmend.line_bytes", LINE)
    for key, value in notes.items():
        out.add_string(f"scanmend.{key}", value)
    out.add_context_length(shape["context"])
    out.add_embedding_length(shape["width"])
    out.add_block_count(shape["layers"])
    out.add_feed_forward_length(shape["deep"])
    out.add_head_count(shape["heads"])
    out.add_head_count_kv(shape["heads"])
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(shape["width"] // shape["heads"])
    out.add_rope_freq_base(shape["rope"])
    out.add_vocab_size(WORDS)
    out.add_file_type(FILE_TYPES[kind])
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens())
    out.add_token_types([gguf.TokenType.NORMAL] * (SEP) + [gguf.TokenType.CONTROL] * 2)
    out.add_token_merges(["ÿ ÿ"])
    out.add_eos_token_id(EOS)
    out.add_eot_token_id(EOS)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
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


def main() -> None:
    """The command line."""
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
